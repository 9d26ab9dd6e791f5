"""Biserial correlation: the item-rest correlation freed of the item's difficulty."""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence, correlations
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) r sqrt(p (1 - p)) / phi(Phi^-1(p)); may exceed 1 where the rest is far from normal."""
    from scipy.special import ndtri

    passed = evidence.passed
    with np.errstate(invalid="ignore", divide="ignore"):
        share = passed.sum(axis=0) / evidence.count
        height = np.exp(-0.5 * ndtri(share) ** 2) / np.sqrt(2.0 * np.pi)
        scale = np.sqrt(share * (1.0 - share)) / height
    found = correlations(passed, evidence.seen, evidence.rest) * scale
    return np.where((share > 0) & (share < 1), found, np.nan)


statistic = Statistic(
    name="biserial",
    summary="Correlation of the rest score with the normal variable that the item is taken to cut: "
    "r sqrt(p (1 - p)) / phi(z_p). A cell of several trials counts as passed from half of them on.",
    source="Lord and Novick, Statistical Theories of Mental Test Scores, 1968, section 15.5",
    suspect="low",
    measure=measure,
)
