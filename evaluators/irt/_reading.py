"""Reads response tables: files of rows (CSV, Parquet), run folders, side files of covariates.

What a file may hold: `_long_form`, `_side_files`; what a run folder gives: `_run_rows`.
"""

from collections.abc import Sequence
from pathlib import Path

from evaluators.irt._long_form import PLAIN, FileOptions, read_rows
from evaluators.irt._responses import ResponseTable
from evaluators.irt._rows import Beside, Rows, joined
from evaluators.irt._side_files import Side, matching, read_side, renamed
from tasks import UsageError


def read_responses(
    *paths: Path | str,
    score: str = "passed",
    agents: Path | str | None = None,
    items: Path | str | None = None,
    options: FileOptions = PLAIN,
) -> ResponseTable:
    """One table of all responses that were named; agents, items and rows in sorted order.

    Args:
        paths: CSV or Parquet files, run folders, folders that hold run folders.
        score: Of run folders: `passed` (0 or 1) or `ability` (in [0, 1]).
        agents: A side file of agents.
        items: A side file of items (CSV, Parquet or .npz).
        options: How files are taken.

    Raises:
        UsageError: what is wrong with them, by line.
        RecordError: a run was not scored, or its files are damaged.
    """
    if score not in ("passed", "ability"):
        raise UsageError(f"The score of a run is `passed` or `ability`, not {score!r}.")
    if not paths:
        raise UsageError("Name at least one file of responses or run folder.")
    named = [Path(path) for path in paths]
    folders = [path for path in named if path.is_dir()]
    parts = [read_rows(path, options) for path in named if not path.is_dir()]
    if folders:
        # Only these need what reads records, which costs a quarter of a second.
        from evaluators.irt._run_rows import run_rows

        parts.append(run_rows(folders, score))
    about = [] if agents is None else [read_side(Path(agents), "agent", options)]
    of_items = [] if items is None else [read_side(Path(items), "item", options)]
    for side in of_items:
        parts = [renamed(part, side) for part in parts] if side.called else parts
    _refuse_strangers(parts, about, of_items)
    beside = Beside(
        [(side.names, side.covariates) for side in about],
        [(side.names, side.covariates) for side in of_items],
    )
    return joined(parts, beside=beside, repeats=options.repeats)


def _refuse_strangers(parts: Sequence[Rows], agents: Sequence[Side], items: Sequence[Side]) -> None:
    for side in agents:
        matching(side, "agent", {name for part in parts for name in part.agent.names})
    for side in items:
        matching(side, "item", {name for part in parts for name in part.item.names})
