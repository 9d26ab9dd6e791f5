"""A run as people see it: what it may cost, whether it may, how it goes, how it ended."""

import sys
from typing import Protocol

import typer
from rich.console import Console

from runners._evaluation import Options, Results, Rooms, evaluate
from runners._live import progress_bar
from runners._plan import EvalConfig, sittings
from runners._seating import reasons
from runners._suite import admitted
from tasks import Brief, UsageError

OUT_OF_MONEY = 6
"""Exit code of a run that its budget stopped; the same command with a higher one goes on."""


class House(Rooms, Protocol):
    """What a run asks of the other rooms beside what an evaluation does."""

    def brief(self, name: str, preset: str | None, seed: int) -> Brief:
        """The brief of a public instance; its prompt is a sample for the estimate."""
        ...


def conduct(config: EvalConfig, options: Options, rooms: House, *, yes: bool = False) -> Results:
    """Tell what it may cost and ask for a yes, play and score with live progress on stderr.

    Raises:
        UsageError: see `evaluate`; or nobody confirmed what costs money.
        typer.Exit: the answer was no.
    """
    console = Console(stderr=True)
    seating = admitted(config, sittings(config), options.stage({}))
    for why in reasons(seating.pending):
        console.print(f"Pending: {why}", markup=False, highlight=False, soft_wrap=True)
    if seating.paid:
        playing = config.model_copy(update={"agents": tuple(seating.agents)})
        _estimated(playing, rooms, console)
        _confirmed(options, yes=yes)
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


def _estimated(config: EvalConfig, rooms: House, console: Console) -> None:
    # Whoever plays scripted agents pays no price table.
    from runners._estimate import estimate
    from runners._providers_cli import show_estimate

    found = estimate(config, lambda one: rooms.brief(one.family, one.preset, 1).prompt)
    show_estimate(found, console)


def _confirmed(options: Options, *, yes: bool) -> None:
    typer.echo(bounded(options.budget_usd), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nobody is here to confirm what this costs; say --yes.")
    if not typer.confirm("Play?", err=True):
        raise typer.Exit(1)
