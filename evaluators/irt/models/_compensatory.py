"""Models whose log odds of success are linear in several abilities: the base of vector models.

P = logistic(a . theta + d): what an agent lacks of one ability it can make up for with another.
Working parameters are the D slopes, of either sign or fixed at 0, and the intercept d.
"""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Draw, Layout, Model
from evaluators.irt._responses import Cells, Floats, ScoreKind, score_kind
from evaluators.irt.models._logistic import smoothed_log_odds
from evaluators.irt.models._sigmoid import expit, log_expit
from tasks import UsageError


class Compensatory(Model):
    """Successes and failures of agents with D abilities: theta is (Q, D)."""

    scores: ClassVar[frozenset[ScoreKind]] = frozenset({"binary", "counts"})
    estimators: ClassVar[tuple[str, ...]] = ("adaptive", "over_agents", "over_items")
    vector: ClassVar[bool] = True

    @abstractmethod
    def abilities(self, count: int) -> tuple[str, ...]:
        """Names of `count` abilities."""

    def layout(self, cells: Cells) -> Layout:
        """Two abilities; a fit sets those that are asked for.

        Raises:
            UsageError: scores are neither 0 or 1 nor counts of successes.
        """
        if score_kind(cells) == "continuous":
            raise UsageError(
                f"The model {self.name} is for scores of 0 or 1, or successes out of trials; "
                "scores between are for `beta` or `graded`, which have one ability. Choose one of "
                "them, or round the scores before reading."
            )
        return Layout(dimensions=self.abilities(2))

    def simulated_layout(self, trials: int) -> Layout:
        """The abilities that `draw` is made for."""
        del trials
        return Layout(dimensions=self.abilities(2))

    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(2, n) successes and failures."""
        del layout
        return np.stack([cells.total, cells.trials - cells.total])

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, D + 1) slopes of 0 and the intercept of the item's smoothed share."""
        slopes = np.zeros((cells.n_items, len(layout.dimensions)))
        return np.column_stack([slopes, smoothed_log_odds(cells)])

    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) log P and log(1 - P)."""
        del layout
        z = log_odds(x, theta)
        return np.stack([log_expit(z), log_expit(-z)])

    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q, D + 1) of the terms."""
        del layout
        p = expit(log_odds(x, theta))[..., None]
        moved = np.column_stack([theta, np.ones(len(theta))])
        return np.stack([(1.0 - p) * moved, -p * moved])

    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q, D) of the terms by the abilities."""
        del layout
        p = expit(log_odds(x, theta))[..., None]
        a = x[:, None, :-1]
        return np.stack([(1.0 - p) * a, -p * a])

    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(2, J, Q) P and 1 - P."""
        del layout
        p = expit(log_odds(x, theta))
        return np.stack([p, 1.0 - p])

    def ability_information(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q, D, D) P (1 - P) a a'."""
        del layout
        p = expit(log_odds(x, theta))
        a = x[:, :-1]
        return (p * (1.0 - p))[..., None, None] * (a[:, :, None] * a[:, None, :])[:, None]

    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) P."""
        del layout
        return expit(log_odds(x, theta))

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """None: items are shrunk towards their own mean, which a fit estimates."""
        size = x.shape[1]
        return np.zeros(len(x)), np.zeros_like(x), np.zeros((len(x), size, size))

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, D + 1) the same items where every ability is measured as slope * theta + shift."""
        slopes = x[:, :-1] / slope
        return np.column_stack([slopes, x[:, -1] - shift * slopes.sum(axis=1)])

    def sample(self, rng: np.random.Generator, cells: Draw, layout: Layout) -> Floats:
        """(n,) successes; the abilities of cells are (n, D)."""
        del layout
        z = np.sum(cells.x[:, :-1] * cells.theta, axis=1) + cells.x[:, -1]
        return rng.binomial(cells.trials.astype(np.int64), expit(z)).astype(float)


def log_odds(x: Floats, theta: Floats) -> Floats:
    """(J, Q) a . theta + d."""
    return x[:, :-1] @ theta.T + x[:, -1:]


def strength(slopes: Floats, intercept: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Discrimination |a| and difficulty -d / |a| along the item's own direction, with gradients.

    Reckase (1985), Applied Psychological Measurement 9, 401-412 (MDISC and MDIFF).

    Returns:
        (J,) |a|; (J,) difficulty; (J, D + 1) gradient of each by the slopes and the intercept.
        An item without slopes has no difficulty: NaN.
    """
    size = np.sqrt(np.sum(slopes * slopes, axis=1))
    safe = np.where(size > 0.0, size, np.nan)
    hard = -intercept / safe
    direction = slopes / safe[:, None]
    by_size = np.column_stack([direction, np.zeros(len(size))])
    by_hard = np.column_stack([-hard[:, None] * direction / safe[:, None], -1.0 / safe])
    return size, hard, by_size, by_hard
