"""Answers by the shape of the schema alone."""

from runners.agents.random import guess
from runners.scripted_model._replay import Call, Script


async def play(call: Call) -> str:
    """Start, draw, hand in; the same instance gets the same draws."""
    desk = await call.desk()
    brief = await desk.start()
    await guess(desk, brief, call.rng(str(brief["instance"])))
    return f"I have guessed an answer to {desk.task}."


script = Script(summary="random answers of the schema's shape", play=play)
