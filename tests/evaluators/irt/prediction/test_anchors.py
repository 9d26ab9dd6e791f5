"""Predictors on real agents, against published anchors; and what they may never see."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.irt._reading import read_responses
from evaluators.irt._responses import ResponseTable
from evaluators.irt.prediction._predictor import PREDICTORS, Known
from evaluators.irt.prediction.evaluation import evaluate
from evaluators.irt.prediction.splits import held_out_items
from tasks import UsageError

ANCHORS = {
    "swebench_verified": (0.718, 0.840, 0.945),
    "terminal_bench_2": (0.731, 0.791, 0.934),
    "swebench_pro": (0.656, 0.740, 0.918),
    "gso": (0.720, 0.773, 0.919),
}
"""Mean of per-fold pooled AUC, 5 folds over items x 3 seeds: agent mean, Rasch + ridge on 15
features, Rasch fitted (shown the held-out scores)."""


def folds(table: ResponseTable, seed: int):
    return held_out_items(table, 5, seed)


def read(responses_data: Path, name: str) -> ResponseTable:
    features = responses_data / "item_judge_features.csv.gz"
    return read_responses(responses_data / f"{name}.csv.gz", items=features)


@pytest.mark.parametrize(
    "name",
    [
        "gso",
        "terminal_bench_2",
        pytest.param("swebench_pro", marks=pytest.mark.slow),
        pytest.param("swebench_verified", marks=pytest.mark.slow),
    ],
)
def test_anchors(responses_data: Path, name: str):
    rows = evaluate(
        read(responses_data, name),
        ["agent_mean", "rasch_ridge", "explanatory", "seen:rasch"],
        folds,
    )
    mean, ridge, explanatory, fitted = (row.mean for row in rows)
    assert (mean.auc, ridge.auc, fitted.auc) == pytest.approx(ANCHORS[name], abs=0.015)
    assert explanatory.auc > ridge.auc - 0.012
    assert explanatory.log_loss < min(ridge.log_loss + 0.005, mean.log_loss)


@pytest.mark.parametrize("name", PREDICTORS.names())
def test_no_predictor_looks_at_what_was_held_out(name: str):
    rng = np.random.default_rng(5)
    agents, items = 20, 40
    difficulty = rng.normal(size=items)
    wide = rng.random((agents, items)) < 1 / (
        1 + np.exp(-rng.normal(size=(agents, 1)) + difficulty)
    )
    from evaluators.irt._responses import Covariates, table_of

    whole = replace(
        table_of(
            [f"a{k}" for k in range(agents)], [f"i{k}" for k in range(items)], wide.astype(float)
        ),
        of_items=Covariates(numbers={"hint": difficulty + rng.normal(size=items)}),
    )
    part = next(iter(held_out_items(whole, 4, 0)))
    cells = part.test.cells
    found = PREDICTORS.find(name).predict(Known(part.train), cells.agent, cells.item)
    assert found.shape == (cells.size,)
    assert np.all((found >= 0) & (found <= 1))
    lie = replace(
        whole, score=np.where(np.isin(whole.item, part.test.item), 1 - whole.score, whole.score)
    )
    again = next(iter(held_out_items(lie, 4, 0)))
    assert np.array_equal(
        PREDICTORS.find(name).predict(Known(again.train), cells.agent, cells.item), found
    )


def test_a_table_without_features_is_told_what_it_lacks():
    from evaluators.irt._responses import table_of

    wide = (np.random.default_rng(0).random((10, 12)) < 0.5).astype(float)
    bare = table_of([f"a{k}" for k in range(10)], [f"i{k}" for k in range(12)], wide)
    with pytest.raises(UsageError, match=r"--items FEATURES\.csv"):
        evaluate(bare, ["explanatory"], lambda t, s: held_out_items(t, 3, s), (0,))
