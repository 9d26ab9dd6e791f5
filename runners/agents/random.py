"""Random answers of the schema's shape; the floor that any thinking must beat."""

import random
from collections.abc import Mapping

from runners._core import Agent, Seat
from runners._desk import Desk, RefusedError, sit, wander
from runners._shapes import draw
from tasks import JSON


async def play(seat: Seat) -> None:
    """Submit a random answer; if its shape is refused, use the one repair turn for another."""
    async with sit(seat.ticket, seat.family) as desk:
        await guess(desk, await desk.start(), seat.rng)


async def guess(desk: Desk, brief: Mapping[str, JSON], rng: random.Random) -> None:
    """The same at a desk that has started."""
    session = str(brief["session_id"])
    if brief["episode"]:
        await wander(desk, brief, rng)
        return
    try:
        await desk.submit(session, draw(brief["answer_schema"], rng))
    except RefusedError:
        await desk.submit(session, draw(brief["answer_schema"], rng))


agent = Agent(summary="random answers of the schema's shape", play=play)
