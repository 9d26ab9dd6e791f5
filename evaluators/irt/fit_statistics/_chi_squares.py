"""Tests of single items, with p-values that know how many tests were made."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Dropped, Floats, Ints


@dataclass(frozen=True)
class ItemTests:
    """One test an item; NaN where an item has too little to test."""

    items: tuple[str, ...]
    statistic: Floats
    df: Floats
    p: Floats
    q: Floats
    """p adjusted for the number of items (Benjamini and Hochberg 1995)."""
    groups: Ints
    """Groups of agents that were compared."""
    rmsea: Floats
    """sqrt(max(0, (statistic - df) / (df (n - 1)))): misfit free of the number of agents."""
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


def false_discovery(p: Floats) -> Floats:
    """p-values adjusted after Benjamini and Hochberg; NaN stays, and is not counted."""
    from scipy import stats

    found = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if np.any(tested):
        adjusted: Floats = stats.false_discovery_control(p[tested])
        found[tested] = adjusted
    return found


def chi_square_p(statistic: Floats, df: Floats) -> Floats:
    """Upper tail of chi-square; NaN without a degree of freedom."""
    from scipy import special

    usable = (df > 0) & np.isfinite(statistic)
    found = np.full(np.shape(statistic), np.nan)
    found[usable] = special.chdtrc(df[usable], np.maximum(statistic[usable], 0.0))
    return found


def rmsea(statistic: Floats, df: Floats, size: Floats) -> Floats:
    """Root mean square error of approximation of tests on `size` agents."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(np.maximum(statistic - df, 0.0) / (df * (size - 1.0)))
