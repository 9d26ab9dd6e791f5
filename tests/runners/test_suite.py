"""Suites: what is played, what is kept, what is set aside."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from runners._ledger import Ledger
from runners._plan import EvalConfig, Part, sittings
from runners._seating import Terms
from runners._sitting import LocalEngine
from runners._suite import RunReport, Stage, Step, run_suite
from tasks import DaemonError, RecordError, Split, UnknownUnitError, UsageError, family
from tasks._record import RunFolder

FAMILY = "strategic/bayesian_games"
LATER = "hall.list_tools(seat.ticket.attempt); await hall.submit(seat.ticket.attempt)"
SITS_ON = "await hall.submit(seat.ticket.attempt)"
SITS = "hall.list_tools(seat.ticket.attempt)\nawait hall.submit(seat.ticket.attempt)"


def play(config: EvalConfig, hall: Any, runs: Path, **stage: Any) -> list[RunReport]:
    return anyio.run(run_suite, config, LocalEngine(hall), Stage(runs=runs, **stage))


def config(agents: str = "one", **fields: Any) -> EvalConfig:
    return EvalConfig(suite=FAMILY, agents=tuple(agents.split(",")), **fields)


def test_every_agent_sits_every_instance_as_often_as_asked(plugins: Any, tmp_path: Path):
    for name in ("one", "two"):
        plugins.install(name, SITS)
    steps: list[Step] = []
    asked = config("one,two", seed=5, n=2, repeat=2, preset="all")
    reports = play(asked, plugins.hall, tmp_path / "runs", progress=steps.append)
    presets = 4
    assert [report.played for report in reports] == [2 * 2 * presets] * 2
    assert {request.agent for request in plugins.hall.requests} == {"one", "two"}
    instances = {request.instance for request in plugins.hall.requests}
    assert len(instances) == 2 * presets
    assert all(":private:" in one and one[-1] in "56" for one in instances)
    for name in ("one", "two"):
        mine = [step for step in steps if step.agent == name]
        assert (mine[-1].done, mine[-1].total) == (16, 16)
        assert [step.done for step in mine] == sorted(step.done for step in mine)
        assert [step.kind for step in mine].count("begun") == 16


def test_a_run_folder_says_what_was_asked_and_what_was_offered(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    (report,) = play(
        config(seed=3, n=2), plugins.hall, tmp_path / "runs", versions={"proctor": "x"}
    )
    run = RunFolder(report.folder).read()
    assert (run.suite, run.agent) == (FAMILY, "one")
    assert run.asked["seed"] == 3
    assert run.asked["families"] == {FAMILY: family(FAMILY).version}
    assert run.planned == 2
    assert run.tools_sha256 == "f" * 64
    assert run.sandbox == {"tier": "none"}
    assert report.folder.name.startswith("strategic-bayesian-games_one_")


def test_the_same_command_after_a_finished_run_is_a_new_run(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    folders = {play(config(), plugins.hall, tmp_path / "runs")[0].folder for _ in range(2)}
    assert len(folders) == 2


def test_an_interrupted_run_goes_on_and_counts_nothing_twice(plugins: Any, tmp_path: Path):
    cut = plugins.install(
        "one",
        """
        hall.list_tools(seat.ticket.attempt)
        if len(hall.requests) == 2 and not seen:
            seen.append(seat)
            raise type('Killed', (BaseException,), {})
        await hall.submit(seat.ticket.attempt)
        """,
    )
    runs = tmp_path / "runs"
    with pytest.raises(BaseExceptionGroup):
        play(config(n=3), plugins.hall, runs, concurrent=1)
    assert len(cut.seen) == 1
    (report,) = play(config(n=3), plugins.hall, runs, concurrent=1)
    assert (report.kept, report.played) == (1, 2)
    attempts = RunFolder(report.folder).attempts()
    assert len(attempts) == 3
    assert [p.parent.name for p in (report.folder / "cut").glob("*/1-1/attempt")] == ["1-1"]
    assert len(list(runs.iterdir())) == 1


def test_a_submitted_attempt_stands_even_if_its_runner_died_at_once(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    for note in report.folder.glob("attempts/*/*/played.json"):
        note.unlink()
    first, second = RunFolder(report.folder).attempts()
    usage = json.loads(second.usage.read_text())
    second.usage.write_text(json.dumps({**usage, "reason": "daemon_lost"}))
    (again,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    assert again.folder == report.folder
    assert (again.kept, again.played) == (1, 1)
    assert first.path.exists()


def test_an_agent_that_raises_is_data_and_is_not_played_again(plugins: Any, tmp_path: Path):
    plugins.install("one", "hall.list_tools(seat.ticket.attempt)\nraise ValueError('my own fault')")
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    assert (report.played, report.failed, report.unseen) == (2, 2, 0)
    (note, *_) = report.folder.glob("attempts/*/*/played.json")
    assert "my own fault" in note.read_text()
    usage = json.loads((note.parent / "usage.json").read_text())
    assert usage["reason"] == "killed"
    assert len(plugins.hall.requests) == 2


def test_an_agent_that_the_server_never_saw_gets_one_more_chance(plugins: Any, tmp_path: Path):
    plugins.install("one", "pass")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert len(plugins.hall.requests) == 2
    assert (report.played, report.unseen) == (1, 1)
    assert len(RunFolder(report.folder).attempts()) == 1
    assert len(list((report.folder / "cut").glob("*/*/attempt/events.jsonl"))) == 1


FAILS = """
    hall.list_tools(seat.ticket.attempt)
    journal = hall.journals[seat.ticket.attempt]
    seen.append(seat)
    if len(seen) <= {times}:
        journal.record("kernel.failed", {{"reason": "no kernel"}})
        await hall.close_attempt(seat.ticket.attempt, "gave up")
    else:
        await hall.submit(seat.ticket.attempt)
"""


def test_an_attempt_that_failed_by_the_house_is_played_again_at_once(plugins: Any, tmp_path: Path):
    plugins.install("one", FAILS.format(times=1))
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert (report.played, report.broken) == (1, 0)
    assert len(plugins.hall.requests) == 2
    assert len(list((report.folder / "cut").glob("*/*/attempt/events.jsonl"))) == 1


def test_an_attempt_that_failed_by_the_house_is_played_again_by_the_next_run(
    plugins: Any, tmp_path: Path
):
    plugins.install("one", FAILS.format(times=2))
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert (report.played, report.broken) == (1, 1)
    (again,) = play(config(), plugins.hall, tmp_path / "runs")
    assert again.folder == report.folder
    assert (again.kept, again.played, again.broken) == (0, 1, 0)
    (last,) = play(config(), plugins.hall, tmp_path / "runs")
    assert last.folder != report.folder


def test_a_failure_of_the_house_is_found_without_the_runners_note(plugins: Any, tmp_path: Path):
    ended = """
    hall.list_tools(seat.ticket.attempt)
    journal = hall.journals.pop(seat.ticket.attempt)
    if not seen:
        seen.append(seat)
        journal.record("kernel.failed", {"reason": "no kernel"})
        await journal.close("finished", {})
        raise type('Killed', (BaseException,), {})
    await journal.close("submitted", {})
    """
    plugins.install("one", ended)
    with pytest.raises(BaseExceptionGroup):
        play(config(), plugins.hall, tmp_path / "runs")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert (report.kept, report.played) == (0, 1)


def test_a_daemon_lost_on_the_way_stops_the_run_and_counts_nothing(plugins: Any, tmp_path: Path):
    plugins.install(
        "one", f"if len(hall.requests) == 1:\n    hall.journals.clear()\nelse:\n    {LATER}"
    )
    with pytest.raises(BaseExceptionGroup) as caught:
        play(config(), plugins.hall, tmp_path / "runs")
    assert caught.group_contains(DaemonError, match="same command")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert (report.played, report.kept) == (1, 0)
    assert len(list((report.folder / "cut").glob("*/*/attempt/events.jsonl"))) == 1


def test_draws_of_an_agent_follow_from_the_plan_alone(plugins: Any, tmp_path: Path):
    one = plugins.install("one", f"seen.append(seat.rng.random())\n{SITS}")
    for folder in ("a", "b"):
        play(config(n=2, repeat=2), plugins.hall, tmp_path / folder, concurrent=1)
    assert one.seen[:4] == one.seen[4:]
    assert len(set(one.seen[:4])) == 4


def test_only_a_diagnostic_agent_is_told_answers(plugins: Any, tmp_path: Path):
    asks = f"seen.append(seat.diagnose and await seat.diagnose('noisy', 0.5))\n{SITS}"
    honest = plugins.install("one", asks)
    told = plugins.install("two", asks, diagnostic=True)
    play(config("one,two"), plugins.hall, tmp_path / "runs")
    assert honest.seen == [None]
    assert told.seen == [{"kind": "noisy", "level": 0.5}]
    assert {r.agent: r.diagnostic for r in plugins.hall.requests} == {"one": False, "two": True}


def test_another_runner_in_the_same_folder_is_refused(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    next(report.folder.glob("attempts/*/*/played.json")).unlink()
    next(report.folder.glob("attempts/*/*/usage.json")).unlink()
    for usage in report.folder.glob("attempts/*/*/usage.json"):
        usage.unlink()
    for note in report.folder.glob("attempts/*/*/played.json"):
        note.unlink()
    handle = os.open(report.folder / ".lock", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="Another runner plays"):
            play(config(n=2), plugins.hall, tmp_path / "runs")
    finally:
        os.close(handle)


def test_wrong_names_are_told_before_anything_is_opened(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    runs = tmp_path / "runs"
    with pytest.raises(UnknownUnitError, match="Did you mean solver"):
        play(config("solvr"), plugins.hall, runs)
    with pytest.raises(UnknownUnitError, match="Did you mean strategic"):
        play(EvalConfig(suite="strategc", agents=("one",)), plugins.hall, runs)
    with pytest.raises(UsageError, match="no preset 'eazy'"):
        play(config(preset="eazy"), plugins.hall, runs)
    with pytest.raises(UsageError, match="named twice"):
        play(config("one,one"), plugins.hall, runs)
    with pytest.raises(UsageError, match="calibration split is not played"):
        play(config(split=Split.CALIBRATION), plugins.hall, runs)
    assert not runs.exists()


def test_a_runs_folder_that_cannot_be_made_is_told(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RecordError, match="--runs"):
        play(config(), plugins.hall, blocked / "runs")


def test_families_stand_side_by_side_in_the_plan():
    both = EvalConfig(suite=f"{FAMILY}, interp", agents=("nop",), n=2)
    families = [sitting.instance.family for sitting in sittings(both)]
    assert families[:2] == [FAMILY, "interp/one_head"]
    assert len(families) == 4


def test_setting_aside_moves_notebook_and_outputs_too(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    (sitting,) = sittings(config())
    ledger = Ledger(RunFolder(report.folder))
    place = ledger.place(sitting)
    place.outputs.mkdir(parents=True)
    ledger.set_aside(sitting)
    aside = report.folder / "cut" / place.slug / "1-1"
    assert {p.name for p in aside.iterdir()} == {"attempt", "notebook.ipynb", "outputs"}
    assert ledger.leftover(sitting) is None
    assert not ledger.done(sitting)


TELLS = """
from runners._core import AgentReport
from tasks._record import AgentSetup, AgentUsage
seen.append(seat)
hall.list_tools(seat.ticket.attempt)
def tell(program="p 1", **more):
    setup = AgentSetup(program=program, model="m")
    seat.tell(AgentReport(setup=setup, usage=AgentUsage(requests=len(seen)), **more))
"""


def notes(report: RunReport) -> list[dict[str, Any]]:
    paths = report.folder.glob("attempts/*/*/played.json")
    return [json.loads(path.read_text()) for path in sorted(paths)]


def test_what_an_agent_tells_stands_in_its_attempt(plugins: Any, tmp_path: Path):
    plugins.install("one", f"{TELLS}tell()\ntell('p 2', transcript='t.jsonl')\n{SITS_ON}")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    (note,) = notes(report)
    assert (note["setup"]["program"], note["usage"]["requests"]) == ("p 2", 1)
    assert (note["transcript"], note["ending"], note["failure"]) == ("t.jsonl", "", "")
    assert list(report.folder.glob("attempts/*/*/told.json")) == []


def test_a_failure_of_the_provider_is_played_again_and_never_a_zero(plugins: Any, tmp_path: Path):
    failing = f"{TELLS}tell(ending='provider' if len(seen) < 4 else '')\n" + (
        f"if len(seen) < 4: raise ValueError('529 overloaded')\n{SITS_ON}"
    )
    one = plugins.install("one", failing)
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert (report.played, report.broken, report.retried, len(one.seen)) == (1, 1, 1, 2)
    (note,) = notes(report)
    assert note["failure"] == "the provider failed: ValueError: 529 overloaded"
    (again,) = play(config(), plugins.hall, tmp_path / "runs")
    assert again.folder == report.folder
    assert (again.kept, again.played, again.broken, again.retried) == (0, 1, 0, 1)
    assert notes(again)[0]["failure"] == ""
    assert len(list(report.folder.glob("cut/*/*/attempt/played.json"))) == 3


def test_an_answer_stands_though_the_provider_failed_afterwards(plugins: Any, tmp_path: Path):
    plugins.install("one", f"{TELLS}{SITS_ON}\ntell(ending='provider')")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    (note,) = notes(report)
    assert (note["ending"], note["failure"], report.retried) == ("provider", "", 0)


def test_an_agent_that_another_hand_ended_is_played_again(plugins: Any, tmp_path: Path):
    plugins.install(
        "one",
        f"""{TELLS}
from runners._core import CutShortError
if len(seen) == 1:
    raise ExceptionGroup("of a task group", [CutShortError("killed by SIGKILL")])
{SITS_ON}""",
    )
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert (report.played, report.broken, report.retried) == (1, 0, 1)
    (cut,) = report.folder.glob("cut/*/*/attempt/played.json")
    assert "killed by SIGKILL" in json.loads(cut.read_text())["failure"]


def test_an_agent_out_of_time_is_ended_and_what_it_told_is_kept(
    plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import runners._sitting

    monkeypatch.setattr(runners._sitting, "GRACE_S", 0.3 - family(FAMILY).budget.wall_s)
    plugins.install("one", f"{TELLS}tell()\nimport anyio\nawait anyio.sleep_forever()")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    (note,) = notes(report)
    assert (note["ending"], note["failure"]) == ("timeout", "")
    assert "not done after 0.3 s" in note["error"]
    assert note["setup"]["program"] == "p 1"
    assert (report.failed, report.retried) == (1, 0)


@pytest.mark.parametrize(
    ("body", "ending"), [("raise ValueError('own')", "crash"), ("pass", ""), (None, "tools")]
)
def test_an_ending_is_noted_where_the_agent_tells_none(
    plugins: Any, tmp_path: Path, body: str | None, ending: str
):
    lists = "hall.list_tools(seat.ticket.attempt)"
    plugins.install("one", "pass" if body is None else f"{lists}\n{body}")
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    assert notes(report)[0]["ending"] == ending


def test_a_submitted_attempt_keeps_what_its_agent_told_though_the_runner_died(
    plugins: Any, tmp_path: Path
):
    plugins.install(
        "one",
        f"""{TELLS}tell()
await hall.submit(seat.ticket.attempt)
if len(seen) == 1:
    raise type('Killed', (BaseException,), {{}})""",
    )
    with pytest.raises(BaseExceptionGroup):
        play(config(n=2), plugins.hall, tmp_path / "runs", concurrent=1)
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs", concurrent=1)
    assert (report.kept, report.played) == (1, 1)
    assert [note["setup"]["program"] for note in notes(report)] == ["p 1", "p 1"]


def test_absent_agents_are_refused_by_name_or_left_out_and_pending(plugins: Any, tmp_path: Path):
    runs = tmp_path / "runs"
    plugins.install("one", SITS)
    for name in ("two", "three"):
        plugins.install(name, SITS, fields="missing=lambda: 'No key is set: set X_KEY.'")
    asked = config("one,two,three")
    with pytest.raises(UsageError, match=r"two and three cannot play here: No key.*--skip-missing"):
        play(asked, plugins.hall, runs)
    assert not runs.exists()
    skip = Terms(skip_missing=True)
    (report,) = play(asked, plugins.hall, runs, terms=skip)
    assert (report.agent, report.played) == ("one", 1)
    pending = runs / "pending.json"
    assert json.loads(pending.read_text()) == dict.fromkeys(
        ("two", "three"), "No key is set: set X_KEY."
    )
    pending.unlink()
    with pytest.raises(UsageError, match=r"Nobody is left to play.*set X_KEY"):
        play(config("two,three"), plugins.hall, runs, terms=skip)
    assert set(json.loads(pending.read_text())) == {"two", "three"}
    plugins.install("four", SITS)
    plugins.install("two", SITS)
    plugins.entries[:] = [e for e in plugins.entries if e.name != "two"] + plugins.entries[-1:]
    play(config("two,four"), plugins.hall, runs)
    assert list(json.loads(pending.read_text())) == ["three"]
    pending.write_text("[]")
    with pytest.raises(RecordError, match=r"pending\.json"):
        play(config("one"), plugins.hall, runs)


def test_what_differs_between_attempts_of_a_run_is_told(plugins: Any, tmp_path: Path):
    plugins.install("one", f"{TELLS}tell(f'claude 2.{{len(seen)}}')\n{SITS_ON}")
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    (told,) = report.warnings
    assert "different programs" in told
    assert "claude 2.1: 1" in told
    events = next(report.folder.glob("attempts/*1/*/events.jsonl"))
    events.write_text(events.read_text().replace("f" * 64, "e" * 64))
    next(report.folder.glob("attempts/*2/*/played.json")).unlink()
    next(report.folder.glob("attempts/*2/*/usage.json")).unlink()
    (again,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    assert any("offered different tools" in told and FAMILY in told for told in again.warnings)


def test_a_run_folder_of_another_schema_is_told_and_left_alone(plugins: Any, tmp_path: Path):
    plugins.install("one", SITS)
    (report,) = play(config(), plugins.hall, tmp_path / "runs")
    path = report.folder / "run.json"
    raw = {**json.loads(path.read_text()), "schema": 99, "later": True}
    path.write_text(json.dumps(raw))
    with pytest.raises(RecordError, match=r"cannot go on with.*99.*--runs"):
        play(config(), plugins.hall, tmp_path / "runs")
    assert json.loads(path.read_text()) == raw
    (other,) = play(config(seed=7), plugins.hall, tmp_path / "runs")
    assert other.played == 1


def test_several_parts_are_one_plan_without_doubles():
    part = Part(suite=FAMILY, seed=3, n=2)
    both = EvalConfig(
        suite="two", agents=("nop",), repeat=2, parts=(part, Part(suite=FAMILY, seed=4, n=2))
    )
    seeds = [sitting.instance.seed for sitting in sittings(both)]
    assert seeds == [3, 4, 5] * 2
