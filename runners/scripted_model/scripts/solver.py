"""Solves the task honestly, as the scripted agent of that name does, in the notebook."""

from runners.agents.solver import solve_at
from runners.scripted_model._replay import Call, Script


async def play(call: Call) -> str:
    """Start, compute, hand in."""
    desk = await call.desk()
    await solve_at(desk)
    return f"I have handed in my answer to {desk.task}."


script = Script(summary="honest: computes in the notebook, then submits", play=play)
