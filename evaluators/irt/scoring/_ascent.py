"""Maximises what each agent's ability is estimated by: a scan of a grid, then safeguarded Newton.

The scan finds the right hill where there are several (3PL); Fisher steps, kept inside the bracket
that the scan found, then climb it to rounding. Where the slope does not change sign over the grid
there is no finite maximum, and plus or minus infinity is returned.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Floats, Ints
from evaluators.irt.scoring._matching import statistics
from evaluators.irt.scoring._posterior import BLOCK, log_likelihood_slope

STEPS = 60
CLOSE = 1e-11
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
    warm: Floats


Added = Callable[[Floats, Slopes], tuple[Floats, Floats]]
"""Abilities and their slopes -> what is added to the slope, and to the information that Fisher
steps divide by."""


def ascend(
    bank: ItemBank,
    cells: Cells,
    grid: Floats,
    added: Added,
) -> Hill:
    """Maximise log-likelihood plus what `added` is the slope of.

    Args:
        bank: The items.
        cells: Numbered as the bank's.
        grid: (Q,) over which the maximum is sought.
        added: The prior or weight.
    """
    slope = _scan(bank, cells, grid, added)
    step = grid[1] - grid[0]
    climb = np.concatenate(
        [np.zeros((len(slope), 1)), np.cumsum((slope[:, 1:] + slope[:, :-1]) * step / 2.0, axis=1)],
        axis=1,
    )
    best = climb.argmax(axis=1)
    theta = grid[best]
    inner = (best > 0) & (best < len(grid) - 1)
    theta = np.where(inner, theta, np.where(best == 0, -np.inf, np.inf))
    asked = np.flatnonzero(inner)
    theta[asked] = _newton(bank, cells.of_agents(asked), (theta[asked], step), added)
    return Hill(theta, climb)


def slopes_at(bank: ItemBank, cells: Cells, theta: Floats) -> Slopes:
    """Each agent's slopes at its own ability (N,)."""
    counts = statistics(bank, cells)
    slope, information, warm = np.zeros((3, len(theta)))
    size = max(BLOCK // max(cells.n_items * len(counts), 1), 1)
    for low in range(0, len(theta), size):
        at = slice(low, low + size)
        first, last = np.searchsorted(cells.agent, [low, low + size])
        agent, item = cells.agent[first:last] - low, cells.item[first:last]
        by = bank.model.slope(bank.x, theta[at], bank.layout)
        part = np.einsum("sn,sn->n", counts[:, first:last], by[:, item, agent])
        each, warmth = _expected(bank, theta[at], by)
        n = len(theta[at])
        trials = cells.trials[first:last]
        slope[at] = np.bincount(agent, weights=part, minlength=n)
        information[at] = np.bincount(agent, weights=trials * each[item, agent], minlength=n)
        warm[at] = np.bincount(agent, weights=trials * warmth[item, agent], minlength=n)
    return Slopes(slope, information, warm)


def exactly_warm(bank: ItemBank) -> bool:
    """Whether the statistics are indicators of outcomes, so that Warm's J is had exactly."""
    at = np.array([bank.population.mean])
    return bool(np.allclose(bank.model.weights(bank.x, at, bank.layout).sum(axis=0), 1.0))


def _expected(bank: ItemBank, theta: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """(J, Q) information of one trial, and Warm's J = sum P' P'' / P, or else I' as Jeffreys'."""
    model, x, layout = bank.model, bank.x, bank.layout
    information = bank.information(theta)
    low, high = theta - DIFFERENCE, theta + DIFFERENCE
    if not exactly_warm(bank):
        return information, (bank.information(high) - bank.information(low)) / (2.0 * DIFFERENCE)
    first = [model.weights(x, at, layout) * model.slope(x, at, layout) for at in (low, high)]
    second = (first[1] - first[0]) / (2.0 * DIFFERENCE)
    return information, np.einsum("sjq,sjq->jq", slope, second)


def _scan(
    bank: ItemBank,
    cells: Cells,
    grid: Floats,
    added: Added,
) -> Floats:
    """(N, Q) slope of the objective on the grid."""
    from scipy import sparse

    slope = log_likelihood_slope(bank, cells, grid)
    shape = (cells.n_agents, cells.n_items)
    trials = sparse.csr_matrix((cells.trials, (cells.agent, cells.item)), shape=shape)
    by = bank.model.slope(bank.x, grid, bank.layout)
    each, warmth = _expected(bank, grid, by)
    found = Slopes(slope, trials @ each, trials @ warmth)
    return slope + added(np.broadcast_to(grid, slope.shape), found)[0]


def _newton(
    bank: ItemBank,
    cells: Cells,
    start: tuple[Floats, float],
    added: Added,
) -> Floats:
    theta, step = start[0].copy(), start[1]
    low, high = theta - step, theta + step
    active: Ints = np.arange(len(theta))
    for _ in range(STEPS):
        if not len(active):
            break
        at = theta[active]
        found = slopes_at(bank, cells.of_agents(active), at)
        more, curvature = added(at, found)
        slope = found.slope + more
        low[active] = np.where(slope >= 0.0, at, low[active])
        high[active] = np.where(slope <= 0.0, at, high[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            new = at + slope / (found.information + curvature)
        outside = ~((new > low[active]) & (new < high[active]))
        new = np.where(outside, (low[active] + high[active]) / 2.0, new)
        theta[active] = new
        active = active[np.abs(new - at) > CLOSE]
    return theta
