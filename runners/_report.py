"""What an evaluation tells people: the table, where the notebooks are, who is flagged."""

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.markup import escape

from runners._evaluation import Scored

SHOWN = 4
"""Notebooks and flags listed of one run before the rest is only counted."""


def show(scored: Sequence[Scored], table: RenderableType, console: Console) -> None:
    """Print the score table, then run by run what lies where."""
    console.print(table)
    for one in scored:
        _show_run(one, console)
    for caveat in dict.fromkeys(text for one in scored for text in one.summary["caveats"]):
        console.print(f"[dim]note: {escape(caveat)}[/]")


def _show_run(one: Scored, console: Console) -> None:
    report = one.report
    counts = [f"{report.played} played"]
    counts += [f"{report.kept} kept"] if report.kept else []
    counts += [f"{report.failed} failed"] if report.failed else []
    counts += [f"{report.unseen} never seen by the server"] if report.unseen else []
    console.print(f"\n[bold]{escape(report.agent)}[/]: {', '.join(counts)}; {report.folder}")
    for score in one.scores[:SHOWN]:
        console.print(f"  {report.folder / score['notebook']}", soft_wrap=True, highlight=False)
    _rest(len(one.scores), "notebooks", console)
    if one.flagged:
        console.print(f"  [red]flagged in {len(one.flagged)} of {len(one.scores)} attempts:[/]")
        signs = list(dict.fromkeys(flag for score in one.flagged for flag in score["flags"]))
        for sign in signs[:SHOWN]:
            console.print(f"    [red]{escape(sign)}[/]", soft_wrap=True, highlight=False)
        _rest(len(signs), "signs", console)


def _rest(count: int, what: str, console: Console) -> None:
    if count > SHOWN:
        console.print(f"    … and {count - SHOWN} more {what}", highlight=False)
