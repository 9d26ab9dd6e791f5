"""The items that two banks share, and what linking asks of them."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Floats, Ints
from evaluators.irt.scoring._matching import refuse_vector
from tasks import UsageError


@dataclass(frozen=True)
class Anchors:
    """The shared items, in the order of the new bank."""

    items: tuple[str, ...]
    new: ItemBank
    old: ItemBank


def anchors_of(new: ItemBank, old: ItemBank, items: tuple[str, ...] | None = None) -> Anchors:
    """The items that both banks hold.

    Args:
        new: The bank to be moved.
        old: The bank whose scale is to hold.
        items: Which of them to use; None: all.

    Raises:
        UsageError: banks of different models; fewer than two shared items; an item that one of
            the banks does not have.
    """
    refuse_vector(new)
    if new.model.name != old.model.name:
        raise UsageError(
            f"The banks are of different models, {new.model.name} and {old.model.name}; fit both "
            "with the same."
        )
    known = set(old.items)
    shared = tuple(item for item in new.items if item in known) if items is None else items
    if len(shared) < 2:
        raise UsageError(
            f"Linking needs at least two items that both banks hold; they share {len(shared)} "
            f"of {len(new.items)} and {len(old.items)}. Run some of the old items again, or fit "
            "both tables together (concurrent calibration)."
        )
    return Anchors(shared, new.take(new.places(shared)), old.take(old.places(shared)))


@dataclass(frozen=True)
class Places:
    """Where items lie and how sharp they are, whatever the model: for moment methods."""

    difficulty: Floats
    """(J,) where the expected score is half-way between its ends (logistic models: b)."""
    slope: Floats
    """(J,) steepness there, as that of a logistic curve (logistic models: a)."""


def places_of(bank: ItemBank) -> Places:
    """Difficulty b and slope a; models without both are read off their expected scores."""
    named = bank.parameters
    if "b" in named:
        a = named.get("a", np.ones(len(bank.items)))
        return Places(np.asarray(named["b"]), np.asarray(a))
    return _read_off(bank)


def _read_off(bank: ItemBank) -> Places:
    mean, sd = bank.population.mean, bank.population.sd
    low, high = np.full(len(bank.items), mean - 20 * sd), np.full(len(bank.items), mean + 20 * sd)
    ends = bank.mean(np.array([mean - 20 * sd, mean + 20 * sd]))
    half = ends.mean(axis=1)
    each: Ints = np.arange(len(bank.items))
    for _ in range(60):
        middle = (low + high) / 2.0
        above = bank.mean(middle)[each, each] > half
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    at, step = (low + high) / 2.0, 1e-4 * sd
    rise = (bank.mean(at + step)[each, each] - bank.mean(at - step)[each, each]) / (2.0 * step)
    return Places(at, 4.0 * rise / (ends[:, 1] - ends[:, 0]))
