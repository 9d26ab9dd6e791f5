"""What an attack is.

A cell prints a line that begins with `THROUGH` for each way that worked, so that a run without a
sandbox proves that it is a real attack. Everything is bounded, and undoes or outlives nothing.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from runners._desk import Desk, RefusedError
from tasks import JSON


async def _none(desk: Desk, brief: Mapping[str, JSON]) -> None:
    """Make no call."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way to cheat, tried for real."""

    rows: tuple[int, ...]
    """Rows of the threat model, 1 to 17; () for one that is not in it."""
    summary: str
    cells: tuple[str, ...] = ()
    """Code that is run in the notebook, in order."""
    notes: tuple[str, ...] = ()
    """Markdown that is added to the notebook."""
    calls: Callable[[Desk, Mapping[str, JSON]], Awaitable[None]] = _none
    """Tool calls made in the middle of the attempt."""
    spoiled: JSON = None
    """A malformed answer (in an episode: action) that is handed in first; None: none."""
    again: bool = False
    """Whether another answer is handed in after the attempt is over."""


async def try_all(desk: Desk, *calls: tuple[str, Mapping[str, JSON]]) -> None:
    """Make tool calls that are likely to be refused; go on after each."""
    for tool, arguments in calls:
        with contextlib.suppress(RefusedError):
            await desk.call(tool, **arguments)
