"""Does nothing: starts the task and leaves. Its score is zero, its record is complete."""

from runners._core import Agent, Seat
from runners._desk import Desk, sit


async def play(seat: Seat) -> None:
    """Start and finish."""
    async with sit(seat.ticket, seat.family) as desk:
        await leave(desk)


async def leave(desk: Desk) -> None:
    """The same at a desk."""
    brief = await desk.start()
    await desk.finish(str(brief["session_id"]))


agent = Agent(summary="starts the task and leaves without an answer", play=play)
