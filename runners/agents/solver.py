"""The honest agent: computes the answer in the notebook by the family's solution, and submits.

Covers every family with a file in `runners/_solutions/` (or the entry point `proctor.solutions`).
"""

from collections.abc import Mapping, Sequence

from runners._core import Agent, Seat
from runners._desk import Desk, sit
from runners._solutions import SOLUTIONS
from tasks import JSON, UsageError


async def play(seat: Seat) -> None:
    """Start the task, compute, submit."""
    async with sit(seat.ticket, seat.family) as desk:
        await solve_at(desk)


async def solve_at(desk: Desk) -> None:
    """The same at a desk."""
    solve = SOLUTIONS.find(desk.task)
    brief = await desk.start()
    session = str(brief["session_id"])

    async def execute(code: str) -> str:
        return await desk.execute(session, code)

    async def act(action: JSON) -> Mapping[str, JSON]:
        return await desk.act(session, action)

    if brief["episode"]:
        await solve(brief, execute, act)
    else:
        await desk.submit(session, await solve(brief, execute))


def ready(families: Sequence[str]) -> None:
    """Refuse a suite with a family that has no solution."""
    missing = sorted(set(families) - set(SOLUTIONS.names()))
    if missing:
        raise UsageError(
            f"The agent `solver` has no solution for {', '.join(missing)}. Write "
            f"runners/_solutions/{missing[0]}.py, or leave the family or the agent out."
        )


agent = Agent(summary="honest: computes in the notebook, then submits", play=play, ready=ready)
