"""A model with the server's tools, called natively: the plain loop that an agent CLI is built on.

`tool:anthropic/claude-sonnet-4-5+temperature=0`. It is given the same words as the CLIs, starts
the task itself, and plays until the attempt is closed. `+turns=N`: model calls at most (a last one
may only hand in). `+require_tool_first=on`: an answer before any other tool was used is sent back.
`+forced=on`: every message must be a tool call.
"""

from collections.abc import Mapping
from typing import cast

from runners._booth.prompt import prompt_sha256
from runners._models.agent import api_agent
from runners._models.table import Manner, Table
from runners._spelling import switch, whole
from tasks import JSON

TURNS = 60
"""Model calls of an attempt, where nothing else was asked for."""


async def play(table: Table) -> None:
    """Play until the attempt is closed."""
    from runners._models.loop import Loop  # the providers' libraries

    await Loop(table, turns(table.options)).play()


def turns(options: Mapping[str, JSON]) -> int:
    """Model calls at most, before the last one."""
    return cast("int", options.get("turns", TURNS))


agent = api_agent(
    Manner(
        mode="tool",
        summary="a model that calls the server's tools natively; tool:PROVIDER/MODEL",
        play=play,
        words=prompt_sha256(),
        script="solver",
        calls=lambda options: turns(options) + 1,
        options={"turns": whole(), "require_tool_first": switch, "forced": switch},
    )
)
