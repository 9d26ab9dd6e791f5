"""Random answers of the schema's shape; the floor that any thinking must beat."""

from runners._core import Agent, Seat
from runners._desk import RefusedError, sit, wander
from runners._shapes import draw


async def play(seat: Seat) -> None:
    """Submit a random answer; if its shape is refused, use the one repair turn for another."""
    async with sit(seat.ticket, seat.family) as desk:
        brief = await desk.start()
        session = str(brief["session_id"])
        if brief["episode"]:
            await wander(desk, brief, seat.rng)
            return
        try:
            await desk.submit(session, draw(brief["answer_schema"], seat.rng))
        except RefusedError:
            await desk.submit(session, draw(brief["answer_schema"], seat.rng))


agent = Agent(summary="random answers of the schema's shape", play=play)
