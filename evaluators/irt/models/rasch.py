"""Rasch: items differ in difficulty b alone, and an agent's total says all of its ability.

Rasch (1960), Probabilistic Models for Some Intelligence and Attainment Tests. Slopes are 1 and the
sd of abilities is estimated, which is the one-parameter logistic with a common slope a = sd.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Layout
from evaluators.irt._responses import Cells, Floats
from evaluators.irt.models._logistic import Logistic, smoothed_log_odds
from evaluators.irt.models._prior import NormalPrior
from tasks import UsageError

PRIOR = NormalPrior(mean=(0.0,), sd=(5.0,))
"""Of b. Wide, as b is in units of the log odds and abilities may spread over many of them."""


class Rasch(Logistic):
    """The model; see the module."""

    name: ClassVar[str] = "rasch"
    summary: ClassVar[str] = (
        "Items of unlike difficulty and equal slope: P = logistic(theta - b), theta ~ N(0, sd)."
    )
    free_sd: ClassVar[bool] = True

    def line(self, x: Floats) -> tuple[Floats, Floats]:
        """Slope 1 and intercept -b."""
        return np.ones(x.shape[:-1]), -x[..., 0]

    def line_gradient(self, x: Floats) -> tuple[Floats, Floats]:
        """(J, 1) of each by b."""
        return np.zeros_like(x), -np.ones_like(x)

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, 1) difficulty of the item's smoothed share."""
        del layout
        return -smoothed_log_odds(cells)[:, None]

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """B ~ N(0, 5)."""
        return PRIOR.of(x)

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """Difficulty b."""
        return {"b": x[:, 0]}

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, 1, 1) ones."""
        return np.ones((len(x), 1, 1))

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, 1) the same items on the scale theta + shift.

        Raises:
            UsageError: another unit than the log odds, which slopes of 1 cannot hold.
        """
        if slope != 1.0:
            raise UsageError(
                f"Rasch items have a slope of 1 and cannot be rescaled by {slope:g}: shift them "
                "only, or fit 2pl."
            )
        return x + shift

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 1) b ~ N(0, 1.2)."""
        return rng.normal(0.0, 1.2, n_items)[:, None]


model = Rasch()
