"""Bifactor model: one general ability, and one more for each group of items.

Gibbons and Hedeker (1992), Psychometrika 57, 423-436. An item asks for the general ability and for
its own group's; abilities are uncorrelated, so what items of a group share beyond the general
ability is the specific one. The testlet model (Bradlow, Wainer and Wang 1999, Psychometrika 64,
153-168) is the same with specific slopes in one proportion to the general ones in each group.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from evaluators.irt._model import Layout
from evaluators.irt._responses import Floats
from evaluators.irt.models._compensatory import Compensatory, strength

GENERAL = "general"


class Bifactor(Compensatory):
    """The model; see the module."""

    name: ClassVar[str] = "bifactor"
    summary: ClassVar[str] = (
        "A general ability and one for each group of items (task family): "
        "P = logistic(a theta + a_specific theta_group + d), theta ~ N(0, I)."
    )

    estimators: ClassVar[tuple[str, ...]] = ("adaptive", "over_agents")

    def abilities(self, count: int) -> tuple[str, ...]:
        """`general`, `group_1`, … in turn."""
        return (GENERAL, *(f"group_{place + 1}" for place in range(count - 1)))

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """General slope a, the specific one, intercept d, discrimination and difficulty."""
        size, hard, _, _ = strength(x[:, :-1], x[:, -1])
        specific = x[:, 1:-1].sum(axis=1)
        return {
            "a": x[:, 0], "a_specific": specific, "d": x[:, -1], "mdisc": size, "mdiff": hard
        }  # fmt: skip

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, 5, D + 1); slopes fixed at 0 have no variance, so all of a row may be 1."""
        _, _, by_size, by_hard = strength(x[:, :-1], x[:, -1])
        found = np.zeros((len(x), 5, x.shape[1]))
        found[:, 0, 0] = 1.0
        found[:, 1, 1:-1] = 1.0
        found[:, 2, -1] = 1.0
        found[:, 3], found[:, 4] = by_size, by_hard
        return found

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 6) four groups in turn: a ~ lognormal(0, .3), specific slopes about .7 of it."""
        return drawn_groups(rng, n_items, 4)

    def simulated_layout(self, trials: int) -> Layout:
        """Four groups."""
        del trials
        return Layout(dimensions=self.abilities(5))


def drawn_groups(rng: np.random.Generator, n_items: int, groups: int) -> Floats:
    """(J, groups + 2) items of groups in turn; difficulties N(0, 1.2)."""
    general = rng.lognormal(0.0, 0.3, n_items)
    found = np.zeros((n_items, groups + 2))
    found[:, 0] = general
    places = np.arange(n_items)
    found[places, 1 + places % groups] = general * rng.lognormal(np.log(0.7), 0.3, n_items)
    found[:, -1] = -general * rng.normal(0.0, 1.2, n_items)
    return found


model = Bifactor()
