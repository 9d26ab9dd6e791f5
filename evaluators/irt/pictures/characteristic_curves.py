"""Item characteristic curves with the data they were fitted to."""

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators._figures import FLAGGED, INK, blank_figure, shown_name
from evaluators.irt._responses import Floats, Ints
from evaluators.irt.pictures._material import Material, Picture, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12
GROUPS = 8
"""Of agents of like ability, about equal in number."""
Z90 = 1.645


def draw(material: Material) -> "Figure | None":
    """Twelve items: the most suspect ones where a diagnosis is there, else the most telling."""
    if not material.one_dimensional:
        return None
    chosen = shown_items(material)
    rows = -(-len(chosen) // 4)
    figure = blank_figure(10.0, 2.3 * rows + 0.4)
    panels: Any = figure.subplots(rows, 4, squeeze=False, sharex=True, sharey=True)
    theta = material.ability_range
    mean = material.fit.bank.take(chosen).mean(theta)
    for panel, place, curve in zip(panels.flat, chosen, mean, strict=False):
        plain_axes(panel, shown_name(material.fit.bank.items[place], 30))
        panel.plot(theta, curve, color=INK)
        at, observed, half = grouped(material, int(place))
        off = np.abs(observed - np.interp(at, theta, curve)) > half
        for wrong, color in ((False, "black"), (True, FLAGGED)):
            here = off == wrong
            panel.errorbar(
                at[here], observed[here], yerr=half[here], fmt="o", color=color, ms=3, lw=0.8
            )
        panel.set_ylim(-0.05, 1.05)
    for panel in list(panels.flat)[len(chosen) :]:
        panel.set_visible(False)
    figure.supxlabel("ability", fontsize=9)
    figure.supylabel("mean score", fontsize=9)
    return figure


def shown_items(material: Material) -> Ints:
    """Places of the items that are worth a look."""
    bank = material.fit.bank
    if material.defects:
        weight = np.array([material.defects.get(item, -np.inf) for item in bank.items])
    else:
        weight = bank.information(material.theta[np.isfinite(material.theta)]).sum(axis=1)
    return np.argsort(-weight, kind="stable")[:SHOWN]


def grouped(material: Material, place: int) -> tuple[Floats, Floats, Floats]:
    """Mean ability, mean score and half of its 90 % interval in groups of like agents."""
    cells = material.cells
    rows = np.flatnonzero(cells.item == place)
    rows = rows[np.argsort(material.theta[cells.agent[rows]], kind="stable")]
    groups = [g for g in np.array_split(rows, min(GROUPS, len(rows))) if g.size]
    theta = np.array([material.theta[cells.agent[g]].mean() for g in groups])
    trials = np.array([cells.trials[g].sum() for g in groups])
    score = np.array([cells.total[g].sum() for g in groups]) / trials
    # Agresti and Coull: an interval that is not empty where all passed.
    middle = (score * trials + Z90**2 / 2) / (trials + Z90**2)
    half = Z90 * np.sqrt(middle * (1.0 - middle) / (trials + Z90**2))
    return theta, score, half


picture = Picture(
    title="Item characteristic curves",
    says="The expected score by ability, and what groups of like agents scored (90 % intervals); "
    "red where the curve misses. The most suspect items where a diagnosis was made, else the "
    "most telling ones.",
    place=3,
    draw=draw,
)
