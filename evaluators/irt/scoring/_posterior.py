"""Posteriors of abilities on a grid that is fine enough for the information at hand.

Nodes lie half the smallest posterior sd apart: hundreds of items make an ability sharp (sd .1 and
less), and a coarse grid then distorts the scale. On such a grid the trapezoid rule of a
smooth density is exact to rounding.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Floats, Ints
from evaluators.irt.scoring._matching import statistics

REACH = 7.0
"""Half-width of a grid in population sds."""
MOST_NODES = 4001
BLOCK = 1 << 23
"""Numbers held at once of what is as large as items times nodes."""


@dataclass(frozen=True)
class Posterior:
    """What is known of each agent's ability."""

    grid: Floats
    """(Q,) equally spaced."""
    weights: Floats
    """(N, Q) rows sum to 1."""

    @property
    def mean(self) -> Floats:
        """(N,) posterior means."""
        return self.weights @ self.grid

    @property
    def sd(self) -> Floats:
        """(N,) posterior standard deviations."""
        spread = (self.grid - self.mean[:, None]) ** 2
        return np.sqrt(np.einsum("nq,nq->n", self.weights, spread))

    def quantile(self, level: float) -> Floats:
        """(N,) each node's mass taken as spread evenly around it."""
        step = self.grid[1] - self.grid[0]
        edges = np.concatenate([self.grid - step / 2.0, [self.grid[-1] + step / 2.0]])
        mass = np.concatenate([np.zeros((len(self.weights), 1)), self.weights.cumsum(1)], axis=1)
        return np.array([np.interp(level, row, edges) for row in mass])


def grid_for(bank: ItemBank, trials: Floats | None = None, reach: float = REACH) -> Floats:
    """(Q,) nodes half the smallest possible posterior sd apart, symmetric about the mean.

    Args:
        bank: The items.
        trials: (J,) most trials that an agent has on each; None: one each.
        reach: Half-width in population sds.
    """
    mean, sd = bank.population.mean, bank.population.sd
    rough = mean + sd * np.linspace(-reach, reach, 141)
    each = np.ones(len(bank.items)) if trials is None else trials
    total = np.zeros(len(rough))
    for at in _blocks(len(bank.items), len(rough)):
        total += each[at] @ bank.take(at).information(rough)
    sharpest = 1.0 / np.sqrt(1.0 / sd**2 + float(total.max()))
    half = int(np.ceil(reach * sd / (0.5 * sharpest)))
    half = min(max(half, 60), MOST_NODES // 2)
    return mean + reach * sd * np.arange(-half, half + 1) / half


def most_trials(cells: Cells) -> Floats:
    """(J,) most trials that any agent has on each item."""
    found = np.zeros(cells.n_items)
    np.maximum.at(found, cells.item, cells.trials)
    return found


def normal_prior(bank: ItemBank, grid: Floats) -> Floats:
    """(Q,) log mass of the population at the nodes."""
    z = (grid - bank.population.mean) / bank.population.sd
    found = -0.5 * z * z
    return found - np.log(np.exp(found).sum())


def log_likelihood(bank: ItemBank, cells: Cells, grid: Floats) -> Floats:
    """(N, Q) log-likelihood of each agent's cells, up to what does not hang on the ability."""
    return _gathered(cells, statistics(bank, cells), bank, grid, slopes=False)


def log_likelihood_slope(bank: ItemBank, cells: Cells, grid: Floats) -> Floats:
    """(N, Q) its derivative by the ability."""
    return _gathered(cells, statistics(bank, cells), bank, grid, slopes=True)


def posterior(
    bank: ItemBank, cells: Cells, grid: Floats | None = None, log_prior: Floats | None = None
) -> Posterior:
    """Posterior of every agent.

    Args:
        bank: The items.
        cells: Numbered as the bank's items.
        grid: (Q,) nodes; None: as fine as these cells ask.
        log_prior: (Q,) log mass of the nodes; None: the bank's population.
    """
    nodes = grid_for(bank, most_trials(cells)) if grid is None else grid
    prior = normal_prior(bank, nodes) if log_prior is None else log_prior
    return Posterior(nodes, normalised(log_likelihood(bank, cells, nodes) + prior))


def normalised(log_mass: Floats) -> Floats:
    """(N, Q) rows that sum to 1."""
    mass = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    return mass / mass.sum(axis=1, keepdims=True)


def _gathered(
    cells: Cells, counts: Floats, bank: ItemBank, grid: Floats, *, slopes: bool
) -> Floats:
    from scipy import sparse

    found = np.zeros((cells.n_agents, len(grid)))
    model = bank.model
    shape = (cells.n_agents, cells.n_items)
    matrices = [
        sparse.csc_matrix(
            (row[row != 0.0], (cells.agent[row != 0.0], cells.item[row != 0.0])), shape=shape
        )
        for row in counts
    ]
    for at in _blocks(cells.n_items, len(grid)):
        of = model.slope if slopes else model.terms
        values = of(bank.x[at], grid, bank.layout)
        for matrix, value in zip(matrices, values, strict=True):
            found += matrix[:, at[0] : at[-1] + 1] @ value
    return found


def _blocks(n_items: int, nodes: int) -> list[Ints]:
    size = max(BLOCK // max(nodes, 1), 1)
    return [
        np.arange(low, min(low + size, n_items), dtype=np.int64) for low in range(0, n_items, size)
    ]
