"""What pictures are drawn from, and what a picture is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.irt._fit import Fit
from evaluators.irt._responses import Cells, Floats, ResponseTable
from tasks import Shelf

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPAN = 0.5
"""Abilities are drawn this far beyond the outermost agent."""


@dataclass(frozen=True)
class Material:
    """A fit, the responses it is of, and what a diagnosis says of the items."""

    fit: Fit
    table: ResponseTable
    defects: Mapping[str, float] = field(default_factory=dict[str, float])
    """By item: how suspect it is (any scale); empty where nobody looked."""

    @cached_property
    def cells(self) -> Cells:
        """The cells of the fitted agents and items, in the fit's order."""
        agents = {name: k for k, name in enumerate(self.table.agents)}
        items = {name: k for k, name in enumerate(self.table.items)}
        of_agents = np.array([agents[a] for a in self.fit.abilities.agents], dtype=np.int64)
        of_items = np.array([items[i] for i in self.fit.bank.items], dtype=np.int64)
        return self.table.cells.of_agents(of_agents).of_items(of_items)

    @cached_property
    def theta(self) -> Floats:
        """(N,) abilities; the first dimension where there are several."""
        theta = self.fit.abilities.theta
        return theta if theta.ndim == 1 else theta[:, 0]

    @property
    def one_dimensional(self) -> bool:
        """Whether curves over one ability can be drawn."""
        return self.fit.abilities.theta.ndim == 1

    @cached_property
    def ability_range(self) -> Floats:
        """(161,) abilities that cover agents and the middle of the items."""
        known = self.theta[np.isfinite(self.theta)]
        return np.linspace(min(-2.0, known.min()) - SPAN, max(2.0, known.max()) + SPAN, 161)

    @cached_property
    def difficulties(self) -> Floats:
        """(J,) the ability at which an item's expected score is halfway between its ends.

        It is `b` of a Rasch or 2PL item, and means the same for every other model; where there
        are several abilities, it is the log odds against a pass.
        """
        if not self.one_dimensional:
            count = np.bincount(self.cells.item, minlength=self.cells.n_items)
            passed = np.bincount(self.cells.item, self.cells.mean, self.cells.n_items)
            return np.log((count - passed + 0.5) / (passed + 0.5))
        wide = np.linspace(-12.0, 12.0, 1201)
        mean = self.fit.bank.mean(wide)
        middle = (mean[:, :1] + mean[:, -1:]) / 2.0
        return wide[np.argmax(mean >= middle, axis=1)]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One way to look at a fit."""

    title: str
    says: str
    """What to read off it: a sentence or two for the report."""
    place: int
    """Where it stands in the report."""
    draw: "Callable[[Material], Figure | None]"
    """None where the fit has nothing to draw (several dimensions, no suspects)."""


PICTURES: Shelf[Picture] = Shelf(
    package="evaluators.irt.pictures",
    attribute="picture",
    kind=Picture,
    group="proctor.irt_pictures",
)


def plain_axes(panel: Any, title: str = "") -> Any:
    """A panel without its box, titled at the left."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(alpha=0.25)
    panel.set_title(title, loc="left", fontsize=9)
    return panel


def labelled_places(
    values: Floats, names: Sequence[str], span: float, most: int
) -> list[tuple[float, str]]:
    """The values that have room for a name on an axis of length `span` that holds `most` of them.

    From the top down, each at least one name's height below the one before.
    """
    found: list[tuple[float, str]] = []
    for k in np.argsort(-values, kind="stable").tolist():
        if not found or found[-1][0] - float(values[k]) >= span / most:
            found.append((float(values[k]), str(names[k])))
    return found
