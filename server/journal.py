"""The journal of one attempt: append-only event log first, notebook after it, both durable.

`record` writes an event to the log at once (microseconds: it is in the kernel's hands, so a killed
daemon loses nothing). `sync` makes it survive power loss: log first, then the notebook, atomically,
in a thread. `autosave` does so by itself while outputs stream in, a few times a second at most.
A full disk surfaces as `RecordError`; what was stored stays, and the same call works once there is
room again.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import nbformat

from tasks import JSON, Frozen, RecordError
from tasks._record import (
    MAX_LINE,
    START,
    AttemptFolder,
    Clock,
    Closed,
    Disk,
    Event,
    Finished,
    Kind,
    LocalDisk,
    Notebook,
    Opened,
    Reason,
    body,
    dump,
    lock,
    make,
    make_folders,
    save,
    seal,
    tidy,
    timestamp,
    write_all,
)

AUTOSAVE_S: Final = 0.25
"""Shortest time between two saves while a cell runs."""
_PATIENCE: Final = 10
"""While a cell runs, an autosave pauses this many times as long as the last save took."""
_SETTLE_S: Final = 0.05
"""A cell that is over so soon is saved once, at its end."""
_UNDER_WAY: Final = frozenset(
    {Kind.CELL_ADDED, Kind.CELL_STARTED, Kind.CELL_OUTPUT, Kind.CELL_CLEARED, Kind.CELL_UPDATED}
)


class Journal:
    """The open record of one attempt. All methods belong to one event loop."""

    def __init__(self, folder: AttemptFolder, key: bytes, clock: Clock, disk: Disk) -> None:
        self.folder = folder
        self.notebook = Notebook()
        self.trouble: RecordError | None = None
        """What the last save died of; None once one succeeds again."""
        self.notebook_file = folder.path
        """Where the notebook is saved."""
        self._key, self._clock, self._disk = key, clock, disk
        self._seq, self._mac, self._end = 0, START, 0
        self._saved = 0
        self._unsynced: list[bytes] = []
        self._ragged = self._suspect = False
        self._fresh: list[Path] = []
        self._file: int | None = None
        self._finished: Finished | None = None
        self._closed: Closed | None = None
        self._saving = anyio.Lock()
        self._news, self._milestone = anyio.Event(), anyio.Event()

    @classmethod
    def open(
        cls,
        folder: AttemptFolder,
        key: bytes,
        opened: Opened | Mapping[str, JSON],
        clock: Clock,
        disk: Disk | None = None,
    ) -> "Journal":
        """Begin the record of an attempt: its folders, its log and the event attempt.opened.

        Raises:
            RecordError: the attempt has a log already, or the folder cannot be written.
        """
        journal = cls(folder, key, clock, disk or LocalDisk())
        first = make(0, timestamp(clock()), Kind.OPENED, opened)
        assert isinstance(first.data, Opened)
        journal._create(first.data)
        try:
            journal.record(Kind.OPENED, first.data)
        except RecordError:
            journal.abandon()
            raise
        return journal

    @property
    def events(self) -> int:
        """How many events were recorded."""
        return self._seq

    def record(self, kind: Kind | str, data: Mapping[str, JSON] | Frozen) -> Event:
        """Append one event to the log and to the notebook in memory.

        Raises:
            RecordError: the data does not fit the kind, the event cannot come now, or the disk took
                no more; the record is as it was before.
        """
        event, text = self._prepare(kind, data)
        self.notebook.check(event)
        line, mac = seal(self._key, self._mac, text)
        if len(line) > MAX_LINE:
            raise RecordError(f"An event of {len(line):,} bytes is too large to record.")
        self._append(line)
        self._mac, self._seq, self._end = mac, self._seq + 1, self._end + len(line)
        self._unsynced.append(line)
        self.notebook.take(event)
        self._news.set()
        if event.kind not in _UNDER_WAY:
            self._milestone.set()
        return event

    async def sync(self) -> None:
        """Return when all that was recorded before the call would survive a power cut.

        Calls that wait while another save is under way share the next one.

        Raises:
            RecordError: the disk refused; what it held before, it holds.
        """
        wanted = self._seq
        async with self._saving:
            if self._saved < wanted:
                await self._save()

    async def autosave(self, every_s: float = AUTOSAVE_S) -> None:
        """Keep the files fresh until cancelled; `trouble` tells of a disk that refuses.

        What streams in is saved every `every_s` seconds at most; the end of a cell, an answer and
        all else at once. On a slow disk at least as long is paused as was spent on saving.
        """
        while True:
            await self._news.wait()
            with anyio.move_on_after(_SETTLE_S):
                await self._milestone.wait()
            self._news, self._milestone = anyio.Event(), anyio.Event()
            began = anyio.current_time()
            with contextlib.suppress(RecordError):  # `trouble` tells; an explicit sync raises it.
                await self.sync()
            took = anyio.current_time() - began
            await anyio.sleep(took)
            with anyio.move_on_after(max(every_s, _PATIENCE * took) - took):
                await self._milestone.wait()

    async def close(self, reason: Reason, usage: Mapping[str, JSON], note: str = "") -> Closed:
        """End the attempt: attempt.finished, notebook saved and validated, attempt.closed.

        A call that failed may be repeated; it goes on where it stopped.

        Raises:
            RecordError: the disk refused.
        """
        if self._closed is not None and self._file is None:
            return self._closed
        if self._finished is None:
            finished = Finished(reason=reason, usage=dict(usage), note=note)
            self.record(Kind.FINISHED, finished)
            self._finished = finished
        await self.sync()
        async with self._saving:
            if self._closed is None:
                data = b"".join(self.notebook.chunks())
                invalid = await anyio.to_thread.run_sync(_complaint, data)
                closed = Closed(notebook_sha256=hashlib.sha256(data).hexdigest(), invalid=invalid)
                self.record(Kind.CLOSED, closed)
                self._closed = closed
            await self._save()
        self.abandon()
        return self._closed

    def abandon(self) -> None:
        """Let go of the log without ending the attempt; `recover` can finish it.

        Not to be called while a `sync` is under way.
        """
        if self._file is not None:
            self._disk.close(self._file)
            self._file = None

    def _create(self, opened: Opened) -> None:
        folder, disk = self.folder, self._disk
        self.notebook_file = folder.within(opened.notebook)
        try:
            levels = make_folders(disk, folder.run, folder.path)
            levels += make_folders(disk, folder.run, self.notebook_file.parent)
            self._fresh = list(dict.fromkeys(levels))
            self._file = disk.create(folder.events)
        except FileExistsError as error:
            raise RecordError(
                f"{folder.path} holds the record of an attempt already; nothing was written."
            ) from error
        except OSError as error:
            raise RecordError(
                f"No record can be begun in {folder.path}: {error.strerror or error}. Free space, "
                "or name a folder that the daemon may write with --runs."
            ) from error
        lock(self._file, folder.events)

    def _prepare(self, kind: Kind | str, data: Mapping[str, JSON] | Frozen) -> tuple[Event, bytes]:
        now = timestamp(self._clock())
        try:
            event = make(self._seq, now, kind, data)
            return event, body(event)
        except RecordError:
            # What an agent sent may hold lone surrogates, NaN or bottomless nesting.
            event = make(self._seq, now, kind, tidy(data))
            return event, body(event)

    def _append(self, line: bytes) -> None:
        file = self._log()
        try:
            if self._ragged:
                self._disk.truncate(file, self._end)
                self._ragged = False
            write_all(self._disk, file, line, self._end)
        except OSError as error:
            # Part of the line may stand there: cut it off, now or before the next one.
            self._ragged = True
            with contextlib.suppress(OSError):
                self._disk.truncate(file, self._end)
                self._ragged = False
            raise self._refusal("recorded", error) from error

    async def _save(self) -> None:
        """Log, then notebook, then (at the end) usage; the caller holds `_saving`."""
        wanted, end, unsynced = self._seq, self._end, tuple(self._unsynced)
        chunks = self.notebook.chunks()
        with anyio.CancelScope(shield=True):
            try:
                await anyio.to_thread.run_sync(self._store, end, unsynced, chunks)
            except OSError as error:
                # After a failed fsync the system may have dropped what it could not write.
                self._suspect = True
                self.trouble = self._refusal("saved", error)
                raise self.trouble from error
        self._suspect, self.trouble, self._saved = False, None, wanted
        del self._unsynced[: len(unsynced)]

    def _store(self, end: int, unsynced: Sequence[bytes], chunks: Sequence[bytes]) -> None:
        disk, file = self._disk, self._log()
        if self._suspect:
            lines = b"".join(unsynced)
            write_all(disk, file, lines, end - len(lines))
        disk.sync(file)
        while self._fresh:
            disk.sync_folder(self._fresh[-1])
            self._fresh.pop()
        save(disk, self.notebook_file, b"".join(chunks))
        if self._closed is not None and self._finished is not None:
            usage = {"reason": self._finished.reason, **self._finished.usage}
            save(disk, self.folder.usage, dump(usage))

    def _log(self) -> int:
        if self._file is None:
            raise RecordError(f"The record of {self.folder.path} is closed.")
        return self._file

    def _refusal(self, verb: str, error: OSError) -> RecordError:
        return RecordError(
            f"{self.folder.path} could not be {verb}: {error.strerror or error}. What was stored "
            "before is safe; free space or mend the disk, and go on."
        )


def _complaint(data: bytes) -> str:
    """What nbformat says of a notebook; empty if it is valid."""
    try:
        nbformat.validate(json.loads(data))  # pyright: ignore[reportUnknownMemberType]
    except nbformat.ValidationError as error:
        return str(error)[:2000]
    return ""
