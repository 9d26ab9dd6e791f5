"""RMSD: how far an item's observed curve lies from the model's, in points of probability.

With posteriors of the agents over abilities (the item itself included), w_i(theta),

    observed(theta) = sum_i w_i y_i / sum_i w_i,
    RMSD = sqrt(int (observed - expected)² f(theta) d theta),   f the agents' own mean posterior,

the square root being of the mean over where the item's agents are (Khorramdel, Shin and von Davier
2019; PISA calls an item misfitting from .12 or .15 on). Any score, any missing cells; `groups` of
agents against the one curve are a picture of differential functioning. Small samples alone make it
about sqrt(mean P (1 - P) * bands / n): read it beside a test.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Cells, Dropped, Floats, ResponseTable
from evaluators.irt.fit_statistics._cells import Matched, matched
from evaluators.irt.fit_statistics._groups import group_places
from evaluators.irt.fit_statistics._posterior import local_posterior, normalised

BINS = 41
"""Abilities at which observed curves are taken."""


@dataclass(frozen=True)
class Rmsd:
    """Root mean square deviation of items; NaN where none of a group's agents saw the item."""

    items: tuple[str, ...]
    groups: tuple[str, ...]
    value: Floats
    """(J, groups)"""
    bias: Floats
    """(J, groups) mean deviation, signed: above 0, the group passes more often than expected."""
    dropped: tuple[Dropped, ...] = ()


def rmsd(
    table: ResponseTable,
    bank: ItemBank,
    abilities: Abilities,
    groups: tuple[str, ...] | None = None,
) -> Rmsd:
    """RMSD of every item, over all agents or in groups of them.

    Args:
        table: Scores of any kind that the bank's model knows.
        bank: The items.
        abilities: Where the agents' posteriors are.
        groups: The group of each of the table's agents, '' for none; None: one group of all.

    Raises:
        UsageError: not one group an agent, or nothing in common.
    """
    names, of_table = group_places(table, groups)
    found = matched(table, bank, abilities)
    place = dict(zip(table.agents, of_table, strict=True))
    group = np.array([place[agent] for agent in found.agents])
    grid, share = _binned(found)
    expected = found.bank.mean(grid)
    value = np.full((len(found.items), len(names)), np.nan)
    bias = np.full_like(value, np.nan)
    for at in range(len(names)):
        kept = group[found.cells.agent] == at
        weight, passed = _curves(found.cells, kept, share)
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.where(weight > 0, passed / weight - expected, 0.0)
            mass = weight / weight.sum(axis=1, keepdims=True)
        value[:, at] = np.sqrt(np.sum(mass * off**2, axis=1))
        bias[:, at] = np.sum(mass * off, axis=1)
    return Rmsd(found.items, names, value, bias, found.dropped)


def _binned(found: Matched) -> tuple[Floats, Floats]:
    """(Q,) grid over all posteriors, and (N, Q) each posterior's share at its points."""
    local = local_posterior(found)
    mass = normalised(local.log_mass)
    heavy = local.theta[mass > 1e-6]
    grid = np.linspace(heavy.min(), heavy.max(), BINS)
    # Each node's mass goes to its two neighbours on the grid, which keeps its mean.
    where = np.clip((local.theta - grid[0]) / (grid[1] - grid[0]), 0.0, BINS - 1.000001)
    low = where.astype(np.int64)
    share = np.zeros((len(found.theta), BINS))
    rows = np.repeat(np.arange(len(share)), mass.shape[1])
    np.add.at(share, (rows, low.ravel()), (mass * (1.0 - (where - low))).ravel())
    np.add.at(share, (rows, low.ravel() + 1), (mass * (where - low)).ravel())
    return grid, share


def _curves(cells: Cells, kept: np.ndarray, share: Floats) -> tuple[Floats, Floats]:
    """(J, Q) weight and weighted score of the items at the grid's points."""
    from scipy import sparse

    shape = (cells.n_items, cells.n_agents)
    at = (cells.item[kept], cells.agent[kept])
    weight = sparse.csr_array((cells.trials[kept], at), shape=shape) @ share
    passed = sparse.csr_array((cells.total[kept], at), shape=shape) @ share
    return weight, passed
