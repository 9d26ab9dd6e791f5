"""Mantel-Haenszel: the odds of two groups to pass an item, among agents of equal standing.

Holland and Thayer (1988). With A, B passes and failures of the reference group, C, D of the focal
one and T agents in a stratum,

    alpha = sum(A D / T) / sum(B C / T),       delta = -2.35 ln alpha      (ETS; < 0: focal loses)
    chi² = (|sum A - sum E(A)| - 1/2)² / sum Var(A)                       (Mantel and Haenszel 1959)

with the standard error of ln alpha by Robins, Breslow and Greenland (1986). ETS classes: C, |delta|
at least 1.5 and significantly above 1; A, |delta| below 1 or not significantly different from 0;
B, what is between (Zwick 2012, ETS RR-12-08).

An agent with several trials of an item counts once, with their mean: trials of one agent are not
independent. chi² then is Mantel's (1963) for scores of any kind, with the permutation variance
n_R n_F var(y) / (T - 1), which for 0 and 1 is the usual one; the standard error is too wide.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.dif._matching import Compared, Mask, compared, criterion, purified, strata
from evaluators.irt.dif.groups import TwoGroups
from evaluators.irt.fit_statistics._chi_squares import chi_square_p, false_discovery
from tasks import UsageError

EtsClass = Literal["A", "B", "C", ""]
"""Negligible, moderate, large; '' where it could not be had."""
SCALE = -2.35


@dataclass(frozen=True)
class MantelHaenszel:
    """One comparison an item; NaN where no stratum tells."""

    items: tuple[str, ...]
    reference: str
    focal: str
    odds_ratio: Floats
    """alpha: above 1, the item favours the reference group."""
    delta: Floats
    delta_se: Floats
    chi_square: Floats
    p: Floats
    q: Floats
    """p adjusted for the number of items (Benjamini and Hochberg)."""
    ets: tuple[EtsClass, ...]
    anchors: Mask
    """(J,) items that agents were matched on, after purification."""
    agents: tuple[int, int]
    """Of the reference and the focal group."""

    def words(self, level: float = 0.05) -> tuple[str, ...]:
        """A sentence on each item of class B or C with q below the level, largest first."""
        order = np.argsort(-np.abs(np.nan_to_num(self.delta)), kind="stable")
        return tuple(
            f"{self.items[at]}: among agents of equal standing {self._loser(at)} have "
            f"{np.exp(abs(np.log(self.odds_ratio[at]))):.1f} times lower odds to pass "
            f"(delta {self.delta[at]:+.1f}, class {self.ets[at]}, q = {self.q[at]:.2g})."
            for at in order.tolist()
            if self.ets[at] in {"B", "C"} and self.q[at] < level
        )

    def _loser(self, at: int) -> str:
        return f"{self.focal!r}" if self.delta[at] < 0 else f"{self.reference!r}"


def mantel_haenszel(
    table: ResponseTable,
    groups: TwoGroups,
    abilities: Abilities | None = None,
    *,
    bands: int = 8,
    purify: bool = True,
) -> MantelHaenszel:
    """Compare two groups on every item.

    Args:
        table: Scores.
        groups: Who is compared with whom.
        abilities: What agents are matched on; None: their totals, which needs complete data.
        bands: Strata of about equally many agents.
        purify: Match on totals without the items that were found to be of class C, and test again,
            until the same ones are found. Abilities are matched on as they are.

    Raises:
        UsageError: fewer than 4 agents a band, missing cells without abilities, too few items.
    """
    found = compared(table, groups, abilities)
    if bands < 2 or found.cells.n_agents < 4 * bands:
        raise UsageError(
            f"{bands} strata of {found.cells.n_agents} agents: matching needs at least 2, of 4 "
            "agents each on average. Ask for fewer bands."
        )

    def compare(anchors: Mask) -> MantelHaenszel:
        return _compared(found, anchors, bands, (table, groups))

    if not purify or abilities is not None:
        return compare(np.ones(found.cells.n_items, dtype=bool))
    return purified(
        compare, lambda one: np.array([size == "C" for size in one.ets]), found.cells.n_items
    )


def _compared(
    found: Compared,
    anchors: Mask,
    bands: int,
    named: tuple[ResponseTable, TwoGroups],
) -> MantelHaenszel:
    stratum = strata(criterion(found, anchors), bands)
    tables = _tables(found, stratum, bands)
    alpha, se = odds_ratios(tables)
    chi_square = _chi_squares(tables)
    p = chi_square_p(chi_square, np.ones(len(alpha)))
    with np.errstate(divide="ignore", invalid="ignore"):
        delta, delta_se = SCALE * np.log(alpha), -SCALE * se
    delta[~np.isfinite(delta)] = np.nan
    return MantelHaenszel(
        named[0].items, named[1].reference, named[1].focal, alpha, delta, delta_se, chi_square, p,
        false_discovery(p), ets_classes(delta, delta_se, p), anchors,
        (int(np.sum(found.side == 0)), int(np.sum(found.side == 1))),
    )  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """(J, strata) sums over agents: of scores and of what is missing to 1, by group."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    square: Floats
    """Sum of squared scores of both groups."""


def _tables(found: Compared, stratum: Ints, bands: int) -> Tables:
    cells = found.cells
    column = np.minimum(cells.item, stratum.shape[1] - 1)
    place = cells.item * bands + stratum[cells.agent, column]
    focal = found.side[cells.agent] == 1

    def summed(values: Floats, kept: Mask) -> Floats:
        sums = np.bincount(place[kept], values[kept], cells.n_items * bands).astype(float)
        return sums.reshape(cells.n_items, bands)

    score, every = cells.mean, np.ones(cells.size, dtype=bool)
    return Tables(
        summed(score, ~focal), summed(1.0 - score, ~focal), summed(score, focal),
        summed(1.0 - score, focal), summed(score**2, every),
    )  # fmt: skip


def odds_ratios(tables: Tables) -> tuple[Floats, Floats]:
    """(J,) common odds ratios, and standard errors of their logs (Robins, Breslow, Greenland)."""
    a, b, c, d = tables.a, tables.b, tables.c, tables.d
    total = np.maximum(a + b + c + d, 1e-300)
    r, s, p, q = a * d / total, b * c / total, (a + d) / total, (b + c) / total
    rs, ss = r.sum(axis=1), s.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (
            (p * r).sum(axis=1) / (2.0 * rs**2)
            + (p * s + q * r).sum(axis=1) / (2.0 * rs * ss)
            + (q * s).sum(axis=1) / (2.0 * ss**2)
        )
        return rs / ss, np.sqrt(variance)


def _chi_squares(tables: Tables) -> Floats:
    reference, focal = tables.a + tables.b, tables.c + tables.d
    total, passed = reference + focal, tables.a + tables.c
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(total > 0, reference * passed / total, 0.0)
        spread = reference * focal * (total * tables.square - passed**2)
        variance = np.where(total > 1, spread / (total**2 * (total - 1.0)), 0.0).sum(axis=1)
        off = np.abs((tables.a - expected).sum(axis=1)) - 0.5
        found = np.maximum(off, 0.0) ** 2 / variance
    return np.where(variance > 1e-12, found, np.nan)


def ets_classes(delta: Floats, se: Floats, p: Floats) -> tuple[EtsClass, ...]:
    """A, B or C of each item; see the module."""
    size = np.abs(delta)
    with np.errstate(invalid="ignore", divide="ignore"):
        large = (size >= 1.5) & ((size - 1.0) / se > 1.645)
        small = (size < 1.0) | ~(p < 0.05)
    known = np.isfinite(delta) & np.isfinite(p)
    return tuple(
        "" if not sure else "C" if big and not little else "A" if little else "B"
        for sure, big, little in zip(known, large, small, strict=True)
    )
