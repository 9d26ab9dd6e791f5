"""Abilities of agents with their intervals, best first."""

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators._figures import INK, blank_figure, shown_name
from evaluators.irt.pictures._material import Material, Picture, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 60


def draw(material: Material) -> "Figure | None":
    """A line an agent, 90 % intervals; the middle of a long list is left out."""
    found = material.fit.abilities
    low = found.low if found.low.ndim == 1 else found.low[:, 0]
    high = found.high if found.high.ndim == 1 else found.high[:, 0]
    order = np.argsort(-material.theta, kind="stable")
    if len(order) > MOST:
        order = np.concatenate([order[: MOST // 2], order[-(MOST // 2) :]])
    figure = blank_figure(8.0, 1.0 + 0.17 * len(order))
    title = f"{len(order)} of {len(found.agents)}, the first and the last"
    panel: Any = plain_axes(figure.subplots(), title if len(order) < len(found.agents) else "")
    rows = np.arange(len(order), 0, -1)
    panel.hlines(rows, low[order], high[order], color=INK, lw=1)
    panel.plot(material.theta[order], rows, "o", color=INK, ms=3)
    panel.set_yticks(rows, [shown_name(found.agents[k]) for k in order], fontsize=6)
    panel.set_ylim(0.3, len(order) + 0.7)
    panel.set_xlabel("ability, 90 % interval")
    return figure


picture = Picture(
    title="Agents",
    says="Ability of each agent with its 90 % interval; agents whose intervals overlap are not "
    "told apart by these items.",
    place=0,
    draw=draw,
)
