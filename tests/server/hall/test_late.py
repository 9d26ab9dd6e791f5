"""What an agent tries when it is over, and asking on and on, leaves a trace."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evaluators._integrity import read_late
from server.late import MAX_ARGUMENTS, MAX_NOTED, LateCalls
from tasks._record import CallRefused, RunFolder

if TYPE_CHECKING:
    from tests.server.hall.conftest import Place

PAPER = "test/paper@1:small:private:7"


def late_of(runs: Path) -> Path:
    (folder,) = [one for run in runs.iterdir() for one in RunFolder(run).attempts()]
    return folder.late


@pytest.mark.anyio
async def test_an_answer_after_the_end_is_refused_and_noted(place: "Place") -> None:
    hand = await place.exam(PAPER)
    await hand.start()
    await hand("submit_answer", answer={"number": 1})
    assert not late_of(place.runs).exists()
    assert "an answer was accepted" in await hand.fault("submit_answer", answer={"number": 2})
    await hand.fault("task_info")  # looking changes nothing, and is not noted
    (line,) = read_late(late_of(place.runs))
    assert line["tool"] == "submit_answer"
    assert json.loads(line["arguments"]) == {"answer": {"number": 2}}
    log, _ = place.record("paper")
    assert log.finished.reason == "submitted"


@pytest.mark.anyio
async def test_a_practice_session_has_nothing_to_be_late_for(place: "Place") -> None:
    hand = place.practice()
    await hand.start(task="test/paper")
    await hand("submit_answer", answer={"number": 1})
    await hand.fault("submit_answer", answer={"number": 2})
    assert not late_of(place.runs).exists()


@pytest.mark.anyio
async def test_asking_for_checks_on_and_on_is_recorded_a_slip_is_not(place: "Place") -> None:
    hand = await place.exam(PAPER)
    await hand.start()
    for _ in range(2):
        await hand("check_answer_format", answer={"number": 1})
    for _ in range(2):
        await hand.fault("check_answer_format", answer={"number": 1})
    words = await hand.fault("check_answer_format", answer={"number": 1})
    assert "told 2 times" in words
    await hand("finish")
    log, _ = place.record("paper")
    refused = [e.data for e in log.events if isinstance(e.data, CallRefused)]
    assert [one.tool for one in refused] == ["check_answer_format"]


def test_what_is_kept_of_late_calls_is_bounded(tmp_path: Path) -> None:
    late = LateCalls(lambda: 5.0)
    late.expect("token", tmp_path / "late.jsonl")
    for _ in range(2 * MAX_NOTED):
        late.note("token", "act", {"session_id": "s", "action": "x" * 100_000})
    late.note("another", "act", {})
    late.note(None, "act", {})
    calls = read_late(tmp_path / "late.jsonl")
    assert len(calls) == MAX_NOTED
    assert calls[0]["t"] == 5.0
    assert len(calls[0]["arguments"]) == MAX_ARGUMENTS


def test_a_folder_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    late = LateCalls(lambda: 5.0)
    late.expect("token", tmp_path / "gone" / "late.jsonl")
    late.note("token", "act", {})
    assert read_late(tmp_path / "gone" / "late.jsonl") == []
