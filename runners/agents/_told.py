"""Diagnostic agents: told their answer by the operator, they go through the same door as all."""

from runners._core import Agent, DiagnosticKind, Seat
from runners._desk import sit
from tasks import UsageError


def told(kind: DiagnosticKind, summary: str, level: float = 0.0) -> Agent:
    """An agent that submits the diagnostic answer `kind` (spoiled by `level`, in [0, 1])."""

    async def play(seat: Seat) -> None:
        if seat.diagnose is None:
            raise UsageError(
                f"the agent {kind} is diagnostic: it plays by the operator's word only"
            )
        async with sit(seat.ticket, seat.family) as desk:
            brief = await desk.start()
            answer = await seat.diagnose(kind, level)
            await desk.hand_in(brief, answer)

    return Agent(summary=summary, play=play, diagnostic=True)
