"""How good predicted scores are: ranking, sharpness, calibration, totals of agents."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Cells, Floats, Ints

EDGE = 1e-6
"""Predictions are kept this far from 0 and 1 in the log loss."""
BINS = 10
"""Of about equal counts, in the calibration error."""


@dataclass(frozen=True)
class Accuracy:
    """What predictions of held-out cells came to; NaN where a quantity is not defined."""

    auc: float
    """Chance that a passed trial is ranked above a failed one, over all cells together."""
    auc_within_agents: float
    """The same within each agent, weighted by the number of such pairs."""
    auc_within_items: float
    log_loss: float
    """Mean negative log likelihood of a trial, nats."""
    brier: float
    """Mean squared error of a trial."""
    rmse: float
    """Root mean squared error to a cell's mean score."""
    calibration_error: float
    """Expected calibration error over ten bins of equal count."""
    total_mae: float
    """Mean over agents of |predicted - actual| mean score on the held-out cells."""
    cells: int


def accuracy(cells: Cells, predicted: Floats) -> Accuracy:
    """Judge predictions.

    Args:
        cells: What was held out.
        predicted: (cells,) expected scores in [0, 1].
    """
    passed, failed = cells.total, cells.trials - cells.total
    p = np.clip(predicted, EDGE, 1.0 - EDGE)
    n = cells.trials.sum()
    return Accuracy(
        auc=auc(passed, failed, predicted),
        auc_within_agents=_within(cells.agent, passed, failed, predicted),
        auc_within_items=_within(cells.item, passed, failed, predicted),
        log_loss=float(-(passed * np.log(p) + failed * np.log1p(-p)).sum() / n),
        brier=float((passed * (1.0 - predicted) ** 2 + failed * predicted**2).sum() / n),
        rmse=float(np.sqrt(np.mean((cells.mean - predicted) ** 2))),
        calibration_error=_calibration_error(cells, predicted),
        total_mae=_total_mae(cells, predicted),
        cells=cells.size,
    )


def auc(passed: Floats, failed: Floats, predicted: Floats) -> float:
    """Area under the ROC curve with weights; ties count a half. NaN where one side is empty.

    Args:
        passed: (cells,) weight of passes.
        failed: (cells,) weight of failures.
        predicted: (cells,) what they are ranked by.
    """
    won, pairs = _won(passed, failed, predicted)
    return won / pairs if pairs else float("nan")


def _won(passed: Floats, failed: Floats, predicted: Floats) -> tuple[float, float]:
    _, place = np.unique(predicted, return_inverse=True)
    up = np.bincount(place, weights=passed)
    down = np.bincount(place, weights=failed)
    below = np.cumsum(down) - down
    return float(np.sum(up * (below + 0.5 * down))), float(passed.sum() * failed.sum())


def _within(group: Ints, passed: Floats, failed: Floats, predicted: Floats) -> float:
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order])) + 1
    won, pairs = 0.0, 0.0
    for rows in np.split(order, ends):
        one, several = _won(passed[rows], failed[rows], predicted[rows])
        won, pairs = won + one, pairs + several
    return won / pairs if pairs else float("nan")


def _calibration_error(cells: Cells, predicted: Floats) -> float:
    order = np.argsort(predicted, kind="stable")
    parts = [rows for rows in np.array_split(order, BINS) if rows.size]
    weight = cells.trials
    gaps = [abs(float(np.sum(cells.total[r] - weight[r] * predicted[r]))) for r in parts]
    return float(sum(gaps) / weight.sum())


def _total_mae(cells: Cells, predicted: Floats) -> float:
    count = np.bincount(cells.agent, minlength=cells.n_agents)
    seen = count > 0
    gap = np.bincount(cells.agent, weights=cells.mean - predicted, minlength=cells.n_agents)
    return float(np.mean(np.abs(gap[seen] / count[seen])))
