"""Finishing what a dead daemon left, from the log alone.

A log that was cut by a crash gets its torn end put aside, its running cells marked `died`, and the
reason `daemon_lost` (`submitted` if the answer had been accepted, `rejected` if the last one had
been refused: then the exam was over); one that had finished is closed; a closed one gets its
notebook back if that was lost. Nothing that was synced is ever dropped.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from tasks._core import Frozen
from tasks._errors import RecordError
from tasks._record._chain import seal
from tasks._record._disk import Disk, LocalDisk, lock, save, write_all
from tasks._record._events import (
    AnswerAccepted,
    AnswerRejected,
    CellFinished,
    Closed,
    Finished,
    Kind,
    Reason,
    body,
    make,
)
from tasks._record._json import decode
from tasks._record._layout import AttemptFolder, dump
from tasks._record._notebook import NO_KERNEL, Notebook, fold
from tasks._record._reader import MAX_LOG, Log, read_bytes, scan_log

Clock = Callable[[], float]
"""Seconds since the epoch."""


@dataclass(frozen=True)
class Recovery:
    """What `recover` did."""

    outcome: Literal["whole", "finished", "closed", "restored", "empty"]
    """`whole`: nothing was to be done; `finished`: ended as daemon_lost; `closed`: had ended, was
    closed; `restored`: the notebook was rebuilt; `empty`: the attempt never began."""
    cut: int = 0
    """Bytes of a torn end that were put aside."""


def timestamp(seconds: float) -> str:
    """UTC, ISO 8601 with milliseconds, as events carry it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def recover(folder: AttemptFolder, key: bytes, clock: Clock, disk: Disk | None = None) -> Recovery:
    """Bring an orphaned attempt to its end. Doing it twice, or dying in it, does no harm.

    Raises:
        RecordError: a daemon still writes it, or it was damaged in a part that had been synced.
    """
    disk = disk or LocalDisk()
    try:
        file = disk.open(folder.events)
        try:
            lock(file, folder.events)
            return _Orphan(folder, key, disk, file).finish(clock)
        finally:
            disk.close(file)
    except OSError as error:
        raise RecordError(f"{folder.path} cannot be recovered: {error.strerror or error}.") from (
            error
        )


class _Orphan:
    """One log while it is brought to its end."""

    def __init__(self, folder: AttemptFolder, key: bytes, disk: Disk, file: int) -> None:
        self._folder, self._key, self._disk, self._file = folder, key, disk, file

    def finish(self, clock: Clock) -> Recovery:
        log = scan_log(self._folder.events, self._key)
        if not log.events:
            return Recovery("empty")
        if log.closed is not None:
            return self._restore(log, log.closed)
        notebook = fold(log.events)
        taken_over = self._compare(log)
        self._cut(log)
        self._seq, self._mac, self._end = len(log.events), log.mac, log.size
        now = timestamp(clock())
        finished = log.finished or self._end_attempt(notebook, log, now)
        data = b"".join(notebook.chunks())
        if not taken_over:
            save(self._disk, self._folder.within(log.opened.notebook), data)
        closed = Closed(notebook_sha256=hashlib.sha256(data).hexdigest())
        self._append(notebook, Kind.CLOSED, closed, now)
        self._usage(finished)
        return Recovery("closed" if log.finished else "finished", log.tail)

    def _end_attempt(self, notebook: Notebook, log: Log, now: str) -> Finished:
        for cell in notebook.running:
            died = CellFinished(
                cell_id=cell, status=NO_KERNEL, note="The daemon was lost while this cell ran."
            )
            self._append(notebook, Kind.CELL_FINISHED, died, now)
        note = "The daemon was lost."
        if log.tail:
            note += f" {log.tail} bytes of a torn end were put aside."
        finished = Finished(reason=_reason(log), note=note)
        self._append(notebook, Kind.FINISHED, finished, now)
        return finished

    def _append(self, notebook: Notebook, kind: Kind, data: Frozen, now: str) -> None:
        event = make(self._seq, now, kind, data)
        line, self._mac = seal(self._key, self._mac, body(event))
        write_all(self._disk, self._file, line, self._end)
        notebook.apply(event)
        self._seq += 1
        self._end += len(line)
        self._disk.sync(self._file)

    def _compare(self, log: Log) -> bool:
        """Whether a later session goes on in the notebook's file, which is then its own.

        The log is synced before the notebook: a notebook that knows more events than the log has
        shows that the log lost some which were safe once.
        """
        path = self._folder.within(log.opened.notebook)
        if not path.exists():
            return False
        attempt, known = _made_of(read_bytes(path, MAX_LOG))
        if attempt not in ("", log.opened.attempt):
            return True
        if known > len(log.events):
            raise RecordError(
                f"{self._folder.events} was damaged: {len(log.events)} events are authentic, but "
                f"its notebook was made of {known}."
            )
        return False

    def _cut(self, log: Log) -> None:
        if not log.tail:
            return
        torn = read_bytes(self._folder.events, MAX_LOG)[log.size :]
        save(self._disk, self._folder.path / f"torn-{len(log.events)}.bin", torn)
        self._disk.truncate(self._file, log.size)
        self._disk.sync(self._file)

    def _restore(self, log: Log, closed: Closed) -> Recovery:
        if log.tail:
            raise RecordError(f"{self._folder.events} was changed after it was closed.")
        path = self._folder.within(log.opened.notebook)
        finished = log.finished
        if finished is not None and not self._folder.usage.exists():
            self._usage(finished)
        if path.exists():
            return Recovery("whole")
        data = b"".join(fold(log.events).chunks())
        if hashlib.sha256(data).hexdigest() != closed.notebook_sha256:
            raise RecordError(
                f"The notebook rebuilt from {self._folder.events} is not the one that was closed: "
                "it was written by another version of Proctor."
            )
        self._disk.make_folder(path.parent)
        save(self._disk, path, data)
        return Recovery("restored")

    def _usage(self, finished: Finished) -> None:
        usage = {"reason": finished.reason, **finished.usage}
        save(self._disk, self._folder.usage, dump(usage))


def _reason(log: Log) -> Reason:
    for event in log.events:
        if isinstance(event.data, AnswerAccepted):
            return "submitted"
        if isinstance(event.data, AnswerRejected) and not event.data.repair_left:
            return "rejected"
    return "daemon_lost"


def _made_of(data: bytes) -> tuple[str, int]:
    """Attempt and number of events that a notebook says it was made of."""
    try:
        head = decode(data, unique=False)["metadata"]["proctor"]
        attempt, known = head["attempt"], head["events"]
    except (ValueError, KeyError, TypeError):
        return "", 0  # Not ours: somebody wrote over it, and it is about to be rebuilt.
    ours = isinstance(attempt, str) and isinstance(known, int)
    return (attempt, known) if ours else ("", 0)
