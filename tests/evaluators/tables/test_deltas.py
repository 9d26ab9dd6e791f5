"""Paired deltas: arithmetic by hand, Holm, and what cannot be paired."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.tables._deltas import Compared, compared, tells_apart
from evaluators.tables._quantities import QUANTITIES
from evaluators.tables._readings import read_runs
from tasks import UsageError

GAMES, AUCTIONS = "strategic/bayesian_games", "strategic/auctions"
T_2 = 4.302652729911275
"""Student's t of two degrees of freedom at 97.5 %, as in tables."""


def of(found: Compared, quantity: str, family: str = "", candidate: str = "new") -> Any:
    (row,) = (
        row
        for row in found.rows
        if (row.quantity, row.family, row.candidate) == (quantity, family, candidate)
    )
    return row.comparison


@pytest.fixture
def pair(synth: Any) -> list[Path]:
    """Three seeds, by hand: the new one is better by .1, 0 and .2, dearer and slower."""
    score, setup = synth.score, synth.setup()
    old = [
        score(1, 0.5, metrics={"posterior_tv_error": 0.5}),
        score(2, 0.6, metrics={"posterior_tv_error": 0.4}, safety=0.5),
        score(3, 0.7, metrics={"posterior_tv_error": 0.3}),
    ]
    new = [
        score(1, 0.6, metrics={"posterior_tv_error": 0.4}, usage={"wall_s": 3.0}),
        score(2, 0.6, metrics={"posterior_tv_error": 0.4}, usage={"wall_s": 4.0}),
        score(3, 0.9, usage={"wall_s": 5.0}, validity=0.0),
    ]
    return [
        synth.run("old", old, synth.played(setup)),
        synth.run("new", new, synth.played(setup, usage={"cost_usd": 1.0})),
    ]


def test_the_arithmetic_is_that_of_a_sheet_of_paper(pair: list[Path]):
    found = compared(read_runs(pair), "old")
    score = of(found, "score")
    assert (score.pairs, score.clusters) == (3, 3)
    assert (score.baseline, score.candidate) == (pytest.approx(0.6), pytest.approx(0.7))
    assert score.delta.value == pytest.approx(0.1)
    half = T_2 * 0.1 / math.sqrt(3)
    assert score.delta.low == pytest.approx(0.1 - half)
    assert score.delta.high == pytest.approx(0.1 + half)
    # Of the eight patterns of signs of (.1, 0, .2) four have a sum as far from 0 as .3 is.
    assert score.p == pytest.approx(0.5)
    assert of(found, "normalised").delta.value == pytest.approx(0.1 / 0.5)
    # The third has no posterior error in the new run: two pairs are left.
    posterior = of(found, "posterior_error")
    assert (posterior.pairs, posterior.delta.value) == (2, pytest.approx(-0.05))
    assert of(found, "validity").delta.value == pytest.approx(-1 / 3)
    assert of(found, "parse_failure").delta.value == pytest.approx(1 / 3)
    assert of(found, "risk_violation").delta.value == pytest.approx(-1 / 3)
    assert of(found, "latency_ms").delta.value == pytest.approx(2000.0)
    assert of(found, "cost_usd").delta.value == pytest.approx(0.75)
    assert {row.quantity for row in found.rows} == {*QUANTITIES} - {"regret"}


def test_every_pair_is_told_with_both_notebooks(pair: list[Path]):
    found = compared(read_runs(pair), "old")
    assert [(one.seed, one.n, one.score) for one in found.pairs] == [
        (1, 1, pytest.approx(0.1)),
        (2, 1, pytest.approx(0.0)),
        (3, 1, pytest.approx(0.2)),
    ]
    assert found.pairs[2].posterior_error is None
    assert found.pairs[0].regret is None
    assert Path(found.pairs[0].baseline_notebook).parent.parent == pair[0]
    assert Path(found.pairs[0].candidate_notebook).parent.parent == pair[1]


def test_an_episodes_regret_is_a_share_of_its_scale(synth: Any):
    score = synth.score
    old = synth.run(
        "old", [score(k, 0.5, metrics={"regret": 2.0, "regret_scale": 4.0}) for k in (1, 2)]
    )
    new = synth.run(
        "new", [score(k, 0.5, metrics={"regret": 1.0, "regret_scale": 4.0}) for k in (1, 2)]
    )
    found = of(compared(read_runs([old, new]), "old"), "regret")
    assert (found.baseline, found.candidate) == (0.5, 0.25)


def test_each_family_has_its_own_scale_and_row(synth: Any):
    score = synth.score
    old = synth.run("old", [score(1, 0.5), score(1, 0.2, family=AUCTIONS)])
    new = synth.run("new", [score(1, 0.6), score(1, 0.7, family=AUCTIONS)])
    found = compared(read_runs([old, new]), "old")
    assert of(found, "normalised", GAMES).delta.value == pytest.approx(0.2)
    assert of(found, "normalised", AUCTIONS).delta.value == pytest.approx(1.0)
    assert of(found, "normalised").delta.value == pytest.approx(0.6)
    # One seed is one draw: neither an interval nor a test.
    assert of(found, "score").delta.low is None
    assert of(found, "score").p is None


def test_holm_corrects_over_all_rows_that_stand_side_by_side(synth: Any):
    rng = random.Random(3)
    base = [rng.uniform(0.2, 0.5) for _ in range(12)]
    runs = [
        synth.model("old", base),
        synth.model("new", [one + rng.uniform(0.0, 0.2) for one in base]),
        synth.model("other", [one + rng.uniform(-0.1, 0.2) for one in base]),
    ]
    found = compared(read_runs(runs), "old")
    for whole in (True, False):
        rows = [row.comparison for row in found.rows if (row.family == "") is whole]
        tested = sorted((one.p, one.p_holm) for one in rows if one.p is not None)
        assert len(tested) == len(rows)
        worst = 0.0
        for k, (p, adjusted) in enumerate(tested):
            worst = max(worst, min(1.0, (len(tested) - k) * p))
            assert adjusted == pytest.approx(worst)
    assert of(found, "score").p_holm < 0.05


def test_repeats_are_paired_in_their_order_through_several_runs(synth: Any):
    score = synth.score
    first = synth.run("old", [score(1, 0.1), score(1, 0.2, n=2)])
    second = synth.run("old", [score(1, 0.3)])
    new = synth.run("new", [score(1, value, n=n) for n, value in enumerate((0.2, 0.4, 0.6), 1)])
    found = compared(read_runs([new, second, first]), "old")
    assert [one.score for one in found.pairs] == pytest.approx([0.1, 0.2, 0.3])
    # Three repeats of one instance are one cluster.
    assert (of(found, "score").pairs, of(found, "score").clusters) == (3, 1)


def test_agents_that_did_not_play_the_same_are_refused_by_name(synth: Any):
    score = synth.score
    old = synth.run("old", [score(1, 0.5), score(2, 0.5), score(2, 0.5, n=2)])
    new = synth.run("new", [score(1, 0.5), score(3, 0.5)])
    with pytest.raises(UsageError) as refused:
        compared(read_runs([old, new]), "old")
    told = str(refused.value)
    assert f"new has not played {GAMES}@1:easy:private:2 (2 times)" in told
    assert f"old has not played {GAMES}@1:easy:private:3" in told
    assert "--common" in told
    found = compared(read_runs([old, new]), "old", common=True)
    assert (len(found.pairs), found.unshared) == (1, {"new": 3})


def test_many_missing_instances_are_counted_not_listed(synth: Any):
    old = synth.model("old", [0.5] * 20)
    new = synth.model("new", [0.5] * 2)
    with pytest.raises(UsageError, match="and 13 more"):
        compared(read_runs([old, new]), "old")


def test_attempts_set_aside_drop_their_pair_and_are_told(synth: Any):
    score = synth.score
    old = synth.run("old", [score(1, 0.5), score(2, 0.5)])
    new = synth.run("new", [score(1, 0.6), score(2, None, status="invalid", note="never seen")])
    found = compared(read_runs([old, new]), "old")
    assert (len(found.pairs), found.dropped) == (1, {"new": 1})
    assert (
        "1 pairs with new are left out"
        in synth.call("compare", old, new, "--baseline", "old").stderr
    )


def test_a_wrong_baseline_is_told_with_the_nearest(synth: Any, pair: list[Path]):
    error = synth.call("compare", *pair, "--baseline", "olld").exception
    assert isinstance(error, UsageError)
    assert "Did you mean old" in str(error)
    alone = synth.call("compare", pair[0], "--baseline", "old").exception
    assert isinstance(alone, UsageError)
    assert "at least one other" in str(alone)


def test_the_baseline_may_be_named_by_the_runs_own_file(synth: Any, tmp_path: Path):
    asked = {"labels": {"baseline_agent": "old", "track": "strict-512"}}
    old = synth.run("old", [synth.score(1, 0.5)], asked=asked)
    setup = synth.setup(settings={"max_tokens": 900})
    new = synth.run("new", [synth.score(1, 0.6)], synth.played(setup), asked=asked)
    said = json.loads(synth.call("compare", old, new, "--json").stdout)
    assert said["baseline"] == "old"
    assert any("names the track strict-512" in note for note in said["caveats"])
    synth.call("report", old, new, "--out", tmp_path / "both")
    assert (tmp_path / "both" / "comparison_report.md").exists()
    assert synth.call("report", new, "--out", tmp_path / "one").exit_code == 0
    assert not (tmp_path / "one" / "comparison_report.md").exists()


def test_without_a_baseline_there_is_no_comparison(synth: Any, pair: list[Path]):
    error = synth.call("compare", *pair).exception
    assert isinstance(error, UsageError)
    assert "--baseline AGENT" in str(error)


def test_the_command_says_and_saves_the_same(synth: Any, pair: list[Path], tmp_path: Path):
    out = tmp_path / "out"
    said = json.loads(
        synth.call("compare", *pair, "--baseline", "old", "--out", out, "--json").stdout
    )
    saved = json.loads((out / "comparison_summary.json").read_text())
    assert [row["comparison"] for row in saved["rows"]] == [r["comparison"] for r in said["rows"]]
    lines = [json.loads(line) for line in (out / "paired_results.jsonl").read_text().splitlines()]
    assert [line["score"] for line in lines] == pytest.approx([0.1, 0.0, 0.2])
    page = (out / "comparison_report.md").read_text()
    assert "(#pairs-1)" in page
    assert "### Pairs 1\n" in page
    shown = synth.call("compare", *pair, "--baseline", "old")
    assert "+0.100 [-0.148, +0.348]" in shown.stdout
    assert "not told apart" in shown.stdout


@settings(max_examples=6)
@given(
    st.permutations(range(2)),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
)
def test_the_delta_of_means_is_the_mean_of_deltas(
    shared_synth: Any, order: list[int], values: list[tuple[float, float]]
):
    found = _compared(shared_synth.sat, values, order)
    one = of(found, "score")
    assert one.delta.value == pytest.approx(one.candidate - one.baseline, abs=1e-9)
    assert one.candidate == pytest.approx(math.fsum(b for _, b in values) / len(values))


def _compared(sat: Any, values: list[tuple[float, float]], order: list[int]) -> Compared:
    from evaluators.tables._readings import Reading, Readings
    from tasks._record import Run

    empty = {"metrics": {"families": {}}}
    runs = [
        Reading(
            Path(agent),
            Run(suite="s", agent=agent, created=""),
            empty,
            tuple(sat(agent, k, pair[at]) for k, pair in enumerate(values)),
            (),
            (),
        )
        for at, agent in enumerate(("old", "new"))
    ]
    return compared(Readings(tuple(runs[at] for at in order), {}, ()), "old")


def test_an_interval_of_no_width_is_believed_only_with_enough_seeds(synth: Any):
    few = [synth.model("old", [0.5] * 3), synth.model("new", [0.75] * 3)]
    found = of(compared(read_runs(few), "old"), "score")
    assert (found.delta.low, found.delta.high) == (0.25, 0.25)
    assert not tells_apart(found)
    many = [synth.model("older", [0.5] * 8), synth.model("new", [0.75] * 8)]
    assert tells_apart(of(compared(read_runs(many), "older"), "score"))
