"""Lays a table against a bank: the cells of the bank's items, in the bank's order."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import (
    Cells,
    Dropped,
    Floats,
    Ints,
    ResponseTable,
    score_kind,
    sorted_cells,
)
from tasks import UsageError, nearest

Unknown = Literal["error", "drop"]
"""What to do with items that the bank does not know."""


@dataclass(frozen=True)
class Matched:
    """Cells of a table whose items are numbered as the bank's."""

    bank: ItemBank
    cells: Cells
    """n_agents of the table, n_items of the bank."""
    agents: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def unasked(self) -> tuple[str, ...]:
        """Agents without a single response to the bank's items."""
        asked = np.bincount(self.cells.agent, minlength=self.cells.n_agents) > 0
        return tuple(name for name, any_ in zip(self.agents, asked, strict=True) if not any_)


def matched(bank: ItemBank, table: ResponseTable, unknown: Unknown = "error") -> Matched:
    """The table's cells on the bank's items.

    Raises:
        UsageError: a model of vector abilities; items that the bank does not know (unless they are
            to be dropped); scores that are not of the model's kind.
    """
    refuse_vector(bank)
    known = {item: place for place, item in enumerate(bank.items)}
    places = np.array([known.get(item, -1) for item in table.items], dtype=np.int64)
    strange = tuple(item for item in table.items if item not in known)
    if strange and (unknown == "error" or len(strange) == len(table.items)):
        raise UsageError(_strangers(bank, strange))
    cells = table.cells
    _refuse_bad(table, cells)
    kept = places[cells.item] >= 0
    dropped = table.dropped
    if strange:
        reason = f"The bank of {len(bank.items)} items does not know the item."
        dropped = (*dropped, Dropped(int(np.sum(~kept)), reason, strange))
    found = sorted_cells(
        cells.agent[kept],
        places[cells.item[kept]],
        cells.trials[kept],
        cells.total[kept],
        (len(table.agents), len(bank.items)),
    )
    return Matched(bank, _in_order(found), table.agents, dropped)


def refuse_vector(bank: ItemBank) -> None:
    """Raise a UsageError where an ability is a vector."""
    if bank.model.vector:
        raise UsageError(
            f"The model {bank.model.name} has several abilities an agent; this works on one "
            "ability. Its fit holds the abilities of its own agents; or fit a unidimensional model."
        )


def statistics(bank: ItemBank, cells: Cells) -> Floats:
    """(S, n) the model's statistics of cells.

    Raises:
        UsageError: the model cannot take these scores.
    """
    if cells.size == 0:
        return np.zeros((_n_statistics(bank), 0))
    if "continuous" not in bank.model.scores and score_kind(cells) == "continuous":
        bank.model.layout(cells)  # says what it does not like, and which model does
    return bank.model.statistics(cells, bank.layout)


def one_agent(bank: ItemBank, places: Ints, scores: Floats) -> Cells:
    """The cells of a single agent that was asked each item once.

    Raises:
        UsageError: a score outside [0, 1].
    """
    bad = [bank.items[at] for at, y in zip(places, scores, strict=True) if not 0.0 <= y <= 1.0]
    if bad:
        raise UsageError(f"Scores must be numbers from 0 to 1; those of {_some(bad)} are not.")
    agent = np.zeros(len(places), dtype=np.int64)
    found = sorted_cells(agent, places, np.ones(len(places)), scores, (1, len(bank.items)))
    return _in_order(found)


def _in_order(cells: Cells) -> Cells:
    order = np.lexsort((cells.item, cells.agent))
    return Cells(
        cells.agent[order], cells.item[order], cells.trials[order], cells.total[order],
        cells.n_agents, cells.n_items,
    )  # fmt: skip


def _n_statistics(bank: ItemBank) -> int:
    return len(bank.model.terms(bank.x[:1], np.zeros(1), bank.layout))


def _refuse_bad(table: ResponseTable, cells: Cells) -> None:
    with np.errstate(invalid="ignore"):
        good = (cells.trials > 0) & (cells.total >= 0) & (cells.total <= cells.trials * (1 + 1e-12))
    if good.all():
        return
    at = int(np.flatnonzero(~good)[0])
    raise UsageError(
        f"{int(np.sum(~good))} of {cells.size} cells hold no score in [0, 1]; the first is agent "
        f"{table.agents[cells.agent[at]]!r} on item {table.items[cells.item[at]]!r}. Leave missing "
        "cells out of the table."
    )


def _strangers(bank: ItemBank, strange: tuple[str, ...]) -> str:
    return (
        f"The bank of {len(bank.items)} items does not know {len(strange)} of the table's: "
        f"{_some(strange)}.{nearest(strange[0], bank.items)} Calibrate them against this bank "
        "(calibrate_items), or say unknown='drop' to leave them out, counted."
    )


def _some(names: tuple[str, ...] | list[str], limit: int = 3) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
