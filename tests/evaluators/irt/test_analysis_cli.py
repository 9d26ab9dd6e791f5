"""`proctor irt dif|odd|reliability|dependence|explain|heldout`, through the front door."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import proctor
from evaluators.irt import simulate
from evaluators.irt._responses import Floats

AGENTS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Responses with an item that shuns one group, an odd agent, twins, and what explains."""
    folder = tmp_path_factory.mktemp("responses")
    rng = np.random.default_rng(3)
    drawn = simulate("2pl", AGENTS, ITEMS, seed=9)
    wide: Floats = drawn.table.cells.wide()
    old = np.arange(AGENTS) % 2 == 0
    wide[old, 0], wide[~old, 0] = rng.random(old.sum()) < 0.2, rng.random((~old).sum()) < 0.8
    wide[7] = 1.0 - wide[7]
    wide[:, 5] = np.where(rng.random(AGENTS) < 0.95, wide[:, 4], 1.0 - wide[:, 4])
    b = drawn.bank.parameters["b"]
    return {
        "scores": _written(
            folder / "scores.csv",
            ["agent", "item", "score"],
            [(f"a{i:02d}", f"i{j:02d}", int(score)) for (i, j), score in np.ndenumerate(wide)],
        ),
        "agents": _written(
            folder / "agents.csv",
            ["agent", "llm", "scaffold", "date"],
            [
                (f"a{i:02d}", f"llm {i % 5}", f"s{i % 3}", "20240101" if old[i] else "20250601")
                for i in range(AGENTS)
            ],
        ),
        "items": _written(
            folder / "features.csv",
            ["item", "steps", "noise"],
            [(f"i{j:02d}", b[j] + rng.normal(0, 0.3), rng.normal()) for j in range(ITEMS)],
        ),
    }  # fmt: skip


def _written(path: Path, header: list[str], rows: list[Any]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def told(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """What a command prints with --json."""
    with pytest.raises(SystemExit) as end:
        proctor.main(["irt", *map(str, words), "--json"])
    assert not end.value.code
    return json.loads(capsys.readouterr().out)


def test_dif_names_the_item_that_shuns_a_group(files: dict[str, Path], capsys: Any):
    words = (
        "dif",
        files["scores"],
        "--agents",
        files["agents"],
        "--by",
        "date",
        "--cut",
        "20250101",
    )
    found = told(capsys, *words)
    assert found["focal"] == "from 20250101"
    assert found["items"][0]["item"] == "i00"
    assert found["items"][0]["class"] == "C"
    assert found["items"][0]["q"] < 0.01


def test_odd_names_the_agent_who_answers_upside_down(files: dict[str, Path], capsys: Any):
    assert told(capsys, "odd", files["scores"])["agents"][0]["agent"] == "a07"


def test_dependence_finds_the_twins(files: dict[str, Path], capsys: Any):
    found = told(capsys, "dependence", files["scores"])
    assert {"i04", "i05"} <= set(found["pairs"][0].values())


def test_reliability_says_what_an_error_takes(files: dict[str, Path], capsys: Any):
    loose = told(capsys, "reliability", files["scores"], "--se", 0.05)["decision"]["best"]["items"]
    tight = told(capsys, "reliability", files["scores"], "--se", 0.025)["decision"]["best"]["items"]
    assert tight == pytest.approx(4 * loose, rel=0.05)


def test_explain_tells_the_feature_that_matters(files: dict[str, Path], capsys: Any):
    sides = ("--items", files["items"], "--agents", files["agents"])
    found = told(capsys, "explain", files["scores"], *sides)
    assert found["items"]["coefficients"][0]["name"] == "steps"
    assert [part["label"] for part in found["agents"]["parts"]] == ["llm", "scaffold"]


def test_heldout_puts_predictors_side_by_side(files: dict[str, Path], capsys: Any):
    words = ("heldout", files["scores"], "--items", files["items"], "--seeds", 1, "--folds", 3)
    rows = told(capsys, *words, "--predictors", "agent_mean,explanatory")["rows"]
    assert rows[0]["predictor"] == "agent_mean"
    assert rows[1]["auc"] > rows[0]["auc"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dif", "--by", "colour"), "Nothing called 'colour'"),
        (("heldout", "--hold", "pages"), "takes items, agents, cells"),
        (("heldout", "--predictors", "oracle"), "No predictor is called 'oracle'"),
        (("explain",), "Nothing is known of items or agents"),
        (("reliability", "--se", "-1"), "above 0"),
    ],
)
def test_bad_words_are_answered(
    files: dict[str, Path], capsys: Any, words: tuple[str, ...], message: str
):
    with pytest.raises(SystemExit) as end:
        proctor.main(["irt", words[0], str(files["scores"]), *words[1:]])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("verb", ["dif", "odd", "reliability", "dependence", "explain", "heldout"])
def test_people_get_a_table(files: dict[str, Path], capsys: Any, verb: str):
    extra = {
        "dif": ["--agents", str(files["agents"]), "--by", "scaffold", "--focal", "s1"],
        "explain": ["--items", str(files["items"]), "--agents", str(files["agents"])],
        "heldout": ["--seeds", "1", "--folds", "2"],
    }
    with pytest.raises(SystemExit) as end:
        proctor.main(["irt", verb, str(files["scores"]), *extra.get(verb, [])])
    assert not end.value.code
    assert "┃" in capsys.readouterr().out
