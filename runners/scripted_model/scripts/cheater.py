"""Tries what the scripted agent of that name tries, then guesses."""

from runners.agents.cheater import cheat
from runners.scripted_model._replay import Call, Script


async def play(call: Call) -> str:
    """Start, attack, hand in, twice."""
    desk = await call.desk()
    brief = await desk.start()
    await cheat(desk, brief, call.rng(str(brief["instance"])))
    return f"I have answered {desk.task}."


script = Script(summary="tries to read keys, escape and forge its score, then guesses", play=play)
