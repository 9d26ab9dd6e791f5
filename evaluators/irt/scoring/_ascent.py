"""Maximises what each agent's ability is estimated by: a scan of a grid, then safeguarded secants.

The scan finds the right hill where there are several (3PL); secants, kept inside the bracket that
the scan found, then find its top to rounding. Where the slope does not change sign over the grid
there is no finite maximum, and plus or minus infinity is returned.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Floats, Ints
from evaluators.irt.scoring._matching import statistics
from evaluators.irt.scoring._posterior import BLOCK, log_likelihood_slope

STEPS = 60
CLOSE = 1e-10
DIFFERENCE = 1e-4
"""Step of central differences of the expected counts, in abilities."""


@dataclass(frozen=True)
class Hill:
    """Where each agent's maximum is."""

    theta: Floats
    """(N,) plus or minus infinity where the objective climbs on to the end of the grid."""
    climb: Floats
    """(N, Q) the objective on the grid, 0 at its first node."""


@dataclass(frozen=True)
class Slopes:
    """At given abilities: the slope of the log-likelihood, its information, Warm's J."""

    slope: Floats
    information: Floats
    """Zeros where it was not asked for."""
    warm: Floats
    """Zeros where it was not asked for."""


Added = Callable[[Floats, Slopes], Floats]
"""Abilities and their slopes -> what a prior or weight adds to the slope."""


def ascend(bank: ItemBank, cells: Cells, grid: Floats, added: Added, *, warm: bool = False) -> Hill:
    """Maximise log-likelihood plus what `added` is the slope of.

    Args:
        bank: The items.
        cells: Numbered as the bank's.
        grid: (Q,) over which the maximum is sought.
        added: The prior or weight.
        warm: Whether `added` needs the information and Warm's J.
    """
    slope = _scan(bank, cells, grid, added, warm=warm)
    climb = np.zeros_like(slope)
    np.cumsum((slope[:, 1:] + slope[:, :-1]) * (grid[1] - grid[0]) / 2.0, axis=1, out=climb[:, 1:])
    tops = (slope[:, :-1] > 0.0) & (slope[:, 1:] <= 0.0)
    height = np.where(tops, np.maximum(climb[:, :-1], climb[:, 1:]), -np.inf)
    best = height.argmax(axis=1)
    found = np.where(climb[:, -1] > climb[:, 0], np.inf, -np.inf)
    asked = np.flatnonzero(height.max(axis=1) >= np.maximum(climb[:, 0], climb[:, -1]))
    those = cells.of_agents(asked)

    def full_slope(active: Ints, at: Floats) -> Floats:
        here = slopes_at(bank, those.of_agents(active), at, warm=warm, information=warm)
        return here.slope + added(at, here)

    place = best[asked]
    ends = _Bracket(grid[place], grid[place + 1], slope[asked, place], slope[asked, place + 1])
    found[asked] = _root(full_slope, ends)
    return Hill(found, climb)


def slopes_at(
    bank: ItemBank, cells: Cells, theta: Floats, *, warm: bool = False, information: bool = True
) -> Slopes:
    """Each agent's slopes at its own ability (N,)."""
    counts = statistics(bank, cells)
    found = np.zeros((3, len(theta)))
    size = max(BLOCK // max(cells.n_items * len(counts), 1), 1)
    for low in range(0, len(theta), size):
        at = theta[low : low + size]
        first, last = np.searchsorted(cells.agent, [low, low + size])
        agent, item = cells.agent[first:last] - low, cells.item[first:last]
        trials = cells.trials[first:last]
        by = bank.model.slope(bank.x, at, bank.layout)
        parts = [np.einsum("sn,sn->n", counts[:, first:last], by[:, item, agent])]
        parts += [trials * bank.information(at)[item, agent]] if information else []
        parts += [trials * _warm(bank, at, by)[item, agent]] if warm else []
        for row, part in zip(found, parts, strict=False):
            row[low : low + size] = np.bincount(agent, weights=part, minlength=len(at))
    return Slopes(found[0], found[1], found[2])


def exactly_warm(bank: ItemBank) -> bool:
    """Whether the statistics are indicators of outcomes, so that Warm's J is had exactly."""
    at = np.array([bank.population.mean])
    return bool(np.allclose(bank.model.weights(bank.x, at, bank.layout).sum(axis=0), 1.0))


def _warm(bank: ItemBank, theta: Floats, slope: Floats) -> Floats:
    """(J, Q) Warm's J = sum P' P'' / P of one trial, or else I', which is Jeffreys'."""
    model, x, layout = bank.model, bank.x, bank.layout
    low, high = theta - DIFFERENCE, theta + DIFFERENCE
    if not exactly_warm(bank):
        return (bank.information(high) - bank.information(low)) / (2.0 * DIFFERENCE)
    first = [model.weights(x, at, layout) * model.slope(x, at, layout) for at in (low, high)]
    second = (first[1] - first[0]) / (2.0 * DIFFERENCE)
    return np.einsum("sjq,sjq->jq", slope, second)


def _scan(bank: ItemBank, cells: Cells, grid: Floats, added: Added, *, warm: bool) -> Floats:
    """(N, Q) slope of the objective on the grid."""
    slope = log_likelihood_slope(bank, cells, grid)
    information = weight = np.zeros_like(slope)
    if warm:
        from scipy import sparse

        shape = (cells.n_agents, cells.n_items)
        trials = sparse.csr_matrix((cells.trials, (cells.agent, cells.item)), shape=shape)
        by = bank.model.slope(bank.x, grid, bank.layout)
        information, weight = trials @ bank.information(grid), trials @ _warm(bank, grid, by)
    nodes = np.broadcast_to(grid, slope.shape)
    return slope + added(nodes, Slopes(slope, information, weight))


@dataclass(frozen=True)
class _Bracket:
    """Abilities on both sides of a top, and the slopes there; each (n,)."""

    low: Floats
    high: Floats
    slope_low: Floats
    slope_high: Floats


def _root(slope_at: Callable[[Ints, Floats], Floats], ends: _Bracket) -> Floats:
    """Where the slope is 0, by secants that never leave the bracket (Illinois)."""
    low, high = ends.low.copy(), ends.high.copy()
    slope_low, slope_high = ends.slope_low.copy(), ends.slope_high.copy()
    theta = low + slope_low / (slope_low - slope_high) * (high - low)
    active: Ints = np.arange(len(theta))
    for _ in range(STEPS):
        if not len(active):
            break
        at = theta[active]
        slope = slope_at(active, at)
        up = slope >= 0.0
        low[active] = np.where(up, at, low[active])
        slope_low[active] = np.where(up, slope, slope_low[active] * _illinois(up))
        high[active] = np.where(up, high[active], at)
        slope_high[active] = np.where(up, slope_high[active] * _illinois(~up), slope)
        fall = slope_low[active] - slope_high[active]
        share = np.where(fall > 0.0, slope_low[active] / np.where(fall > 0.0, fall, 1.0), 0.5)
        theta[active] = low[active] + share * (high[active] - low[active])
        active = active[(np.abs(theta[active] - at) > CLOSE) & (slope != 0.0)]
    return theta


def _illinois(moved: npt.NDArray[np.bool_]) -> Floats:
    """The end that stays put counts for half, else it may stay for ever (Dowell, Jarratt 1971)."""
    return np.where(moved, 1.0, 0.5)
