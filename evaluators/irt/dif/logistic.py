"""Logistic regression: does the group help to predict a score beside the standing?

Swaminathan and Rogers (1990), *Journal of Educational Measurement* 27, 361-370. Per item

    logit P = b0 + b1 t + b2 g + b3 t g,     t the matching variable (standardised), g 1 if focal,

and likelihood ratios against b0 + b1 t: both group terms (2 df); b2 alone, *uniform* (the item is
harder for one group throughout); b3 beside it, *non-uniform* (it tells differently in one group).
Effects are differences of Nagelkerke's R²; classes after Jodoin and Gierl (2001): A negligible
(below .035, or not significant), B moderate, C large (from .070 on). A weak ridge keeps separable
items finite. An agent with several trials of an item counts once, with their mean (a quasi
likelihood, which for such scores makes p too large rather than too small).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.dif._matching import Compared, Mask, compared, criterion, purified
from evaluators.irt.dif.groups import TwoGroups
from evaluators.irt.fit_statistics._chi_squares import chi_square_p, false_discovery

MODERATE, LARGE = 0.035, 0.070
"""Jodoin and Gierl's bounds of the difference in R²."""
RIDGE = 1e-3
"""Precision of the coefficients' prior."""
STEPS = 40
FEWEST_RARE = 5
"""Passes, and failures, that an item needs: fewer are told apart by anything."""


@dataclass(frozen=True)
class LogisticDif:
    """One regression an item; NaN where fewer than five agents passed, or failed."""

    items: tuple[str, ...]
    reference: str
    focal: str
    uniform: Floats
    """b2 in logits, without b3; below 0: the focal group loses."""
    p: Floats
    """Of both group terms, 2 df."""
    q: Floats
    p_uniform: Floats
    p_nonuniform: Floats
    r_squared: Floats
    """What both group terms add to Nagelkerke's R²."""
    size: tuple[Literal["A", "B", "C", ""], ...]
    kind: tuple[Literal["uniform", "non-uniform", ""], ...]
    """Of items with q below .05."""
    anchors: Mask

    def words(self) -> tuple[str, ...]:
        """A sentence on each item of class B or C, largest first."""
        order = np.argsort(-np.nan_to_num(self.r_squared), kind="stable")
        return tuple(self._said(at) for at in order.tolist() if self.size[at] in {"B", "C"})

    def _said(self, at: int) -> str:
        if self.kind[at] == "non-uniform":
            how = f"tells the able from the less able differently among {self.focal!r}"
        else:
            loser = self.focal if self.uniform[at] < 0 else self.reference
            how = f"is harder for {loser!r} by {abs(self.uniform[at]):.1f} logits"
        return (
            f"{self.items[at]} {how} (class {self.size[at]}, R² +{self.r_squared[at]:.2f}, "
            f"q = {self.q[at]:.2g})."
        )


def logistic_dif(
    table: ResponseTable,
    groups: TwoGroups,
    abilities: Abilities | None = None,
    *,
    purify: bool = True,
) -> LogisticDif:
    """Compare two groups on every item.

    Args:
        table: Scores.
        groups: Who is compared with whom.
        abilities: What agents are matched on; None: their totals, which needs complete data.
        purify: Match on totals without the items of class C, and test again, until it settles.

    Raises:
        UsageError: missing cells without abilities, agents without one, or too few items.
    """
    found = compared(table, groups, abilities)

    def compare(anchors: Mask) -> LogisticDif:
        return _compared(found, anchors, table.items, groups)

    if not purify or abilities is not None:
        return compare(np.ones(found.cells.n_items, dtype=bool))
    return purified(
        compare, lambda one: np.array([size == "C" for size in one.size]), found.cells.n_items
    )


def _compared(
    found: Compared, anchors: Mask, items: tuple[str, ...], groups: TwoGroups
) -> LogisticDif:
    cells = found.cells
    standing = criterion(found, anchors)
    standing = (standing - standing.mean(axis=0)) / np.maximum(standing.std(axis=0), 1e-12)
    t = standing[cells.agent, np.minimum(cells.item, standing.shape[1] - 1)]
    g = (found.side[cells.agent] == 1).astype(float)
    design = np.stack([np.ones(cells.size), t, g, t * g], axis=1)
    fits = [
        regressions(design[:, :width], cells.mean, cells.item, cells.n_items)
        for width in (1, 2, 3, 4)
    ]
    null, base, uniform, full = (log_likelihood for _, log_likelihood in fits)
    size = np.bincount(cells.item, minlength=cells.n_items).astype(float)
    passed = np.bincount(cells.item, cells.mean, cells.n_items)
    flat = np.minimum(passed, size - passed) < FEWEST_RARE
    p, p_uniform, p_non = (
        np.where(flat, np.nan, chi_square_p(2.0 * (high - low), np.full(len(flat), df)))
        for high, low, df in ((full, base, 2.0), (uniform, base, 1.0), (full, uniform, 1.0))
    )
    gained = _nagelkerke(full, null, size) - _nagelkerke(base, null, size)
    r_squared = np.where(flat, np.nan, np.maximum(gained, 0.0))
    q = false_discovery(p)
    return LogisticDif(
        items, groups.reference, groups.focal, np.where(flat, np.nan, fits[2][0][:, 2]), p, q,
        p_uniform, p_non, r_squared, _sizes(r_squared, q), _kinds(p_uniform, p_non, q), anchors,
    )  # fmt: skip


def regressions(design: Floats, score: Floats, place: Ints, count: int) -> tuple[Floats, Floats]:
    """Logistic regressions of many items at once, by Newton's method.

    Args:
        design: (m, k) predictors of each cell.
        score: (m,) in [0, 1].
        place: (m,) the item of each cell.
        count: Number of items.

    Returns:
        (count, k) coefficients, (count,) log likelihoods.
    """
    width = design.shape[1]
    beta = np.zeros((count, width))
    value = np.full(count, -np.inf)
    step = np.zeros_like(beta)
    for _ in range(STEPS):
        new, gradient, curvature = _newton(design, score, place, beta + step)
        better = new >= value - 1e-12
        settled = np.abs(new - value) < 1e-9 * (1.0 + np.abs(new))
        beta = np.where(better[:, None], beta + step, beta)
        value = np.where(better, new, value)
        change = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        step = np.where(better[:, None], change, step * 0.5)
        if np.all(settled):
            break
    likelihood = value + 0.5 * RIDGE * np.sum(beta**2, axis=1)
    return beta, likelihood


def _newton(
    design: Floats, score: Floats, place: Ints, beta: Floats
) -> tuple[Floats, Floats, Floats]:
    count, width = beta.shape
    eta = np.einsum("mk,mk->m", design, beta[place])
    chance = 1.0 / (1.0 + np.exp(-np.clip(eta, -500.0, 500.0)))
    log_likelihood = score * eta - np.logaddexp(0.0, eta)
    value = np.bincount(place, log_likelihood, count) - 0.5 * RIDGE * np.sum(beta**2, axis=1)
    gradient = -RIDGE * beta
    curvature = np.repeat(RIDGE * np.eye(width)[None], count, axis=0)
    spread = chance * (1.0 - chance)
    for row in range(width):
        gradient[:, row] += np.bincount(place, (score - chance) * design[:, row], count)
        for column in range(row + 1):
            part = np.bincount(place, spread * design[:, row] * design[:, column], count)
            curvature[:, row, column] += part
            curvature[:, column, row] = curvature[:, row, column]
    return value, gradient, curvature


def _nagelkerke(log_likelihood: Floats, null: Floats, size: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        gained = -np.expm1(2.0 * (null - log_likelihood) / size)
        return gained / -np.expm1(2.0 * null / size)


def _sizes(r_squared: Floats, q: Floats) -> tuple[Literal["A", "B", "C", ""], ...]:
    return tuple(
        "" if not np.isfinite(gain + p) else "A" if p >= 0.05 or gain < MODERATE
        else "B" if gain < LARGE else "C"
        for gain, p in zip(r_squared, q, strict=True)
    )  # fmt: skip


def _kinds(
    uniform: Floats, nonuniform: Floats, q: Floats
) -> tuple[Literal["uniform", "non-uniform", ""], ...]:
    return tuple(
        "" if not p < 0.05 else "non-uniform" if bent < min(0.05, shifted) else "uniform"
        for shifted, bent, p in zip(uniform, nonuniform, q, strict=True)
    )
