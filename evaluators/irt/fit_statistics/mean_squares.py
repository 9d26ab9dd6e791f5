"""Infit and outfit of items and agents: how far residuals are from what the model makes of them.

With the residual r = total - E of a cell, its variance W and fourth central moment C under the
model (Wright and Masters, *Rating Scale Analysis*, 1982, chapter 5):

    outfit = mean(r² / W)                 q² = sum(C / W² - 1) / n²
    infit  = sum(r²) / sum(W)             q² = sum(C - W²) / sum(W)²
    z = (MS^(1/3) - 1) * 3 / q + q / 3    (Wilson and Hilferty)

Both are 1 where the model holds. Above 1: noise (a flipped, a random item; an agent that passes
hard items and fails easy ones). Below 1: answers that are too regular. Outfit is moved by single
surprises far from the agent's ability, infit by what happens near it. A cell of k of n trials is
one residual of its total; any model whose `support` is known will do. Abilities are taken as given:
where they rest on few items (below some twenty), both mean squares come out a little under 1.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Dropped, Floats, Ints, ResponseTable
from evaluators.irt.fit_statistics._cells import Moments, matched, moments


@dataclass(frozen=True)
class FitColumns:
    """Fit of items, or of agents; arrays as long as `names`, NaN where nothing was observed."""

    names: tuple[str, ...]
    infit: Floats
    outfit: Floats
    infit_z: Floats
    """About standard normal where the model holds."""
    outfit_z: Floats
    """Likewise, but wider for Beta scores, whose tails are heavy: trust `infit_z` there."""
    cells: Ints
    """Observed cells that went in."""


@dataclass(frozen=True)
class MeanSquares:
    """Infit and outfit on both sides of the table."""

    items: FitColumns
    agents: FitColumns
    dropped: tuple[Dropped, ...] = ()


def mean_squares(table: ResponseTable, bank: ItemBank, abilities: Abilities) -> MeanSquares:
    """Infit and outfit of the items and the agents that table, bank and abilities share.

    Raises:
        UsageError: nothing in common, or abilities of several dimensions or not finite.
    """
    found = matched(table, bank, abilities)
    expected = moments(found)
    square = (found.cells.total - expected.mean) ** 2
    return MeanSquares(
        _columns(found.items, found.cells.item, square, expected),
        _columns(found.agents, found.cells.agent, square, expected),
        found.dropped,
    )


def _columns(names: tuple[str, ...], place: Ints, square: Floats, expected: Moments) -> FitColumns:
    def summed(values: Floats) -> Floats:
        return np.bincount(place, weights=values, minlength=len(names)).astype(float)

    size = np.bincount(place, minlength=len(names)).astype(np.int64)
    variance = expected.variance
    with np.errstate(invalid="ignore", divide="ignore"):
        outfit = summed(square / variance) / size
        infit = summed(square) / summed(variance)
        outer = np.sqrt(summed(expected.fourth / variance**2 - 1.0)) / size
        inner = np.sqrt(summed(np.maximum(expected.fourth - variance**2, 0.0))) / summed(variance)
    return FitColumns(
        names, infit, outfit, wilson_hilferty(infit, inner), wilson_hilferty(outfit, outer), size
    )


def wilson_hilferty(mean_square: Floats, sd: Floats) -> Floats:
    """About normal z of a mean square whose standard deviation under the model is `sd`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.cbrt(mean_square) - 1.0) * 3.0 / sd + sd / 3.0
