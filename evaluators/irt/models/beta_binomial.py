"""Beta-binomial: k of n trials that agree with each other more than chance would have it.

Trials of one agent on one item share a success probability p that is itself drawn from a Beta with
mean mu = logistic(a theta + d) and precision phi = (1 - rho) / rho, so that rho is the correlation
of two trials of a cell (Skellam 1948, J. R. Stat. Soc. B 10, 257-261; Williams 1975, Biometrics
31, 949-952). At rho = 0 it is `binomial`.

Terms are written as products over trials, log(mu (1 - rho) + i rho), not as differences of
log-gamma functions, which lose all digits as rho goes to 0. log C(n, k) is left out, as `binomial`
leaves it out, so that their likelihoods compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Draw, Layout, Model
from evaluators.irt._responses import Cells, Floats, Ints, ScoreKind, score_kind
from evaluators.irt.models._climb import climb_by_counts
from evaluators.irt.models._line import (
    drawn_lines,
    line_jacobian,
    rescaled_line,
    slope_and_difficulty,
)
from evaluators.irt.models._logistic import smoothed_log_odds
from evaluators.irt.models._prior import NormalPrior
from evaluators.irt.models._sigmoid import expit
from tasks import UsageError

WIDEST = 1_000
"""Most distinct (k, n); each is a statistic, and beyond this a cell says about as much as its mean,
for which `beta` is cheaper."""

PRIOR = NormalPrior(mean=(0.0, 0.0, -2.0), sd=(0.5, 3.0, 1.5))
"""Of log a, d and logit rho: rho around .12, nine in ten items between .01 and .61."""


@dataclass(frozen=True)
class _Bends:
    """Derivatives of `_rising`, each (M + 1, J, Q)."""

    by_share: Floats
    by_rho: Floats


class BetaBinomial(Model):
    """The model; see the module."""

    name: ClassVar[str] = "beta_binomial"
    summary: ClassVar[str] = (
        "k of n trials, overdispersed: k ~ BetaBinomial(n, mu, rho), mu = logistic(a (theta - b)), "
        "rho the correlation of two trials of a cell."
    )
    scores: ClassVar[frozenset[ScoreKind]] = frozenset({"counts"})

    def layout(self, cells: Cells) -> Layout:
        """Distinct numbers of trials.

        Raises:
            UsageError: scores are not counts, or there are too many distinct (k, n).
        """
        kind = score_kind(cells)
        if kind == "binary":
            raise UsageError(
                "beta_binomial needs cells of several trials; here each cell is one trial, which "
                "cannot show whether trials agree. Fit `2pl`."
            )
        if kind == "continuous":
            raise UsageError(
                "beta_binomial needs k successes of n trials a cell; some totals here are not "
                "whole. Fit `beta`, or `graded` if there are few distinct scores."
            )
        levels = np.unique(np.rint(cells.trials))
        if (found := int((levels + 1.0).sum())) > WIDEST:
            raise UsageError(
                f"beta_binomial keeps one statistic for each distinct (k, n): {found:,} here, "
                f"{WIDEST:,} at most. Fit `binomial`, or `beta` on the cells' means."
            )
        return Layout(levels=levels)

    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(S, n) indicators of each (k, n).

        Raises:
            UsageError: a cell has a number of trials that the layout does not know.
        """
        k, n = _pairs(layout)
        levels = layout.levels
        trials = np.rint(cells.trials)
        level = np.minimum(np.searchsorted(levels, trials), len(levels) - 1)
        if np.any(unknown := levels[level] != trials):
            raise UsageError(
                f"A cell (agent {cells.agent[unknown][0]}, item {cells.item[unknown][0]}) has "
                f"{trials[unknown][0]:.0f} trials; this fit knows "
                f"{', '.join(f'{one:.0f}' for one in levels)}. Fit again with such cells, or use "
                "`binomial`, which takes any number."
            )
        first = np.concatenate([[0], np.cumsum(levels + 1.0)[:-1]]).astype(np.int64)
        found = np.zeros((len(n), cells.size))
        found[first[level] + np.rint(cells.total).astype(np.int64), np.arange(cells.size)] = 1.0
        del k
        return found

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, 3) slope 1, the intercept of the item's smoothed share, rho of the prior."""
        del layout
        n_items = cells.n_items
        return np.column_stack(
            [np.zeros(n_items), smoothed_log_odds(cells), np.full(n_items, -2.0)]
        )

    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q) log probability of each (k, n), without log C(n, k)."""
        k, n = _pairs(layout)
        rho = expit(x[:, 2])[:, None]
        up, down = (_rising(share, rho, n.max()) for share in _shares(x, theta))
        whole = _rising(np.ones_like(rho), rho, n.max())
        return up[k] + down[n - k] - whole[n]

    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q, 3) of the terms by log a, d and logit rho."""
        by_mu, by_rho, change = self._derivatives(x, theta, layout)
        slope = np.exp(x[:, 0])[:, None]
        rho = expit(x[:, 2])[:, None]
        return np.stack(
            [by_mu * change * slope * theta, by_mu * change, by_rho * rho * (1.0 - rho)], axis=-1
        )

    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q) of the terms by the ability."""
        by_mu, _, change = self._derivatives(x, theta, layout)
        return by_mu * change * np.exp(x[:, 0])[:, None]

    def _derivatives(
        self, x: Floats, theta: Floats, layout: Layout
    ) -> tuple[Floats, Floats, Floats]:
        """Terms by mu and by rho, each (S, J, Q); and (J, Q) mu by a theta + d."""
        k, n = _pairs(layout)
        rho = expit(x[:, 2])[:, None]
        mu, left = _shares(x, theta)
        up, down = _bends(mu, rho, n.max()), _bends(left, rho, n.max())
        whole = _bends(np.ones_like(rho), rho, n.max())
        return (
            up.by_share[k] - down.by_share[n - k],
            up.by_rho[k] + down.by_rho[n - k] - whole.by_rho[n],
            mu * left,
        )

    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q) probabilities of each (k, n), per trial, the distinct n being equally many.

        With it information is that of one trial on average over cells of the known sizes; a trial
        of a large cell tells less than one of a small cell.
        """
        k, n = _pairs(layout)
        factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, n.max() + 1.0)))])
        ways = factorial[n] - factorial[k] - factorial[n - k]
        share = 1.0 / (n * len(layout.levels))
        return np.exp(self.terms(x, theta, layout) + ways[:, None, None]) * share[:, None, None]

    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) mu."""
        del layout
        return _shares(x, theta)[0]

    def climb(
        self, x: Floats, theta: Floats, counts: Floats, trials: Floats, layout: Layout
    ) -> tuple[Floats, Floats]:
        """As any model's, with the cells of each size counted by themselves."""
        del trials
        k, n = _pairs(layout)
        first = np.flatnonzero(k == 0)
        cells = np.add.reduceat(counts, first, axis=0)[
            np.repeat(np.arange(len(first)), n[first] + 1)
        ]
        chance = self.weights(x, theta, layout) * (n * len(first))[:, None, None]
        return climb_by_counts(self.gradient(x, theta, layout), counts, cells * chance)

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Weak normal priors; see `PRIOR`."""
        return PRIOR.of(x)

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """Slope, difficulty and correlation of trials."""
        return {**slope_and_difficulty(x), "rho": expit(x[:, 2])}

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, 3, 3) of a, b and rho."""
        rho = expit(x[:, 2])
        found = line_jacobian(x, 3)
        found[:, 2, 2] = rho * (1.0 - rho)
        return found

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, 3) the same items on the scale slope * theta + shift."""
        return rescaled_line(x, slope, shift)

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 3) a ~ lognormal(0, .4), b ~ N(0, 1.2), logit rho ~ N(-2, .7)."""
        return np.column_stack([drawn_lines(rng, n_items), rng.normal(-2.0, 0.7, n_items)])

    def simulated_layout(self, trials: int) -> Layout:
        """Cells of that many trials.

        Raises:
            UsageError: one trial a cell.
        """
        if trials < 2:
            raise UsageError(
                "beta_binomial needs cells of several trials: simulate with trials=5, say."
            )
        return Layout(levels=np.array([float(trials)]))

    def sample(self, rng: np.random.Generator, cells: Draw, layout: Layout) -> Floats:
        """(n,) successes."""
        del layout
        mu = expit(np.exp(cells.x[:, 0]) * cells.theta + cells.x[:, 1])
        precision = np.exp(-cells.x[:, 2])
        # Beta refuses a shape of 0, which a mean of 0 or 1 to rounding would ask for.
        least = np.finfo(float).tiny
        share = rng.beta(np.maximum(mu * precision, least), np.maximum((1 - mu) * precision, least))
        return rng.binomial(cells.trials.astype(np.int64), share).astype(float)


def _pairs(layout: Layout) -> tuple[Ints, Ints]:
    """All (k, n), by n, then k."""
    sizes = layout.levels.astype(np.int64)
    return (
        np.concatenate([np.arange(size + 1) for size in sizes]),
        np.repeat(sizes, sizes + 1),
    )


def _shares(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """(J, Q) mu and 1 - mu, both without cancellation."""
    z = np.exp(x[:, 0])[:, None] * theta + x[:, 1][:, None]
    return expit(z), expit(-z)


def _rising(share: Floats, rho: Floats, most: int) -> Floats:
    """(M + 1, J, Q) sums over i < m of log(share (1 - rho) + i rho), for m = 0..M."""
    found = np.zeros((most + 1, *share.shape))
    for i in range(most):
        np.log(_base(share, rho, i), out=found[i + 1])
        found[i + 1] += found[i]
    return found


def _bends(share: Floats, rho: Floats, most: int) -> _Bends:
    found = _Bends(np.zeros((most + 1, *share.shape)), np.zeros((most + 1, *share.shape)))
    for i in range(most):
        inverse = 1.0 / _base(share, rho, i)
        np.multiply(1.0 - rho, inverse, out=found.by_share[i + 1])
        np.multiply(i - share, inverse, out=found.by_rho[i + 1])
        found.by_share[i + 1] += found.by_share[i]
        found.by_rho[i + 1] += found.by_rho[i]
    return found


def _base(share: Floats, rho: Floats, i: int) -> Floats:
    return np.maximum(share * (1.0 - rho) + i * rho, np.finfo(float).tiny)


model = BetaBinomial()
