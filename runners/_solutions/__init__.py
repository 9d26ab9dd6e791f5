"""Honest solutions, one file a family: `runners/_solutions/<group>/<family>.py` defines `solve`.

    async def solve(brief: Mapping[str, JSON], execute: Execute) -> JSON
    async def solve(brief: Mapping[str, JSON], execute: Execute, act: Act) -> None    # an episode

`brief` is what `start_task` gave; `execute` runs a cell in the attempt's notebook and gives its
text output. A solution uses nothing but these: it computes in the notebook from the files in
`task/` and prints the answer as JSON in its last cell (`answer_in` reads it).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from types import FunctionType
from typing import Any

from tasks import JSON, Shelf

Execute = Callable[[str], Awaitable[str]]
"""Runs a cell through MCP and gives its text output."""

Act = Callable[[JSON], Awaitable[Mapping[str, JSON]]]
"""Takes one step of an episode and gives what is seen then: {view, reward, done}."""

Solve = Callable[..., Awaitable[JSON]]

SOLUTIONS: Shelf[Any] = Shelf(
    package="runners._solutions",
    attribute="solve",
    kind=FunctionType,
    group="proctor.solutions",
    nested=True,
)


def answer_in(output: str) -> JSON:
    """The JSON document on the last non-empty line of a cell's text output.

    Raises:
        ValueError: that line is no JSON; the message carries the output's tail.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    try:
        return json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise ValueError(
            f"the cell printed no JSON answer; it ended in {output[-500:]!r}"
        ) from error
