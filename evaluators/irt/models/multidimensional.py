"""Multidimensional two-parameter logistic model, compensatory.

McKinley and Reckase (1983), Behavior Research Methods 15, 389-390. Exploratory: every item may
load on every ability, abilities are uncorrelated, and a rotation makes slopes readable.
Confirmatory: a pattern says which items ask for which abilities.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.models._compensatory import Compensatory, strength


class Multidimensional(Compensatory):
    """The model; see the module."""

    name: ClassVar[str] = "multidimensional"
    summary: ClassVar[str] = (
        "Several abilities that make up for each other: P = logistic(a . theta + d), "
        "theta ~ N(0, I), or correlated where a pattern says which item asks for which."
    )

    def abilities(self, count: int) -> tuple[str, ...]:
        """`ability_1`, … in turn."""
        return tuple(f"ability_{place + 1}" for place in range(count))

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """Slopes a1 …, intercept d, discrimination and difficulty in the item's own direction."""
        size, hard, _, _ = strength(x[:, :-1], x[:, -1])
        slopes = {f"a{place + 1}": x[:, place] for place in range(x.shape[1] - 1)}
        return {**slopes, "d": x[:, -1], "mdisc": size, "mdiff": hard}

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, D + 3, D + 1) by slopes and intercept."""
        _, _, by_size, by_hard = strength(x[:, :-1], x[:, -1])
        same = np.broadcast_to(np.eye(x.shape[1]), (len(x), x.shape[1], x.shape[1]))
        return np.concatenate([same, by_size[:, None], by_hard[:, None]], axis=1)

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 3) two abilities: each item leans on one and asks a little of the other."""
        return drawn_slopes(rng, n_items, 2)


def drawn_slopes(rng: np.random.Generator, n_items: int, dimensions: int) -> Floats:
    """(J, D + 1) items of discrimination lognormal(0, .4) and difficulty N(0, 1.2).

    Items lean on the abilities in turn, the direction otherwise drawn.
    """
    size = rng.lognormal(0.0, 0.4, n_items)
    direction = 0.3 * np.abs(rng.standard_normal((n_items, dimensions)))
    direction[np.arange(n_items), np.arange(n_items) % dimensions] = 1.0
    direction /= np.sqrt(np.sum(direction**2, axis=1, keepdims=True))
    intercept = -size * rng.normal(0.0, 1.2, n_items)
    return np.column_stack([size[:, None] * direction, intercept])


model = Multidimensional()
