"""Power loss at any moment: every prefix of the recorded calls, replayed onto a pessimist's disk.

The disk keeps what was synced. Of what was not, any part may have reached it: content that was
written since the last fsync may be missing, cut, or full of zeros; names that were changed since
the last fsync of their folder may be the old ones or the new ones, in the order of the changes.
"""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import anyio
import nbformat
import pytest

from server.journal import Journal
from tasks import RecordError
from tasks._record import (
    AttemptFolder,
    Disk,
    LocalDisk,
    NotBegunError,
    Run,
    RunFolder,
    fold,
    peek,
    read_log,
    recover,
    scan_log,
)

KEY = b"k" * 32


@dataclass
class Call:
    """One call to the disk; files are told apart by number, not by name."""

    name: str
    path: Path = Path()
    target: Path = Path()
    inode: int = 0
    data: bytes = b""
    offset: int = 0


@dataclass
class Recorder(LocalDisk):
    """The real disk, writing down what it was asked for. `marks` may be set between calls."""

    calls: list[Call] = field(default_factory=list[Call])
    inodes: dict[int, int] = field(default_factory=dict[int, int])
    count: int = 0

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self.calls.append(Call("folder", path))

    def create(self, path: Path) -> int:
        file = super().create(path)
        self.count += 1
        self.inodes[file] = self.count
        self.calls.append(Call("create", path, inode=self.count))
        return file

    def write(self, file: int, data: bytes, offset: int) -> int:
        # Half at a time: a prefix then holds a torn write as well.
        done = super().write(file, data[: len(data) // 2 or 1], offset)
        inode = self.inodes[file]
        self.calls.append(Call("write", inode=inode, data=data[:done], offset=offset))
        return done

    def truncate(self, file: int, size: int) -> None:
        super().truncate(file, size)
        self.calls.append(Call("truncate", inode=self.inodes[file], offset=size))

    def sync(self, file: int) -> None:
        super().sync(file)
        self.calls.append(Call("sync", inode=self.inodes[file]))

    def replace(self, source: Path, target: Path) -> None:
        super().replace(source, target)
        self.calls.append(Call("replace", source, target))

    def remove(self, path: Path) -> None:
        super().remove(path)
        self.calls.append(Call("remove", path))

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self.calls.append(Call("sync folder", path))


class Luck(Enum):
    """What became of that which was never synced."""

    LOST = "lost"
    KEPT = "kept"
    NAMES_ONLY = "names only"
    CONTENT_ONLY = "content only"
    ZEROS = "zeros"


@dataclass
class Pessimist:
    """A file system of which only what was synced is sure."""

    content: dict[int, bytes] = field(default_factory=dict[int, bytes])
    durable: dict[int, bytes] = field(default_factory=dict[int, bytes])
    names: dict[Path, int | None] = field(default_factory=dict[Path, int | None])
    """Path to inode; None for a folder."""
    durable_names: dict[Path, int | None] = field(default_factory=dict[Path, int | None])

    def run(self, calls: list[Call]) -> None:
        for call in calls:
            getattr(self, call.name.replace(" ", "_"))(call)

    def folder(self, call: Call) -> None:
        self.names.setdefault(call.path, None)

    def create(self, call: Call) -> None:
        self.names[call.path] = call.inode
        self.content[call.inode] = self.durable[call.inode] = b""

    def write(self, call: Call) -> None:
        old = self.content[call.inode].ljust(call.offset, b"\0")
        self.content[call.inode] = (
            old[: call.offset] + call.data + old[call.offset + len(call.data) :]
        )

    def truncate(self, call: Call) -> None:
        self.content[call.inode] = self.content[call.inode][: call.offset]

    def sync(self, call: Call) -> None:
        self.durable[call.inode] = self.content[call.inode]

    def replace(self, call: Call) -> None:
        self.names[call.target] = self.names.pop(call.path)

    def remove(self, call: Call) -> None:
        self.names.pop(call.path, None)

    def sync_folder(self, call: Call) -> None:
        for path in {*self.names, *self.durable_names}:
            if path.parent == call.path:
                if path in self.names:
                    self.durable_names[path] = self.names[path]
                else:
                    self.durable_names.pop(path, None)

    def after(self, luck: Luck) -> dict[Path, bytes | None]:
        """What is found when the power is back; None for a folder."""
        new_names = luck in (Luck.KEPT, Luck.NAMES_ONLY, Luck.ZEROS)
        names = self.names if new_names else self.durable_names
        return {
            path: None if inode is None else self._found(inode, luck)
            for path, inode in names.items()
        }

    def _found(self, inode: int, luck: Luck) -> bytes:
        if luck in (Luck.KEPT, Luck.CONTENT_ONLY):
            return self.content[inode]
        sure = self.durable[inode]
        if luck is Luck.ZEROS:
            return sure + bytes(max(0, len(self.content[inode]) - len(sure)))
        return sure


def restore(found: dict[Path, bytes | None], was: Path, at: Path) -> None:
    """Put a found file system into a fresh folder."""
    shutil.rmtree(at, ignore_errors=True)
    at.mkdir()
    for path in sorted(found):
        target = at / path.relative_to(was)
        data = found[path]
        if not target.parent.is_dir():
            continue  # The folder's own name was lost, and all below it.
        if data is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(data)


@dataclass
class Story:
    """A recorded attempt: the calls, and what was promised after each of them."""

    base: Path
    folder: AttemptFolder
    disk: Recorder
    promised: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """(calls so far, events that had been synced by then)."""

    def sure(self, calls: int) -> int:
        return max([events for at, events in self.promised if at <= calls], default=0)


def play(journal: Journal, cell: str) -> None:
    journal.record("cell.added", {"cell_id": cell, "cell_type": "code", "source": "print()"})
    journal.record("cell.started", {"cell_id": cell})
    for text in ("one\n", "two\n"):
        output = {"output_type": "stream", "name": "stdout", "text": text}
        journal.record("cell.output", {"cell_id": cell, "output": output})


async def tell(base: Path) -> Story:
    disk = Recorder()
    run = Run(suite="s", agent="a", created="2026")
    folder = RunFolder.create(base, run, datetime(2026, 1, 1, tzinfo=UTC), disk).attempt("s")
    disk.calls.insert(0, Call("folder", folder.run))
    story = Story(base, folder, disk)
    opened: dict[str, Any] = {"attempt": "a1", "agent": "a", "sandbox": {}, "versions": {}}
    opened |= {"secret_id": "s", "notebook": folder.notebook}
    journal = Journal.open(folder, KEY, opened, lambda: 1.0, disk)

    async def sync() -> None:
        events = journal.events
        await journal.sync()
        story.promised.append((len(disk.calls), events))

    await sync()
    play(journal, "c1")
    await sync()
    journal.record("cell.finished", {"cell_id": "c1", "status": "ok", "execution_count": 1})
    play(journal, "c2")
    journal.record("answer.accepted", {"answer": [1]})
    await sync()
    await journal.close("submitted", {"tool_calls": 1})
    story.promised.append((len(disk.calls), journal.events))
    return story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    base = tmp_path_factory.mktemp("power") / "runs"
    base.mkdir()
    return anyio.run(tell, base)


class Quick(LocalDisk):
    """Skips the waiting: what is recovered here need not survive another power cut."""

    def sync(self, file: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


def check(folder: AttemptFolder, sure: int, doing: str, shown: int | None = None) -> None:
    """What must hold of a record that was found after a power cut, before and after recovery.

    `sure` events are in the log for certain, `shown` (the same if None) in the notebook.
    """
    shown = sure if shown is None else shown
    path = folder.run / folder.notebook
    known = 0
    if path.exists():
        saved = json.loads(path.read_bytes())
        nbformat.validate(saved)
        known = saved["metadata"]["proctor"]["events"]
    log = scan_log(folder.events, KEY) if folder.events.exists() else None
    events = len(log.events) if log else 0
    assert events >= sure, doing
    # attempt.closed is no part of the notebook that it binds.
    closed = int(log is not None and log.closed is not None)
    assert known >= min(shown, events - closed), doing
    assert known <= events, doing
    if not events:
        return
    outcome = recover(folder, KEY, lambda: 2.0, Quick()).outcome
    whole = read_log(folder.events, KEY)
    assert whole.closed is not None, doing
    assert path.read_bytes() == b"".join(fold(whole.events).chunks()), doing
    nbformat.validate(json.loads(path.read_bytes()))
    assert folder.usage.exists(), doing
    again = recover(folder, KEY, lambda: 3.0, Quick()).outcome
    assert again == "whole", (doing, outcome)


@pytest.mark.parametrize("luck", Luck, ids=lambda luck: luck.value)
def test_whatever_the_moment_all_that_was_synced_is_there(story: Story, luck: Luck, tmp_path: Path):
    calls = story.disk.calls
    assert len(calls) > 60
    seen: set[tuple[int, frozenset[tuple[Path, bytes | None]]]] = set()
    for moment in range(len(calls) + 1):
        disk = Pessimist()
        disk.run(calls[:moment])
        found = disk.after(luck)
        state = (story.sure(moment), frozenset(found.items()))
        if state in seen:
            continue
        seen.add(state)
        at = tmp_path / "runs"
        restore(found, story.base, at)
        folder = RunFolder(at / story.folder.run.name).attempt("s")
        if folder.events.exists() or story.sure(moment):
            name = calls[moment - 1].name if moment else "start"
            check(folder, story.sure(moment), f"{luck.value} after call {moment} ({name})")


def test_every_cut_of_the_log_itself_is_survived(story: Story, tmp_path: Path):
    whole = story.folder.events.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(0, len(whole), 97):
        for tail in (b"", b"\0" * 9, b"garbage\n"):
            at = tmp_path / "runs"
            shutil.rmtree(at, ignore_errors=True)
            folder = AttemptFolder(at, "s", 1)
            folder.path.mkdir(parents=True)
            (at / "notebooks").mkdir()
            folder.events.write_bytes(whole[:size] + tail)
            check(folder, sum(end <= size for end in ends), f"cut at {size}", shown=0)


def test_a_power_cut_while_recovering_is_recovered_from(story: Story, tmp_path: Path):
    whole = story.folder.events.read_bytes().splitlines(keepends=True)
    base = tmp_path / "was"
    folder = AttemptFolder(base, "s", 1)
    disk = Recorder()
    for path in (base, base / "attempts", base / "attempts/s", folder.path, base / "notebooks"):
        disk.make_folder(path)
    start = disk.create(folder.events)
    disk.write(start, b"", 0)
    seeded = b"".join(whole[:5]) + b'{"torn'
    offset = 0
    while offset < len(seeded):
        offset += disk.write(start, seeded[offset:], offset)
    disk.sync(start)
    for path in (base, base / "attempts", base / "attempts/s", folder.path):
        disk.sync_folder(path)
    disk.close(start)
    opening = _Reopening(disk, start)
    begun = len(disk.calls)
    assert recover(folder, KEY, lambda: 2.0, opening).outcome == "finished"
    assert recover(folder, KEY, lambda: 2.0).outcome == "whole"
    assert [p.name for p in folder.path.glob("torn-*")] == ["torn-5.bin"]
    for luck in (Luck.LOST, Luck.NAMES_ONLY, Luck.ZEROS):
        for moment in range(begun, len(disk.calls) + 1):
            found = Pessimist()
            found.run(disk.calls[:moment])
            at = tmp_path / "found"
            restore(found.after(luck), base, at)
            check(AttemptFolder(at, "s", 1), 5, f"{luck.value} at {moment}", shown=0)


class _Reopening(LocalDisk):
    """Opens the same file again under the same number in the record."""

    def __init__(self, inner: Recorder, first: int) -> None:
        self._inner, self._inode = inner, inner.inodes[first]

    def open(self, path: Path) -> int:
        file = self._inner.open(path)
        self._inner.inodes[file] = self._inode
        return file

    def __getattribute__(self, name: str) -> Any:
        if name in ("open", "_inner", "_inode") or name.startswith("__"):
            return super().__getattribute__(name)
        return getattr(self._inner, name)


def test_a_log_that_never_began_is_told_apart(story: Story, tmp_path: Path):
    folder = AttemptFolder(tmp_path, "s", 1)
    folder.path.mkdir(parents=True)
    folder.events.write_bytes(story.folder.events.read_bytes()[:50])
    with pytest.raises(NotBegunError):
        peek(folder.events)
    assert recover(folder, KEY, lambda: 1.0).outcome == "empty"


def test_synced_events_that_are_gone_are_damage_and_not_a_crash(story: Story, tmp_path: Path):
    at = tmp_path / "run"
    shutil.copytree(story.folder.run, at)
    folder = AttemptFolder(at, "s", 1)
    lines = folder.events.read_bytes().splitlines(keepends=True)
    folder.events.write_bytes(b"".join(lines[:4]))
    with pytest.raises(RecordError, match="damaged"):
        recover(folder, KEY, lambda: 1.0)
    assert folder.events.read_bytes() == b"".join(lines[:4])


def test_the_recorder_is_a_disk():
    disk: Disk = Recorder()
    assert disk
