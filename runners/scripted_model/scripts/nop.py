"""Starts the task and leaves."""

from runners.agents.nop import leave
from runners.scripted_model._replay import Call, Script


async def play(call: Call) -> str:
    """Start, finish."""
    await leave(await call.desk())
    return "I have ended the attempt without an answer."


script = Script(summary="starts the task and leaves without an answer", play=play)
