"""What the commands of `proctor irt` share: the options that read responses, and how they tell."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from evaluators.irt._fit_tables import cell_text
from evaluators.irt._long_form import FileOptions
from evaluators.irt._reading import read_responses
from evaluators.irt._responses import Dropped, ResponseTable
from tasks import JSON, UsageError

Data = Annotated[
    list[Path],
    typer.Argument(
        help="Responses: .csv, .csv.gz, .parquet (columns agent, item, score[, trials, trial, "
        "successes]), scored run folders, or folders that hold such."
    ),
]
Score = Annotated[
    str, typer.Option(help="Of run folders: `passed` (0 or 1) or `ability` (in [0, 1]).")
]
AgentsFile = Annotated[
    Path | None, typer.Option("--agents", help="A side file: agent and any columns about it.")
]
ItemsFile = Annotated[
    Path | None, typer.Option("--items", help="A side file: item and any columns (or .npz).")
]
Dataset = Annotated[str, typer.Option(help="Only rows with this in their column `dataset`.")]
Rename = Annotated[
    list[str] | None, typer.Option(help="OLD=NEW: column OLD of the files is our NEW; repeatable.")
]
Ignore = Annotated[list[str] | None, typer.Option(help="A column not to read; repeatable.")]
Wide = Annotated[bool, typer.Option("--wide", help="One row an agent, one column an item.")]
DropBlank = Annotated[
    bool, typer.Option("--drop-blank", help="Leave out, and count, rows without a score.")
]
Repeats = Annotated[
    bool, typer.Option("--repeats", help="Rows of one pair are its trials, in file order.")
]
Dimensions = Annotated[int, typer.Option(help="Abilities, of `multidimensional`.")]
Turn = Annotated[str, typer.Option(help="Their axes: varimax, oblimin or principal.")]
Groups = Annotated[str, typer.Option(help="Column of the items' groups, of `bifactor`.")]
Testlet = Annotated[bool, typer.Option("--testlet", help="The restricted form of `bifactor`.")]
Out = Annotated[Path, typer.Option("--out", help="The folder to write into; made if not there.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is drawn: the same gives the same.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]

DIGITS = 4
"""Of numbers on a screen."""
ROWS = 10
"""Rows that a table on a screen has before it is cut; files and --json have all."""


def file_options(
    dataset: str,
    rename: Sequence[str] | None,
    ignore: Sequence[str] | None,
    flags: tuple[bool, bool, bool],
) -> FileOptions:
    """The options as reading takes them; `flags`: wide, drop_blank, repeats.

    Raises:
        UsageError: a --rename without `=`.
    """
    pairs = dict[str, str]()
    for one in rename or ():
        old, sign, new = one.partition("=")
        if not (old and sign and new):
            raise UsageError(f"--rename takes OLD=NEW, such as model=agent, not {one!r}.")
        pairs[old] = new
    return FileOptions(pairs, tuple(ignore or ()), dataset, *flags)


def read_named(
    data: Sequence[Path],
    score: str,
    sides: tuple[Path | None, Path | None],
    options: FileOptions,
) -> ResponseTable:
    """The table of what a command line named; `sides`: the files of agents and of items."""
    return read_responses(*data, score=score, agents=sides[0], items=sides[1], options=options)


def tell_losses(dropped: Iterable[Dropped], notes: Iterable[str]) -> None:
    """What was left out, and what a reader should know, on stderr."""
    errors = console(errors=True)
    for one in dropped:
        who = f" ({', '.join(one.names[:6])}{', …' if len(one.names) > 6 else ''})"
        rows = f"{one.rows:,} rows: " if one.rows else ""
        errors.print(f"left out: {rows}{one.reason}{who if one.names else ''}", markup=False)
    for note in notes:
        errors.print(f"note: {note}", markup=False)


def losses_json(dropped: Iterable[Dropped]) -> list[JSON]:
    """What was left out, for --json."""
    return [{"rows": one.rows, "reason": one.reason, "names": [*one.names]} for one in dropped]


def records(rows: Iterable[Sequence[object]]) -> list[dict[str, JSON]]:
    """Header and rows as JSON objects; NaN is null."""
    listed = iter(rows)
    header = [str(name) for name in next(listed)]
    return [
        {
            name: None if isinstance(cell, float) and cell != cell else cell
            for name, cell in zip(header, row, strict=True)
        }
        for row in listed
    ]


def tell_table(title: str, rows: Iterable[Sequence[object]], limit: int = ROWS) -> None:
    """Header and rows as a table; cut after `limit`, which is said."""
    listed = [*rows]
    table = Table(title=title, title_justify="left")
    for at, name in enumerate(listed[0]):
        number = any(isinstance(row[at], float | int) for row in listed[1:])
        table.add_column(str(name), overflow="fold", justify="right" if number else "left")
    for row in listed[1 : limit + 1]:
        table.add_row(*(cell_text(cell, DIGITS) or "-" for cell in row))
    console().print(table)
    if len(listed) - 1 > limit:
        console().print(f"… and {len(listed) - 1 - limit:,} more", markup=False)


def plain(found: Mapping[str, JSON]) -> str:
    """One JSON object; NaN is null."""
    import json

    return json.dumps(_finite(dict(found)), allow_nan=False)


def _finite(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return None
    return value


def console(*, errors: bool = False) -> Console:
    """The console; piped output is for files: a table cut at 80 columns would lose numbers."""
    return Console(stderr=errors, width=None if sys.stdout.isatty() else 160)
