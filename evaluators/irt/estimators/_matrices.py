"""Responses as matrices, agent by item, so that an E-step is a few matrix products.

log p(y_i | theta_q) = sum_s T_s[i] . eta_s[:, q]: one product a statistic. Dense where at least a
fifth of the cells are there, else compressed rows. Where all cells are, the statistics of a cell
sum to its one trial, and the first is what the others leave: one product less.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from evaluators.irt._responses import Cells, Floats, Ints

DENSE_SHARE = 0.2
DENSE_BYTES = 1 << 30
"""Above this it is compressed rows, however full."""


@dataclass(frozen=True)
class Responses:
    """Statistics of the agents of some blocks, block after block."""

    blocks: tuple[tuple[Any, ...], ...]
    """For each block of agents its channels: (agents, J) arrays or compressed rows."""
    folded: bool
    """True where the first statistic is no channel but 1 minus the others, in every cell."""
    counted: bool
    """True where trials are a channel of their own, the last, which is no part of a likelihood."""

    def coefficients(self, eta: Floats) -> tuple[Floats, Floats]:
        """(C, J, Q) what channels are multiplied by, and (Q,) what is the same for all agents."""
        if self.folded:
            return eta[1:] - eta[0], eta[0].sum(axis=0)
        return eta, np.zeros(eta.shape[2])

    def log_likelihood(self, block: int, coefficients: Floats) -> Floats:
        """(agents, Q) of a block's agents."""
        found: Floats = self.blocks[block][0] @ coefficients[0]
        for channel, by in zip(self.blocks[block][1:], coefficients[1:], strict=False):
            found += channel @ by
        return found

    def expected(self, block: int, weights: Floats) -> list[Floats]:
        """C arrays (J, Q): each channel's sum over the block's agents, weighted (agents, Q)."""
        return [channel.T @ weights for channel in self.blocks[block]]

    def scores(self, block: int, by: Floats, gradient: Floats) -> Floats:
        """(agents, J p) sum over nodes of each agent's item scores, weighted (agents, Q) by `by`.

        Args:
            block: Of agents.
            by: Weights of the nodes; they sum to 0 for each agent or not.
            gradient: (S, J, Q, p) of the terms by the parameters.
        """
        n_items, _, p = gradient.shape[1:]
        used = gradient[1:] - gradient[0] if self.folded else gradient
        found = np.zeros((len(by), n_items, p))
        for k in range(p):
            if self.folded:
                found[:, :, k] = by @ gradient[0, :, :, k].T
            for channel, one in zip(self.blocks[block], used, strict=False):
                dense = channel if isinstance(channel, np.ndarray) else channel.toarray()
                found[:, :, k] += dense * (by @ one[:, :, k].T)
        return found.reshape(len(by), -1)

    def unfolded(self, channels: Floats, mass: Floats) -> tuple[Floats, Floats]:
        """(S, J, Q) expected statistics and (J, Q) expected trials of (C, J, Q) channels.

        Args:
            channels: (C, J, Q) summed over all blocks.
            mass: (Q,) posterior mass of all agents.
        """
        if self.counted:
            return channels[:-1], channels[-1]
        if not self.folded:
            return channels, channels.sum(axis=0)
        trials = np.broadcast_to(mass, channels.shape[1:])
        return np.concatenate([(trials - channels.sum(axis=0))[None], channels]), trials


def responses(cells: Cells, statistics: Floats, order: Ints, ends: Ints) -> Responses:
    """The matrices of agents in the order of their blocks.

    Args:
        cells: The observed cells.
        statistics: (S, n) of the cells.
        order: (N,) agents, block after block.
        ends: (B + 1,) where each block begins in `order`, and N.
    """
    summing = bool(np.allclose(statistics.sum(axis=0), cells.trials, rtol=1e-12, atol=1e-12))
    everything = cells.n_agents * cells.n_items
    folded = summing and cells.size == everything and bool(np.all(cells.trials == 1.0))
    kept = [*statistics[1 if folded else 0 :]]
    if not summing:
        kept.append(cells.trials)
    dense = cells.size >= DENSE_SHARE * everything and everything * len(kept) * 8 <= DENSE_BYTES
    build = _dense if dense else _compressed
    channels = [build(cells, values, order, ends) for values in kept]
    blocks = tuple(zip(*channels, strict=True))
    return Responses(blocks, folded, not summing)


def _dense(cells: Cells, values: Floats, order: Ints, ends: Ints) -> list[Any]:
    place = np.empty(cells.n_agents, dtype=np.int64)
    place[order] = np.arange(cells.n_agents)
    matrix = np.zeros((cells.n_agents, cells.n_items))
    matrix[place[cells.agent], cells.item] = values
    return [matrix[low:high] for low, high in pairwise(ends)]


def _compressed(cells: Cells, values: Floats, order: Ints, ends: Ints) -> list[Any]:
    from scipy import sparse

    there = values != 0.0
    starts = np.zeros(cells.n_agents + 1, dtype=np.int64)
    np.cumsum(np.bincount(cells.agent[there], minlength=cells.n_agents), out=starts[1:])
    # Cells are sorted by agent, so they are compressed rows already.
    matrix: Any = sparse.csr_array(
        (values[there], cells.item[there].astype(np.int32), starts.astype(np.int32)),
        shape=(cells.n_agents, cells.n_items),
    )
    return [matrix[order[low:high]] for low, high in pairwise(ends)]
