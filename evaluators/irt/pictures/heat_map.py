"""All responses, agents by ability and items by difficulty."""

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators._figures import blank_figure
from evaluators.irt._responses import Floats, Ints
from evaluators.irt.pictures._material import Material, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 800
"""Cells a side; larger tables are drawn as means of neighbours."""


def draw(material: Material) -> "Figure | None":
    """A picture with white where nothing was observed."""
    figure = blank_figure(9.0, 6.0)
    panel: Any = figure.subplots()
    image = panel.imshow(
        binned(material), aspect="auto", cmap="cividis", vmin=0.0, vmax=1.0, interpolation="nearest"
    )
    figure.colorbar(image, ax=panel, label="score", shrink=0.7)
    panel.set_xlabel("items, easiest to hardest")
    panel.set_ylabel("agents, ablest on top")
    panel.set_xticks([])
    panel.set_yticks([])
    return figure


def binned(material: Material) -> Floats:
    """(rows, columns) mean scores, sorted, at most `MOST` a side; NaN where nothing is."""
    cells = material.cells
    mean_of_items = np.bincount(cells.item, cells.mean, cells.n_items)
    mean_of_items /= np.maximum(np.bincount(cells.item, minlength=cells.n_items), 1)
    row = _places(-np.nan_to_num(material.theta, nan=-np.inf))[cells.agent]
    column = _places(-mean_of_items)[cells.item]
    shape = min(cells.n_agents, MOST), min(cells.n_items, MOST)
    code = (row * shape[0] // cells.n_agents) * shape[1] + column * shape[1] // cells.n_items
    total = np.bincount(code, cells.mean, shape[0] * shape[1])
    count = np.bincount(code, minlength=shape[0] * shape[1])
    found = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found.reshape(shape)


def _places(values: Floats) -> Ints:
    """Rank of each value, from 0."""
    places = np.empty(len(values), dtype=np.int64)
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


picture = Picture(
    title="Responses",
    says="Every cell: agents from the ablest, items from the easiest. A sound table is bright at "
    "the top left and dark at the bottom right; a column that runs against it is suspect.",
    place=4,
    draw=draw,
)
