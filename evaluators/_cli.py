"""`proctor score`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluators._core import Score
from evaluators._scoring import Scored, score_run, score_saved
from evaluators.tables import rows
from evaluators.tables._forms import flagged, grid, rich_grid
from tasks import EvaluatorError, InstanceId, UsageError, home

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def group() -> None:
    """Scores of attempts."""


@app.command()
def score(
    run: Annotated[Path | None, typer.Argument(help="A run folder.")] = None,
    notebook: Annotated[
        Path | None, typer.Option(help="Instead: a notebook made elsewhere, e.g. with Scribe.")
    ] = None,
    instance: Annotated[
        str | None, typer.Option(help="With --notebook: the instance that it answers.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Score a run from its saved artefacts, in a process of its own; write its `results/`.

    Doing it again changes nothing. Attempts that a dead daemon left open are ended first; those
    that still run are left alone.

    Exit codes: 0 scored · 2 wrong usage · 3 no run folder, or it cannot be written · 5 an
    evaluator failed on some attempt (the others are scored).

    Examples: `proctor score runs/strategic_solver_20260101T120000` ·
    `proctor score RUN --json` ·
    `proctor score --notebook work.ipynb --instance strategic/bayesian_games@2:easy:public:7`
    """
    if (run is None) == (notebook is None) or (notebook is None) != (instance is None):
        raise UsageError(
            "Name a run folder, or --notebook FILE with --instance ID. For example `proctor score "
            "runs/NAME`, or `proctor score --notebook work.ipynb --instance "
            "strategic/bayesian_games@2:easy:public:7`."
        )
    if notebook is not None and instance is not None:
        _tell_score(score_saved(notebook, InstanceId.parse(instance), home()), json_)
        return
    assert run is not None
    found = score_run(run)
    if json_:
        typer.echo(json.dumps({"run": str(found.run), **found.summary}))
    else:
        _tell_run(found)
    failed = sum(one.status == "error" for one in found.scores)
    if failed:
        raise EvaluatorError(
            f"{failed} of {len(found.scores)} attempts could not be scored; see `not_scored` in "
            f"{found.run / 'results' / 'summary.json'}."
        )


def _tell_run(found: Scored) -> None:
    table = rows([found.run])
    _console().print(rich_grid(grid(table, None), flagged(table)))
    errors = Console(stderr=True)
    for one in found.scores:
        for flag in one.flags:
            errors.print(f"flagged {one.instance} #{one.n}: {flag}", markup=False)
        if one.status != "scored":
            errors.print(f"{one.status} {one.instance} #{one.n}: {one.note}", markup=False)
    for caveat in found.summary["caveats"]:
        errors.print(f"note: {caveat}", markup=False)
    errors.print(f"results in {found.run / 'results'}", markup=False)


def _tell_score(one: Score, json_: bool) -> None:
    if json_:
        typer.echo(one.model_dump_json())
    else:
        typer.echo(
            f"{one.instance}: ability {one.ability}, {'passed' if one.passed else 'not passed'}, "
            f"validity {one.validity:g}, evidence {one.evidence}, {one.stamp.value}"
        )
        for name, value in one.metrics.items():
            typer.echo(f"  {name} = {value:.6g}")
        for flag in one.flags:
            typer.echo(f"  flagged: {flag}")
    if one.status == "error":
        raise EvaluatorError(one.note)


def _console() -> Console:
    # Piped output is for files: a table cut at 80 columns would lose numbers.
    return Console(width=None if sys.stdout.isatty() else 160)
