"""Response tables from scored run folders: who counts, what is left out and said."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators import Score, score_run
from evaluators.irt._fitting import fit
from evaluators.irt._reading import read_responses
from evaluators.irt._saving import read_fit
from proctor import main
from tasks import JSON, InstanceId, RecordError, Stamp, UsageError, family
from tasks._record import PLAYED_FILE, AgentSetup, Played, Run, RunFolder, dump

GAMES, AUCTIONS = "strategic/bayesian_games", "strategic/auctions"

Write = Callable[..., Path]


def score(seed: int, ability: float | None = 1.0, **facts: Any) -> Score:
    name, preset = facts.pop("family", GAMES), facts.pop("preset", "easy")
    tail = f"::{facts.pop('variant')}" if "variant" in facts else ""
    return Score.model_validate(
        {
            "attempt": f"a{seed}",
            "instance": f"{name}@1:{preset}:private:{seed}{tail}",
            "family": name,
            "preset": preset,
            "agent": "tester",
            "n": 1,
            "stamp": Stamp.EXAM,
            "sandbox": "zygote",
            "status": "scored",
            "validity": 1.0,
            "ability": ability,
            "passed": bool(ability and ability > 0.9),
            **facts,
        },
        strict=False,
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a scored run by hand, as scorer and runner leave it."""

    def run(
        agent: str, scores: list[Score], setup: dict[str, JSON] | None = None, **facts: Any
    ) -> Path:
        number = len([*tmp_path.glob("runs/*")])
        folder = RunFolder(tmp_path / "runs" / f"{number:02d}_{agent}")
        folder.path.mkdir(parents=True)
        created = f"2026-0{number + 1}-01T00:00:00Z"
        folder.write(Run(suite="s", agent=agent, created=created, **facts))
        named = [one.model_copy(update={"agent": agent}) for one in scores]
        for one in named if setup is not None else []:
            place = folder.attempt(InstanceId.parse(one.instance).slug, one.n).path
            place.mkdir(parents=True)
            note = Played(tools_listed=True, wall_s=1.0, setup=AgentSetup.model_validate(setup))
            (place / PLAYED_FILE).write_bytes(dump(note.model_dump(mode="json")))
        results = folder.path / "results"
        results.mkdir()
        listed = [one.model_dump(mode="json") for one in named]
        (results / "scores.json").write_bytes(dump({"schema": 1, "scores": listed}))
        (results / "summary.json").write_bytes(dump({"open": []}))
        return folder.path

    return run


def test_agents_instances_and_attempts_become_a_table(write: Write):
    one = write("solver", [score(1), score(2), score(2, 0.2, n=2)])
    two = write("random", [score(1, 0.1), score(2, 0.95)])
    table = read_responses(one, two)
    assert table.agents == ("random", "solver")
    assert table.items == (f"{GAMES}@1:easy:private:1", f"{GAMES}@1:easy:private:2")
    assert table.cells.total.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert table.cells.trials.tolist() == [1.0, 1.0, 1.0, 2.0]
    assert table.kind == "counts"
    assert table.dropped == ()
    graded = read_responses(one, two, score="ability")
    assert graded.cells.mean.tolist() == pytest.approx([0.1, 0.95, 1.0, 0.6])
    assert np.array_equal(read_responses(two.parent).score, table.score)


def test_what_was_not_measured_is_left_out_and_counted_never_a_zero(write: Write):
    path = write(
        "tester",
        [
            score(1),
            score(2, 0.3),
            score(3, None, status="error", validity=0.0),
            score(4, None, status="invalid", validity=0.0),
            score(5, None, status="invalid", validity=0.0),
            score(1, 0.0, variant="renamed"),
        ],
        planned=9,
    )
    other = write("other", [score(1, 0.0)])
    table = read_responses(path, other)
    assert len(table.score) == 3
    for rows, words in ((2, "invalid"), (1, "could not be scored"), (1, "variants")):
        assert [one.rows for one in table.dropped if words in one.reason] == [rows]
    assert [one.rows for one in table.dropped if "not played" in one.reason] == [3]


def test_a_later_run_counts_on_where_the_first_ended(write: Write):
    write("a", [score(1, 1.0), score(1, 0.0, n=2)])
    write("a", [score(1, 1.0), score(2, 0.0)])
    runs = write("b", [score(1, 0.0), score(2, 1.0)]).parent
    table = read_responses(runs)
    assert table.trial.tolist() == [1, 2, 3, 1, 1, 1]
    assert table.cells.total.tolist() == [2.0, 0.0, 0.0, 1.0]


def test_covariates_come_from_notes_and_presets(write: Write):
    easy, hard = list(family(AUCTIONS).presets)[:2]
    scores = [score(1), score(2, 0.1, family=AUCTIONS, preset=easy)]
    write("cli", scores, {"kind": "cli", "mode": "cli", "model": "m-1", "program": "claude 2.1"})
    write("api", scores, {"kind": "api", "mode": "reflective", "model": "m-2"})
    runs = write("plain", [score(3, 0.5, family=AUCTIONS, preset=hard)]).parent
    table = read_responses(runs)
    assert table.agents == ("api", "cli", "plain")
    assert table.of_agents.labels == {
        "llm": ("m-2", "m-1", ""),
        "scaffold": ("reflective", "claude", ""),
        "date": ("20260201", "20260101", "20260301"),
    }
    assert table.of_items.labels["family"] == (AUCTIONS, AUCTIONS, GAMES)
    places = {preset: table.of_items.labels["preset"].index(preset) for preset in (easy, hard)}
    stated = family(AUCTIONS).presets
    numbers = {
        name: value
        for name, value in stated[hard].model_dump().items()
        if isinstance(value, int | float)
    }
    assert numbers
    for name in numbers:
        for preset, place in places.items():
            assert table.of_items.numbers[name][place] == getattr(stated[preset], name)


def test_an_agent_with_two_models_is_two_agents(write: Write):
    write("a", [score(1)], {"kind": "api", "mode": "direct", "model": "m-1"})
    runs = write("a", [score(2)], {"kind": "api", "mode": "direct", "model": "m-2"}).parent
    with pytest.raises(UsageError, match=r"'a' was played with several models: m-1, m-2"):
        read_responses(runs)


def test_an_instance_of_a_family_that_is_gone_has_no_parameters(write: Write):
    gone = score(1, family="strategic/retired")
    runs = write("a", [gone, score(2)]).parent
    table = read_responses(runs)
    assert table.of_items.labels["family"] == (GAMES, "strategic/retired")
    assert all(np.isnan(values[1]) for values in table.of_items.numbers.values())


def test_runs_and_files_make_one_table(write: Write, tmp_path: Path):
    run = write("solver", [score(1), score(2)])
    more = tmp_path / "more.csv"
    more.write_text(f"agent,item,score\nhuman,{GAMES}@1:easy:private:1,0\n")
    table = read_responses(run, more)
    assert table.agents == ("human", "solver")
    assert table.cells.size == 3


def test_what_holds_no_scores_is_refused(write: Write, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="run folder"):
        read_responses(empty)
    good = write("a", [score(1)])
    with pytest.raises(UsageError, match=r"No run folder.*empty"):
        read_responses(good, empty)
    bad = write("b", [score(1, None, status="error", validity=0.0)])
    with pytest.raises(UsageError, match=r"None of the 1 attempts was measured\. 1: "):
        read_responses(bad)
    (bad / "results" / "scores.json").unlink()
    with pytest.raises(RecordError, match="proctor score"):
        read_responses(bad)
    with pytest.raises(UsageError, match="`passed` or `ability`"):
        read_responses(good, score="safety")


def test_scored_attempts_are_fitted_through_the_front_door(
    rig: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Real attempts, scored by the scorer: the oracle passes, who says nothing does not."""
    for seed in (1, 2, 3):
        script = rig.script(seed=seed)
        script.answer = rig.oracle(script)
        rig.play(script)
    score_run(rig.run.path)
    asked = Run(suite="strategic", agent="silent", created="2026-01-02T00:00:00.000Z")
    silent = RunFolder.create(tmp_path / "runs", asked, datetime(2026, 1, 2, tzinfo=UTC))
    rig.run = silent
    for seed in (1, 2, 3):
        rig.play(rig.script(seed=seed, agent="silent"))
    score_run(silent.path)
    table = read_responses(tmp_path / "runs")
    assert table.agents == ("silent", "tester")
    assert table.cells.wide().tolist() == [[0.0] * 3, [1.0] * 3]
    with pytest.raises(SystemExit) as ended:
        main(["irt", "fit", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--no-picture"])
    assert not ended.value.code
    assert "agents, ablest first" in capsys.readouterr().out
    found = read_fit(tmp_path / "out")
    theta = dict(zip(found.abilities.agents, found.abilities.theta, strict=True))
    assert theta["tester"] > theta["silent"]
    assert np.array_equal(found.abilities.theta, fit(table).abilities.theta)
