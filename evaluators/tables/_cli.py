"""`proctor table|compare|leaderboard|card|report`: what scored runs come to."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluators.stats.sample import Resampling
from evaluators.tables._caveats import caveats
from evaluators.tables._comparison import comparison_json, comparison_pages, delta_grid
from evaluators.tables._deltas import compared
from evaluators.tables._forms import (
    as_json,
    comma_separated,
    flagged,
    grid,
    latex,
    pivot,
    rich_grid,
)
from evaluators.tables._pages import markdown
from evaluators.tables._readings import Readings, read_runs
from evaluators.tables._rows import rows_of
from evaluators.tables._saving import save_files
from evaluators.tables._table import table_blocks, table_files

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[list[Path], typer.Argument(help="Scored run folders, or folders that hold such.")]
Out = Annotated[Path | None, typer.Option("--out", help="Also save it in this folder.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the resampling: the same gives the same.")]
Resamples = Annotated[int, typer.Option(min=100, max=100_000, help="How many are drawn.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


class Format(StrEnum):
    """How a table is written."""

    TABLE = "table"
    MARKDOWN = "markdown"
    CSV = "csv"
    LATEX = "latex"
    JSON = "json"


@app.command()
def table(
    runs: Runs,
    out: Out = None,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    by_family: Annotated[
        bool, typer.Option("--pivot", help="Families against agents, in one grid.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """One table of scored runs: a row per family, preset and agent, with floors and intervals.

    The 95 % interval of a mean is Student's t over instances. `flagged` attempts show signs of
    cheating and are counted as they stand; those `aside` (invalid or in error) are in no mean.
    --out saves comparison_table.md, .csv, .tex and .json, whose cells lead to the notebooks.

    Exit codes: 0 shown · 2 no run · 3 a run was not scored, or --out cannot be written.

    Examples: `proctor table runs/*` · `proctor table runs --pivot` ·
    `proctor table runs/* --format latex` · `proctor table runs/* --out tables` ·
    `proctor table RUN --json`
    """
    read = read_runs(runs)
    found, notes = rows_of(read.sat, read.scales), caveats(read)
    if out is not None:
        _saved(save_files(out, table_files(found, notes, out.absolute())))
    chosen = Format.JSON if json_ else form
    if chosen is Format.JSON:
        typer.echo(json.dumps({"rows": as_json(found), "caveats": notes}))
    elif chosen is Format.CSV:
        typer.echo(comma_separated(found), nl=False)
    elif chosen is Format.MARKDOWN:
        blocks = table_blocks(found, notes, Path.cwd(), by_family=by_family)
        typer.echo(markdown(blocks), nl=False)
    else:
        shown = pivot(found, None) if by_family else grid(found, None)
        if chosen is Format.LATEX:
            typer.echo(latex(shown, "Proctor: comparison table"), nl=False)
        else:
            console().print(rich_grid(shown, () if by_family else flagged(found)))
            tell(notes, read)


@app.command()
def compare(  # noqa: PLR0913 - one parameter an option
    runs: Runs,
    baseline: Annotated[str, typer.Option(help="The agent that all others are set against.")],
    out: Out = None,
    common: Annotated[
        bool, typer.Option("--common", help="Only what both played, where that differs.")
    ] = False,
    seed: Seed = 20260606,
    resamples: Resamples = 2000,
    json_: AsJson = False,
) -> None:
    """Paired deltas against a baseline: same instance, same seed, same repeat.

    Of score, normalised score, regret, posterior error, validity, risk violations, parse failures,
    latency and cost. Intervals: BCa bootstrap over seeds (Student's t below ten of them); p: sign
    flips of the seeds' differences, with Holm's correction over the rows of all families, and over
    those of single ones. --out saves comparison_summary.json, comparison_report.md and
    paired_results.jsonl.

    Exit codes: 0 shown · 2 no run, or the agents did not play the same · 3 a run was not scored.

    Examples: `proctor compare runs/* --baseline random` ·
    `proctor compare A B --baseline direct:openai/gpt-5.2 --common` ·
    `proctor compare runs --baseline solver --out compared --json`
    """
    read = read_runs(runs)
    resampling = Resampling(resamples=resamples, seed=seed)
    found, notes = compared(read, baseline, resampling, common=common), caveats(read)
    if out is not None:
        _saved(save_files(out, comparison_pages(found, notes, out.absolute())))
    if json_:
        typer.echo(json.dumps(comparison_json(found, notes)))
        return
    console().print(rich_grid(delta_grid(found.rows)))
    tell(notes, read)


def tell(notes: list[str], read: Readings) -> None:
    """Say caveats on stderr, where no program reads them for results."""
    errors = Console(stderr=True)
    for name, why in read.pending.items():
        errors.print(f"pending {name}: {why}", markup=False)
    for note in notes:
        errors.print(f"note: {note}", markup=False)


def console() -> Console:
    """Stdout; piped output is for files: a table cut at 80 columns would lose numbers."""
    return Console(width=None if sys.stdout.isatty() else 240)


def _saved(paths: list[Path]) -> None:
    errors = Console(stderr=True)
    for path in paths:
        errors.print(f"wrote {path}", markup=False, soft_wrap=True)
