"""Signed isotonic R²: how much of the item a monotone function of another item explains.

For two items scored 0/1 a monotone function is any function, and R² is phi². For scores with more
levels the best function in the direction of Kendall's tau is the isotonic regression over levels,
here by its max-min formula, for all predicted items at once.
"""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._statistic import Statistic

LEVELS = 12
"""Distinct scores of a predictor up to which each is a level; more are put into so many groups."""


def measure(evidence: Evidence) -> Floats:
    """(J,) mean over other items of sign(tau) R²; NaN where the item never varies."""
    return _of_binary(evidence) if evidence.binary else _of_levels(evidence)


def _of_binary(evidence: Evidence) -> Floats:
    found = np.full(len(evidence.items), np.nan)
    for rows in evidence.blocks():
        pairs = evidence.tables(rows)
        product = pairs.both * pairs.neither - pairs.first * pairs.second
        scale = (pairs.both + pairs.first) * (pairs.second + pairs.neither)
        scale = scale * (pairs.both + pairs.second) * (pairs.first + pairs.neither)
        use = scale > 0
        use[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = False
        value = product * np.abs(product) / np.where(use, scale, 1.0)
        count = use.sum(axis=1)
        total = np.where(use, value, 0.0).sum(axis=1)
        found[rows] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def _of_levels(evidence: Evidence) -> Floats:
    total, count = np.zeros((2, len(evidence.items)))
    for predictor in range(len(evidence.items)):
        level = _levels(evidence.score[:, predictor], evidence.seen[:, predictor] > 0)
        value = isotonic_shares(evidence.score, evidence.seen, level)
        value[predictor] = np.nan
        known = ~np.isnan(value)
        total += np.where(known, value, 0.0)
        count += known
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)


def _levels(score: Floats, seen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """(N, L) indicators of the predictor's level, ascending; a row of zeros where unseen."""
    distinct = np.unique(score[seen])
    if len(distinct) > LEVELS:
        cuts = np.quantile(score[seen], np.arange(1, LEVELS) / LEVELS)
        place = np.searchsorted(np.unique(cuts), score, side="right")
    else:
        place = np.searchsorted(distinct, score)
    held = place[:, None] == np.unique(place[seen])
    return (held & seen[:, None]).astype(float)


def isotonic_shares(score: Floats, seen: Floats, level: Floats) -> Floats:
    """(J,) sign(tau) R² of each item on the levels of one predictor, over agents that have both.

    Args:
        score: (N, J).
        seen: (N, J).
        level: (N, L) indicators, ascending levels.
    """
    size, sums = level.T @ seen, level.T @ (score * seen)
    both = size.sum(axis=0)
    squares = (level.sum(axis=1, keepdims=True) * seen * score**2).sum(axis=0)
    mean = sums.sum(axis=0) / np.maximum(both, 1.0)
    spread = squares - both * mean**2
    tau = _kendall(score, seen, level)
    up = np.where(tau >= 0, 1.0, -1.0)
    fitted = _isotonic(size, sums * up)
    explained = (size * (fitted - mean * up) ** 2).sum(axis=0)
    varies = (spread > 1e-12) & ((size > 0).sum(axis=0) > 1)
    return np.where(varies, np.sign(tau) * explained / np.where(varies, spread, 1.0), np.nan)


def _kendall(score: Floats, seen: Floats, level: Floats) -> Floats:
    """(J,) concordant minus discordant pairs; its sign is Kendall's."""
    found = np.zeros(score.shape[1])
    for value in np.unique(score):
        above = level.T @ (seen * (score > value))
        here = level.T @ (seen * (score == value))
        lower = np.cumsum(here, axis=0) - here
        higher = here.sum(axis=0) - lower - here
        found += (above * (lower - higher)).sum(axis=0)
    return found


def _isotonic(size: Floats, sums: Floats) -> Floats:
    """(L, J) isotonic means: max over starts a <= l of min over ends b >= l of the mean of a..b."""
    count = len(size)
    heads = np.concatenate([np.zeros((1, size.shape[1])), np.cumsum(size, axis=0)])
    tops = np.concatenate([np.zeros((1, size.shape[1])), np.cumsum(sums, axis=0)])
    best = np.full(size.shape, -np.inf)
    for start in range(count):
        least = np.full(size.shape[1], np.inf)
        for end in range(count - 1, start - 1, -1):
            weight = heads[end + 1] - heads[start]
            mean = (tops[end + 1] - tops[start]) / np.maximum(weight, 1.0)
            least = np.where(weight > 0, np.minimum(least, mean), least)
            best[end] = np.where(np.isfinite(least), np.maximum(best[end], least), best[end])
    return np.where(np.isfinite(best), best, 0.0)


statistic = Statistic(
    name="signed_isotonic",
    summary="Mean over other items k of sign(Kendall's tau) times the largest share of the item's "
    "variance that a monotone function of item k explains.",
    source="arXiv 2603.24999",
    suspect="low",
    measure=measure,
)
