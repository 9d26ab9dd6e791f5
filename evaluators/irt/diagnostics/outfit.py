"""Outfit under Rasch abilities: squared residuals, wherever the agent stands."""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) mean of trials (y - P)² / (P (1 - P))."""
    chance = evidence.expected
    square = evidence.trials * (evidence.score - chance) ** 2
    variance = np.maximum(chance * (1.0 - chance), 1e-9)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (square / variance).sum(axis=0) / evidence.count


statistic = Statistic(
    name="outfit",
    summary="Mean square standardised residual under a Rasch calibration of the table; for tests "
    "of a fitted model see fit_statistics.mean_squares.",
    source="Wright and Masters, Rating Scale Analysis, 1982, chapter 5",
    suspect="high",
    measure=measure,
)
