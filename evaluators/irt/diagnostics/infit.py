"""Infit under Rasch abilities: squared residuals near the agent's ability."""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) squared residuals of the totals over what the model makes of them, both summed."""
    chance = evidence.expected
    square = (evidence.trials * (evidence.score - chance)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return square.sum(axis=0) / (chance * (1.0 - chance) * evidence.trials).sum(axis=0)


statistic = Statistic(
    name="infit",
    summary="Information-weighted mean square residual under a Rasch calibration of the table; "
    "for tests of a fitted model see fit_statistics.mean_squares.",
    source="Wright and Masters, Rating Scale Analysis, 1982, chapter 5",
    suspect="high",
    measure=measure,
)
