"""`proctor inspect failures|tools`: what went wrong in a scored run; which calculators it used."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from evaluators._artefacts import failures as failure_cases
from evaluators._artefacts import outcomes
from evaluators._audit import NONE, audit_metrics, audit_rows
from evaluators._failures import LIMIT
from evaluators._process import ScoreProcess
from evaluators._runs import find_run
from evaluators._scoring import read_results
from evaluators.robustness import Outcome
from tasks import JSON, home

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]
RunName = Annotated[str, typer.Argument(help="A scored run folder, or its name in --runs.")]
HERE = Path("runs")

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="Look into a scored run: its failures, its calculator calls.\n\n"
    "Examples: `proctor inspect failures RUN --limit 5` · `proctor inspect tools RUN --json`",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="inspect")


@group.command()
def failures(
    run: RunName,
    limit: Annotated[int, typer.Option(min=1, help="Cases shown, worst first.")] = LIMIT,
    runs: Runs = HERE,
    json_: AsJson = False,
) -> None:
    """Rank the failures of a run by severity, with labels of the taxonomy.

    Where variants were played they are compared with their base, else attempts stand for
    themselves.

    Exit codes: 0 shown · 2 no such run · 3 it was not scored.

    Examples: `proctor inspect failures RUN` · `proctor inspect failures RUN --limit 100 --json`
    """
    folder = find_run(run, runs).path
    cases = failure_cases(folder.name, _played(folder))
    shown = cases[:limit]
    if json_:
        typer.echo(json.dumps({"run": str(folder), "total": len(cases), "cases": shown}))
        return
    # An id or a label that is cut names nothing.
    label, instance, labels = (Column(n, overflow="fold") for n in ("label", "instance", "labels"))
    table = Table("severity", label, instance, "n", "score", labels, box=None)
    for case in shown:
        table.add_row(
            f"{case['severity']:.2f}",
            case["label"],
            escape(case["instance"]),
            str(case["n"]),
            _scores(case),
            ", ".join(case["taxonomy"]),
        )
    Console().print(table)
    typer.echo(f"{len(shown)} of {len(cases)} cases", err=True)


@group.command()
def tools(run: RunName, runs: Runs = HERE, json_: AsJson = False) -> None:
    """Audit the calculator calls of a run: what was asked, what was allowed, what was used.

    Exit codes: 0 shown · 2 no such run · 3 it was not scored.

    Examples: `proctor inspect tools RUN` · `proctor inspect tools RUN --json`
    """
    folder = find_run(run, runs).path
    played = _played(folder)
    rows, found = audit_rows(played), audit_metrics(played)
    if json_:
        typer.echo(json.dumps({"run": str(folder), "metrics": found, "rows": rows}))
        return
    table = Table("task", "n", "step", "calculator", "status", "used", "error", box=None)
    for row in rows:
        if row["validation_status"] != NONE:
            table.add_row(*(escape(cell) for cell in _cells(row)))
    console = Console()
    console.print(table)
    for name, value in found.items():
        console.print(f"{name} = {'-' if value is None else f'{value:g}'}", highlight=False)


def _played(folder: Path) -> list[Outcome]:
    scores, _ = read_results(folder)
    with ScoreProcess() as process:
        return outcomes(folder, scores, home(), process)


def _scores(case: dict[str, JSON]) -> str:
    if case["kind"] == "variant":
        return f"{case['base_score']:.2f} → {case['variant_score']:.2f}"
    return f"{case['score']:.2f}"


def _cells(row: dict[str, JSON]) -> list[str]:
    used = {True: "yes", False: "no", None: "-"}[row["final_answer_used_tool_result"]]
    return [
        row["task_id"],
        str(row["n"]),
        str(row["step_number"]),
        row["requested_tool"],
        row["validation_status"],
        used,
        (row["tool_error"] or "")[:100],
    ]
