"""Zero- and one-inflated Beta: continuous scores in [0, 1], of which some are exactly 0 or 1.

Ordered Beta regression (Kubinec 2022, Political Analysis 31, 519-536) on eta = a theta + d:

    P(y = 0) = logistic(k0 - eta),   P(y = 1) = logistic(eta - k1),   k0 < k1,
    else y ~ Beta(mu phi, (1 - mu) phi) with mu = logistic(eta).

Zeros and ones so have probabilities of their own, and are never moved inwards to have a density;
one ability raises all three. Without zeros and ones it is the Beta response model of Noel and
Dauvier (2007, Appl. Psychol. Meas. 31, 47-73).

A cell of several trials counts as one observation, its mean: means of n trials are the more
precise, and phi is the precision of what is in the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Draw, Layout, Model
from evaluators.irt._responses import Cells, Floats, ScoreKind, score_kind
from evaluators.irt.models._line import drawn_lines, rescaled_line
from evaluators.irt.models._prior import NormalPrior
from evaluators.irt.models._sigmoid import expit, log_expit, logit
from tasks import UsageError

DUST = 1e-9
"""Scores this near 0 or 1 are 0 or 1 up to rounding."""
EDGE = 1e-6
"""mu keeps this far from 0 and 1, which bounds log-gamma functions; the zeros and ones beyond have
probabilities of their own."""
NODES = np.linspace(-20.0, 20.0, 401)
"""Log odds of the scores at which densities are summed: fine enough for a phi of a thousand."""

PRIOR = NormalPrior(mean=(0.0, 0.0, 1.5, -4.0, 2.0), sd=(0.5, 3.0, 1.5, 2.0, 1.0))
"""Of log a, d, log phi, k0 and log(k1 - k0): few zeros and ones unless they are seen."""


@dataclass(frozen=True)
class _Curve:
    """(J, Q) parts at some abilities; parameters are (J, 1)."""

    base: Floats
    """a theta."""
    mu: Floats
    left: Floats
    """1 - mu."""
    change: Floats
    """mu by eta."""
    phi: Floats
    gap: Floats
    """k1 - k0."""
    above_zero: Floats
    """P(y > 0)"""
    zero: Floats
    one: Floats
    below_one: Floats
    """P(y < 1)"""
    between: Floats
    log_parts: Floats
    """(3, J, Q) log P(y = 0), P(y = 1), P(0 < y < 1)"""
    up: Floats
    """Shape mu phi."""
    down: Floats
    """Shape (1 - mu) phi."""


class Beta(Model):
    """The model; see the module."""

    name: ClassVar[str] = "beta"
    summary: ClassVar[str] = (
        "Continuous scores: P(0) and P(1) of their own, between them Beta with mean "
        "logistic(a (theta - b)) and precision phi."
    )
    scores: ClassVar[frozenset[ScoreKind]] = frozenset({"continuous"})

    def layout(self, cells: Cells) -> Layout:
        """Nothing to fix.

        Raises:
            UsageError: all scores are 0 or 1, or counts of successes.
        """
        if (kind := score_kind(cells)) != "continuous":
            fitting = "`2pl`" if kind == "binary" else "`binomial` or `beta_binomial`"
            raise UsageError(
                f"beta is for scores that take values between 0 and 1; these are {kind}. "
                f"Fit {fitting}."
            )
        return Layout()

    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(5, n) indicators of 0, of 1 and of between, and there log y and log(1 - y)."""
        del layout
        y = cells.mean
        zero, one = y <= DUST, y >= 1.0 - DUST
        inside = ~zero & ~one
        held = np.where(inside, y, 0.5)
        return np.stack(
            [zero, one, inside, np.log(held) * inside, np.log1p(-held) * inside], axis=0
        ).astype(float)

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, 5) slope 1, the rest of the item's mean, sd and shares of zeros and ones."""
        zero, one, inside = self.statistics(cells, layout)[:3]
        n, zeros, ones, inner, total, square = (
            np.bincount(cells.item, weights=each, minlength=cells.n_items)
            for each in (
                np.ones(cells.size), zero, one, inside,
                cells.mean * inside, cells.mean**2 * inside,
            )
        )  # fmt: skip
        mean = (total + 0.5) / (inner + 1.0)
        spread = (square + mean**2 + 0.05) / (inner + 1.0) - mean**2 * inner / (inner + 1.0)
        spread = np.clip(spread - mean**2 / (inner + 1.0), 1e-3, None)
        phi = np.clip(mean * (1.0 - mean) / spread - 1.0, 0.5, 200.0)
        d = logit(mean)
        low = d + logit((zeros + 0.05) / (n + 0.1))
        high = d - logit((ones + 0.05) / (n + 0.1))
        gap = np.log(np.maximum(high - low, 0.5))
        return np.column_stack([np.zeros(cells.n_items), d, np.log(phi), low, gap])

    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(5, J, Q) log P of 0, 1 and between (with the Beta's constant), and shapes less one."""
        del layout
        from scipy.special import betaln

        curve = _curve(x, theta)
        found = np.empty((5, *curve.mu.shape))
        found[:3] = curve.log_parts
        found[2] -= betaln(curve.up, curve.down)
        found[3], found[4] = curve.up - 1.0, curve.down - 1.0
        return found

    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(5, J, Q, 5) of the terms by log a, d, log phi, k0 and log(k1 - k0)."""
        del layout
        curve = _curve(x, theta)
        found = np.zeros((5, *curve.mu.shape, 5))
        found[..., 1] = _by_eta(curve)
        found[..., 0] = found[..., 1] * curve.base[None]
        by_up, by_down = _by_shapes(curve)
        found[2, ..., 2] = by_up * curve.up + by_down * curve.down
        found[3, ..., 2], found[4, ..., 2] = curve.up, curve.down
        # Both cuts move with k0, so it is eta's opposite but for the Beta; the gap moves k1 alone.
        found[0, ..., 3], found[1, ..., 3] = curve.above_zero, -curve.below_one
        found[2, ..., 3] = curve.one - curve.zero
        found[1, ..., 4] = -curve.below_one * curve.gap
        found[2, ..., 4] = (curve.one + np.exp(-curve.gap) / -np.expm1(-curve.gap)) * curve.gap
        return found

    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(5, J, Q) of the terms by the ability."""
        del layout
        return _by_eta(_curve(x, theta)) * np.exp(x[:, 0])[:, None]

    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(5, J, Q) expected statistics; the last two are P(between) times E log y, log(1 - y)."""
        del layout
        curve = _curve(x, theta)
        parts = np.exp(curve.log_parts)
        by_up, by_down = _by_shapes(curve)  # E log y = digamma(up) - digamma(up + down), and so on
        return np.concatenate([parts, [-by_up * parts[2], -by_down * parts[2]]])

    def information(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q, 5, 5): of the three outcomes, and of the Beta where the score is between."""
        del layout
        curve = _curve(x, theta)
        move = np.zeros((*curve.mu.shape, 4, 5))
        move[..., 0, 0], move[..., 0, 1] = curve.base, 1.0
        move[..., 1, 2] = move[..., 2, 3] = move[..., 3, 4] = 1.0
        return move.swapaxes(-1, -2) @ _information(curve) @ move

    def ability_information(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) Fisher information of the ability in one score."""
        del layout
        return _information(_curve(x, theta))[..., 0, 0] * np.exp(2.0 * x[:, 0])[:, None]

    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) P(1) + P(between) mu."""
        del layout
        curve = _curve(x, theta)
        return np.clip(curve.mu * curve.above_zero + curve.left * curve.one, 0.0, 1.0)

    def climb(
        self, x: Floats, theta: Floats, counts: Floats, trials: Floats, layout: Layout
    ) -> tuple[Floats, Floats]:
        """As any model's, by matrix products; a cell is one observation, whatever its trials."""
        del trials
        curve = _curve(x, theta)
        cells = counts[0] + counts[1] + counts[2]
        inner = _information(curve) * cells[..., None, None]
        pull = (counts[..., None] * self.gradient(x, theta, layout)).sum(axis=(0, 2))
        found = np.empty((len(x), 5, 5))
        slope = np.exp(x[:, 0])[:, None]
        found[:, 1:, 1:] = inner.sum(axis=1)
        found[:, 0, 1:] = found[:, 1:, 0] = slope * (inner[..., 0, :] * theta[:, None]).sum(axis=1)
        found[:, 0, 0] = slope[:, 0] ** 2 * (inner[..., 0, 0] @ theta**2)
        return pull, found

    def support(self, trials: int, layout: Layout) -> tuple[Floats, Floats]:
        """0, 1, and scores whose log odds are evenly spaced; as totals of the trials."""
        del layout
        inner = expit(NODES)
        log_step = np.log(NODES[1] - NODES[0]) + log_expit(NODES) + log_expit(-NODES)
        return (
            np.concatenate([[0.0], inner, [1.0]]) * trials,
            np.concatenate([[0.0], log_step, [0.0]]),
        )

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Weak normal priors; see `PRIOR`."""
        return PRIOR.of(x)

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """a, b, phi, and the abilities `b0`, `b1` at which P(0) and P(1) are a half."""
        a, phi, k1 = np.exp(x[:, 0]), np.exp(x[:, 2]), x[:, 3] + np.exp(x[:, 4])
        d = x[:, 1]
        return {"a": a, "b": -d / a, "phi": phi, "b0": (x[:, 3] - d) / a, "b1": (k1 - d) / a}

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, 5, 5) of a, b, phi, b0 and b1."""
        a, gap = np.exp(x[:, 0]), np.exp(x[:, 4])
        found = np.zeros((len(x), 5, 5))
        found[:, 0, 0] = a
        found[:, 2, 2] = np.exp(x[:, 2])
        reported = self.report(x)
        for row, name in ((1, "b"), (3, "b0"), (4, "b1")):
            found[:, row, 0] = -reported[name]
            found[:, row, 1] = -1.0 / a
        found[:, 3, 3] = found[:, 4, 3] = 1.0 / a
        found[:, 4, 4] = gap / a
        return found

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, 5) the same items on the scale slope * theta + shift."""
        return rescaled_line(x, slope, shift)

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 5) a ~ lognormal(0, .4), b ~ N(0, 1.2), phi around 5; some zeros, some ones."""
        rest = rng.normal((1.6, -2.5, 1.6), (0.4, 0.5, 0.2), (n_items, 3))
        return np.column_stack([drawn_lines(rng, n_items), rest])

    def sample(self, rng: np.random.Generator, cells: Draw, layout: Layout) -> Floats:
        """(n,) the cells' means, times their trials."""
        del layout
        curve = _curve(cells.x, cells.theta[:, None])
        drawn = rng.random(len(cells.theta))
        inner = rng.beta(curve.up[:, 0], curve.down[:, 0])
        score = np.where(drawn < curve.zero[:, 0], 0.0, inner)
        return np.where(drawn >= 1.0 - curve.one[:, 0], 1.0, score) * cells.trials


def _curve(x: Floats, theta: Floats) -> _Curve:
    """At abilities (Q,), or at each item's own (J, Q)."""
    base = np.exp(x[:, 0])[:, None] * theta
    eta = base + x[:, 1][:, None]
    phi, low, gap = np.exp(x[:, 2])[:, None], x[:, 3][:, None], np.exp(x[:, 4])[:, None]
    high = low + gap
    mu, left = expit(eta), expit(-eta)
    change = (1.0 - 2.0 * EDGE) * mu * left
    mu, left = EDGE + (1.0 - 2.0 * EDGE) * mu, EDGE + (1.0 - 2.0 * EDGE) * left
    log_zero, log_one = log_expit(low - eta), log_expit(eta - high)
    log_above, log_below = log_expit(eta - low), log_expit(high - eta)
    # logistic(u) - logistic(v) = logistic(u) logistic(-v) (1 - exp(v - u)).
    log_between = log_above + log_below + np.log(-np.expm1(-gap))
    return _Curve(
        base=base,
        mu=mu,
        left=left,
        change=change,
        phi=phi,
        gap=gap,
        above_zero=np.exp(log_above),
        zero=np.exp(log_zero),
        one=np.exp(log_one),
        below_one=np.exp(log_below),
        between=np.exp(log_between),
        log_parts=np.stack([log_zero, log_one, log_between]),
        up=mu * phi,
        down=left * phi,
    )


def _by_shapes(curve: _Curve) -> tuple[Floats, Floats]:
    """-log Beta function by its two shapes; less the expected log y and log(1 - y)."""
    from scipy.special import digamma

    both = digamma(curve.phi)
    return both - digamma(curve.up), both - digamma(curve.down)


def _by_eta(curve: _Curve) -> Floats:
    """(5, J, Q) of the terms by eta."""
    change = curve.phi * curve.change
    by_up, by_down = _by_shapes(curve)
    between = curve.zero - curve.one + (by_up - by_down) * change
    return np.stack([-curve.above_zero, curve.below_one, between, change, -change])


def _information(curve: _Curve) -> Floats:
    """(J, Q, 4, 4) of eta, log phi, k0 and log(k1 - k0).

    The three outcomes tell of eta and the cuts, which eta and k0 move alike in opposite ways; the
    Beta, where the score is between, of eta and phi: the covariance of log y and log(1 - y).
    """
    from scipy.special import zeta

    found = np.zeros((*curve.mu.shape, 4, 4))
    lift = curve.one - curve.zero
    reach = (curve.one + np.exp(-curve.gap) / -np.expm1(-curve.gap)) * curve.gap
    below = curve.one * curve.below_one**2
    level = curve.zero * curve.above_zero**2 + below + curve.between * lift**2
    cross = below * curve.gap + curve.between * lift * reach
    by_up, by_down = zeta(2.0, curve.up), zeta(2.0, curve.down)  # trigamma
    change = curve.phi * curve.change
    found[..., 0, 0] = level + curve.between * change**2 * (by_up + by_down)
    ends = curve.up * by_up, curve.down * by_down
    found[..., 0, 1] = curve.between * change * (ends[0] - ends[1])
    both = curve.phi**2 * zeta(2.0, curve.phi)
    found[..., 1, 1] = curve.between * (curve.up * ends[0] + curve.down * ends[1] - both)
    found[..., 2, 2], found[..., 0, 2] = level, -level
    found[..., 2, 3], found[..., 0, 3] = cross, -cross
    found[..., 3, 3] = below * curve.gap**2 + curve.between * reach**2
    for row, column in ((1, 0), (2, 0), (3, 0), (3, 2)):
        found[..., row, column] = found[..., column, row]
    return found


model = Beta()
