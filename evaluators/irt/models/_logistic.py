"""Models of successes whose log odds are linear in the ability: the base of `rasch` and `2pl`."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Draw, Layout, Model
from evaluators.irt._responses import Cells, Floats, ScoreKind, score_kind
from evaluators.irt.models._sigmoid import expit
from tasks import UsageError


class Logistic(Model):
    """Successes and failures with P = logistic(a theta + d); the statistics are their counts.

    For logistic P the terms are log P and log(1 - P), so that everything follows from the residual
    r - n P of expected successes, and sums over abilities are matrix products.
    """

    scores: ClassVar[frozenset[ScoreKind]] = frozenset({"binary", "counts"})

    @abstractmethod
    def line(self, x: Floats) -> tuple[Floats, Floats]:
        """Slope a and intercept d of the log odds, each as x without its last axis."""

    @abstractmethod
    def line_gradient(self, x: Floats) -> tuple[Floats, Floats]:
        """(J, p) of a and (J, p) of d by the working parameters."""

    def layout(self, cells: Cells) -> Layout:
        """Nothing to fix.

        Raises:
            UsageError: scores are neither 0 or 1 nor counts of successes.
        """
        if score_kind(cells) == "continuous":
            raise UsageError(
                f"The model {self.name} is for scores of 0 or 1, or successes out of trials; "
                "scores between are for `beta` or `graded`. Choose one of them, or round the "
                "scores before reading."
            )
        return Layout()

    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(2, n) successes and failures."""
        del layout
        return np.stack([cells.total, cells.trials - cells.total])

    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) log P and log(1 - P)."""
        del layout
        z = self._log_odds(x, theta)
        found = np.empty((2, *z.shape))
        np.abs(z, out=found[1])
        np.negative(found[1], out=found[1])
        np.exp(found[1], out=found[1])
        np.log1p(found[1], out=found[1])
        np.minimum(z, 0.0, out=found[0])
        found[0] -= found[1]
        np.subtract(found[0], z, out=found[1])
        return found

    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q, p) of the terms."""
        del layout
        p = expit(self._log_odds(x, theta))
        by_a, by_d = self.line_gradient(x)
        moved = by_a[:, None, :] * theta[:, None] + by_d[:, None, :]
        return np.stack([(1.0 - p)[..., None] * moved, -p[..., None] * moved])

    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) of the terms by the ability."""
        del layout
        p = expit(self._log_odds(x, theta))
        a = self.line(x)[0][:, None]
        return np.stack([a * (1.0 - p), -a * p])

    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) P and 1 - P."""
        del layout
        p = expit(self._log_odds(x, theta))
        return np.stack([p, 1.0 - p])

    def climb(
        self, x: Floats, theta: Floats, counts: Floats, trials: Floats, layout: Layout
    ) -> tuple[Floats, Floats]:
        """Gradient (J, p) and information (J, p, p) of expected counts, by matrix products."""
        del layout
        p = expit(self._log_odds(x, theta))
        expected = trials * p
        residual = counts[0] - expected
        expected *= 1.0 - p
        powers = np.stack([np.ones_like(theta), theta, theta * theta], axis=1)
        by_a, by_d = self.line_gradient(x)
        pull = residual @ powers[:, :2]
        gradient = pull[:, 1:] * by_a + pull[:, :1] * by_d
        mass = (expected @ powers)[:, :, None, None]
        cross = by_a[:, :, None] * by_d[:, None, :]
        information = (
            mass[:, 2] * by_a[:, :, None] * by_a[:, None, :]
            + mass[:, 1] * (cross + cross.transpose(0, 2, 1))
            + mass[:, 0] * by_d[:, :, None] * by_d[:, None, :]
        )
        return gradient, information

    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) P."""
        del layout
        return expit(self._log_odds(x, theta))

    def sample(self, rng: np.random.Generator, cells: Draw, layout: Layout) -> Floats:
        """(n,) successes."""
        del layout
        a, d = self.line(cells.x)
        chance = expit(a * cells.theta + d)
        return rng.binomial(cells.trials.astype(np.int64), chance).astype(float)

    def _log_odds(self, x: Floats, theta: Floats) -> Floats:
        a, d = self.line(x)
        found = np.outer(a, theta)
        found += d[:, None]
        return found


def smoothed_log_odds(cells: Cells) -> Floats:
    """(J,) log odds of success in each item, half a success and half a failure added."""
    passed = np.bincount(cells.item, weights=cells.total, minlength=cells.n_items)
    asked = np.bincount(cells.item, weights=cells.trials, minlength=cells.n_items)
    return np.log((passed + 0.5) / (asked - passed + 0.5))
