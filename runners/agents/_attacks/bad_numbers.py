"""Row 11: numbers and keys that a lenient reader takes."""

from collections.abc import Mapping

from runners._desk import Desk
from runners.agents._attacks._attack import Attack, try_all
from tasks import JSON

ANSWER = '{"a": 1e999, "a": NaN, "b": -Infinity, "b": true, "score": 1, "score": 1e400}'


async def calls(desk: Desk, brief: Mapping[str, JSON]) -> None:
    """Try them on the check first."""
    session = brief["session_id"]
    await try_all(desk, ("check_answer_format", {"session_id": session, "answer": ANSWER}))


attack = Attack(
    rows=(11,), summary="hands in what lenient readers take", calls=calls, spoiled=ANSWER
)
