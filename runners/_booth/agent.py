"""From a CLI's declaration to an agent: its variants, what they cost, what they lack."""

import os
from collections.abc import Callable
from typing import cast

from runners._booth.asked import Asked, read_variant
from runners._booth.declaration import CliTool
from runners._core import Agent, Seat

CALLS = 60
"""Model calls of one attempt that an estimate reckons with where no limit was asked for."""


def cli_agent(tool: CliTool) -> Agent:
    """The agent of one CLI; its variants are spelled `model+key=value…`, both parts optional."""

    def variant(text: str) -> Agent:
        return _agent(read_variant(tool, text), variant)

    return variant("")


def _agent(asked: Asked, variant: Callable[[str], Agent]) -> Agent:
    async def play(seat: Seat) -> None:
        from runners._booth.attempt import attend  # servers and clients: only who plays pays them

        await attend(asked, seat, os.environ)

    def missing() -> str:
        from runners._booth.lack import lack

        return lack(asked, os.environ)

    tool = asked.tool
    return Agent(
        summary=f"{tool.name}, headless; its model is {asked.model}",
        play=play,
        model="" if asked.scripted else f"{tool.provider}:{asked.model}",
        paid=asked.paid(os.environ),
        calls=cast("int", asked.options.get("turns", CALLS)),
        usd=cast("float | None", asked.options.get("usd")),
        missing=missing,
        variant=variant,
    )
