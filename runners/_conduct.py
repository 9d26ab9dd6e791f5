"""A run as people see it: what it may cost, whether it may, how it goes, how it ended."""

import sys
from collections.abc import Sequence

import typer
from rich.console import Console

from runners._evaluation import Options, Results, Rooms, evaluate
from runners._live import progress_bar
from runners._plan import EvalConfig, sittings
from runners._seating import Seating
from runners._suite import admitted
from tasks import UsageError

OUT_OF_MONEY = 6
"""Exit code of a run that its budget stopped; the same command with a higher one goes on."""


def conduct(config: EvalConfig, options: Options, rooms: Rooms, *, yes: bool = False) -> Results:
    """Tell the plan, ask where it costs money, play and score with live progress on stderr.

    Raises:
        UsageError: see `evaluate`; or nobody confirmed what costs money.
        typer.Exit: the answer was no.
    """
    console = Console(stderr=True)
    plan = sittings(config)
    seating = admitted(config, plan, options.stage({}))
    for name, why in seating.pending.items():
        console.print(f"pending: {name}: {why}", markup=False, highlight=False, soft_wrap=True)
    if seating.paid:
        _confirmed(seating, len(plan), options, yes=yes)
    with progress_bar(console) as progress:
        return evaluate(config, options.showing(progress), rooms)


def ended(results: Results) -> int:
    """The exit code of a run: 0, 1 where the server never saw an agent, 6 out of money."""
    reports = [one.report for one in results]
    if any(report.out_of_money for report in reports):
        return OUT_OF_MONEY
    return 1 if any(report.unseen for report in reports) else 0


def bounded(budget_usd: float | None) -> str:
    """What a budget means, in words."""
    if budget_usd is None:
        return "Nothing bounds what it costs; --budget-usd does."
    return f"It stops at ${budget_usd:.2f}, all attempts of this run together."


def _confirmed(seating: Seating, attempts: int, options: Options, *, yes: bool) -> None:
    names = ", ".join(seating.paid)
    said = f"{names}: {_counted(seating.paid, attempts)} that cost money. "
    typer.echo(said + bounded(options.budget_usd), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nobody is here to confirm what this costs; say --yes.")
    if not typer.confirm("Play?", err=True):
        raise typer.Exit(1)


def _counted(agents: Sequence[str], attempts: int) -> str:
    count = len(agents) * attempts
    return f"{count} attempt{'s' if count > 1 else ''}"
