"""`proctor runs list|show|delete|archive|verify` and `proctor replay`."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluators._archives import SUFFIX, open_archive, write_archive
from evaluators._process import ScoreProcess
from evaluators._replay import Step, clean, steps
from evaluators._runs import (
    all_runs,
    delete,
    find_attempt,
    find_run,
    refuse_live,
    summarise,
    summarise_attempt,
)
from evaluators._verify import (
    AttemptVerdict,
    RunVerdict,
    State,
    finish_orphans,
    keys,
    verify_run,
)
from ground_truth import SecretStore
from tasks import JSON, EvaluatorError, RecordError, home
from tasks._record import (
    AttemptFolder,
    Event,
    peek,
    read_log,
    read_unverified,
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]
RunName = Annotated[str, typer.Argument(help="A run folder, or its name in --runs.")]
HERE = Path("runs")
LATE = -1
"""In the place of an event's number: what came when the log was closed."""
_STYLES = {
    State.WHOLE: "green",
    State.OPEN: "yellow",
    State.CHANGED: "bold red",
    State.UNREADABLE: "red",
}

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="Run folders: list, show, delete, archive, verify.\n\n"
    "Examples: `proctor runs list` · `proctor runs show RUN` · `proctor runs verify RUN --json` · "
    "`proctor runs archive RUN` · `proctor runs delete RUN --yes`",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="runs")


@group.command("list")
def list_(runs: Runs = HERE, json_: AsJson = False) -> None:
    """List the runs of a folder, oldest first.

    Examples: `proctor runs list` · `proctor runs list --runs /data/runs --json`
    """
    found = list(all_runs(runs))
    if json_:
        _say([{**asdict(item), "path": str(item.path)} for item in found], "runs")
        return
    rows = (
        (i.run, i.suite, i.agent, i.created, _states(i.states), _yes(i.scored), _size(i.bytes))
        for i in found
    )
    _table(("run", "suite", "agent", "created", "attempts", "scored", "size"), rows)
    _tell(f"{len(found)} runs in {runs}")


@group.command()
def show(run: RunName, runs: Runs = HERE, json_: AsJson = False) -> None:
    """Show what was asked of a run and what became of each attempt.

    Examples: `proctor runs show strategic_solver_20260101T120000` · `proctor runs show DIR --json`
    """
    folder = find_run(run, runs)
    described, attempts = folder.read(), [summarise_attempt(f) for f in folder.attempts()]
    summary = summarise(folder)
    if json_:
        about = {**asdict(summary), "path": str(folder.path), **described.model_dump(mode="json")}
        typer.echo(json.dumps({**about, "attempts": [asdict(item) for item in attempts]}))
        return
    tier = described.sandbox.get("tier", "-")
    _tell(f"{folder.path}\n{described.suite}, {described.agent}, {described.created}, {tier}")
    rows = (
        (a.attempt, a.instance, str(a.n), a.stamp, a.sandbox, a.state, _seconds(a.wall_s), a.note)
        for a in attempts
    )
    _table(("attempt", "instance", "n", "stamp", "sandbox", "ended", "took", "note"), rows)


@group.command("delete")
def delete_(
    run: RunName,
    runs: Runs = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_: AsJson = False,
) -> None:
    """Delete a run for good: records, notebooks, results, outputs.

    Exit codes: 0 deleted · 1 you said no · 2 no such run, or it is running · 3 it cannot be.
    Examples: `proctor runs delete RUN` · `proctor runs delete RUN --yes`
    """
    folder = find_run(run, runs)
    refuse_live(folder)
    summary = summarise(folder)
    if not yes:
        typer.confirm(
            f"Delete {folder.path} ({summary.attempts} attempts, {_size(summary.bytes)}) for good?",
            abort=True,
            err=True,
        )
    delete(folder)
    if json_:
        typer.echo(json.dumps({"deleted": str(folder.path)}))
    else:
        _tell(f"Deleted {folder.path}")


@group.command()
def archive(
    run: RunName,
    to: Annotated[
        Path | None, typer.Option(help="The archive; default: RUN.tar.gz beside the run.")
    ] = None,
    runs: Runs = HERE,
    json_: AsJson = False,
) -> None:
    """Pack a run into one .tar.gz and read it back, comparing every file.

    The same files give the same bytes. `proctor runs verify FILE.tar.gz` checks an archive later.
    Exit codes: 0 written · 2 no such run, it is running, or the target exists · 3 it failed.
    Examples: `proctor runs archive RUN` · `proctor runs archive RUN --to /backup/run.tar.gz`
    """
    folder = find_run(run, runs)
    refuse_live(folder)
    target = to or folder.path.with_name(folder.path.name + SUFFIX)
    made = write_archive(folder, target)
    if json_:
        typer.echo(json.dumps({**asdict(made), "path": str(made.path)}))
        return
    _tell(f"{made.path}: {made.files} files, {_size(made.bytes)}, sha256 {made.sha256}")
    for name in made.skipped:
        _tell(f"left out, since it is no regular file: {clean(name)}")


@group.command()
def verify(
    run: Annotated[
        str, typer.Argument(help="A run folder, its name in --runs, or an archive of one.")
    ],
    runs: Runs = HERE,
    finish: Annotated[
        bool, typer.Option("--finish", help="First end what a dead daemon left (daemon_lost).")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Check that a record is what the daemon wrote: events, notebooks, their places.

    Exit codes: 0 every closed attempt is whole · 2 no such run · 3 something was changed or cannot
    be checked.
    Examples: `proctor runs verify RUN` · `proctor runs verify RUN.tar.gz --json`
    """
    key_of = keys(SecretStore(home()))
    if run.endswith(SUFFIX) and Path(run).is_file():
        with open_archive(Path(run)) as (unpacked, _):
            verdict = verify_run(unpacked, key_of)
    else:
        folder = find_run(run, runs)
        if finish:
            for problem in finish_orphans(folder, key_of, time.time):
                typer.echo(problem, err=True)
        verdict = verify_run(folder, key_of)
    if json_:
        typer.echo(json.dumps({"holds": verdict.holds, **asdict(verdict)}))
    else:
        _show_verdict(verdict)
    raise typer.Exit(0 if verdict.holds else RecordError.exit_code)


@app.command()
def replay(
    attempt: Annotated[
        str, typer.Argument(help="An attempt's id, or the path of its folder, log or notebook.")
    ],
    runs: Runs = HERE,
    full: Annotated[bool, typer.Option("--full", help="Do not shorten long outputs.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter after each step.")] = False,
    json_: AsJson = False,
) -> None:
    """Show an attempt again, step by step, from its log; nothing is executed.

    Where a step shows a sign of cheating, the sign stands beside it.

    Exit codes: 0 shown · 2 no such attempt · 3 the log was changed or cannot be read.
    Examples: `proctor replay 5f0c…` · `proctor replay runs/RUN/notebooks/X.ipynb --pause` ·
    `proctor replay 5f0c… --json`
    """
    folder = find_attempt(attempt, runs)
    events, doubt = _events(folder.events)
    marks = _marks(folder)
    if json_:
        lines = [
            {
                "seq": e.seq,
                "t": e.t,
                "kind": e.kind.value,
                "data": e.data.model_dump(mode="json"),
                **({"flags": marks[e.seq]} if e.seq in marks else {}),
            }
            for e in events
        ]
        late = marks.get(LATE, [])
        typer.echo(
            json.dumps({"verified": not doubt, "doubt": doubt, "events": lines, "late": late})
        )
        return
    _show_replay(list(steps(events, None if full else 40)), doubt, marks, pause=pause)


def _show_replay(
    shown: list[Step], doubt: str, marks: Mapping[int, list[str]], *, pause: bool
) -> None:
    console = Console()
    if doubt:
        console.print(Text(f"Not verified: {doubt}", style="yellow"))
    flagged = 0
    for step in shown:
        console.print(Text(f"{step.at_s:9.3f} s  {clean(step.title)}", style="bold cyan"))
        console.print(step.content)
        flagged += bool(signs := step.marked(marks))
        for sign in signs:
            console.print(Text(f"⚑ {clean(sign)}", style="bold red"))
        if pause:
            input()
    for sign in dict.fromkeys(marks.get(LATE, [])):
        console.print(Text(f"⚑ {clean(sign)}", style="bold red"))
    if marks:
        console.print(Text(f"⚑ marks signs of cheating: {flagged} of {len(shown)} steps."))


def _marks(folder: AttemptFolder) -> Mapping[int, list[str]]:
    """Signs of cheating by event; looked for in the score process, since agents wrote the code."""
    place: dict[str, JSON] = {"run": str(folder.run), "slug": folder.slug, "n": folder.n}
    found: dict[int, list[str]] = {}
    try:
        with ScoreProcess() as process:
            for seq, sign in process.ask({"what": "marks", **place}):
                found.setdefault(seq, []).append(sign)
    except EvaluatorError as error:
        found[LATE] = [f"The analysis of its code failed: {error}"]
    return found


def _events(path: Path) -> tuple[list[Event], str]:
    """The events, and why they could not be verified ('' if they were)."""
    try:
        key = keys(SecretStore(home()))(peek(path))
    except RecordError as error:
        return read_unverified(path), str(error)
    return list(read_log(path, key).events), ""


def _show_verdict(verdict: RunVerdict) -> None:
    rows = (
        (v.attempt, v.slug, str(v.n), Text(v.state, _STYLES[v.state]), str(v.events), _why(v))
        for v in verdict.attempts
    )
    _table(("attempt", "instance", "n", "record", "events", "what was found"), rows)
    for problem in verdict.problems:
        _tell(f"{verdict.run}: {clean(problem)}")
    _tell(f"{verdict.run}: {'holds' if verdict.holds else 'does not hold'}")


def _why(verdict: AttemptVerdict) -> str:
    return "\n".join(verdict.problems)


def _say(rows: list[dict[str, JSON]], name: str) -> None:
    typer.echo(json.dumps({name: rows}))


def _tell(text: str) -> None:
    Console(highlight=False).print(Text(text), soft_wrap=True)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str | Text, ...]]) -> None:
    table = Table()
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        # Names come from folders and agents: text, never markup.
        table.add_row(*(Text(clean(c)) if isinstance(c, str) else c for c in row))
    Console().print(table)


def _states(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items()) or "none"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f} s"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
