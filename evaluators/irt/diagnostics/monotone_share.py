"""Share of the item that a monotone function of the rest score explains, with its direction."""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence, correlations
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) sign(r) R² of the isotonic regression on the rest score; NaN where constant."""
    sign = np.sign(correlations(evidence.score, evidence.seen, evidence.rest))
    found = np.full(len(evidence.items), np.nan)
    for place in np.flatnonzero(~np.isnan(sign)):
        seen = evidence.seen[:, place] > 0
        y, x = evidence.score[seen, place], evidence.rest[seen, place]
        found[place] = sign[place] * share(x, y * (sign[place] if sign[place] else 1.0))
    return found


def share(x: Floats, y: Floats) -> float:
    """R² of y on the best rising function of x; equal x are one point."""
    from scipy.optimize import isotonic_regression

    _, place, size = np.unique(x, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=y) / size
    fitted = isotonic_regression(mean, weights=size).x
    spread = float(((y - y.mean()) ** 2).sum())
    return float((size * (fitted - y.mean()) ** 2).sum()) / spread if spread > 0 else 0.0


statistic = Statistic(
    name="monotone_share",
    summary="sign(r) times R² of the isotonic regression of the item on the rest score.",
    source="Barlow et al., Statistical Inference under Order Restrictions, 1972; arXiv 2603.24999",
    suspect="low",
    measure=measure,
)
