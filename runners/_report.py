"""What an evaluation tells people: the scores, where the notebooks are, who is flagged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runners._evaluation import Scored

SHOWN = 4
"""Notebooks and flags listed of one run before the rest is only counted."""


COLUMNS = ("agent", "stamp", "n", "mean [95 %]", "normalised", "pass", "valid", "flagged")

Row = Mapping[str, Any]


def show(scored: Sequence[Scored], rows: Sequence[Row], console: Console) -> None:
    """Print a table for each family and preset, then run by run what lies where."""
    for (name, preset), group in groupby(rows, lambda row: (row["family"], row["preset"])):
        console.print(_table(f"{name} · {preset}", list(group)))
    for one in scored:
        _show_run(one, console)
    for caveat in dict.fromkeys(text for one in scored for text in one.summary["caveats"]):
        console.print(f"[dim]note: {escape(caveat)}[/]")


def _table(title: str, rows: Sequence[Row]) -> Table:
    floor, ceiling = _number(rows[0]["floor"]), _number(rows[0]["ceiling"])
    table = Table(
        title=f"{title}   floor {floor}, ceiling {ceiling}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in COLUMNS:
        side = "left" if name in {"agent", "stamp"} else "right"
        table.add_column(name, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row), style="red" if row["flagged"] else None)
    return table


def _cells(row: Row) -> list[str]:
    spread = "" if row["low"] is None else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return [
        escape(row["agent"]),
        row["stamp"],
        f"{row['n']}" + (f" (+{row['aside']})" if row["aside"] else ""),
        escape(_number(row["mean_score"]) + spread),
        _number(row["normalised_score"]),
        _number(row["pass_rate"]),
        _number(row["validity_rate"]),
        f"{row['flagged']} of {row['n']}" if row["flagged"] else "-",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _show_run(one: Scored, console: Console) -> None:
    report = one.report
    counts = [f"{report.played} played"]
    counts += [f"{report.kept} kept"] if report.kept else []
    counts += [f"{report.failed} failed"] if report.failed else []
    counts += [f"{report.retried} retried"] if report.retried else []
    counts += [f"{report.unseen} never seen by the server"] if report.unseen else []
    counts += [f"{report.broken} not counted, to be played again"] if report.broken else []
    counts += [f"{report.unplayed} not begun: the budget is reached"] if report.unplayed else []
    counts += [f"${report.spent_usd:.2f} spent"] if report.spent_usd else []
    counts += [f"{report.unpriced} whose cost nobody knows"] if report.unpriced else []
    console.print(f"\n[bold]{escape(report.agent)}[/]: {', '.join(counts)}; {report.folder}")
    if report.verdict is not None:
        told = report.verdict
        known = f"ability {told.theta:.2f} ± {told.se:.2f} from {told.asked} of {told.of} instances"
        console.print(f"  {known}. {told.reason}", soft_wrap=True, highlight=False)
    for score in one.scores[:SHOWN]:
        console.print(f"  {report.folder / score['notebook']}", soft_wrap=True, highlight=False)
    _rest(len(one.scores), "notebooks", console)
    for warning in report.warnings:
        console.print(f"  [yellow]{escape(warning)}[/]", soft_wrap=True, highlight=False)
    if one.invalid:
        console.print(f"  [yellow]{len(one.invalid)} of {len(one.scores)} tell nothing of it:[/]")
        notes = Counter(score["note"] for score in one.invalid)
        for note, count in notes.most_common(SHOWN):
            console.print(f"    {count} times: {escape(note)}", soft_wrap=True, highlight=False)
        _rest(len(notes), "reasons", console)
    if one.flagged:
        rate = "" if one.cheat_rate is None else f" (cheat rate {one.cheat_rate:.2f})"
        count = f"{len(one.flagged)} of {len(one.scores)} attempts{rate}"
        console.print(f"  [red]flagged in {count}:[/]")
        signs = list(dict.fromkeys(flag for score in one.flagged for flag in score["flags"]))
        for sign in signs[:SHOWN]:
            console.print(f"    [red]{escape(sign)}[/]", soft_wrap=True, highlight=False)
        _rest(len(signs), "signs", console)


def _rest(count: int, what: str, console: Console) -> None:
    if count > SHOWN:
        console.print(f"    … and {count - SHOWN} more {what}", highlight=False)
