"""The journal: an attempt's log and notebook while they are written."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
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
    is_live,
    load_notebook,
    read_log,
    recover,
)

KEY = b"k" * 32


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    run = Run(suite="strategic/x", agent="solver", created="2026-01-01")
    return RunFolder.create(tmp_path / "runs", run, datetime(2026, 1, 1, tzinfo=UTC)).attempt("s")


def opened(folder: AttemptFolder) -> dict[str, Any]:
    return {
        "attempt": "a1",
        "agent": "solver",
        "sandbox": {"tier": "none"},
        "versions": {},
        "secret_id": "s1",
        "notebook": folder.notebook,
    }


@pytest.fixture
def journal(folder: AttemptFolder):
    made = Journal.open(folder, KEY, opened(folder), lambda: 1.5)
    yield made
    made.abandon()


def play(journal: Journal, text: str = "hi\n") -> None:
    cell = f"c{journal.events}"
    journal.record("cell.added", {"cell_id": cell, "cell_type": "code", "source": "print('hi')"})
    journal.record("cell.started", {"cell_id": cell})
    output = {"output_type": "stream", "name": "stdout", "text": text}
    journal.record("cell.output", {"cell_id": cell, "output": output})
    journal.record("cell.finished", {"cell_id": cell, "status": "ok", "execution_count": 1})


def notebook(folder: AttemptFolder) -> dict[str, Any]:
    return load_notebook(folder.run / folder.notebook)


@pytest.mark.anyio
async def test_what_is_recorded_is_in_the_log_at_once_and_in_the_notebook_after_a_sync(
    journal: Journal, folder: AttemptFolder
):
    play(journal)
    assert len(read_log(folder.events, KEY).events) == 5
    assert not (folder.run / folder.notebook).exists()
    await journal.sync()
    assert notebook(folder)["cells"][0]["outputs"][0]["text"] == "hi\n"
    assert (folder.run / folder.notebook).stat().st_mode & 0o077 == 0


@pytest.mark.anyio
async def test_closing_binds_a_valid_notebook_and_writes_the_usage(
    journal: Journal, folder: AttemptFolder
):
    play(journal)
    journal.record("answer.accepted", {"answer": {"p": 1}})
    closed = await journal.close("submitted", {"tool_calls": 2})
    assert closed.invalid == ""
    log = read_log(folder.events, KEY)
    assert log.closed == closed
    saved = (folder.run / folder.notebook).read_bytes()
    assert saved == b"".join(fold(log.events).chunks())
    nbformat.validate(json.loads(saved))
    assert json.loads(folder.usage.read_text()) == {"reason": "submitted", "tool_calls": 2}
    assert recover(folder, KEY, lambda: 9.0).outcome == "whole"
    with pytest.raises(RecordError):
        play(journal)
    assert await journal.close("submitted", {}) == closed


@pytest.mark.anyio
async def test_nothing_is_recorded_after_the_end(journal: Journal, folder: AttemptFolder):
    journal.record("attempt.finished", {"reason": "killed"})
    with pytest.raises(RecordError):
        play(journal)


def test_an_attempt_is_never_written_over(journal: Journal, folder: AttemptFolder):
    with pytest.raises(RecordError, match="already"):
        Journal.open(folder, KEY, opened(folder), lambda: 1.5)
    assert len(read_log(folder.events, KEY).events) == 1


@pytest.mark.parametrize("path", ["../x.ipynb", "/tmp/x.ipynb", "notebooks/../../x.ipynb", ""])
def test_a_notebook_outside_the_run_is_refused(folder: AttemptFolder, path: str):
    with pytest.raises(RecordError, match="within"):
        Journal.open(folder, KEY, {**opened(folder), "notebook": path}, lambda: 1.5)
    assert not folder.events.exists()


def test_a_live_log_belongs_to_its_writer(journal: Journal, folder: AttemptFolder):
    assert is_live(folder.events)
    with pytest.raises(RecordError, match="running daemon"):
        recover(folder, KEY, lambda: 9.0)
    journal.abandon()
    assert not is_live(folder.events)


def test_a_refused_event_leaves_the_record_as_it_was(journal: Journal, folder: AttemptFolder):
    play(journal)
    before = folder.events.read_bytes()
    for kind, data in [
        ("cell.eaten", {}),
        ("cell.started", {"cell_id": "missing"}),
        ("cell.started", {"cell_id": "c1", "more": 1}),
    ]:
        with pytest.raises(RecordError):
            journal.record(kind, data)
    assert folder.events.read_bytes() == before
    play(journal)
    assert len(read_log(folder.events, KEY).events) == 9


def test_nothing_an_agent_sends_stops_the_record(journal: Journal, folder: AttemptFolder):
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    journal.record(
        "cell.added", {"cell_id": "c", "cell_type": "code", "source": "\ud800 \x00 \ud83d\ude00"}
    )
    for value in (deep, float("nan"), 10**5000, "\ud800", {"\ud800": 1}, b"\xff", None):
        bundle = {"application/json": value, "text/plain": value}
        output = {"output_type": "display_data", "data": bundle, "metadata": {"m": value}}
        journal.record("cell.output", {"cell_id": "c", "output": output})
        journal.record("answer.rejected", {"raw": "\udfff", "problems": ["\ud800"]})
    log = read_log(folder.events, KEY)
    replayed = fold(log.events)
    assert replayed.chunks() == journal.notebook.chunks()
    nbformat.validate(replayed.document())
    assert replayed.document()["cells"][0]["source"] == ["\ufffd \x00 \U0001f600"]


class Counted(LocalDisk):
    """Counts saves of notebooks and can hold one up."""

    def __init__(self) -> None:
        self.saves = 0
        self.wait: Callable[[], None] = lambda: None

    def replace(self, source: Path, target: Path) -> None:
        if target.suffix == ".ipynb":
            self.wait()
            self.saves += 1
        super().replace(source, target)


@pytest.mark.anyio
async def test_syncs_at_one_time_share_a_save(folder: AttemptFolder):
    disk = Counted()
    journal = Journal.open(folder, KEY, opened(folder), lambda: 1.5, disk)
    await journal.sync()
    await journal.sync()
    assert disk.saves == 1
    play(journal)
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(journal.sync)
    assert disk.saves == 2
    journal.abandon()


@pytest.mark.anyio
async def test_autosave_keeps_the_notebook_fresh_and_holds_back_while_outputs_stream(
    folder: AttemptFolder,
):
    disk = Counted()
    journal = Journal.open(folder, KEY, opened(folder), lambda: 1.5, disk)
    journal.record("cell.added", {"cell_id": "c", "cell_type": "code", "source": ""})
    began = anyio.current_time()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(journal.autosave, 0.05)
            while disk.saves < 3:
                output = {"output_type": "stream", "name": "stdout", "text": "x"}
                journal.record("cell.output", {"cell_id": "c", "output": output})
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    # 3 saves and 2 pauses, whatever the disk: never more often than asked.
    assert anyio.current_time() - began >= 0.1
    assert journal.events > 100
    journal.abandon()


@pytest.mark.anyio
async def test_autosave_does_not_let_the_end_of_a_cell_wait(folder: AttemptFolder):
    disk = Counted()
    journal = Journal.open(folder, KEY, opened(folder), lambda: 1.5, disk)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(journal.autosave, 1000.0)
            for saves in (1, 2, 3):
                play(journal)
                while disk.saves < saves or len(notebook(folder)["cells"]) < saves:
                    await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    journal.abandon()


@pytest.mark.anyio
async def test_cancelling_a_sync_leaves_a_whole_notebook(folder: AttemptFolder):
    disk = Counted()
    journal = Journal.open(folder, KEY, opened(folder), lambda: 1.5, disk)
    with anyio.CancelScope() as scope:
        disk.wait = lambda: anyio.from_thread.run_sync(scope.cancel)
        await journal.sync()
    assert scope.cancelled_caught or disk.saves == 1
    assert notebook(folder)["cells"] == []
    disk.wait = lambda: None
    play(journal)
    await journal.close("finished", {})
    assert len(notebook(folder)["cells"]) == 1
