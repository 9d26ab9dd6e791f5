"""`proctor stats`: what it says of scored runs, what it takes, what it refuses."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from evaluators import Score
from evaluators._stats_cli import app
from tasks import RecordError, UsageError
from tasks._record import Run, RunFolder, dump

HARD = "strategic/auctions"


def invoke(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["stats", *map(str, words)], env={"COLUMNS": "200"})


def said(*words: str | Path) -> Any:
    done = invoke(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def write(folder: Path, agent: str, scores: Sequence[Score]) -> Path:
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    run.write(Run(suite="strategic", agent=agent, created="2026-01-01T00:00:00Z"))
    (folder / "results").mkdir()
    (folder / "results" / "scores.json").write_bytes(
        dump({"schema": 1, "scores": [score.model_dump(mode="json") for score in scores]})
    )
    (folder / "results" / "summary.json").write_bytes(dump({"schema": 1}))
    return folder


def played(make_score: Any, shift: float, seed: int) -> list[Score]:
    """Two families, 15 instances each, two repeats; abilities around .5 + shift."""
    rng = np.random.default_rng(1)
    own = np.random.default_rng(seed)
    scores: list[Score] = []
    for family in ("strategic/bayesian_games", HARD):
        for instance in range(15):
            level = rng.uniform(0.2, 0.7)
            for n in (1, 2):
                ability = float(np.clip(level + shift + 0.02 * own.standard_normal(), 0, 1))
                facts = {"family": family, "n": n, "passed": ability > 0.5}
                scores.append(make_score(instance, ability, **facts))
    return scores


@pytest.fixture
def runs(tmp_path: Path, make_score: Any) -> tuple[Path, Path, Path]:
    return (
        write(tmp_path / "base", "plain", played(make_score, 0.0, 2)),
        write(tmp_path / "better", "careful", played(make_score, 0.05, 3)),
        write(tmp_path / "same", "other", played(make_score, 0.0, 4)),
    )


def test_a_run_is_summed_up_with_intervals(runs: tuple[Path, Path, Path]):
    found = said("summary", runs[0])
    assert (found["suite"], found["agent"], found["n"], found["seeds"]) == (
        "strategic",
        "plain",
        60,
        15,
    )
    for name in ("hierarchical", "stratified", "macro"):
        one = found[name]
        assert one["low"] < one["value"] < one["high"]
    assert [part["family"] for part in found["groups"]] == [HARD, "strategic/bayesian_games"]
    for part in found["groups"]:
        assert (part["n"], part["instances"]) == (30, 15)
        assert part["mean"]["low"] < part["mean"]["value"] < part["mean"]["high"]
        assert part["mean"]["method"] == "cluster bootstrap, bca"
        assert part["t_interval"][0] < part["mean"]["value"] < part["t_interval"][1]
        assert part["clopper_pearson"][0] < part["wilson"][0] < part["pass_rate"]
        assert set(part["pass_hat"]) == {"1", "2"}
        assert part["pass_hat"]["1"]["value"] == pytest.approx(part["pass_rate"])
        assert part["pass_hat"]["2"]["value"] <= part["pass_rate"] <= part["pass_at"]["2"]
        assert part["variance"]["between"] > 10 * part["variance"]["within"]


def test_runs_are_compared_family_by_family(runs: tuple[Path, Path, Path]):
    found = said("compare", *runs)
    assert found["baseline"] == "plain"
    named = {(row["candidate"], row["family"]): row["comparison"] for row in found["rows"]}
    assert len(named) == 6
    for family in ("", HARD, "strategic/bayesian_games"):
        better, same = named["careful", family], named["other", family]
        assert better["paired"]
        assert better["pairs"] == (60 if not family else 30)
        assert better["delta"]["low"] > 0.02
        assert better["p"] < 0.001
        assert same["delta"]["low"] < 0 < same["delta"]["high"]
        if family:
            assert better["p"] <= better["p_holm"] < 0.01
            assert better["clusters"] == 15
        else:
            assert better["p_holm"] is None


def test_pass_rates_can_be_compared_in_their_place(runs: tuple[Path, Path, Path]):
    rows = said("compare", runs[0], runs[1], "--passed")["rows"]
    assert all(row["comparison"]["delta"]["value"] >= 0 for row in rows)
    assert rows[0]["comparison"]["baseline"] * 30 == pytest.approx(
        round(rows[0]["comparison"]["baseline"] * 30)
    )


def test_two_runs_of_one_agent_are_told_apart(runs: tuple[Path, Path, Path], make_score: Any):
    again = write(runs[0].parent / "again", "careful", played(make_score, 0.1, 5))
    rows = said("compare", runs[0], runs[1], again)["rows"]
    assert len({row["candidate"] for row in rows}) == 2


def test_people_read_tables(runs: tuple[Path, Path, Path]):
    shown = invoke("summary", runs[0]).output
    assert "pass^k" in shown
    assert "hierarchical" in shown
    shown = invoke("compare", runs[0].name, runs[1].name, "--runs", runs[0].parent).output
    assert "careful" in shown
    assert "p (Holm)" in shown


def test_the_same_seed_gives_the_same_numbers(runs: tuple[Path, Path, Path]):
    assert said("summary", runs[0]) == said("summary", runs[0])
    assert said("summary", runs[0], "--seed", "3") != said("summary", runs[0])


def test_power_before_a_run():
    found = said("power", "--n", "34", "--effect", "0.5", "--sd", "1", "--correlation", "0.5")
    assert found["required_n"] == 34
    assert 0.8 <= found["power"] < 0.81
    assert found["minimal_effect"] == pytest.approx(0.495, abs=0.005)
    assert "power 0.8" in invoke("power", "--n", "120").output
    clustered = said("power", "--n", "120", "--per-cluster", "4", "--icc", "0.5")
    assert clustered["design_effect"] == 2.5
    assert clustered["minimal_effect"] > said("power", "--n", "120")["minimal_effect"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("power",), "--effect"),
        (("power", "--n", "9", "--sd", "0"), "--sd: Input should be greater than 0"),
        (("power", "--n", "9", "--per-cluster", "8"), "two at least"),
        (("compare", "one"), "at least one more"),
        (("summary", "nowhere"), "No run 'nowhere'"),
    ],
)
def test_wrong_usage_says_what_to_do(words: tuple[str, ...], says: str):
    fault = invoke(*words).exception
    assert isinstance(fault, UsageError)
    assert says in str(fault)


def test_runs_with_nothing_in_common_or_without_scores_are_refused(
    runs: tuple[Path, Path, Path], make_score: Any
):
    apart = write(
        runs[0].parent / "apart", "x", [make_score(1, 0.5, family="strategic/hidden_regimes")]
    )
    fault = invoke("compare", runs[0], apart).exception
    assert isinstance(fault, UsageError)
    assert "hidden_regimes:easy against" in str(fault)
    empty = write(runs[0].parent / "empty", "x", [make_score(1, None, status="error")])
    fault = invoke("summary", empty).exception
    assert isinstance(fault, UsageError)
    assert "no measured attempt" in str(fault)
    (runs[2] / "results" / "scores.json").unlink()
    assert isinstance(invoke("summary", runs[2]).exception, RecordError)


@pytest.mark.parametrize("verb", ["power", "compare", "summary"])
def test_help_has_examples(verb: str):
    assert f"proctor stats {verb}" in invoke(verb, "--help").output
