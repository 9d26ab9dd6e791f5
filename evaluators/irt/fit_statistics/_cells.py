"""Observed cells beside what the model expects of them; every statistic of fit starts here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Cells, Dropped, Floats, Ints, ResponseTable
from tasks import UsageError

_BLOCK = 1 << 18
"""Pairs of agent and item that are evaluated at a time."""
_LEAST = 1e-9
"""Variances of a trial are kept from 0 by this much: a sure thing that fails is not infinite."""


@dataclass(frozen=True)
class Matched:
    """The cells of the agents and items that table, bank and abilities share."""

    cells: Cells
    bank: ItemBank
    agents: tuple[str, ...]
    theta: Floats
    """(N,) abilities."""
    se: Floats
    """(N,) their standard errors."""
    dropped: tuple[Dropped, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items."""
        return self.bank.items


def matched(table: ResponseTable, bank: ItemBank, abilities: Abilities) -> Matched:
    """Agents and items that all three know, in the order of the table.

    Raises:
        UsageError: abilities of several dimensions, abilities that are not finite, or nothing
            in common.
    """
    if abilities.theta.ndim != 1:
        raise UsageError(
            f"These abilities have {abilities.theta.shape[1]} dimensions; this statistic is for "
            "one. Fit a model of one dimension (`2pl`) to the same table."
        )
    measured = dict(zip(abilities.agents, range(len(abilities.agents)), strict=True))
    kept, own, dropped = calibrated(table, bank)
    agents = [place for place, name in enumerate(table.agents) if name in measured]
    missing = tuple(name for name in table.agents if name not in measured)
    if not agents:
        raise UsageError(
            f"None of the table's {len(table.agents)} agents has an ability here (the first: "
            f"{', '.join(table.agents[:3])}). Score them on the bank first: score_agents(bank, "
            "table)."
        )
    cells = kept.of_agents(np.array(agents, dtype=np.int64))
    if missing:
        dropped = (
            *dropped,
            Dropped(kept.size - cells.size, "These agents have no ability.", missing),
        )
    places = np.array([measured[table.agents[place]] for place in agents])
    theta = abilities.theta[places].astype(float)
    if not np.all(np.isfinite(theta)):
        odd = [table.agents[agents[place]] for place in np.flatnonzero(~np.isfinite(theta))[:3]]
        raise UsageError(
            f"Abilities must be finite here, and those of {', '.join(odd)} are not (all passed or "
            "all failed under ML?). Score with `eap` or `wle`."
        )
    return Matched(
        cells,
        own,
        tuple(table.agents[place] for place in agents),
        theta,
        abilities.se[places].astype(float),
        dropped,
    )


def calibrated(table: ResponseTable, bank: ItemBank) -> tuple[Cells, ItemBank, tuple[Dropped, ...]]:
    """The cells of the items that the bank has, the bank in their order, and what was left out.

    Raises:
        UsageError: table and bank share no item, or the bank's abilities are vectors.
    """
    if bank.model.vector:
        raise UsageError(
            f"The bank's model ({bank.model.name}) has several abilities; this statistic is for "
            "one. Fit a model of one dimension (`2pl`) to the same table."
        )
    known = set(bank.items)
    items = [place for place, name in enumerate(table.items) if name in known]
    if not items:
        raise UsageError(
            f"The bank of {len(bank.items)} items and the table of {len(table.items)} share none "
            f"(the table's first: {', '.join(table.items[:3])}). Give the bank that was fitted to "
            "these items."
        )
    cells = table.cells.of_items(np.array(items, dtype=np.int64))
    own = bank.take(bank.places([table.items[place] for place in items]))
    lost = tuple(name for name in table.items if name not in known)
    if not lost:
        return cells, own, ()
    left = table.cells.size - cells.size
    return cells, own, (Dropped(left, "The bank has not calibrated these items.", lost),)


@dataclass(frozen=True)
class Moments:
    """What the model expects of the totals of cells; each (n,), in the order of the cells."""

    mean: Floats
    variance: Floats
    fourth: Floats
    """Fourth central moment."""


def blocks(n_items: int, n_others: int) -> Iterator[slice]:
    """Runs of items small enough to be evaluated at once against `n_others` abilities."""
    step = max(1, _BLOCK // max(n_others, 1))
    for first in range(0, n_items, step):
        yield slice(first, min(first + step, n_items))


def moments(found: Matched) -> Moments:
    """Moments of every cell's total at its agent's ability."""
    cells = found.cells
    mean, variance, fourth = np.zeros(cells.size), np.zeros(cells.size), np.zeros(cells.size)
    for block in blocks(cells.n_items, cells.n_agents):
        at = cells.between(block)
        if at.size:
            bank = found.bank
            terms = bank.model.terms(bank.x[block], found.theta, bank.layout)
            eta = terms[:, cells.item[at] - block.start, cells.agent[at]]
            mean[at], variance[at], fourth[at] = _of_totals(bank, eta, cells.trials[at])
    return Moments(mean, variance, fourth)


def _of_totals(bank: ItemBank, eta: Floats, trials: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, variance, fourth central moment of the totals of cells with terms eta (S, m)."""
    mean, variance, fourth = np.zeros(len(trials)), np.zeros(len(trials)), np.zeros(len(trials))
    for count in np.unique(trials):
        at = trials == count
        totals, weights = bank.model.support(int(count), bank.layout)
        statistics = bank.model.statistics(_single(totals, float(count)), bank.layout)
        logs = statistics.T @ eta[:, at] + weights[:, None]
        chance = np.exp(logs - logs.max(axis=0))
        chance /= chance.sum(axis=0)
        middle = totals @ chance
        off = (totals[:, None] - middle) ** 2
        mean[at] = middle
        variance[at] = np.maximum(np.einsum("km,km->m", off, chance), count * _LEAST)
        fourth[at] = np.maximum(np.einsum("km,km->m", off * off, chance), count * _LEAST)
    return mean, variance, fourth


def _single(totals: Floats, trials: float) -> Cells:
    """One cell for each total, all with as many trials."""
    size = len(totals)
    return Cells(
        np.arange(size), np.zeros(size, dtype=np.int64), np.full(size, trials), totals, size, 1
    )


def subset(found: Matched, items: Ints) -> Matched:
    """The same agents with some of the items, by place."""
    return replace(found, cells=found.cells.of_items(items), bank=found.bank.take(items))
