"""Which item may load on which ability: read off the options and the table, and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.irt._responses import Ints, ResponseTable
from evaluators.irt._vector.options import MOST, VectorOptions
from tasks import UsageError, nearest

Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """What a vector fit estimates."""

    dimensions: tuple[str, ...]
    """Names of the D abilities."""
    free: Marks
    """(J, D) slopes to be estimated; the others are 0."""
    groups: tuple[Ints, ...]
    """Bifactor: the items of each group; else ()."""
    exploratory: bool
    options: VectorOptions


def planned(kind: str, table: ResponseTable, order: Ints, options: VectorOptions) -> Plan:
    """The plan of a fit.

    Args:
        kind: `multidimensional` or `bifactor`.
        table: The responses, with the covariates of items.
        order: (J,) places in `table` of the items, in the order of the fit.
        options: What is asked for.

    Raises:
        UsageError: more abilities than data can tell apart, groups missing or of one item, a
            pattern that names unknown items or leaves slopes undetermined.
    """
    items = [table.items[place] for place in order]
    if kind == "bifactor":
        return _grouped(table, items, order, options)
    if options.pattern is not None:
        return _patterned(table, items, options.pattern, options)
    count = options.dimensions
    if not 1 <= count <= MOST:
        raise UsageError(
            f"A fit has 1 to {MOST} abilities, not {count}. For many groups of items use the "
            "model `bifactor`, which has one ability for each."
        )
    _refuse_few(len(items), len(table.agents), count)
    names = tuple(f"ability_{place + 1}" for place in range(count))
    return Plan(names, np.ones((len(items), count), dtype=bool), (), True, options)


def _refuse_few(items: int, agents: int, dimensions: int) -> None:
    if items <= dimensions or agents <= dimensions:
        short = "items" if items <= dimensions else "agents"
        raise UsageError(
            f"{items} items and {agents} agents cannot tell {dimensions} abilities apart: "
            f"{dimensions + 1} {short} at the least. Ask for fewer abilities or bring more {short}."
        )


def _grouped(
    table: ResponseTable, items: Sequence[str], order: Ints, options: VectorOptions
) -> Plan:
    columns = table.of_items.labels
    if options.groups not in columns:
        known = f"The covariates are: {', '.join(sorted(columns))}." if columns else "It has none."
        raise UsageError(
            f"The bifactor model takes the group of each item from the covariate "
            f"{options.groups!r}, which the table does not have. {known}"
            f"{nearest(options.groups, columns)} Name another, or add the column to the items."
        )
    labels = [columns[options.groups][place] for place in order]
    blank = [item for item, label in zip(items, labels, strict=True) if not label]
    if blank:
        raise UsageError(
            f"{len(blank)} of {len(items)} items have no {options.groups!r}: {_some(blank)}. The "
            "bifactor model needs the group of every item; fill them in, or leave those items out."
        )
    names = sorted(set(labels))
    of = np.array([names.index(label) for label in labels], dtype=np.int64)
    members = tuple(np.flatnonzero(of == place) for place in range(len(names)))
    single = [name for name, one in zip(names, members, strict=True) if len(one) < 2]
    if single:
        raise UsageError(
            f"{len(single)} of {len(names)} groups of {options.groups!r} have one item: "
            f"{_some(single)}. What is specific to a group shows only between its items: merge "
            "them with others, or leave them out."
        )
    if len(names) < 2:
        raise UsageError(
            f"All items are of the same {options.groups!r}, {names[0]!r}: its specific ability "
            "cannot be told from the general one. Fit `2pl` instead."
        )
    _refuse_few(len(items), len(table.agents), 2)
    free = np.zeros((len(items), len(names) + 1), dtype=bool)
    free[:, 0] = True
    free[np.arange(len(items)), of + 1] = True
    return Plan(("general", *names), free, members, False, options)


def _patterned(
    table: ResponseTable,
    items: Sequence[str],
    pattern: Mapping[str, Sequence[str]],
    options: VectorOptions,
) -> Plan:
    for item in pattern:
        if item not in table.items:
            raise UsageError(
                f"The pattern names an item {item!r} that has no responses."
                f"{nearest(item, table.items)} Leave it out of the pattern."
            )
    without = [item for item in items if not pattern.get(item)]
    if without:
        raise UsageError(
            f"The pattern says no ability for {len(without)} of {len(items)} items: "
            f"{_some(without)}. Say for each item which abilities it asks for."
        )
    names = sorted({name for item in items for name in pattern[item]})
    if len(names) > MOST:
        raise UsageError(
            f"The pattern names {len(names)} abilities; at most {MOST} can be fitted at once. "
            "Merge some, or use the model `bifactor` for one ability a group."
        )
    free = np.array([[name in pattern[item] for name in names] for item in items], dtype=bool)
    _refuse_few(len(items), len(table.agents), len(names))
    _refuse_undetermined(free, names, options.correlated)
    return Plan(tuple(names), free, (), False, options)


def _refuse_undetermined(free: Marks, names: Sequence[str], correlated: bool) -> None:
    """Raise where abilities could be turned into one another without touching a fixed zero."""
    for column, name in enumerate(names):
        if free[:, column].sum() < 2:
            raise UsageError(
                f"The pattern has one item for the ability {name!r}. An ability shows only between "
                "items: two at the least."
            )
    size = len(names)
    slopes = np.where(free, np.random.default_rng(0).uniform(0.5, 1.5, free.shape), 0.0)
    columns: list[np.ndarray] = []
    pairs: list[tuple[int, int]] = []
    for i in range(size):
        for j in range(size):
            if i == j or (j < i and not correlated):
                continue
            turn = np.zeros((size, size))
            turn[i, j] = 1.0
            turn[j, i] -= 0.0 if correlated else 1.0
            columns.append((slopes @ turn)[~free])
            pairs.append((i, j))
    if not columns:
        return
    _, values, back = np.linalg.svd(np.column_stack(columns), full_matrices=True)
    if len(values) < len(pairs) or values.min() < 1e-8:
        worst = pairs[int(np.argmax(np.abs(back[-1])))]
        raise UsageError(
            "The pattern does not determine the slopes: the abilities "
            f"{names[worst[0]]!r} and {names[worst[1]]!r} can be turned into one another. Give "
            "each ability items that ask for it but not for the other, or fit without a pattern."
        )


def _some(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, …"
