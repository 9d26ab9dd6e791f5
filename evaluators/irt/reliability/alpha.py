"""Cronbach's alpha: consistency of the items, from their covariances.

    alpha = J / (J - 1) * (1 - sum var_j / sum_jk cov_jk)       (Cronbach 1951, *Psychometrika* 16)

with the interval of Feldt (1965): (1 - alpha) / (1 - alpha^) follows F with n - 1 and
(n - 1)(J - 1) degrees of freedom. Missing cells: covariances are of the agents that saw both items
(pairwise complete), and n is the smallest number that saw any two. Alpha bounds reliability from
below where items measure one thing; `score_reliability` says it by the model.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import ResponseTable
from tasks import UsageError


@dataclass(frozen=True)
class Alpha:
    """Alpha and its interval."""

    value: float
    low: float
    """Lower end of the interval."""
    high: float
    level: float
    items: int
    agents: int
    """That saw any two of the items, at least."""


def cronbach_alpha(table: ResponseTable, *, level: float = 0.90) -> Alpha:
    """Alpha of all items that vary, over cells' mean scores.

    Raises:
        UsageError: fewer than two items that vary, or two items that fewer than three agents share.
    """
    wide = table.cells.wide()
    seen = ~np.isnan(wide)
    filled = np.where(seen, wide, 0.0)
    spread = np.max(np.where(seen, wide, -np.inf), axis=0, initial=-np.inf) - np.min(
        np.where(seen, wide, np.inf), axis=0, initial=np.inf
    )
    varied = spread > 0
    if varied.sum() < 2:
        raise UsageError(
            f"Alpha needs two items on which agents differ; {int(varied.sum())} of "
            f"{len(table.items)} are such."
        )
    mask, values = seen[:, varied].astype(float), filled[:, varied]
    shared = mask.T @ mask
    if shared.min() < 3:
        first, second = np.unravel_index(int(np.argmin(shared)), shared.shape)
        names = [name for name, kept in zip(table.items, varied, strict=True) if kept]
        raise UsageError(
            f"Only {int(shared.min())} agents saw both {names[int(first)]} and "
            f"{names[int(second)]}; alpha needs 3 for every pair. Use marginal_reliability of a "
            "fit, which is at ease with missing cells."
        )
    covariance = (values.T @ values - (values.T @ mask) * (mask.T @ values) / shared) / (
        shared - 1.0
    )
    count, agents = int(varied.sum()), int(shared.min())
    whole = float(covariance.sum())
    if whole <= 0:
        raise UsageError(
            "The items' covariances sum to nothing: agents who pass one fail the others. Alpha has "
            "no meaning here; look at item-rest correlations first."
        )
    value = count / (count - 1.0) * (1.0 - float(np.trace(covariance)) / whole)
    from scipy import special

    df = agents - 1.0, (agents - 1.0) * (count - 1.0)
    tail = (1.0 - level) / 2.0
    low = 1.0 - (1.0 - value) * float(special.fdtri(*df, 1.0 - tail))
    high = 1.0 - (1.0 - value) * float(special.fdtri(*df, tail))
    return Alpha(value, low, high, level, count, agents)
