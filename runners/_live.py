"""Progress of a run, live on a terminal: one line an agent."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from runners._suite import Step

WIDTH = 44
"""Characters of the instances that are being played."""


@contextmanager
def progress_bar(console: Console | None = None) -> Generator[Callable[[Step], None]]:
    """Bars on stderr; gives what is to be told of every step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[spent]}"),
        TextColumn("{task.fields[errors]}", style="red"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[playing]}", style="dim"),
    )
    with Progress(*columns, console=console or Console(stderr=True)) as progress:
        waiting = progress.add_task("opening the hall", **_fields(), total=None)
        lines: dict[str, _Line] = {}

        def step(one: Step) -> None:
            progress.update(waiting, visible=False)
            if one.agent not in lines:
                lines[one.agent] = _Line(progress, one)
            lines[one.agent].take(one)

        yield step


def _fields() -> dict[str, Any]:
    return {"spent": "", "errors": "", "playing": ""}


class _Line:
    """One agent's line."""

    def __init__(self, progress: Progress, first: Step) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task(
            escape(first.agent), **_fields(), total=first.total, completed=first.done
        )
        self._playing: list[str] = []
        self._errors = 0

    def take(self, step: Step) -> None:
        """Show a step."""
        if step.sitting is not None:
            name = f"{step.sitting.instance} #{step.sitting.n}"
            if step.kind == "begun":
                self._playing.append(name)
            else:
                self._playing.remove(name)
        if step.error:
            self._errors += 1
            told = f"{step.agent} · {step.sitting and step.sitting.instance}: {step.error}"
            self._progress.console.print(told, markup=False, highlight=False, soft_wrap=True)
        playing = ", ".join(self._playing)
        self._progress.update(
            self._task,
            completed=step.done,
            total=step.total,
            spent=f"${step.spent_usd:.2f}" if step.spent_usd else "",
            errors=f"{self._errors} failed" if self._errors else "",
            playing=escape(playing if len(playing) <= WIDTH else f"{playing[: WIDTH - 1]}…"),
        )
