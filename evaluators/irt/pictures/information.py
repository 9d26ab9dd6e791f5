"""How precisely the test measures, by ability."""

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators._figures import GROUND, INK, blank_figure
from evaluators.irt.pictures._material import Material, Picture, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(material: Material) -> "Figure | None":
    """Test information, the standard error it leaves, and where the agents are."""
    if not material.one_dimensional:
        return None
    theta = material.ability_range
    total = material.fit.bank.information(theta).sum(axis=0)
    figure = blank_figure(8.0, 4.0)
    panel: Any = plain_axes(figure.subplots())
    panel.plot(theta, total, color=INK, label="information of all items")
    panel.set_xlabel("ability")
    panel.set_ylabel("information")
    panel.plot(material.theta, np.zeros(len(material.theta)), "|", color="black", ms=9)
    error: Any = panel.twinx()
    error.plot(theta, 1.0 / np.sqrt(np.maximum(total, 1e-9)), color=GROUND, ls="--")
    error.set_ylabel("standard error (dashed)", color=GROUND)
    least = 1.0 / np.sqrt(max(float(total.max()), 1e-9))
    error.set_ylim(0.0, max(6.0 * least, 1e-3))
    return figure


picture = Picture(
    title="Information",
    says="What all items together tell at each ability, and the standard error that is left "
    "(dashed); the ticks are agents.",
    place=2,
    draw=draw,
)
