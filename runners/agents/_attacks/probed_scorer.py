"""Row 16: the scorer asked again and again for what its refusals tell."""

from collections.abc import Mapping

from runners._desk import Desk
from runners.agents._attacks._attack import Attack, try_all
from tasks import JSON


async def calls(desk: Desk, brief: Mapping[str, JSON]) -> None:
    """Spend every check of the format, and more."""
    session = brief["session_id"]
    guesses = [{"probe": n / 7} for n in range(8)]
    await try_all(
        desk,
        *(("check_answer_format", {"session_id": session, "answer": guess}) for guess in guesses),
    )


attack = Attack(rows=(16,), summary="probes the scorer with format checks", calls=calls, again=True)
