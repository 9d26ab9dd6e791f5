"""What the stack says of sound items of this very design: the null that `q` is measured against.

A parametric bootstrap. A 2PL is fitted to the table; replicates have its agents (abilities drawn
around their estimates), its missing cells, trials and shares of success, and slopes drawn anew from
a lognormal distribution. That distribution is the one that the slopes follow once the noise of
their estimates is taken off, items weighted by P(sound): broken items neither lend their slopes to
the null nor stand in it. Each replicate goes through all statistics and the stack.

An item's p-value is the share of null items that are as suspect in any class of defect: the least
of its tail shares by class, each over the class's part of the level (`PARTS`), and that number
again referred to the null (Tippett's method, calibrated as in Westfall and Young, Resampling-Based
Multiple Testing, 1993, section 2.6). Null items are pooled, so that p is uniform over the sound
items of a table, not for each item given its difficulty; that is what a false discovery rate needs
(Efron, Large-Scale Inference, 2010, chapter 2).

All of it is relative to that null: one ability, lognormal slopes, independent cells. In real tables
items also share topics, repositories and scaffolds. A flag then says that a one-dimensional item as
in the bulk of the table would hardly look so; that such an item is broken is for people to find.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import Floats, ResponseTable, score_kind
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._regression import slopes
from evaluators.irt.diagnostics._stack import NEEDS, Stack, features
from evaluators.irt.diagnostics._statistic import STATISTICS
from evaluators.irt.models._sigmoid import expit
from evaluators.irt.models.pl2 import PRIOR

PARTS = (0.5, 0.25, 0.25)
"""Of the level, by class in the order of `CLASSES`: half for reversed items."""
FEWEST = 10
"""Replicates at least, however many items the table has."""
STEPS = 20.0
"""Trials that stand for one fractional score while the 2PL is fitted."""
LEAST_SD = 0.1
"""Of log slopes."""
PROBIT = 0.346
"""(16 sqrt(3) / (15 pi))²: E logistic(a theta + d) = expit(d / sqrt(1 + .346 a²)), nearly."""


@dataclass(frozen=True)
class Design:
    """What replicates are drawn from."""

    theta: Floats
    """(N,) ability estimates on the scale of the 2PL."""
    se: Floats
    """(N,)"""
    log_slope: float
    """Mean of log a among sound items."""
    log_slope_sd: float
    dispersion: float | None
    """Variance of a fractional score in units of P (1 - P); None: successes out of trials."""


def log_ratios(shown: Evidence, stack: Stack) -> Floats:
    """(J, classes) of the stack, from the responses on."""
    lines = slopes(shown)
    columns = {
        name: lines.a if name == "slope" else STATISTICS.find(name).measure(shown) for name in NEEDS
    }
    return stack.log_ratios(features(shown, columns, lines.se))


def fitted_design(table: ResponseTable, shown: Evidence, probability: Floats) -> Design:
    """The design of a table, and the distribution of its sound slopes.

    Args:
        table: The responses.
        shown: Its evidence.
        probability: (J,) P(defect), in the order of the evidence.
    """
    whole = score_kind(table.cells) != "continuous"
    rows = table if whole else _in_steps(table)
    found = fit(rows, "2pl", options=FitOptions(tolerance=1e-2))
    agents = dict(zip(found.abilities.agents, range(len(found.abilities.agents)), strict=True))
    known = np.array([name in agents for name in shown.agents])
    at = [agents.get(name, 0) for name in shown.agents]
    theta = np.where(known, found.abilities.theta[at], found.bank.population.mean)
    se = np.where(known, found.abilities.se[at], found.bank.population.sd)
    chance = dict(zip(shown.items, (1.0 - probability).tolist(), strict=True))
    judged = dict(zip(shown.items, shown.judged.tolist(), strict=True))
    weight = np.array([chance[item] * judged[item] for item in found.bank.items])
    middle, spread = _log_slopes(found.bank.x[:, 0], found.bank.covariance[:, 0, 0], weight)
    return Design(theta, se, middle, spread, None if whole else _dispersion(shown))


def _in_steps(table: ResponseTable) -> ResponseTable:
    """Fractional scores as successes out of twenty trials: the same estimates, nearly."""
    return replace(table, score=np.rint(table.score * STEPS) / STEPS, trials=table.trials * STEPS)


def _dispersion(shown: Evidence) -> float:
    chance = np.clip(shown.expected, 1e-6, 1.0 - 1e-6)
    square = (shown.score - chance) ** 2 / (chance * (1.0 - chance)) * shown.seen
    per_item = square.sum(axis=0)[shown.judged] / shown.count[shown.judged]
    return float(np.clip(np.median(per_item), 0.01, 0.99))


def _log_slopes(mode: Floats, variance: Floats, weight: Floats) -> tuple[float, float]:
    """Mean and sd of log a ~ N(m, s²) by weighted maximum likelihood.

    The prior of the fit is divided out of each posterior first, which leaves the likelihood of its
    log a, taken as normal.
    """
    from scipy.optimize import minimize

    usable = np.isfinite(variance) & (variance > 0) & (weight > 0)
    if usable.sum() < FEWEST:
        return PRIOR.mean[0], PRIOR.sd[0]
    precision = np.maximum(1.0 / variance[usable] - PRIOR.sd[0] ** -2.0, 0.05)
    value, noise, w = mode[usable] / variance[usable] / precision, 1.0 / precision, weight[usable]

    def loss(x: Floats) -> float:
        total = np.exp(2.0 * x[1]) + noise
        return float((w * (np.log(total) + (value - x[0]) ** 2 / total)).sum())

    start = np.array([np.median(value), np.log(PRIOR.sd[0])])
    bounds = [(-3.0, 3.0), (np.log(LEAST_SD), np.log(3.0))]
    best = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    return float(best[0]), float(np.exp(best[1]))


def null_log_ratios(
    shown: Evidence, design: Design, stack: Stack, *, null_items: int, seed: int
) -> Floats:
    """(n, classes) log likelihood ratios of sound items in replicates of the table.

    Args:
        shown: Of the table.
        design: As fitted to it.
        stack: The one that judges the table.
        null_items: How many sound items to draw, at least; whole replicates are.
        seed: Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    replicates = max(FEWEST, -(-null_items // max(int(shown.judged.sum()), 1)))
    passed = (shown.score * shown.seen).sum(axis=0) + 0.5
    odds = np.log(passed / (shown.count + 1.0 - passed))
    found: list[Floats] = []
    for _ in range(replicates):
        a = np.exp(rng.normal(design.log_slope, design.log_slope_sd, len(odds)))
        theta = design.theta + design.se * rng.standard_normal(len(design.theta))
        chance = expit(theta[:, None] * a + odds * np.sqrt(1.0 + PROBIT * a**2))
        score = _drawn(chance, shown, design.dispersion, rng)
        drawn = Evidence(
            shown.agents, shown.items, score, shown.seen, shown.trials, shown.places
        )  # fmt: skip
        ratios = log_ratios(drawn, stack)
        found.append(ratios[np.isfinite(ratios).all(axis=1) & shown.judged])
    return np.concatenate(found)


def _drawn(
    chance: Floats, shown: Evidence, dispersion: float | None, rng: np.random.Generator
) -> Floats:
    if dispersion is None:
        trials = shown.trials
        return rng.binomial(trials.astype(np.int64), chance) / np.maximum(trials, 1.0)
    size = 1.0 / dispersion - 1.0
    safe = np.clip(chance, 1e-3, 1.0 - 1e-3)
    return rng.beta(safe * size, (1.0 - safe) * size) * shown.seen


def p_values(ratios: Floats, null: Floats) -> Floats:
    """(J,) p of the hypothesis that the item is sound; NaN where it is not judged.

    Args:
        ratios: (J, classes) of the table.
        null: (n, classes) of sound items.
    """
    judged = np.isfinite(ratios).all(axis=1)
    found = np.full(len(ratios), np.nan)
    if len(null) and judged.any():
        found[judged] = _tail(-_least(null, ratios[judged]), -_least(null, null))
    return found


def _least(null: Floats, values: Floats) -> Floats:
    """(J,) the smallest tail share over its part of the level."""
    shares = [_tail(values[:, kind], null[:, kind]) / part for kind, part in enumerate(PARTS)]
    return np.min(shares, axis=0)


def _tail(values: Floats, null: Floats) -> Floats:
    """(J,) share of the null at or above each value, itself counted (never 0)."""
    above: Floats = len(null) - np.searchsorted(np.sort(null), values).astype(np.float64)
    return (above + 1.0) / (len(null) + 1.0)
