"""Cells laid out for matrix products: agents with about as many cells stand side by side.

A block holds the items that ask for the same abilities; its slabs hold its cells, each row one
agent's, padded with cells of no trials. All sums over cells that an estimator needs are here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Cells, Floats, Ints
from evaluators.irt.models._sigmoid import expit

SLAB = 32_768
"""Cells a slab, at most, unless one agent has more: bounds the memory of what is done a node."""


@dataclass(frozen=True)
class Slab:
    """Cells of n agents, L each."""

    agents: Ints
    """(n,)"""
    item: Ints
    """(n, L) place of the item; 0 where padded."""
    trials: Floats
    """(n, L); 0 where padded."""
    total: Floats
    """(n, L)"""


@dataclass(frozen=True)
class Block:
    """Items that ask for the same d abilities."""

    abilities: Ints
    """(d,) places of the abilities."""
    columns: Ints
    """(d + 1,) their columns of x, and the intercept's."""
    slabs: tuple[Slab, ...]
    n_items: int
    """Items of the whole table, not of the block: sums by item are as long."""

    def parts(self, x: Floats) -> Iterator[tuple[Slab, Floats, Floats]]:
        """Each slab with its slopes (n, L, d) and intercepts (n, L, 1)."""
        own = x[:, self.columns]
        for slab in self.slabs:
            found = own[slab.item]
            yield slab, found[:, :, :-1], found[:, :, -1:]


def block(cells: Cells, abilities: Ints, last: int, kept: Ints | None = None) -> Block:
    """The block of some abilities.

    Args:
        cells: All cells.
        abilities: (d,) places of the abilities it asks for.
        last: Column of the intercept.
        kept: Items of the block; None: all.
    """
    chosen = np.arange(cells.size)
    if kept is not None:
        belongs = np.zeros(cells.n_items, dtype=bool)
        belongs[kept] = True
        chosen = np.flatnonzero(belongs[cells.item])
    columns = np.append(abilities, last).astype(np.int64)
    return Block(abilities, columns, tuple(_slabs(cells, chosen)), cells.n_items)


def _slabs(cells: Cells, chosen: Ints) -> Iterator[Slab]:
    agent = cells.agent[chosen]
    counts = np.bincount(agent, minlength=cells.n_agents)
    starts = np.concatenate(([0], np.cumsum(counts)))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    at = 0
    while at < len(order):
        width = int(counts[order[at]])
        members = order[at : at + max(SLAB // width, 1)]
        at += len(members)
        lane = np.arange(width)
        real = lane < counts[members][:, None]
        place = chosen[np.where(real, starts[members][:, None] + lane, 0)]
        yield Slab(
            members,
            np.where(real, cells.item[place], 0),
            np.where(real, cells.trials[place], 0.0),
            np.where(real, cells.total[place], 0.0),
        )


def softplus(eta: Floats) -> Floats:
    """log(1 + e^eta), without overflow."""
    return np.maximum(eta, 0.0) + np.log(1.0 + np.exp(-np.abs(eta)))


def node_likelihood(block: Block, x: Floats, nodes: Floats) -> Floats:
    """(N, K) log-likelihood of each agent's cells in the block at its nodes (N, K, d).

    Binomial coefficients are left out: they depend on the data alone.
    """
    found = np.zeros(nodes.shape[:2])
    for slab, slopes, intercepts in block.parts(x):
        eta = slopes @ nodes[slab.agents].transpose(0, 2, 1) + intercepts
        ones = slab.total[:, None, :] @ eta - slab.trials[:, None, :] @ softplus(eta)
        found[slab.agents] = ones[:, 0, :]
    return found


@dataclass(frozen=True)
class Sums:
    """Sums over agents, by item: derivatives of the expected complete log-likelihood."""

    gradient: Floats
    """(J, p)"""
    curvature: Floats
    """(J, p, p) minus the second derivative."""


def item_sums(block: Block, x: Floats, nodes: Floats, weights: Floats) -> Sums:
    """Gradient and curvature by the block's columns of x, expected under node weights (N, K).

    By Fisher's identity the gradient is that of the marginal log-likelihood too.
    """
    p = len(block.columns)
    gradient, curvature = np.zeros((block.n_items, p)), np.zeros((block.n_items, p * p))
    for slab, slopes, intercepts in block.parts(x):
        design, squares = _weighted(nodes[slab.agents], weights[slab.agents])
        eta = slopes @ nodes[slab.agents].transpose(0, 2, 1) + intercepts
        chance = expit(eta)
        trials = slab.trials[:, :, None]
        _add(gradient, slab.item, (slab.total[:, :, None] - trials * chance) @ design)
        _add(curvature, slab.item, (trials * chance * (1.0 - chance)) @ squares)
    return Sums(gradient, curvature.reshape(-1, p, p))


def score_variance(block: Block, x: Floats, nodes: Floats, weights: Floats) -> Floats:
    """(J, p, p) summed posterior variances of each item's complete-data scores.

    What is missing of the complete information because abilities are not seen (Louis 1982).
    """
    p = len(block.columns)
    found = np.zeros((block.n_items, p * p))
    for slab, slopes, intercepts in block.parts(x):
        design, squares = _weighted(nodes[slab.agents], weights[slab.agents])
        eta = slopes @ nodes[slab.agents].transpose(0, 2, 1) + intercepts
        rest = slab.total[:, :, None] - slab.trials[:, :, None] * expit(eta)
        mean = rest @ design
        outer = mean[:, :, :, None] * mean[:, :, None, :]
        _add(found, slab.item, (rest * rest) @ squares - outer.reshape(*mean.shape[:2], p * p))
    return found.reshape(-1, p, p)


def _weighted(nodes: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(n, K, p) nodes with a one beside them, and (n, K, p * p) their products; both weighted."""
    full = np.concatenate((nodes, np.ones((*nodes.shape[:2], 1))), axis=2)
    design = weights[:, :, None] * full
    squares = design[:, :, :, None] * full[:, :, None, :]
    return design, squares.reshape(*nodes.shape[:2], -1)


def _add(into: Floats, item: Ints, what: Floats) -> None:
    """Add (n, L, m) to rows of `into` (J, m) by item."""
    flat = item.ravel()
    for column in range(into.shape[1]):
        values = np.ascontiguousarray(what[:, :, column]).ravel()
        into[:, column] += np.bincount(flat, weights=values, minlength=len(into))


def ability_sums(block: Block, x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """(N, d) gradient and (N, d, d) curvature of the block's log-likelihood by abilities (N, d)."""
    n, d = theta.shape
    gradient, curvature = np.zeros((n, d)), np.zeros((n, d, d))
    for slab, slopes, intercepts in block.parts(x):
        eta = (slopes @ theta[slab.agents][:, :, None] + intercepts)[:, :, 0]
        chance = expit(eta)
        rest = slab.total - slab.trials * chance
        weight = slab.trials * chance * (1.0 - chance)
        gradient[slab.agents] = (rest[:, None, :] @ slopes)[:, 0, :]
        curvature[slab.agents] = (slopes * weight[:, :, None]).transpose(0, 2, 1) @ slopes
    return gradient, curvature
