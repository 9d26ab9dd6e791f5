"""Mean tetrachoric correlation with the other items, by Digby's approximation."""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._bivariate import digby
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) mean over the other items that vary among the agents of both."""
    found = np.full(len(evidence.items), np.nan)
    for rows in evidence.blocks():
        pairs = evidence.tables(rows)
        value = digby(pairs)
        first = (pairs.both + pairs.first) * (pairs.second + pairs.neither)
        second = (pairs.both + pairs.second) * (pairs.first + pairs.neither)
        use = (first > 0) & (second > 0)
        use[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = False
        count = use.sum(axis=1)
        total = np.where(use, value, 0.0).sum(axis=1)
        found[rows] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


statistic = Statistic(
    name="tetrachoric",
    summary="Mean over other items of (w - 1) / (w + 1), w = OR^(3/4), with 1/2 added to each cell "
    "of the 2 x 2 table; below 0 contradicts any one-dimensional monotone model.",
    source="Digby, Biometrics 39 (1983) 753; Truong et al., arXiv 2511.16842",
    suspect="low",
    measure=measure,
)
