"""Ways to hold scores out, so that a prediction is judged on what it has not seen.

A split is two tables over the same agents and items: the rows that may be learned from and those
to be predicted. Predictors are handed the first alone, and fit every transform on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Ints, ResponseTable
from tasks import UsageError, nearest


@dataclass(frozen=True)
class Split:
    """One partition of a table's rows."""

    name: str
    train: ResponseTable
    test: ResponseTable


def held_out_items(table: ResponseTable, folds: int, seed: int) -> Iterator[Split]:
    """Every item is held out once, in folds of about equal size, drawn from `seed`.

    Raises:
        UsageError: fewer items than folds, or fewer than two folds.
    """
    yield from _folded(table, table.item, len(table.items), folds, seed, "items")


def held_out_agents(table: ResponseTable, folds: int, seed: int) -> Iterator[Split]:
    """Every agent is held out once; see `held_out_items`."""
    yield from _folded(table, table.agent, len(table.agents), folds, seed, "agents")


def held_out_cells(table: ResponseTable, folds: int, seed: int) -> Iterator[Split]:
    """Every cell is held out once, with all of its trials; see `held_out_items`."""
    pairs, place = np.unique(table.agent * len(table.items) + table.item, return_inverse=True)
    yield from _folded(table, place, len(pairs), folds, seed, "cells")


def held_out_blocks(table: ResponseTable, folds: int, seed: int) -> Iterator[Split]:
    """Agents and items held out together: tests new agents on new items.

    Rows of a held-out agent on a known item, or the reverse, are in neither half.

    Raises:
        UsageError: fewer agents or items than folds.
    """
    rng = np.random.default_rng(seed)
    agents = _fold_of(rng, len(table.agents), folds, "agents")[table.agent]
    items = _fold_of(rng, len(table.items), folds, "items")[table.item]
    for fold in range(folds):
        train = np.flatnonzero((agents != fold) & (items != fold))
        test = np.flatnonzero((agents == fold) & (items == fold))
        yield Split(f"blocks {fold + 1}/{folds}", table.rows(train), table.rows(test))


def held_out_label(table: ResponseTable, label: str) -> Iterator[Split]:
    """Every value of a label is held out once: an LLM or scaffold, or a family of items.

    Rows of an unknown value ('') are learned from and never tested.

    Raises:
        UsageError: no such label, or fewer than two values.
    """
    sides = ((table.of_agents.labels, table.agent), (table.of_items.labels, table.item))
    found = [(labels[label], place) for labels, place in sides if label in labels]
    if not found:
        known = [*table.of_agents.labels, *table.of_items.labels]
        raise UsageError(
            f"No column {label!r} tells of agents or items.{nearest(label, known)} There are "
            f"{', '.join(known) or 'none'}."
        )
    values, place = found[0]
    of_rows = np.array(values)[place]
    several = sorted(set(of_rows.tolist()) - {""})
    if len(several) < 2:
        raise UsageError(f"The column {label!r} has {len(several)} known value; two are needed.")
    for value in several:
        test = of_rows == value
        parts = table.rows(np.flatnonzero(~test)), table.rows(np.flatnonzero(test))
        yield Split(f"{label} {value}", *parts)


def later(table: ResponseTable, date: str, label: str = "date") -> Split:
    """Learn from agents dated before `date`, predict those dated on it or after.

    Dates compare as text (ISO, or YYYYMMDD); agents without one are in neither half.

    Raises:
        UsageError: no such column, or one half is empty.
    """
    if label not in table.of_agents.labels:
        raise UsageError(f"No column {label!r} tells when agents are from.")
    when = np.array(table.of_agents.labels[label])[table.agent]
    before, after = (when != "") & (when < date), when >= date
    if not before.any() or not after.any():
        known = sorted(set(when.tolist()) - {""})
        raise UsageError(
            f"{label} {date} does not divide the agents; they run from "
            f"{known[0] if known else '(none)'} to {known[-1] if known else '(none)'}."
        )
    parts = table.rows(np.flatnonzero(before)), table.rows(np.flatnonzero(after))
    return Split(f"{label} {date}", *parts)


def _fold_of(rng: np.random.Generator, count: int, folds: int, what: str) -> Ints:
    if folds < 2 or count < folds:
        raise UsageError(f"{count} {what} cannot be held out in {folds} folds; at least 2 are.")
    return rng.permutation(count) % folds


def _folded(
    table: ResponseTable, place: Ints, count: int, folds: int, seed: int, what: str
) -> Iterator[Split]:
    fold_of = _fold_of(np.random.default_rng(seed), count, folds, what)[place]
    for fold in range(folds):
        train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        yield Split(f"{what} {fold + 1}/{folds}", table.rows(train), table.rows(test))
