"""Where agents may stand, given what they answered: grids, and posteriors around each agent."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Floats, Ints
from evaluators.irt.fit_statistics._cells import Matched, blocks

REACH = 5.0
"""Standard deviations of the population that are integrated over."""
NEAR, NODES = 4.0, 11
"""Standard deviations of an agent's posterior, and nodes in them; .8 apart the rule is exact to
rounding for a posterior near the normal."""


def population_grid(bank: ItemBank) -> tuple[Floats, Floats]:
    """(Q,) abilities and their mass, half the sharpest possible posterior sd apart."""
    mean, sd = bank.population.mean, bank.population.sd
    rough = np.linspace(mean - REACH * sd, mean + REACH * sd, 101)
    sharpest = 1.0 / np.sqrt(bank.information(rough).sum(axis=0).max() + 1.0 / sd**2)
    nodes = int(np.ceil(2.0 * REACH * sd / (0.5 * sharpest))) | 1
    theta = np.linspace(rough[0], rough[-1], max(nodes, 61))
    mass = np.exp(-0.5 * ((theta - mean) / sd) ** 2)
    return theta, mass / mass.sum()


@dataclass(frozen=True)
class Local:
    """The posterior of every agent on abilities of its own."""

    theta: Floats
    """(N, K) abilities, NEAR posterior sds to either side of the agent's estimate."""
    log_mass: Floats
    """(N, K) log posterior, up to a constant of the agent."""


def local_posterior(found: Matched, prior: tuple[Floats, Floats] | None = None) -> Local:
    """Posteriors over nodes around the given abilities.

    Args:
        found: Cells, items and abilities.
        prior: (N,) mean and sd of each agent's population; None: the bank's.
    """
    size = len(found.theta)
    mean, sd = prior or (
        np.full(size, found.bank.population.mean), np.full(size, found.bank.population.sd)
    )  # fmt: skip
    information = np.zeros(size)
    for block in blocks(len(found.items), size):
        part = found.bank.take(np.arange(block.start, block.stop)).information(found.theta)
        at = found.cells.between(block)
        item, agent = found.cells.item[at] - block.start, found.cells.agent[at]
        worth = part[item, agent] * found.cells.trials[at]
        information += np.bincount(agent, weights=worth, minlength=size)
    width = 1.0 / np.sqrt(information + 1.0 / sd**2)
    theta = found.theta[:, None] + width[:, None] * np.linspace(-NEAR, NEAR, NODES)
    log_mass = -0.5 * ((theta - mean[:, None]) / sd[:, None]) ** 2
    for block in local_blocks(found):
        at = found.cells.between(block)
        np.add.at(log_mass, found.cells.agent[at], cell_log_likelihood(found, theta, at, block))
    return Local(theta, log_mass)


def local_blocks(found: Matched) -> list[slice]:
    """Runs of items small enough to be evaluated at the nodes of all agents at once."""
    return list(blocks(len(found.items), len(found.theta) * NODES // 2))


def cell_log_likelihood(found: Matched, theta: Floats, at: Ints, block: slice) -> Floats:
    """(m, K) log likelihood of some cells at their agents' nodes, up to constants."""
    bank, cells = found.bank, found.cells
    agent, item = cells.agent[at], cells.item[at] - block.start
    terms = bank.model.terms(bank.x[block], theta.ravel(), bank.layout)
    terms = terms.reshape(*terms.shape[:2], *theta.shape)
    part = Cells(agent, item, cells.trials[at], cells.total[at], len(theta), block.stop)
    statistics = bank.model.statistics(part, bank.layout)
    return sum(
        (one[:, None] * eta[item, agent] for one, eta in zip(statistics, terms, strict=True)),
        start=np.zeros((len(at), theta.shape[1])),
    )


def normalised(log_mass: Floats) -> Floats:
    """Masses that sum to 1 along the last axis."""
    mass = np.exp(log_mass - log_mass.max(axis=-1, keepdims=True))
    return mass / mass.sum(axis=-1, keepdims=True)
