"""The Wright map: agents and items on one scale."""

from typing import TYPE_CHECKING

import numpy as np

from evaluators._figures import FLAGGED, GROUND, INK, blank_figure, shown_name
from evaluators.irt.pictures._material import Material, Picture, labelled_places, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 44
"""Names that the height of the picture has room for."""
BINS = 36


def draw(material: Material) -> "Figure | None":
    """Agents to the left (with 90 % intervals), items to the right, the scale upright."""
    if not material.one_dimensional:
        return None
    low, high = material.ability_range[[0, -1]]
    figure = blank_figure(9.0, 7.0)
    left, right = figure.subplots(1, 2, sharey=True)
    theta, agents = material.theta, material.fit.abilities.agents
    edges = np.linspace(low, high, BINS + 1)
    counts = np.histogram(theta, edges)[0]
    plain_axes(left, f"{len(agents)} agents")
    left.barh(edges[:-1], counts, height=np.diff(edges), align="edge", color=INK, alpha=0.35)
    left.invert_xaxis()
    for at, name in labelled_places(theta, agents, high - low, NAMED):
        left.annotate(shown_name(name, 28), (0, at), ha="right", va="center", fontsize=6)
    b = np.clip(material.difficulties, low, high)
    plain_axes(right, f"{len(b)} items; beyond the scale they stand at its ends")
    right.barh(
        edges[:-1],
        np.histogram(b, edges)[0],
        height=np.diff(edges),
        align="edge",
        color=GROUND,
        alpha=0.35,
    )
    for at, name in labelled_places(b, material.fit.bank.items, high - low, NAMED):
        worst = material.defects and name in _worst(material)
        color = FLAGGED if worst else "black"
        right.annotate(shown_name(name, 28), (0, at), va="center", fontsize=6, color=color)
    left.set_ylabel("ability; difficulty")
    left.set_ylim(low, high)
    left.set_xlabel("agents")
    right.set_xlabel("items")
    return figure


def _worst(material: Material) -> set[str]:
    ranked = sorted(material.defects, key=lambda item: -material.defects[item])
    return set(ranked[: max(1, len(ranked) // 20)])


picture = Picture(
    title="Wright map",
    says="Agents and items on one scale: an agent passes half of the items at its own height. "
    "Where there are agents and no items, nobody is told apart; red names are the most suspect.",
    place=1,
    draw=draw,
)
