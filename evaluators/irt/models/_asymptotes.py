"""Logistic models whose curve has a floor, and perhaps a ceiling: the base of `3pl` and `4pl`.

P(theta) = c + (1 - c) v logistic(a theta + d), with v = 1 in 3PL. So the ceiling c + (1 - c) v is
above the floor whatever the working parameters log a, d, logit c and logit v are. Logs of P and of
1 - P = (1 - c) (logistic(-z) + (1 - v) logistic(z)) are sums of logs, without cancellation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Draw, Layout, Model
from evaluators.irt._responses import Cells, Floats, ScoreKind, score_kind
from evaluators.irt.models._line import (
    drawn_lines,
    line_jacobian,
    rescaled_line,
    slope_and_difficulty,
)
from evaluators.irt.models._logistic import smoothed_log_odds
from evaluators.irt.models._prior import NormalPrior
from evaluators.irt.models._sigmoid import expit, log_expit
from tasks import UsageError

LOG_SLOPE, INTERCEPT, LOGIT_FLOOR, LOGIT_SHARE = (0.0, 0.5), (0.0, 3.0), (-2.0, 0.8), (3.0, 0.8)
"""Mean and sd of the priors of log a, d, logit c (c around .12, nine in ten between .035 and .33)
and logit v (around .95, between .84 and .99). Without priors asymptotes are hardly identified
(Mislevy 1986; Loken and Rulison 2010, Br. J. Math. Stat. Psychol. 63, 509-525)."""


@dataclass(frozen=True)
class _Curve:
    """(J, Q) parts of the curve at some abilities; asymptotes are (J, 1)."""

    base: Floats
    """a theta."""
    log_floor: Floats
    """log c"""
    log_reach: Floats
    """log((1 - c) v)"""
    share: Floats
    """v; ones in 3PL."""
    log_up: Floats
    """log logistic(z)"""
    log_down: Floats
    """log logistic(-z)"""
    log_missed: Floats
    """log(1 - v logistic(z))"""
    log_p: Floats
    log_q: Floats
    """log(1 - P)"""


class Asymptotes(Model):
    """The base; `n_parameters` is 3 or 4."""

    n_parameters: ClassVar[int]
    scores: ClassVar[frozenset[ScoreKind]] = frozenset({"binary", "counts"})

    def layout(self, cells: Cells) -> Layout:
        """Nothing to fix.

        Raises:
            UsageError: scores are neither 0 or 1 nor counts of successes.
        """
        if score_kind(cells) == "continuous":
            raise UsageError(
                f"{self.name} needs scores of 0 or 1, or k successes of n trials; some scores here "
                "lie between. Fit `beta`, or `graded` if there are few distinct scores."
            )
        return Layout()

    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(2, n) successes and failures."""
        del layout
        return np.stack([cells.total, cells.trials - cells.total])

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, p) slope 1, the intercept of the item's smoothed share, asymptotes of the prior."""
        del layout
        found = np.empty((cells.n_items, self.n_parameters))
        found[:] = self._prior().mean
        found[:, 1] = smoothed_log_odds(cells)
        return found

    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) log P and log(1 - P)."""
        del layout
        curve = _curve(x, theta)
        return np.stack([curve.log_p, curve.log_q])

    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q, p) of the terms by log a, d, logit c (and logit v)."""
        del layout
        curve = _curve(x, theta)
        found = np.empty((2, *curve.log_p.shape, self.n_parameters))
        found[..., 1] = _by_z(curve)
        found[..., 0] = found[..., 1] * curve.base
        # c (1 - P) / P, at most 1 as P is at least c.
        found[0, ..., 2] = np.exp(curve.log_floor + curve.log_q - curve.log_p)
        found[1, ..., 2] = -np.exp(curve.log_floor)
        if self.n_parameters > 3:
            unmet = 1.0 - curve.share
            found[0, ..., 3] = _responsible(curve) * unmet
            found[1, ..., 3] = -np.exp(curve.log_up - curve.log_missed) * curve.share * unmet
        return found

    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) of the terms by the ability."""
        del layout
        return _by_z(_curve(x, theta)) * np.exp(x[:, 0])[:, None]

    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) P and 1 - P."""
        return np.exp(self.terms(x, theta, layout))

    def climb(
        self, x: Floats, theta: Floats, counts: Floats, trials: Floats, layout: Layout
    ) -> tuple[Floats, Floats]:
        """As any model's, from the residuals r - n P and P by each parameter, over sd sqrt(P Q)."""
        del layout
        curve = _curve(x, theta)
        log_sd = 0.5 * (curve.log_p + curve.log_q)
        by = np.empty((*curve.log_p.shape, self.n_parameters))
        met = curve.log_reach + curve.log_up - log_sd
        np.exp(met + curve.log_down, out=by[..., 1])
        np.multiply(by[..., 1], curve.base, out=by[..., 0])
        np.exp(curve.log_floor + curve.log_q - log_sd, out=by[..., 2])
        if self.n_parameters > 3:
            np.multiply(np.exp(met), 1.0 - curve.share, out=by[..., 3])
        residual = (counts[0] - trials * np.exp(curve.log_p)) * np.exp(-log_sd)
        return (
            (by.transpose(0, 2, 1) @ residual[..., None])[..., 0],
            by.transpose(0, 2, 1) @ (trials[..., None] * by),
        )

    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) P."""
        del layout
        return np.minimum(np.exp(_curve(x, theta).log_p), 1.0)

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Weak normal priors; see the module's constants."""
        return self._prior().of(x)

    def _prior(self) -> NormalPrior:
        each = (LOG_SLOPE, INTERCEPT, LOGIT_FLOOR, LOGIT_SHARE)[: self.n_parameters]
        return NormalPrior(tuple(mean for mean, _ in each), tuple(sd for _, sd in each))

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """Slope a, difficulty b, floor c (and ceiling d)."""
        floor = expit(x[:, 2])
        found = {**slope_and_difficulty(x), "c": floor}
        if self.n_parameters > 3:
            found["d"] = floor + (1.0 - floor) * expit(x[:, 3])
        return found

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, p, p) of a, b, c (and d)."""
        floor = expit(x[:, 2])
        found = line_jacobian(x, self.n_parameters)
        found[:, 2, 2] = floor * (1.0 - floor)
        if self.n_parameters > 3:
            share = expit(x[:, 3])
            found[:, 3, 2] = found[:, 2, 2] * (1.0 - share)
            found[:, 3, 3] = (1.0 - floor) * share * (1.0 - share)
        return found

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, p) the same items on the scale slope * theta + shift."""
        return rescaled_line(x, slope, shift)

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, p) a ~ lognormal(0, .4), b ~ N(0, 1.2), logit c ~ N(-2, .5), logit v ~ N(3, .5)."""
        n_asymptotes = self.n_parameters - 2
        asymptotes = rng.normal((-2.0, 3.0)[:n_asymptotes], 0.5, (n_items, n_asymptotes))
        return np.column_stack([drawn_lines(rng, n_items), asymptotes])

    def sample(self, rng: np.random.Generator, cells: Draw, layout: Layout) -> Floats:
        """(n,) successes."""
        del layout
        # One ability a cell, as the one column of a grid that each item has for itself.
        chance = np.minimum(np.exp(_curve(cells.x, cells.theta[:, None]).log_p[:, 0]), 1.0)
        return rng.binomial(cells.trials.astype(np.int64), chance).astype(float)


def _curve(x: Floats, theta: Floats) -> _Curve:
    """At abilities (Q,), or at each item's own (J, Q)."""
    base = np.exp(x[:, 0])[:, None] * theta
    z = base + x[:, 1][:, None]
    log_up = log_expit(z)
    log_down = log_up - z
    logit_floor = x[:, 2][:, None]
    log_share, log_unmet, log_missed = np.zeros_like(logit_floor), None, log_down
    if x.shape[1] > 3:
        log_share, log_unmet = log_expit(x[:, 3])[:, None], log_expit(-x[:, 3])[:, None]
        log_missed = np.logaddexp(log_down, log_unmet + log_up)
    log_floor, log_rest = log_expit(logit_floor), log_expit(-logit_floor)
    return _Curve(
        base=base,
        log_floor=log_floor,
        log_reach=log_rest + log_share,
        share=np.exp(log_share),
        log_up=log_up,
        log_down=log_down,
        log_missed=log_missed,
        log_p=np.logaddexp(log_floor, log_rest + log_share + log_up),
        log_q=log_rest + log_missed,
    )


def _responsible(curve: _Curve) -> Floats:
    """(J, Q) share of P that is not the floor."""
    return np.exp(curve.log_reach + curve.log_up - curve.log_p)


def _by_z(curve: _Curve) -> Floats:
    """(2, J, Q) log P and log(1 - P) by z = a theta + d."""
    lost = curve.share * np.exp(curve.log_up + curve.log_down - curve.log_missed)
    return np.stack([_responsible(curve) * np.exp(curve.log_down), -lost])
