"""A model asked once: the brief's prompt and the answer's schema in, its answer handed in.

`direct:openai/gpt-5.2`, `direct:local/PATH`, `direct:scripted`. It has no tools; the agent starts
the task and submits what the model's text holds. In an episode: one call a step, each ending in
one action. `+repair=off`: a malformed answer is not asked for again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runners._models.agent import api_agent
from runners._models.table import Manner, Table
from runners._models.words import words_sha256
from runners._spelling import switch
from tasks import JSON

if TYPE_CHECKING:
    from runners._models.answering import Talk


async def think(talk: "Talk", said: str) -> str:
    """Ask once."""
    return await talk.say(said)


async def play(table: Table) -> None:
    """Ask, hand in."""
    from runners._models.answering import answer  # the providers' libraries

    await answer(table, think)


def calls(options: Mapping[str, JSON]) -> int:
    """One, and one for the repair."""
    return 1 + bool(options.get("repair", True))


agent = api_agent(
    Manner(
        mode="direct",
        summary="a model asked once, without tools; direct:PROVIDER/MODEL",
        play=play,
        words=words_sha256(),
        script="words",
        calls=calls,
        per_step=True,
        options={"repair": switch},
    )
)
