"""Does nothing: starts the task and leaves. Its score is zero, its record is complete."""

from runners._core import Agent, Seat
from runners._desk import sit


async def play(seat: Seat) -> None:
    """Start and finish."""
    async with sit(seat.ticket, seat.family) as desk:
        brief = await desk.start()
        await desk.finish(str(brief["session_id"]))


agent = Agent(summary="starts the task and leaves without an answer", play=play)
