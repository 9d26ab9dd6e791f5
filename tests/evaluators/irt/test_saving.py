"""A fit as files: exact both ways for every model; a broken file is told, not guessed at."""

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._model import MODELS
from evaluators.irt._responses import Covariates, table_of
from evaluators.irt._saving import read_fit, write_fit
from evaluators.irt._simulation import simulate
from tasks import RecordError


def same(one: Any, other: Any) -> bool:
    """Equal to the last bit, NaN to NaN."""
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, part.name), getattr(other, part.name))
            for part in dataclasses.fields(one)
        )
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one is other or one == other


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return fit(simulate("2pl", 40, 12, seed=3).table, "2pl")


UNIDIMENSIONAL = [name for name in MODELS.names() if not MODELS.find(name).vector]


@pytest.mark.parametrize("name", UNIDIMENSIONAL)
def test_every_model_reads_back_exactly(tmp_path: Path, name: str):
    model = MODELS.find(name)
    counts = "counts" in model.scores and "binary" not in model.scores
    drawn = simulate(model, 40, 8, seed=2, trials=4 if counts else 1).table
    known = Covariates({}, {"length": np.arange(8.0) % 5})
    table = dataclasses.replace(drawn, of_items=known)
    found = fit(table, model)
    write_fit(found, tmp_path / "out", table=table)
    assert same(read_fit(tmp_path / "out"), found)


def test_vector_abilities_have_a_column_for_each(tmp_path: Path):
    vector = [name for name in MODELS.names() if MODELS.find(name).vector]
    assert "multidimensional" in vector
    rng = np.random.default_rng(4)
    theta, slopes = rng.standard_normal((40, 2)), rng.lognormal(0, 0.3, (8, 2))
    slopes[:4, 1], slopes[4:, 0] = 0.0, 0.0
    chance = 1 / (1 + np.exp(-theta @ slopes.T))
    table = table_of(
        [f"a{k:02}" for k in range(40)],
        [f"i{k:02}" for k in range(8)],
        (rng.random(chance.shape) < chance).astype(float),
    )
    found = fit(table, "multidimensional", options=FitOptions(max_iterations=3))
    assert found.abilities.theta.ndim == 2
    write_fit(found, tmp_path / "out", table=table)
    assert same(read_fit(tmp_path / "out"), found)
    (first, *_) = rows(tmp_path / "out" / "agents.csv")
    names = [name for name in first if name.startswith("theta")]
    assert len(names) == found.abilities.theta.shape[1]
    assert float(first[names[1]]) == pytest.approx(found.abilities.theta[0, 1], rel=1e-5)


def test_the_tables_hold_estimates_errors_and_counts(tmp_path: Path):
    truth = simulate("2pl", 40, 12, seed=3, observed=0.5)
    found = fit(truth.table, "2pl")
    files = write_fit(found, tmp_path / "deep" / "out", table=truth.table)
    assert [path.name for path in files] == ["agents.csv", "items.csv", "fit.json"]
    agents, items = rows(files[0]), rows(files[1])
    assert list(agents[0]) == ["agent", "theta", "se", "low", "high", "n", "trials", "mean"]
    assert list(items[0]) == ["item", "a", "b", "se_a", "se_b", "n", "trials", "mean"]
    assert [row["agent"] for row in agents] == list(found.abilities.agents)
    for k, row in enumerate(items):
        for name in ("a", "b"):
            assert float(row[name]) == pytest.approx(found.bank.parameters[name][k], rel=1e-5)
            error = found.bank.standard_errors[name][k]
            assert float(row[f"se_{name}"]) == pytest.approx(error, rel=1e-5)
        scores = truth.table.cells.wide()[:, k]
        assert int(row["n"]) == np.sum(~np.isnan(scores))
        assert float(row["mean"]) == pytest.approx(np.nanmean(scores), rel=1e-5)


def test_without_responses_there_are_no_counts(tmp_path: Path, fitted: Fit):
    write_fit(fitted, tmp_path)
    assert list(rows(tmp_path / "agents.csv")[0]) == ["agent", "theta", "se", "low", "high"]


def test_what_was_asked_stands_in_the_file_and_the_file_alone_is_enough(
    tmp_path: Path, fitted: Fit
):
    write_fit(fitted, tmp_path, asked={"data": ["scores.csv"], "score": "passed"})
    saved = json.loads((tmp_path / "fit.json").read_text())
    assert saved["asked"] == {"data": ["scores.csv"], "score": "passed"}
    assert saved["versions"]["numpy"] == np.__version__
    for name in ("agents.csv", "items.csv"):
        (tmp_path / name).unlink()
    assert same(read_fit(tmp_path / "fit.json"), fitted)


def test_infinite_and_unknown_numbers_read_back(tmp_path: Path, fitted: Fit):
    theta = fitted.abilities.theta.copy()
    theta[:3] = np.nan, np.inf, -np.inf
    odd = dataclasses.replace(
        fitted,
        abilities=dataclasses.replace(fitted.abilities, theta=theta),
        log_likelihood=float("nan"),
    )
    write_fit(odd, tmp_path)
    again = read_fit(tmp_path)
    assert np.array_equal(again.abilities.theta, theta, equal_nan=True)
    assert np.isnan(again.log_likelihood)


def test_a_fit_that_is_not_there_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(RecordError, match="proctor irt fit"):
        read_fit(tmp_path / "nowhere")


DAMAGE: list[tuple[Callable[[str], str], str]] = [
    (lambda text: text[: len(text) // 2], "not a fit that this Proctor wrote"),
    (lambda _: "{}", "the first at"),
    (lambda _: "[1, 2]", "not a fit"),
    (lambda text: text.replace('"schema": 1', '"schema": 9'), "schema"),
    (lambda text: text.replace('"model": "2pl"', '"model": "5pl"'), "5pl"),
    (lambda text: text.replace('"item-03"', '"item-3", "item-4"'), "12 rows|13 rows"),
    (lambda text: text.replace('"levels"', '"heights"'), "Layout has no 'heights'"),
    (lambda text: text.replace('"x": [', '"x": ["one",'), "`x`"),
]


@pytest.mark.parametrize(("change", "words"), DAMAGE)
def test_a_damaged_or_foreign_file_is_refused(
    tmp_path: Path, fitted: Fit, change: Callable[[str], str], words: str
):
    write_fit(fitted, tmp_path)
    path = tmp_path / "fit.json"
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    with pytest.raises(RecordError, match=words):
        read_fit(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, fitted: Fit):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RecordError, match="cannot be written"):
        write_fit(fitted, tmp_path / "taken")
