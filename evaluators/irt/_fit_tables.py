"""A fit as two tables, of agents and of items: what `agents.csv` and `items.csv` hold."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Fit
from evaluators.irt._responses import Floats, Ints, ResponseTable


@dataclass(frozen=True)
class Counts:
    """Cells, trials and mean score of agents and of items; None without responses."""

    agents: Mapping[str, tuple[int, int, float]] | None
    items: Mapping[str, tuple[int, int, float]] | None

    @classmethod
    def of(cls, table: ResponseTable | None) -> "Counts":
        """The counts of a table."""
        if table is None:
            return cls(None, None)
        cells = table.cells

        def counted(names: Sequence[str], who: Ints) -> dict[str, tuple[int, int, float]]:
            n = np.bincount(who, minlength=len(names))
            trials = np.bincount(who, weights=cells.trials, minlength=len(names))
            total = np.bincount(who, weights=cells.total, minlength=len(names))
            with np.errstate(invalid="ignore"):
                mean = total / trials
            return {
                name: (int(n[at]), int(trials[at]), float(mean[at]))
                for at, name in enumerate(names)
            }

        return cls(counted(table.agents, cells.agent), counted(table.items, cells.item))


def agent_rows(fit: Fit, counts: Counts) -> Iterable[Sequence[object]]:
    """Header and rows: agent, theta, se, low, high; of several dimensions a column each."""
    abilities, dimensions = fit.abilities, fit.bank.layout.dimensions
    wide = {"theta": abilities.theta, "se": abilities.se, "low": abilities.low}
    columns: dict[str, Floats] = {}
    for name, values in {**wide, "high": abilities.high}.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            for at in range(values.shape[1]):
                dimension = dimensions[at] if at < len(dimensions) else str(at + 1)
                columns[f"{name}_{dimension}"] = values[:, at]
    yield from _table("agent", abilities.agents, columns, counts.agents)


def item_rows(fit: Fit, counts: Counts) -> Iterable[Sequence[object]]:
    """Header and rows: item, its parameters, their standard errors."""
    errors = {f"se_{name}": values for name, values in fit.bank.standard_errors.items()}
    columns = {**fit.bank.parameters, **errors}
    yield from _table("item", fit.bank.items, columns, counts.items)


def _table(
    what: str,
    names: Sequence[str],
    columns: Mapping[str, Floats],
    counts: Mapping[str, tuple[int, int, float]] | None,
) -> Iterable[Sequence[object]]:
    yield (what, *columns, *(() if counts is None else ("n", "trials", "mean")))
    for at, name in enumerate(names):
        counted = () if counts is None else counts.get(name, (0, 0, float("nan")))
        yield (name, *(float(values[at]) for values in columns.values()), *counted)


def grid_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV: numbers to six digits, NaN blank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([cell_text(cell) for cell in row])
    return text.getvalue().encode()


def cell_text(cell: object, digits: int = 6) -> str:
    """One value of a table: numbers to some significant digits, NaN and None blank."""
    if isinstance(cell, float):
        return "" if np.isnan(cell) else f"{cell:.{digits}g}"
    return "" if cell is None else str(cell)
