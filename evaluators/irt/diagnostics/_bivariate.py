"""Tetrachoric correlations: of all pairs at once, by approximation or maximum likelihood.

A 2 x 2 table has as many free cells as the model has parameters (two thresholds, one correlation),
so the maximum likelihood estimate is the correlation at which the normal distribution puts the
observed share into the cell `both`:

    Phi2(h, k; r) = Phi(h) Phi(k) + 1/(2 pi) int_0^asin(r) exp(-(h² + k² - 2 h k sin t)
                    / (2 cos² t)) dt

which rises in r; it is found by bisection on t, for every pair of items in the same array.
"""

import numpy as np

from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt.diagnostics._evidence import Evidence, PairTables, evidence

NODES = 24
"""Gauss-Legendre nodes; the error stays below 1e-6 for |r| < .99."""
HALVINGS = 40


def digby(pairs: PairTables) -> Floats:
    """As the tables: (w - 1) / (w + 1), w = OR^(3/4), 1/2 added to each cell (Digby 1983)."""
    odds = ((pairs.both + 0.5) * (pairs.neither + 0.5)) / (
        (pairs.first + 0.5) * (pairs.second + 0.5)
    )
    power = odds**0.75
    return (power - 1.0) / (power + 1.0)


def maximum_likelihood(pairs: PairTables) -> Floats:
    """As the tables: tetrachoric correlation; NaN where a margin is empty.

    Where a cell is empty, 1/2 is moved into it and its opposite at fixed margins, as is usual
    (Brown and Benedetti, Psychometrika 42 (1977) 347); without it the estimate would be +-1.
    """
    from scipy.special import ndtr, ndtri

    count = pairs.both + pairs.first + pairs.second + pairs.neither
    first, second = pairs.both + pairs.first, pairs.both + pairs.second
    varies = (first > 0) & (first < count) & (second > 0) & (second < count)
    safe = np.where(varies, count, 1.0)
    p, q = np.where(varies, first / safe, 0.5), np.where(varies, second / safe, 0.5)
    lift = np.where((pairs.both == 0) | (pairs.neither == 0), 0.5, 0.0)
    lift -= np.where((pairs.first == 0) | (pairs.second == 0), 0.5, 0.0)
    share = np.where(varies, (pairs.both + lift) / safe, 0.25)
    h, k = ndtri(p), ndtri(q)
    return np.where(varies, np.sin(_angle(h, k, share - ndtr(h) * ndtr(k))), np.nan)


def _angle(h: Floats, k: Floats, excess: Floats) -> Floats:
    low, high = np.full(h.shape, -0.5 * np.pi), np.full(h.shape, 0.5 * np.pi)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = arc(h, k, middle) > excess
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def arc(h: Floats, k: Floats, angle: Floats) -> Floats:
    """Phi2(h, k; sin angle) - Phi(h) Phi(k), as the arrays."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    squares, product = h * h + k * k, 2.0 * h * k
    found = np.zeros(h.shape)
    for node, weight in zip(nodes, weights, strict=True):
        t = 0.5 * angle * (node + 1.0)
        cosine = np.maximum(np.cos(t) ** 2, 1e-300)
        found += weight * np.exp(-np.minimum((squares - product * np.sin(t)) / (2 * cosine), 700.0))
    return found * angle / (4.0 * np.pi)


def tetrachoric_matrix(table: ResponseTable, *, exact: bool = True) -> Floats:
    """(J, J) tetrachoric correlations of all items, in the order of the table; diagonal 1.

    Args:
        table: The responses; a cell of several trials counts as passed from half of them on.
        exact: Maximum likelihood; else Digby's approximation, some hundred times as fast.

    Raises:
        UsageError: as `diagnose`.
    """
    shown = evidence(table)
    found = np.empty((len(shown.items), len(shown.items)))
    for rows in _small(shown) if exact else shown.blocks():
        pairs = shown.tables(rows)
        found[rows] = maximum_likelihood(pairs) if exact else digby(pairs)
    np.fill_diagonal(found, 1.0)
    back = np.argsort(shown.places)
    return found[np.ix_(back, back)]


def _small(shown: Evidence) -> list[slice]:
    size = max(1, 250_000 // len(shown.items))
    return [slice(low, low + size) for low in range(0, len(shown.items), size)]
