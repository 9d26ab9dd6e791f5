"""S-X²: do agents of the same total pass an item as often as the model says?

Orlando and Thissen (2000), *Applied Psychological Measurement* 24, 50-64. Agents are grouped by
their number of passed items, which is observed, not estimated. With T_i the item's curve, S_k the
chance of a total k (Lord and Wingersky 1984) and S*_k the same without the item,

    E_ik = int T_i S*_(k-1) phi / int S_k phi,      X² = sum_k (O_k - n_k E_ik)² / V_ik.

Missing cells: the total means something only beside the items it was reached on, so each agent's
E_ik is that of its own *pattern* of observed items (nothing is imputed), and an item's agents of
all patterns are then ordered by it. In complete data that is the order of totals. Adjacent agents
are merged until at least `least` passes and as many failures are expected in a group, and until
there are some forty groups at most; V is the exact variance sum E (1 - E) of a merged group. Agents
who passed all or none of their items are sure of their answer, and are left out.

S*_k is S_k with the item divided out, from whichever end is stable, so that all items of a pattern
cost J² Q for J items and Q abilities.
"""

from collections.abc import Iterator

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Dropped, Floats, Ints, ResponseTable, score_kind
from evaluators.irt.fit_statistics._cells import calibrated
from evaluators.irt.fit_statistics._chi_squares import (
    ItemTests,
    chi_square_p,
    false_discovery,
    rmsea,
)
from evaluators.irt.fit_statistics._posterior import population_grid
from tasks import UsageError

MOST_WORK = 2e11
"""Multiplications: some minutes."""
MOST_GROUPS = 40
"""About; more of them, as patterns of missing cells would make, only dilute the test."""


def s_x2(
    table: ResponseTable, bank: ItemBank, *, least: float = 1.0, known_items: bool = False
) -> ItemTests:
    """S-X² of every item that table and bank share.

    Args:
        table: Scores of 0 or 1, one trial a cell.
        bank: The items' curves and the population's distribution.
        least: Passes and failures expected in each group, at least.
        known_items: The bank was not calibrated on this table: no degree of freedom is lost to it.

    Raises:
        UsageError: other scores, nothing in common, or so many long patterns of missing cells
            that it would take hours.
    """
    cells, own, dropped = calibrated(table, bank)
    if score_kind(cells) != "binary":
        raise UsageError(
            f"S-X² is for scores of 0 or 1 from one trial; these are {score_kind(cells)}. Infit, "
            "outfit, Q1 and RMSD take them."
        )
    theta, mass = population_grid(own)
    chance = own.mean(theta)
    expected = np.full(cells.size, np.nan)
    for places, rows in _patterns(cells, len(theta)):
        totals = np.bincount(
            cells.agent[rows], weights=cells.total[rows], minlength=cells.n_agents
        ).astype(np.int64)
        given = passes_given_total(chance[places], mass)
        where = np.searchsorted(places, cells.item[rows])
        expected[rows] = given[where, totals[cells.agent[rows]]]
    return _tests(cells, own, expected, (least, 0 if known_items else own.x.shape[1]), dropped)


def _patterns(cells: Cells, nodes: int) -> Iterator[tuple[Ints, Ints]]:
    """For each distinct set of observed items: their places, and the cells of its agents."""
    ends = np.searchsorted(cells.agent, np.arange(cells.n_agents + 1))
    found: dict[bytes, list[int]] = {}
    for agent in range(cells.n_agents):
        found.setdefault(cells.item[ends[agent] : ends[agent + 1]].tobytes(), []).append(agent)
    work = sum(2.0 * (len(key) / 8) ** 2 * nodes for key in found)
    if work > MOST_WORK:
        raise UsageError(
            f"{len(found):,} different patterns of missing cells over {cells.n_items:,} items: "
            "S-X² needs the distribution of totals of each, which would take hours. Give it the "
            "agents that saw all items, or some of the items; or use Q1 or RMSD."
        )
    for agents in found.values():
        rows = np.concatenate([np.arange(ends[one], ends[one + 1]) for one in agents])
        places = cells.item[ends[agents[0]] : ends[agents[0] + 1]]
        if len(places):
            yield places, rows


def total_distribution(chance: Floats) -> Floats:
    """(J + 1, Q) chance of each total at each ability, by Lord and Wingersky's recursion.

    Args:
        chance: (J, Q) chances to pass.
    """
    n_items, nodes = chance.shape
    found = np.zeros((n_items + 1, nodes))
    found[0] = 1.0
    for at, pass_ in enumerate(chance):
        found[1 : at + 2] = found[1 : at + 2] * (1.0 - pass_) + found[: at + 1] * pass_
        found[0] *= 1.0 - pass_
    return found


def passes_given_total(chance: Floats, mass: Floats) -> Floats:
    """(J, J + 1) chance that an agent with a total passed each item; see the module.

    Args:
        chance: (J, Q) chances to pass.
        mass: (Q,) weights of the abilities.
    """
    totals = total_distribution(chance)
    n_items = len(chance)
    rising = chance < 0.5
    # Dividing out from below multiplies errors by P / (1 - P), from above by its inverse.
    up = np.where(rising, chance, 0.0)
    down = np.where(rising, 1.0, chance)
    up_mass, down_mass = np.where(rising, mass * chance, 0.0), np.where(rising, 0.0, mass * chance)
    found = np.zeros((n_items, n_items + 1))
    rest = np.zeros_like(chance)
    for k in range(n_items):
        rest = np.maximum((totals[k] - up * rest) / (1.0 - up), 0.0)
        found[:, k + 1] += np.einsum("jq,jq->j", up_mass, rest)
    rest = np.zeros_like(chance)
    for k in range(n_items, 0, -1):
        rest = np.maximum((totals[k] - (1.0 - down) * rest) / down, 0.0)
        found[:, k] += np.einsum("jq,jq->j", down_mass, rest)
    whole = totals @ mass
    return np.clip(found / np.maximum(whole, np.finfo(float).tiny), 0.0, 1.0)


def _tests(
    cells: Cells,
    bank: ItemBank,
    expected: Floats,
    rule: tuple[float, int],
    dropped: tuple[Dropped, ...],
) -> ItemTests:
    least, free = rule
    order = np.lexsort((expected, cells.item))
    order = order[(expected[order] > 0.0) & (expected[order] < 1.0)]
    ends = np.searchsorted(cells.item[order], np.arange(cells.n_items + 1))
    statistic, groups = np.zeros(cells.n_items), np.zeros(cells.n_items, dtype=np.int64)
    for item in range(cells.n_items):
        at = order[ends[item] : ends[item + 1]]
        statistic[item], groups[item] = _merged(expected[at], cells.total[at], least)
    df = (groups - free).astype(float)
    df[df < 1] = np.nan
    statistic[np.isnan(df)] = np.nan
    p = chi_square_p(statistic, df)
    size = np.diff(ends).astype(float)
    weak = int(np.sum(np.isnan(df)))
    notes = (f"{weak} of {cells.n_items} items have too few groups to test.",) if weak else ()
    return ItemTests(
        bank.items, statistic, df, p, false_discovery(p), groups,
        rmsea(statistic, df, size), dropped, notes,
    )  # fmt: skip


def _merged(expected: Floats, passed: Floats, least: float) -> tuple[float, int]:
    """X² and its number of groups, of agents in the order of their expectation.

    Agents of one expectation (one total) stay together; what remains at the end joins the last.
    """
    starts = np.flatnonzero(np.diff(expected, prepend=-1.0) > 1e-12)
    if not len(starts):
        return 0.0, 0
    sums = [
        np.add.reduceat(values, starts).tolist()
        for values in (passed, expected, 1.0 - expected, expected * (1.0 - expected))
    ]
    if len(starts) > MOST_GROUPS:
        least = max(least, min(sum(sums[1]), sum(sums[2])) / MOST_GROUPS)
    groups: list[list[float]] = []
    held = [0.0] * 4
    for one in zip(*sums, strict=True):
        held = [have + more for have, more in zip(held, one, strict=True)]
        if held[1] >= least and held[2] >= least:
            groups.append(held)
            held = [0.0] * 4
    if groups:
        groups[-1] = [have + more for have, more in zip(groups[-1], held, strict=True)]
    return sum((one[0] - one[1]) ** 2 / one[3] for one in groups), len(groups)
