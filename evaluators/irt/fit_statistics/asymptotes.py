"""Ceilings and floors: do some strong agents fail an item, or weak ones pass it, whatever they can?

Per item a likelihood ratio of a two-parameter curve with a free upper asymptote d (the 4PL's: "some
strong agents always fail", an over-strict grader, a harness that breaks for some) against d = 1,
and likewise of a lower asymptote c (guessing, a leaked answer, a grader that passes too much)
against c = 0. Agents' posteriors come from their other items. Under the null the asymptote lies on
the edge of what is possible, so the ratio is 0 half of the time and chi-square with one degree of
freedom else (Self and Liang 1987): p = P(chi²_1 > LR) / 2, and 1 where LR = 0.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Dropped, Floats, ResponseTable, score_kind
from evaluators.irt.fit_statistics._cells import Matched, matched
from evaluators.irt.fit_statistics._chi_squares import chi_square_p, false_discovery
from evaluators.irt.fit_statistics._curves import Evidence, fitted, leave_one_out
from evaluators.irt.fit_statistics._posterior import local_blocks, local_posterior
from tasks import UsageError

SHOWN = 5
"""Agents that are named for an item."""


@dataclass(frozen=True)
class AsymptoteTests:
    """One side's tests; arrays (J,), NaN where all or none of an item's trials passed."""

    items: tuple[str, ...]
    asymptote: Floats
    """Estimated d, or c."""
    ratio: Floats
    """LR, at least 0."""
    p: Floats
    q: Floats
    """p adjusted for the number of items (Benjamini and Hochberg)."""
    agents: tuple[tuple[str, ...], ...]
    """Up to five that go against the item most: the strongest that failed, or the weakest that
    passed."""

    def flagged(self, level: float = 0.05) -> tuple[str, ...]:
        """Sentences on the items with q below the level, smallest q first."""
        order = np.argsort(self.p, kind="stable")
        upper = bool(np.nanmedian(self.asymptote) > 0.5)
        said = (
            "{item}: even the strongest agents pass only {value:.0%} of the time (q = {q:.2g}); "
            "strong ones that failed: {agents}."
            if upper
            else "{item}: even the weakest agents pass {value:.0%} of the time (q = {q:.2g}); weak "
            "ones that passed: {agents}."
        )
        return tuple(
            said.format(
                item=self.items[at],
                value=self.asymptote[at],
                q=self.q[at],
                agents=", ".join(self.agents[at]),
            )
            for at in order.tolist()
            if self.q[at] < level
        )


@dataclass(frozen=True)
class Asymptotes:
    """Both sides."""

    upper: AsymptoteTests
    lower: AsymptoteTests
    dropped: tuple[Dropped, ...] = ()


def asymptotes(table: ResponseTable, bank: ItemBank, abilities: Abilities) -> Asymptotes:
    """Test every item that table, bank and abilities share for a ceiling and for a floor.

    Raises:
        UsageError: scores between 0 and 1, or nothing in common.
    """
    found = matched(table, bank, abilities)
    if score_kind(found.cells) == "continuous":
        raise UsageError(
            "Asymptotes are of chances to pass: scores must be 0 or 1, or k of n trials, and these "
            "are continuous. RMSD and infit take them."
        )
    local = local_posterior(found)
    size = len(found.items)
    ratio, value = np.full((2, size), np.nan), np.full((2, size), np.nan)
    for block in local_blocks(found):
        at = found.cells.between(block)
        if not at.size:
            continue
        cells = found.cells
        evidence = Evidence(
            cells.item[at] - block.start,
            *leave_one_out(found, local, at, block),
            cells.total[at],
            cells.trials[at],
            block.stop - block.start,
        )
        plain = fitted(evidence)
        for side, free in enumerate(("upper", "lower")):
            bent = fitted(evidence, free, plain.x)
            ratio[side, block] = np.maximum(2.0 * (bent.log_likelihood - plain.log_likelihood), 0.0)
            value[side, block] = 1.0 / (1.0 + np.exp(-bent.x[:, 2]))
    passed = np.bincount(found.cells.item, found.cells.total, size)
    trials = np.bincount(found.cells.item, found.cells.trials, size)
    flat = (passed == 0) | (passed == trials)
    ratio[:, flat] = np.nan
    value[:, flat] = np.nan
    return Asymptotes(
        _side(found, value[0], ratio[0], strong=True),
        _side(found, value[1], ratio[1], strong=False),
        found.dropped,
    )


def _side(found: Matched, value: Floats, ratio: Floats, *, strong: bool) -> AsymptoteTests:
    tail = chi_square_p(ratio, np.ones(len(ratio))) / 2.0
    p = np.where(ratio > 1e-6, tail, np.where(np.isnan(ratio), np.nan, 1.0))
    return AsymptoteTests(
        found.items, value, ratio, p, false_discovery(p), _against(found, strong=strong)
    )


def _against(found: Matched, *, strong: bool) -> tuple[tuple[str, ...], ...]:
    """The strongest agents that failed each item, or the weakest that passed it."""
    cells = found.cells
    odd = cells.mean < 0.5 if strong else cells.mean > 0.5
    item, agent = cells.item[odd], cells.agent[odd]
    theta = -found.theta[agent] if strong else found.theta[agent]
    order = np.lexsort((agent, theta, item))
    ends = np.searchsorted(item[order], np.arange(cells.n_items + 1))
    return tuple(
        tuple(found.agents[place] for place in agent[order[low : min(low + SHOWN, high)]].tolist())
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    )
