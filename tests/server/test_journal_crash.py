"""The writer dies, the disk is full, the folder is closed: nothing stored is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from server.journal import Journal
from tasks import RecordError
from tasks._record import (
    AttemptFolder,
    LocalDisk,
    Run,
    RunFolder,
    fold,
    read_log,
    recover,
    scan_log,
)

KEY = b"k" * 32
ROOT = Path(__file__).parents[2]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    run = Run(suite="s", agent="a", created="2026")
    return RunFolder.create(tmp_path, run, datetime(2026, 1, 1, tzinfo=UTC)).attempt("s")


def opened(folder: AttemptFolder) -> dict[str, Any]:
    facts = {"attempt": "a1", "agent": "a", "sandbox": {}, "versions": {}, "secret_id": "s"}
    return {**facts, "notebook": folder.notebook}


def say(journal: Journal, text: str) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    journal.record("cell.output", {"cell_id": "c", "output": output})


CODE = {"cell_id": "c", "cell_type": "code", "source": "print()"}

WRITER = textwrap.dedent(
    """
    import sys, time, anyio
    from pathlib import Path
    from server.journal import Journal
    from tasks._record import AttemptFolder

    async def main():
        folder = AttemptFolder(Path(sys.argv[1]), "s", 1)
        facts = {"attempt": "a1", "agent": "a", "sandbox": {}, "versions": {}, "secret_id": "s"}
        journal = Journal.open(
            folder, b"k" * 32, {**facts, "notebook": folder.notebook}, time.time
        )
        cell = {"cell_id": "c", "cell_type": "code", "source": "print()"}
        journal.record("cell.added", cell)
        journal.record("cell.started", {"cell_id": "c"})
        for i in range(10**9):
            output = {"output_type": "stream", "name": "stdout", "text": f"{i}\\n"}
            journal.record("cell.output", {"cell_id": "c", "output": output})
            print("recorded", i, flush=True)
            if i % 3 == 2:
                await journal.sync()
                print("synced", i, flush=True)

    anyio.run(main)
    """
)


def told(line: str, word: str) -> int | None:
    match = re.fullmatch(rf"{word} (\d+)\n", line)
    return int(match[1]) if match else None


@pytest.mark.parametrize("after", [1, 2, 3, 4, 5, 7, 12, 20, 33, 50])
def test_a_killed_writer_loses_nothing_that_it_recorded(folder: AttemptFolder, after: int):
    """Killed after so many lines of its report, so at ever other places in its loop."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(folder.run)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    recorded = max((n for line in lines if (n := told(line, "recorded")) is not None), default=-1)
    synced = max((n for line in lines if (n := told(line, "synced")) is not None), default=-1)
    path = folder.run / folder.notebook
    if synced >= 0:
        saved = json.loads(path.read_bytes())
        nbformat.validate(saved)
        assert f"{synced}\n" in saved["cells"][0]["outputs"][0]["text"]
    assert len(scan_log(folder.events, KEY).events) >= 3 + recorded + 1
    assert recover(folder, KEY, lambda: 5.0).outcome == "finished"
    log = read_log(folder.events, KEY)
    assert log.finished is not None
    assert log.finished.reason == "daemon_lost"
    whole = json.loads(path.read_bytes())
    nbformat.validate(whole)
    assert path.read_bytes() == b"".join(fold(log.events).chunks())
    text = whole["cells"][0]["outputs"][0]["text"]
    assert text.startswith("".join(f"{i}\n" for i in range(recorded + 1)))
    assert whole["cells"][0]["metadata"]["proctor"]["status"] == "died"


class Full(LocalDisk):
    """A disk with so many bytes left; a last write is taken in part, as disks do."""

    def __init__(self) -> None:
        self.left = 10**9
        self.sync_error: OSError | None = None
        self.truncates = True

    def write(self, file: int, data: bytes, offset: int) -> int:
        if self.left == 0:
            raise OSError(28, "No space left on device")
        taken = super().write(file, data[: self.left], offset)
        self.left -= taken
        return taken

    def truncate(self, file: int, size: int) -> None:
        if not self.truncates:
            raise OSError(5, "Input/output error")
        super().truncate(file, size)

    def sync(self, file: int) -> None:
        if self.sync_error is not None:
            raise self.sync_error
        super().sync(file)


@pytest.fixture
def disk() -> Full:
    return Full()


@pytest.fixture
def journal(folder: AttemptFolder, disk: Full):
    made = Journal.open(folder, KEY, opened(folder), lambda: 1.0, disk)
    made.record("cell.added", CODE)
    yield made
    made.abandon()


@pytest.mark.anyio
@pytest.mark.parametrize("truncates", [True, False])
async def test_a_full_disk_takes_nothing_back_and_goes_on_when_there_is_room(
    folder: AttemptFolder, journal: Journal, disk: Full, truncates: bool
):
    say(journal, "before\n")
    await journal.sync()
    before = (folder.run / folder.notebook).read_bytes()
    disk.left, disk.truncates = 40, truncates
    for _ in range(3):
        with pytest.raises(RecordError, match="could not be recorded"):
            say(journal, "lost\n" * 30)
    assert [e.seq for e in scan_log(folder.events, KEY).events] == [0, 1, 2]
    assert (folder.run / folder.notebook).read_bytes() == before
    disk.left, disk.truncates = 10**9, True
    say(journal, "s\n")
    await journal.close("finished", {})
    log = read_log(folder.events, KEY)
    assert log.closed is not None
    saved = json.loads((folder.run / folder.notebook).read_bytes())
    assert saved["cells"][0]["outputs"][0]["text"] == "before\ns\n"


@pytest.mark.anyio
@pytest.mark.parametrize("room", [0, 10, 700])
async def test_a_notebook_that_finds_no_room_leaves_the_old_one(
    folder: AttemptFolder, journal: Journal, disk: Full, room: int
):
    await journal.sync()
    before = (folder.run / folder.notebook).read_bytes()
    say(journal, "x" * 2000)
    disk.left = room
    with pytest.raises(RecordError, match="could not be saved"):
        await journal.sync()
    assert journal.trouble is not None
    assert (folder.run / folder.notebook).read_bytes() == before
    assert [p.name for p in (folder.run / "notebooks").iterdir()] == [Path(folder.notebook).name]
    disk.left = 10**9
    await journal.sync()
    assert journal.trouble is None
    assert (folder.run / folder.notebook).read_bytes() == b"".join(journal.notebook.chunks())


@pytest.mark.anyio
async def test_what_a_failed_fsync_may_have_dropped_is_written_anew(
    folder: AttemptFolder, journal: Journal, disk: Full
):
    await journal.sync()
    synced = folder.events.stat().st_size
    say(journal, "a\n")
    disk.sync_error = OSError(5, "Input/output error")
    with pytest.raises(RecordError, match="Input/output"):
        await journal.sync()
    # As the page cache may do after a failed write-back: the unsynced part is gone.
    size = folder.events.stat().st_size
    with folder.events.open("r+b") as file:
        file.seek(synced)
        file.write(bytes(size - synced))
    say(journal, "b\n")
    disk.sync_error = None
    await journal.sync()
    assert len(read_log(folder.events, KEY).events) == 4


@pytest.mark.anyio
async def test_a_close_that_fails_may_be_repeated(
    folder: AttemptFolder, journal: Journal, disk: Full
):
    say(journal, "x")
    for room in (0, 100, 400, 900, 1500, 2000):
        disk.left = room
        with pytest.raises(RecordError):
            await journal.close("finished", {"tool_calls": 1})
    disk.left = 10**9
    await journal.close("finished", {"tool_calls": 1})
    log = read_log(folder.events, KEY)
    assert [event.kind.value for event in log.events[-2:]] == ["attempt.finished", "attempt.closed"]
    assert recover(folder, KEY, lambda: 1.0).outcome == "whole"


LIMITED = textwrap.dedent(
    """
    import resource, sys, time, anyio
    from pathlib import Path
    from server.journal import Journal
    from tasks import RecordError
    from tasks._record import AttemptFolder

    async def main():
        folder = AttemptFolder(Path(sys.argv[1]), "s", 1)
        facts = {"attempt": "a1", "agent": "a", "sandbox": {}, "versions": {}, "secret_id": "s"}
        journal = Journal.open(
            folder, b"k" * 32, {**facts, "notebook": folder.notebook}, time.time
        )
        journal.record("cell.added", {"cell_id": "c", "cell_type": "code", "source": ""})
        await journal.sync()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        said = 0
        try:
            for i in range(1000):
                output = {"output_type": "stream", "name": "stdout", "text": f"{i}\\n"}
                journal.record("cell.output", {"cell_id": "c", "output": output})
                said += 1
        except RecordError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await journal.close("finished", {"said": said})

    anyio.run(main)
    """
)


def test_the_systems_own_limit_on_files_is_met_with_an_error_and_survived(folder: AttemptFolder):
    done = subprocess.run(
        [sys.executable, "-P", "-c", LIMITED, str(folder.run)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "File too large" in done.stdout
    log = read_log(folder.events, KEY)
    assert log.finished is not None
    said = log.finished.usage["said"]
    assert 10 < said < 1000
    assert len(log.events) == 2 + said + 2


def refuse(*names: str) -> Callable[[Path], LocalDisk]:
    class Closed(LocalDisk):
        pass

    def no(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    for name in names:
        setattr(Closed, name, no)
    return lambda _: Closed()


@pytest.mark.parametrize("name", ["make_folder", "create", "write"])
def test_a_folder_that_may_not_be_written_is_named(folder: AttemptFolder, name: str):
    disk = refuse(name)(folder.run)
    with pytest.raises(RecordError, match=re.escape(str(folder.path)) + ".*Permission denied"):
        Journal.open(folder, KEY, opened(folder), lambda: 1.0, disk)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_run_folder_is_named(folder: AttemptFolder):
    folder.run.chmod(0o500)
    with pytest.raises(RecordError, match="Permission denied"):
        Journal.open(folder, KEY, opened(folder), lambda: 1.0)
    folder.run.chmod(0o700)


def test_a_run_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RecordError, match="--runs"):
        RunFolder.create(
            tmp_path / "runs", Run(suite="s", agent="a", created=""), datetime.now(UTC)
        )
