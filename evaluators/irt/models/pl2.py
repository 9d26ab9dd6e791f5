"""Two-parameter logistic: items differ in difficulty b and in slope a.

Birnbaum (1968), in Lord and Novick, Statistical Theories of Mental Test Scores. Working parameters
are log a (slopes are positive) and the intercept d = -a b, in which the likelihood of an item at
known abilities is nearly quadratic; b = -d / a runs away where a is small, d does not.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Layout
from evaluators.irt._responses import Cells, Floats
from evaluators.irt.models._logistic import Logistic, smoothed_log_odds
from evaluators.irt.models._prior import NormalPrior

PRIOR = NormalPrior(mean=(0.0, 0.0), sd=(0.5, 3.0))
"""Of log a and d; Mislevy (1986), Psychometrika 51, 177-195, on why slopes want one."""


class PL2(Logistic):
    """The model; see the module."""

    name: ClassVar[str] = "2pl"
    summary: ClassVar[str] = (
        "Items of unlike difficulty and slope: P = logistic(a (theta - b)), theta ~ N(0, 1)."
    )

    def line(self, x: Floats) -> tuple[Floats, Floats]:
        """Slope and intercept of the log odds."""
        return np.exp(x[..., 0]), x[..., 1]

    def line_gradient(self, x: Floats) -> tuple[Floats, Floats]:
        """(J, 2) of each by log a and d."""
        by_a, by_d = np.zeros_like(x), np.zeros_like(x)
        by_a[:, 0] = np.exp(x[:, 0])
        by_d[:, 1] = 1.0
        return by_a, by_d

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, 2) slope 1 and the intercept of the item's smoothed share."""
        del layout
        return np.column_stack([np.zeros(cells.n_items), smoothed_log_odds(cells)])

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Log a ~ N(0, .5), d ~ N(0, 3)."""
        return PRIOR.of(x)

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """Slope a and difficulty b."""
        a = np.exp(x[:, 0])
        return {"a": a, "b": -x[:, 1] / a}

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, 2, 2) of a and b by log a and d."""
        a = np.exp(x[:, 0])
        found = np.zeros((len(x), 2, 2))
        found[:, 0, 0] = a
        found[:, 1, 0] = x[:, 1] / a
        found[:, 1, 1] = -1.0 / a
        return found

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, 2) the same items on the scale slope * theta + shift."""
        log_a = x[:, 0] - np.log(slope)
        return np.column_stack([log_a, x[:, 1] - np.exp(log_a) * shift])

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 2) a ~ lognormal(0, .4), b ~ N(0, 1.2)."""
        log_a = rng.normal(0.0, 0.4, n_items)
        return np.column_stack([log_a, -np.exp(log_a) * rng.normal(0.0, 1.2, n_items)])


model = PL2()
