"""`proctor table|compare|leaderboard|card|report`: what scored runs come to."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluators._pages import markdown
from evaluators._saving import save_files
from evaluators.stats.sample import Resampling
from evaluators.tables._cards import card as one_card
from evaluators.tables._cards import card_names
from evaluators.tables._caveats import caveats
from evaluators.tables._comparison import comparison_json, comparison_pages, delta_grid, left_out
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
from evaluators.tables._leaderboard import (
    NAMES,
    PLOTS,
    board_grid,
    leaderboard_files,
    leaderboard_json,
)
from evaluators.tables._readings import read_runs
from evaluators.tables._report import HTML, Asked, findings, report_files, stale
from evaluators.tables._rows import rows_of
from evaluators.tables._standings import board
from evaluators.tables._table import table_blocks, table_files

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[list[Path], typer.Argument(help="Scored run folders, or folders that hold such.")]
Out = Annotated[Path | None, typer.Option("--out", help="Also save it in this folder.")]
Expect = Annotated[
    str, typer.Option(help="Agents that should have a row, by commas; pending where not.")
]
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
        tell(notes)
    elif chosen is Format.MARKDOWN:
        blocks = table_blocks(found, notes, Path.cwd(), by_family=by_family)
        typer.echo(markdown(blocks), nl=False)
    else:
        shown = pivot(found, None) if by_family else grid(found, None)
        if chosen is Format.LATEX:
            typer.echo(latex(shown, "Proctor: comparison table", notes), nl=False)
        else:
            console().print(rich_grid(shown, () if by_family else flagged(found)))
            tell(notes)


@app.command()
def compare(  # noqa: PLR0913 - one parameter an option
    runs: Runs,
    baseline: Annotated[
        str | None,
        typer.Option(help="Whom all others are set against; default: as the runs' file says."),
    ] = None,
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
    named = read.baseline(baseline)
    found, notes = compared(read, named, resampling, common=common), caveats(read)
    if out is not None:
        _saved(save_files(out, comparison_pages(found, notes, out.absolute())))
    if json_:
        typer.echo(json.dumps(comparison_json(found, notes)))
        return
    console().print(rich_grid(delta_grid(found.rows)))
    tell([*left_out(found), *notes])


@app.command()
def leaderboard(
    runs: Runs,
    out: Out = None,
    expect: Expect = "",
    seed: Seed = 20260606,
    resamples: Resamples = 2000,
    json_: AsJson = False,
) -> None:
    """Rank agents by what they scored; robustness, risk, validity, cost and time beside it.

    Ranked are complete exam runs of models in sandboxes, within one track (strict-512, best-valid,
    open) and on the same instances; all others are shown below with the reason. Agents that could
    not play (pending.json beside the runs) or that --expect names without a run are pending.
    Direct, tool and reflective agents of one model are compared pair by pair. --out saves
    leaderboard_summary.json, leaderboard_report.md, headline_candidates.md (if there are any),
    paired_deltas.jsonl and plots.

    Exit codes: 0 shown · 2 no run · 3 a run was not scored, or --out cannot be written.

    Examples: `proctor leaderboard runs/*` ·
    `proctor leaderboard runs --expect claude,codex,gemini --out board` ·
    `proctor leaderboard runs --json`
    """
    read = read_runs(runs)
    resampling = Resampling(resamples=resamples, seed=seed)
    found = findings(read, Asked(expected=_names(expect), resampling=resampling))
    if out is not None:
        files = leaderboard_files(
            found.board, found.roads, found.notes, found.plots, out.absolute()
        )
        _saved(save_files(out, files, (*NAMES, *PLOTS)))
    if json_:
        typer.echo(json.dumps(leaderboard_json(found.board, found.roads, found.notes)))
        return
    console().print(rich_grid(board_grid(found.board.rows)))
    if found.roads.rows:
        overall = [row for row in found.roads.rows if not row.family]
        console().print(rich_grid(delta_grid(overall)))
    for name, why in found.board.pending.items():
        Console(stderr=True).print(f"pending {name}: {why}", markup=False)
    tell(found.notes)


@app.command()
def card(
    runs: Runs,
    out: Out = None,
    agent: Annotated[
        str | None, typer.Option(help="Whose; default: of everybody in the runs.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """A model card per agent: setup, settings, scores, floors, cost, caveats, what it is not.

    With YAML front matter as model hubs read it. --out saves one file an agent.

    Exit codes: 0 shown · 2 no run, no such agent · 3 a run was not scored, or --out cannot be
    written.

    Examples: `proctor card RUN` · `proctor card runs/* --agent claude --out cards` ·
    `proctor card RUN --json`
    """
    read = read_runs(runs)
    if agent is not None:
        read.of(agent)
    base = Path.cwd() if out is None else out.absolute()
    tables = (rows_of(read.sat, read.scales), board(read).rows)
    notes = caveats(read)
    texts = {
        name: one_card(name, read, tables, notes, base)
        for name in ([agent] if agent is not None else read.agents)
    }
    if out is not None:
        names = card_names(list(texts))
        _saved(save_files(out, {names[name]: text.encode() for name, text in texts.items()}))
    if json_:
        typer.echo(json.dumps({"cards": texts}))
    else:
        typer.echo("\n".join(texts.values()), nl=False)


@app.command()
def report(  # noqa: PLR0913 - one parameter an option
    runs: Runs,
    out: Annotated[Path, typer.Option("--out", help="The report's folder.")],
    baseline: Annotated[
        str | None,
        typer.Option(help="Compare all others with this agent; default: as the runs' file says."),
    ] = None,
    expect: Expect = "",
    seed: Seed = 20260606,
    resamples: Resamples = 2000,
    json_: AsJson = False,
) -> None:
    """Bind runs into one report: tables, leaderboard, comparison, plots, cards, caveats.

    Writes index.md and index.html (one file, no scripts, what agents wrote is text) and every
    artefact of `table`, `leaderboard`, `card` and, with --baseline, `compare` beside them.

    Exit codes: 0 written · 2 no run, no such agent · 3 a run was not scored, or --out cannot be
    written.

    Examples: `proctor report runs/* --out report` ·
    `proctor report runs --out report --baseline random --expect claude,codex` ·
    `proctor report RUN --out report --json`
    """
    read = read_runs(runs)
    resampling = Resampling(resamples=resamples, seed=seed)
    found = findings(read, Asked(baseline, _names(expect), resampling))
    paths = save_files(out, report_files(found, out.absolute()), stale())
    if json_:
        listed = {"index": str(out / HTML), "files": [str(path) for path in paths]}
        typer.echo(json.dumps({**listed, "caveats": list(found.notes)}))
        return
    _saved(paths)
    tell(found.notes)
    typer.echo(str(out / HTML))


def tell(notes: Sequence[str]) -> None:
    """Say caveats on stderr, where no program reads them for results."""
    errors = Console(stderr=True)
    for note in notes:
        errors.print(f"note: {note}", markup=False)


def console() -> Console:
    """Stdout; piped output is for files: a table cut at 80 columns would lose numbers."""
    return Console(width=None if sys.stdout.isatty() else 240)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))


def _saved(paths: list[Path]) -> None:
    errors = Console(stderr=True)
    for path in paths:
        errors.print(f"wrote {path}", markup=False, soft_wrap=True)
