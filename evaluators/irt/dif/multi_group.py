"""Likelihood ratio and Wald tests of an item's curve between two or more groups.

Thissen, Steinberg and Wainer (1993). The other items are anchors: with their curves held equal in
all groups (those of the bank), each group's mean and sd of ability, and each agent's posterior, are
estimated from them. An item's two-parameter curve is then fitted once for all agents and once for
each group:

    LR   = 2 (sum_g L_g - L_all)                                         2 (G - 1) df
    Wald = sum_g (x_g - x)' C_g^-1 (x_g - x),  x the precision-weighted mean of the groups' x_g

Purification: items found different are no anchors in the next round, until the same ones are found.
An ability that groups differ in is no differential functioning; an item that they differ in beyond
it is. Cells may be missing, and hold k of n trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Dropped, Floats, Ints, ResponseTable, score_kind
from evaluators.irt.dif._matching import Mask, purified
from evaluators.irt.dif.groups import FEWEST
from evaluators.irt.fit_statistics._cells import Matched, matched, subset
from evaluators.irt.fit_statistics._chi_squares import chi_square_p, false_discovery
from evaluators.irt.fit_statistics._curves import Evidence, fitted, leave_one_out
from evaluators.irt.fit_statistics._groups import group_places
from evaluators.irt.fit_statistics._posterior import (
    Local,
    local_blocks,
    local_posterior,
    normalised,
)
from tasks import UsageError

POPULATION_ROUNDS = 30


@dataclass(frozen=True)
class MultiGroup:
    """One test an item; NaN where a group has only passes or only failures of it."""

    items: tuple[str, ...]
    groups: tuple[str, ...]
    mean: Floats
    """(G,) of ability, on the bank's scale."""
    sd: Floats
    slope: Floats
    """(J, G) of logit P per sd of the bank's population."""
    intercept: Floats
    """(J, G) logit P at the mean of the bank's population."""
    gap: Floats
    """(J,) difference of the expected scores of the groups that differ most, at equal ability."""
    ratio: Floats
    p: Floats
    """Of the likelihood ratio."""
    q: Floats
    wald: Floats
    p_wald: Floats
    anchors: Mask
    dropped: tuple[Dropped, ...] = ()

    def words(self, level: float = 0.05) -> tuple[str, ...]:
        """A sentence on each item with q below the level, largest gap first."""
        order = np.argsort(-np.nan_to_num(self.gap), kind="stable")
        return tuple(
            f"{self.items[at]}: agents of equal ability pass it "
            f"{100 * self.gap[at]:.0f} points more often in one group than in another "
            f"({', '.join(self.groups)}; q = {self.q[at]:.2g})."
            for at in order.tolist()
            if self.q[at] < level
        )


def multi_group(
    table: ResponseTable,
    bank: ItemBank,
    abilities: Abilities,
    groups: Sequence[str],
    *,
    purify: bool = True,
    level: float = 0.05,
) -> MultiGroup:
    """Test every item for differences between groups.

    Args:
        table: Scores of 0 or 1, or k of n.
        bank: Items, calibrated on all groups together or on one of them.
        abilities: Where the agents' posteriors are.
        groups: The group of each of the table's agents, '' for none.
        purify: Take items with q below `level` out of the anchors, and test again.
        level: See `purify`.

    Raises:
        UsageError: continuous scores, one group, a group of fewer than five agents, or nothing in
            common.
    """
    names, of_table = group_places(table, groups)
    place = dict(zip(table.agents, of_table.tolist(), strict=True))
    whole = matched(table, bank, abilities)
    kept = np.array([at for at, agent in enumerate(whole.agents) if place[agent] >= 0])
    if score_kind(whole.cells) == "continuous":
        raise UsageError(
            "Curves of groups are of chances to pass: scores must be 0 or 1, or k of n. RMSD by "
            "group takes continuous scores."
        )
    side = np.array([place[whole.agents[at]] for at in kept], dtype=np.int64)
    sizes = np.bincount(side, minlength=len(names))
    if len(names) < 2 or sizes.min() < FEWEST:
        raise UsageError(
            f"At least two groups of {FEWEST} agents are compared; here are "
            f"{', '.join(f'{name} ({size})' for name, size in zip(names, sizes, strict=True))}."
        )
    found = Matched(
        whole.cells.of_agents(kept), whole.bank, tuple(whole.agents[at] for at in kept),
        whole.theta[kept], whole.se[kept], whole.dropped,
    )  # fmt: skip

    def compare(anchors: Mask) -> MultiGroup:
        return _compared(found, side, names, anchors)

    if not purify:
        return compare(np.ones(len(found.items), dtype=bool))
    return purified(compare, lambda one: np.nan_to_num(one.q, nan=1.0) < level, len(found.items))


def _compared(found: Matched, side: Ints, names: tuple[str, ...], anchors: Mask) -> MultiGroup:
    local, mean, sd = _populations(subset(found, np.flatnonzero(anchors)), side, len(names))
    size = (len(found.items), len(names))
    x, wald = np.full((*size, 2), np.nan), np.full(size[0], np.nan)
    ratio = np.full(size[0], np.nan)
    for block in local_blocks(found):
        at = found.cells.between(block)
        item, group = found.cells.item[at] - block.start, side[found.cells.agent[at]]
        z, weight = leave_one_out(found, local, at, block)
        outside = ~anchors[found.cells.item[at]]
        weight[outside] = normalised(local.log_mass[found.cells.agent[at[outside]]])
        count = block.stop - block.start
        both = Evidence(item, z, weight, found.cells.total[at], found.cells.trials[at], count)
        apart = replace(both, curve=item * size[1] + group, n_curves=count * size[1])
        together = fitted(both)
        own = fitted(apart, start=np.repeat(together.x, size[1], axis=0))
        x[block] = own.x.reshape(count, size[1], 2)
        gained = own.log_likelihood.reshape(count, size[1]).sum(axis=1)
        ratio[block] = np.maximum(2.0 * (gained - together.log_likelihood), 0.0)
        wald[block] = _walds(x[block], own.covariance.reshape(count, size[1], 2, 2))
    flat = _flat(found, side, size)
    for values in (x, ratio, wald):
        values[flat] = np.nan
    df = np.full(size[0], 2.0 * (size[1] - 1))
    p = chi_square_p(ratio, df)
    return MultiGroup(
        found.items, names, mean, sd, x[:, :, 0], x[:, :, 1], _gaps(x), ratio, p,
        false_discovery(p), wald, chi_square_p(wald, df), anchors, found.dropped,
    )  # fmt: skip


def _populations(found: Matched, side: Ints, count: int) -> tuple[Local, Floats, Floats]:
    """Posteriors under each group's own normal distribution, with its mean and sd, by EM."""
    population = found.bank.population
    mean, sd = np.full(count, population.mean), np.full(count, population.sd)
    local = local_posterior(found)
    flat = local.log_mass + 0.5 * ((local.theta - population.mean) / population.sd) ** 2
    log_mass = local.log_mass
    sizes = np.bincount(side, minlength=count)
    for _ in range(POPULATION_ROUNDS):
        mass = normalised(log_mass)
        first = np.sum(mass * local.theta, axis=1)
        second = np.sum(mass * (local.theta - first[:, None]) ** 2, axis=1)
        mean = np.bincount(side, first, count) / sizes
        sd = np.sqrt(np.bincount(side, second + (first - mean[side]) ** 2, count) / sizes)
        log_mass = flat - 0.5 * ((local.theta - mean[side, None]) / sd[side, None]) ** 2
    return Local(local.theta, log_mass), mean, sd


def _walds(x: Floats, covariance: Floats) -> Floats:
    """(J,) heterogeneity of groups' parameters (J, G, 2); NaN where a covariance is unknown."""
    found = np.full(len(x), np.nan)
    known = np.isfinite(covariance).all(axis=(1, 2, 3))
    precision = np.linalg.inv(covariance[known])
    pulled = np.einsum("jgab,jgb->ja", precision, x[known])
    middle = np.linalg.solve(precision.sum(axis=1), pulled[:, :, None])[:, :, 0]
    off = x[known] - middle[:, None, :]
    found[known] = np.einsum("jga,jgab,jgb->j", off, precision, off)
    return found


def _flat(found: Matched, side: Ints, size: tuple[int, int]) -> Mask:
    """Items that some group always or never passes, or never saw."""
    cells = found.cells
    place = cells.item * size[1] + side[cells.agent]
    passed = np.bincount(place, cells.total, size[0] * size[1]).reshape(size)
    trials = np.bincount(place, cells.trials, size[0] * size[1]).reshape(size)
    return np.any((passed <= 0) | (passed >= trials), axis=1)


def _gaps(x: Floats) -> Floats:
    """(J,) largest difference of mean curves over a standard normal population."""
    z = np.linspace(-4.0, 4.0, 41)
    mass = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    logits = np.clip(x[:, :, :1] * z + x[:, :, 1:], -500.0, 500.0)
    expected = (1.0 / (1.0 + np.exp(-logits))) @ mass
    return expected.max(axis=1) - expected.min(axis=1)
