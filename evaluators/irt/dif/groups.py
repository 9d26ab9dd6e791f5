"""Two or more groups of agents, out of what is known of them.

By LLM family, by scaffold, by a date (after an item's release it may have been in the training
data: contamination), by benchmark version: whatever column says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Ints, ResponseTable
from evaluators.irt.fit_statistics._groups import group_places
from tasks import UsageError, nearest

FEWEST = 5
"""Agents that a group must have."""


@dataclass(frozen=True)
class TwoGroups:
    """A reference group and a focal one, about which the question is."""

    reference: str
    focal: str
    side: Ints
    """(N,) 0 reference, 1 focal, -1 neither; in the order of the table's agents."""


def labels_of(table: ResponseTable, column: str) -> tuple[str, ...]:
    """A text column of the agents.

    Raises:
        UsageError: there is no such column.
    """
    columns = table.of_agents.labels
    if column not in columns:
        known = ", ".join(columns) or "none"
        raise UsageError(
            f"Nothing called {column!r} is known of the agents; there is: {known}."
            f"{nearest(column, columns)} Read the table with a file of agents that has it."
        )
    return columns[column]


def families(names: Sequence[str]) -> tuple[str, ...]:
    """The family in each name of an LLM: its first word, small (`Claude 3.5 Sonnet`: claude)."""
    found = [re.search(r"[A-Za-z]+", name) for name in names]
    return tuple(one.group().lower() if one else "" for one in found)


def before_after(dates: Sequence[str], cut: str) -> tuple[str, ...]:
    """`before CUT` or `from CUT` for each date; '' where it is unknown.

    Args:
        dates: YYYYMMDD or YYYY-MM-DD.
        cut: Likewise.

    Raises:
        UsageError: a date or the cut is not of this form.
    """

    def digits(text: str) -> str:
        if not re.fullmatch(r"\d{8}|\d{4}-\d{2}-\d{2}", text):
            raise UsageError(f"{text!r} is no date: write YYYYMMDD or YYYY-MM-DD.")
        return text.replace("-", "")

    at = digits(cut)
    return tuple(
        "" if not one else (f"before {cut}" if digits(one) < at else f"from {cut}") for one in dates
    )


def two_groups(
    table: ResponseTable,
    groups: Sequence[str],
    focal: str | None = None,
    reference: str | None = None,
) -> TwoGroups:
    """Which agents are compared with which.

    Args:
        table: Whose agents they are.
        groups: One group an agent, '' for unknown: a column (`labels_of`), or made of one
            (`families`, `before_after`).
        focal: The group in question; None: the later in the alphabet, of two.
        reference: What it is compared with; None: all other agents whose group is known.

    Raises:
        UsageError: a group of fewer than five agents, one value only, or an unknown one.
    """
    names, place = group_places(table, groups)
    if len(names) < 2:
        raise UsageError(
            f"All agents of known group are {''.join(names)!r}: there is nothing to compare them "
            "with. Choose a column with at least two values."
        )
    if focal is None:
        if len(names) > 2:
            raise UsageError(
                f"{len(names)} groups ({', '.join(names[:6])}…): say which one is in question "
                "(focal=…), or test all at once with multi_group."
            )
        focal = names[1]
    for one in (focal, *([reference] if reference is not None else [])):
        if one not in names:
            raise UsageError(f"No agent is in a group {one!r}.{nearest(one, names)}")
    side = np.where(place == names.index(focal), 1, np.where(place < 0, -1, 0))
    if reference is not None:
        side = np.where((side == 0) & (place != names.index(reference)), -1, side)
    said = reference if reference is not None else _rest(names, focal)
    for name, at in ((said, 0), (focal, 1)):
        if np.sum(side == at) < FEWEST:
            raise UsageError(
                f"{int(np.sum(side == at))} agents are {name!r}; a group of fewer than {FEWEST} "
                "cannot be compared."
            )
    return TwoGroups(said, focal, side.astype(np.int64))


def _rest(names: tuple[str, ...], focal: str) -> str:
    others = [name for name in names if name != focal]
    return others[0] if len(others) == 1 else f"not {focal}"
