"""Writes response tables in long form, ours or that of measurement-db, so that they read back.

Covariates go into side files beside the responses (`x.agents.csv`, `x.items.csv`). Parquet keeps
every type; CSV keeps every number, and labels that look like numbers come back as such.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.irt._long_form import CONDITION, under
from evaluators.irt._responses import Covariates, Ints, ResponseTable
from evaluators.irt._sheets import SUFFIXES
from tasks import RecordError, UsageError

_HASHED = re.compile(r"[0-9a-f]{16}")


def write_responses(table: ResponseTable, path: Path) -> list[Path]:
    """Write a table as columns `agent,item,score[,trial][,trials]`.

    Args:
        table: The responses.
        path: `.csv`, `.csv.gz` or `.parquet`; read again with `read_responses(path, agents=…,
            items=…)`, the side files where there are any.

    Returns:
        The file, and those of covariates.

    Raises:
        UsageError: the name says no such form.
        RecordError: it cannot be written.
    """
    columns: dict[str, Any] = {
        "agent": _coded(table.agents, table.agent),
        "item": _coded(table.items, table.item),
        "score": table.score,
    }
    if np.any(table.trial != 1):
        columns["trial"] = table.trial
    if np.any(table.trials != 1):
        columns["trials"] = table.trials.astype(np.int64)
    written = [_write(path, columns)]
    for what, names, known in (
        ("agent", table.agents, table.of_agents),
        ("item", table.items, table.of_items),
    ):
        if stated := _stated(known):
            written.append(_write(beside(path, f"{what}s"), {what: list(names), **stated}))
    return written


def write_measurement_db(table: ResponseTable, path: Path, benchmark: str = "") -> list[Path]:
    """Write a table as measurement-db has it: one row a trial, items by hashed ids.

    An item's id is the first 16 hex digits of the SHA-256 of `benchmark::item`, unless it is one
    already (the table was read from such a file). Of k successes in n trials it is not known which
    they were: the first k rows are 1.

    Args:
        table: The responses.
        path: As in `write_responses`.
        benchmark: Of all items, where the table has no item label `benchmark`.

    Returns:
        The file, and that of the items (`item_id`, `item`, …), which gives the names back.

    Raises:
        UsageError: no benchmark is known, or a cell of several trials holds more than their number.
        RecordError: it cannot be written.
    """
    benchmarks = table.of_items.labels.get("benchmark") or (benchmark,) * len(table.items)
    if not all(benchmarks):
        unnamed = table.items[benchmarks.index("")]
        raise UsageError(
            f"The item {unnamed!r} has no benchmark, which its id is made of: name it with "
            "--benchmark, or in an item column `benchmark`."
        )
    ids = [_item_id(one, of) for one, of in zip(table.items, benchmarks, strict=True)]
    subjects, conditions = _subjects(table)
    row, response, trial = _trial_by_trial(table)
    agent, item = table.agent[row], table.item[row]
    blank = _coded(("",), np.full(len(row), -1))
    written = [
        _write(
            path,
            {
                "subject_id": _coded(subjects, agent),
                "item_id": _coded(ids, item),
                "benchmark_id": _coded(benchmarks, item),
                "trial": trial,
                CONDITION: _coded(conditions, agent),
                "response": response,
                "correct_answer": blank,
                "trace": blank,
            },
        )
    ]
    stated = _stated(table.of_items)
    stated.pop("benchmark", None)
    names = {"item_id": ids, "item": list(table.items), **stated}
    written.append(_write(beside(path, "items"), names))
    if about := {name: v for name, v in _stated(table.of_agents).items() if name != CONDITION}:
        written.append(_write(beside(path, "agents"), {"agent": list(table.agents), **about}))
    return written


def beside(path: Path, what: str) -> Path:
    """The side file of a file of responses: `x.csv.gz` has `x.agents.csv.gz`."""
    suffix = next((one for one in SUFFIXES if path.name.endswith(one)), "")
    return path.with_name(f"{path.name.removesuffix(suffix)}.{what}{suffix}")


def _item_id(item: str, benchmark: str) -> str:
    if _HASHED.fullmatch(item):
        return item
    return hashlib.sha256(f"{benchmark}::{item}".encode()).hexdigest()[:16]


def _subjects(table: ResponseTable) -> tuple[list[str], tuple[str, ...]]:
    """Names without the condition that reading put there, and the conditions."""
    conditions = table.of_agents.labels.get(CONDITION)
    if conditions is None:
        return list(table.agents), ("",) * len(table.agents)
    return [
        agent.removesuffix(under("", condition))
        for agent, condition in zip(table.agents, conditions, strict=True)
    ], conditions


def _trial_by_trial(table: ResponseTable) -> tuple[Ints, np.ndarray[Any, Any], Ints]:
    """For each single trial: its row of the table, its response, its number."""
    many = table.trials > 1
    if not np.any(many):
        return np.arange(len(table.score)), table.score, table.trial
    total = table.score * table.trials
    apart = np.flatnonzero(many & (np.abs(total - np.rint(total)) > 1e-6 * table.trials))
    if len(apart):
        at = apart[0]
        raise UsageError(
            f"{len(apart):,} rows hold the mean of several trials that is not k of n, such as "
            f"agent {table.agents[table.agent[at]]!r} on item {table.items[table.item[at]]!r} "
            f"({table.score[at]:g} of {table.trials[at]:g} trials). measurement-db has one row a "
            "trial: such a table cannot be written as that."
        )
    counts = table.trials.astype(np.int64)
    row = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    response = np.where(
        np.repeat(many, counts), within < np.rint(np.repeat(total, counts)), table.score[row]
    )
    pair = table.agent[row] * len(table.items) + table.item[row]
    order = np.argsort(pair, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(pair[order]) != 0])
    sizes = np.diff(np.r_[first, len(order)])
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order)) - np.repeat(first, sizes) + 1
    return row, response.astype(np.float64), number


def _stated(known: Covariates) -> dict[str, Any]:
    """Columns that say something; one that is blank throughout tells nothing."""
    labels = {name: list(texts) for name, texts in known.labels.items() if any(texts)}
    numbers = {
        name: values for name, values in known.numbers.items() if not np.all(np.isnan(values))
    }
    return {**labels, **numbers}


def _coded(names: Sequence[str], code: Ints) -> Any:
    """A text column; code -1 is null."""
    import pyarrow as pa

    places = pa.array(code.astype(np.int32), mask=code < 0)
    return pa.DictionaryArray.from_arrays(places, pa.array(list(names), pa.string()))


def _write(path: Path, columns: Mapping[str, Any]) -> Path:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not path.name.endswith(SUFFIXES) or ".tsv" in path.suffixes:
        raise UsageError(f"{path.name} says no form to write: .csv, .csv.gz or .parquet.")
    table: Any = pa.table(
        {name: pa.array(v) if isinstance(v, list) else v for name, v in columns.items()}
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name.endswith((".parquet", ".pq")):
            parquet.write_table(table, str(path))
        else:
            plain = [
                column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
                for column in table.columns
            ]
            # NaN as a blank: a side file's unknown number.
            plain = [_blank(column) for column in plain]
            with pa.output_stream(str(path), compression="detect") as file:
                csv.write_csv(pa.table(plain, names=table.column_names), file)
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error}.") from error
    return path


def _blank(column: Any) -> Any:
    import pyarrow as pa

    if not pa.types.is_floating(column.type):
        return column
    values = column.to_numpy()
    return pa.array(values, mask=np.isnan(values))
