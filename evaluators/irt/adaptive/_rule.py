"""What a rule of adaptive testing sees, and what it says."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evaluators.irt._responses import Floats, Ints
from evaluators.irt.scoring._curves import Curves
from tasks import Shelf


@dataclass(frozen=True)
class Content:
    """Groups of items and the share that each is to have of the items asked."""

    groups: tuple[str, ...] = ()
    """(J,) of each item."""
    shares: Mapping[str, float] = field(default_factory=dict[str, float])
    """They sum to 1."""


@dataclass(frozen=True)
class Standing:
    """Where a test of one agent stands."""

    curves: Curves
    mass: Floats
    """(Q,) posterior of the ability."""
    asked: Ints
    """Places of the items asked, in their order; with those chosen for the batch at hand."""
    open: npt.NDArray[np.bool_]
    """(J,) items that may be asked."""
    costs: Floats
    """(J,) seconds, dollars, …; ones where nothing was said."""
    content: Content
    length: int
    """Items that the test is planned for."""
    rng: np.random.Generator

    @cached_property
    def theta(self) -> float:
        """Posterior mean."""
        return float(self.mass @ self.curves.grid)

    @cached_property
    def variance(self) -> float:
        """Posterior variance."""
        return float(self.mass @ (self.curves.grid - self.theta) ** 2)

    def at_theta(self, rows: Floats) -> Floats:
        """(J,) rows (J, Q) read off at the posterior mean."""
        grid = self.curves.grid
        place = float(np.clip((self.theta - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1))
        low = min(int(place), len(grid) - 2)
        part = place - low
        return (1.0 - part) * rows[:, low] + part * rows[:, low + 1]

    @cached_property
    def expected_information(self) -> Floats:
        """(J,) Fisher information, averaged over the posterior."""
        return self.curves.information @ self.mass

    def variance_explained(self) -> Floats:
        """(J,) by how much each item's answer is expected to lower the full score's variance.

        In squared items (the full score as a sum). By the law of total variance, as if the total
        of the unseen were linear in the answer: cov(total, y)^2 / var(y), where both hang on the
        ability, and the item is itself a part of the total.
        """
        curves, mass = self.curves, self.mass
        unseen = np.ones(len(curves.means))
        unseen[self.asked] = 0.0
        total = unseen @ curves.means
        mean = curves.means @ mass
        noise = curves.noise @ mass
        shared = curves.means @ (mass * total) - mean * float(mass @ total)
        variance = curves.square @ mass - mean**2
        return (shared + noise) ** 2 / np.maximum(variance, 1e-12)


class Rule(ABC):
    """A rule of what to ask next: `evaluators/irt/adaptive/rules/<name>.py` that defines `rule`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One sentence, for `--help`."""
    discounted: ClassVar[bool] = True
    """Whether items of one batch that measure the same count for less."""

    @abstractmethod
    def worth(self, standing: Standing) -> Floats:
        """(J,) worth of asking each item now, 0 or more; only open items are looked at."""


RULES: Shelf[Rule] = Shelf(
    package="evaluators.irt.adaptive.rules",
    attribute="rule",
    kind=Rule,
    group="proctor.irt_rules",
)
