"""Mokken scale analysis: H with standard errors, item selection, monotonicity, item ordering.

For 0/1 scores over the agents that answered both items; cells of several trials count as passed
from a half on. With F the observed and E the expected share of Guttman errors (the easier item
failed, the harder passed),

    H_jk = 1 - F_jk / E_jk,   H_j = 1 - sum_k F_jk / sum_k E_jk,   H = 1 - sum F / sum E.

Standard errors are the delta method of Kuijpers, Van der Ark and Croon (Sociological Methodology 43
(2013) 42): under multinomial response patterns it equals the root of the summed squared influences
of the agents, which is what is computed (and needs no list of patterns). The order of the items is
taken as known.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.diagnostics._evidence import Evidence, evidence
from tasks import UsageError

Flags = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Scalability:
    """Loevinger's coefficients, items in the order of their names."""

    items: tuple[str, ...]
    pairs: Floats
    """(J, J) H_jk; NaN on the diagonal and where an item is constant."""
    each: Floats
    """(J,) H_j."""
    each_se: Floats
    whole: float
    """H."""
    whole_se: float


@dataclass(frozen=True)
class Violations:
    """Breaks of an order that sound items keep; arrays (J,), items in the order of their names."""

    items: tuple[str, ...]
    count: Ints
    """Comparisons broken by more than the tolerance."""
    compared: Ints
    largest: Floats
    """Largest break, as a difference of shares."""
    z: Floats
    """Largest z of a break; 0 without one. Above 1.645 it is significant by itself at 5 %."""


@dataclass(frozen=True)
class _Errors:
    """Guttman errors of all pairs, (J, J), diagonal 0."""

    weight: Floats
    """1 / agents that answered both."""
    share: Floats
    """Share of j among the agents that answered k too."""
    easier: Flags
    """Whether k is easier than j."""
    observed: Floats
    expected: Floats


def loevinger(table: ResponseTable) -> Scalability:
    """H_jk, H_j and H with standard errors.

    Raises:
        UsageError: as `diagnose`.
    """
    shown = evidence(table)
    errors = _errors(shown)
    observed, expected = errors.observed.sum(axis=1), errors.expected.sum(axis=1)
    moved, room = _influences(shown, errors)
    room_j = np.where(expected > 1e-12, expected, np.nan)
    by_item = -moved / room_j + observed * room / room_j**2
    total = float(observed.sum()), float(expected.sum())
    whole = np.nan, np.nan
    if total[1] > 1e-12:
        by_all = -moved.sum(axis=1) / total[1] + total[0] * room.sum(axis=1) / total[1] ** 2
        whole = 1.0 - total[0] / total[1], float(np.sqrt((by_all**2).sum()))
    pairs = 1.0 - errors.observed / np.where(errors.expected > 1e-12, errors.expected, np.nan)
    return Scalability(
        shown.items,
        pairs,
        1.0 - observed / room_j,
        np.sqrt((by_item**2).sum(axis=0)),
        whole[0],
        whole[1],
    )


def _errors(shown: Evidence) -> _Errors:
    seen, passed = shown.seen, shown.passed
    count = seen.T @ seen
    weight = np.where(count > 0, 1.0 / np.maximum(count, 1.0), 0.0)
    share = passed.T @ seen * weight
    both = passed.T @ passed * weight
    mean = passed.sum(axis=0) / np.maximum(shown.count, 1.0)
    place = np.arange(len(mean))
    easier = (mean[None, :] > mean[:, None]) | (
        (mean[None, :] == mean[:, None]) & (place[None, :] < place[:, None])
    )
    observed = np.where(easier, share - both, share.T - both)
    expected = np.where(easier, share * (1.0 - share.T), share.T * (1.0 - share))
    for matrix in (weight, observed, expected):
        np.fill_diagonal(matrix, 0.0)
    return _Errors(weight, share, easier, observed * (weight > 0), expected * (weight > 0))


def _influences(shown: Evidence, errors: _Errors) -> tuple[Floats, Floats]:
    """(N, J) change of sum_k F_jk and of sum_k E_jk that each agent makes."""
    seen, passed = shown.seen, shown.passed
    failed = seen - passed
    p, q = errors.share, errors.share.T
    up = errors.weight * errors.easier
    down = errors.weight * ~errors.easier
    moved = passed * (failed @ up.T) + failed * (passed @ down.T)
    moved -= seen * (seen @ (errors.weight * errors.observed).T)
    room = -seen * (passed @ (up * p).T) + passed * (seen @ (up * (1.0 - q)).T)
    room += seen * (seen @ (up * (2.0 * p * q - p)).T)
    room += -passed * (seen @ (down * q).T) + seen * (passed @ (down * (1.0 - p)).T)
    room += seen * (seen @ (down * (2.0 * p * q - q)).T)
    return moved, room


def select_items(
    table: ResponseTable, *, lower: float = 0.3, level: float = 0.05
) -> list[tuple[str, ...]]:
    """Mokken's automated item selection: scales, the best first; items in none are left over.

    A scale begins with the pair of highest H_jk and takes, one by one, the item with the highest
    H_j to the scale, as long as that is at least `lower` and significantly above 0 (one-sided z,
    Bonferroni over all tests so far), and every H_jk within is positive.

    Args:
        table: The responses.
        lower: The least H_j and H_jk.
        level: Of significance.

    Raises:
        UsageError: as `diagnose`, or a bound outside [0, 1).
    """
    if not 0.0 <= lower < 1.0:
        raise UsageError(f"The lower bound of H must be at least 0 and below 1, not {lower}.")
    shown = evidence(table)
    pool = _pool(shown)
    left = [int(place) for place in np.flatnonzero(pool.largest.sum(axis=1) > 1e-12)]
    scales: list[tuple[str, ...]] = []
    while len(left) > 1:
        scale = _scale(pool, left, lower, level)
        if not scale:
            break
        scales.append(tuple(shown.items[place] for place in scale))
        left = [place for place in left if place not in scale]
    return scales


@dataclass(frozen=True)
class _Pool:
    observed: Floats
    """(J, J) covariances, diagonal 0."""
    largest: Floats
    null: Floats
    """(J, J) variance of the covariance if both were independent."""


def _pool(shown: Evidence) -> _Pool:
    errors = _errors(shown)
    p, q = errors.share, errors.share.T
    null = p * (1.0 - p) * q * (1.0 - q) * errors.weight
    return _Pool(errors.expected - errors.observed, errors.expected, null)


def _scale(pool: _Pool, left: list[int], lower: float, level: float) -> list[int]:
    at = np.ix_(left, left)
    room = pool.largest[at]
    h = np.where(room > 1e-12, pool.observed[at] / np.where(room > 1e-12, room, 1.0), -np.inf)
    np.fill_diagonal(h, -np.inf)
    z = pool.observed[at] / np.sqrt(np.where(pool.null[at] > 0, pool.null[at], np.inf))
    tests = len(left) * (len(left) - 1) // 2
    h = np.where(z >= _critical(level, tests), h, -np.inf)
    first, second = np.unravel_index(int(np.argmax(h)), h.shape)
    if not h[first, second] >= lower:
        return []
    scale = [left[int(first)], left[int(second)]]
    rest = [place for place in left if place not in scale]
    while rest:
        tests += len(rest)
        best = _next(pool, scale, rest, (lower, _critical(level, tests)))
        if best is None:
            break
        scale.append(best)
        rest.remove(best)
    return scale


def _next(
    pool: _Pool, scale: list[int], rest: list[int], bounds: tuple[float, float]
) -> int | None:
    at = np.ix_(rest, scale)
    observed, largest = pool.observed[at].sum(axis=1), pool.largest[at].sum(axis=1)
    h = np.where(largest > 1e-12, observed / np.where(largest > 1e-12, largest, 1.0), -np.inf)
    null = pool.null[at].sum(axis=1)
    z = observed / np.sqrt(np.where(null > 0, null, np.inf))
    fit = (h >= bounds[0]) & (z >= bounds[1]) & (pool.observed[at] > 0).all(axis=1)
    return rest[int(np.argmax(np.where(fit, h, -np.inf)))] if fit.any() else None


def _critical(level: float, tests: int) -> float:
    from scipy.special import ndtri

    return float(-ndtri(level / tests))


def monotonicity(table: ResponseTable, *, groups: int = 5, tolerance: float = 0.03) -> Violations:
    """Does the share that passes rise with the rest score, from group to group of agents?

    Agents are cut into groups of near equal size by the mean score on the other items; every pair
    of groups is compared (z of two shares, pooled). Source: Junker and Sijtsma, Applied
    Psychological Measurement 24 (2000) 65.

    Raises:
        UsageError: as `diagnose`, or fewer than two groups.
    """
    shown = evidence(table)
    place = _groups(shown.rest, shown.seen, groups)
    size = np.stack([((place == g) * shown.seen).sum(axis=0) for g in range(groups)])
    had = np.stack([((place == g) * shown.passed).sum(axis=0) for g in range(groups)])
    breaks = _Breaks(len(shown.items))
    for low in range(groups):
        for high in range(low + 1, groups):
            n, m = size[low], size[high]
            both = np.maximum(n + m, 1.0)
            pooled = (had[low] + had[high]) / both
            drop = had[low] / np.maximum(n, 1.0) - had[high] / np.maximum(m, 1.0)
            spread = pooled * (1 - pooled) * (1 / np.maximum(n, 1.0) + 1 / np.maximum(m, 1.0))
            breaks.add(drop, spread, (n > 0) & (m > 0), tolerance)
    return breaks.found(shown.items)


def invariant_ordering(
    table: ResponseTable, *, groups: int = 5, tolerance: float = 0.03
) -> Violations:
    """Is the harder of two items the harder one at every ability (manifest invariant ordering)?

    Agents are cut into groups by their mean score; within each, the overall harder item of a pair
    may not be passed by more agents than the easier (McNemar's z). Ligtvoet et al., Educational and
    Psychological Measurement 70 (2010) 578, who leave the pair out of the score, which makes no
    difference from some twenty items on.

    Raises:
        UsageError: as `diagnose`, or fewer than two groups.
    """
    shown = evidence(table)
    place = _groups(shown.total, np.ones(shown.total.shape), groups)[:, 0]
    easier = _errors(shown).easier
    breaks = _Breaks(len(shown.items))
    for group in range(groups):
        passed, seen = shown.passed[place == group], shown.seen[place == group]
        ahead = passed.T @ (seen - passed)
        both = np.maximum(seen.T @ seen, 1.0)
        drop = (ahead - ahead.T) / both
        spread = (ahead + ahead.T) / both**2
        breaks.add_pairs(np.where(easier, drop, -drop), spread, tolerance)
    return breaks.found(shown.items)


def _groups(score: Floats, seen: Floats, groups: int) -> Ints:
    """As `score`: group 0 .. groups - 1 by rank; equal scores share a group."""
    if groups < 2:
        raise UsageError(f"Groups of agents are compared; {groups} is too few, give at least 2.")
    from scipy.stats import rankdata

    ranked = rankdata(np.where(seen > 0, score, np.inf), axis=0)
    size = np.maximum(seen.sum(axis=0), 1.0)
    return np.minimum((ranked - 0.5) * groups / size, groups - 1).astype(np.int64)


class _Breaks:
    """Breaks as they are met."""

    def __init__(self, items: int) -> None:
        self._count, self._compared = np.zeros((2, items), dtype=np.int64)
        self._largest, self._z = np.zeros((2, items))

    def add(self, drop: Floats, spread: Floats, compared: Floats | Flags, tolerance: float) -> None:
        """(J,) one comparison of each item."""
        use = np.asarray(compared, dtype=bool)
        broken = use & (drop > tolerance)
        self._compared += use
        self._count += broken
        z = drop / np.sqrt(np.where(spread > 0, spread, np.inf))
        self._largest = np.where(broken, np.maximum(self._largest, drop), self._largest)
        self._z = np.where(broken, np.maximum(self._z, z), self._z)

    def add_pairs(self, drop: Floats, spread: Floats, tolerance: float) -> None:
        """(J, J) comparisons of each item with all others."""
        broken = (drop > tolerance) & ~np.eye(len(drop), dtype=bool)
        self._compared += len(drop) - 1
        self._count += broken.sum(axis=1)
        z = drop / np.sqrt(np.where(spread > 0, spread, np.inf))
        self._largest = np.maximum(self._largest, np.where(broken, drop, 0.0).max(axis=1))
        self._z = np.maximum(self._z, np.where(broken, z, 0.0).max(axis=1))

    def found(self, items: tuple[str, ...]) -> Violations:
        return Violations(items, self._count, self._compared, self._largest, self._z)
