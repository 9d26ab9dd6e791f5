"""A model asked three times: a draft, a critique of one or two sentences, the revised final.

`reflective:google/gemini-2.5-flash`. Without tools, as `direct`; only the final is handed in. In an
episode: three calls a step; the next step remembers the final actions alone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runners._models.agent import api_agent
from runners._models.table import Manner, Table
from runners._models.words import CRITIQUE, REVISE, words_sha256
from runners._spelling import switch
from tasks import JSON

if TYPE_CHECKING:
    from runners._models.answering import Talk


async def think(talk: "Talk", said: str) -> str:
    """Draft, criticise, revise."""
    begun = len(talk.messages)
    for text in (said, CRITIQUE):
        await talk.say(text)
    final = await talk.say(REVISE)
    # What was said and the final stay; the way there would only lengthen an episode.
    del talk.messages[begun + 1 : -1]
    return final


async def play(table: Table) -> None:
    """Think three times, hand in."""
    from runners._models.answering import answer  # the providers' libraries

    await answer(table, think)


def calls(options: Mapping[str, JSON]) -> int:
    """Three, and one for the repair."""
    return 3 + bool(options.get("repair", True))


agent = api_agent(
    Manner(
        mode="reflective",
        summary="a model's draft, critique and revised final; reflective:PROVIDER/MODEL",
        play=play,
        words=words_sha256(CRITIQUE, REVISE),
        script="words",
        calls=calls,
        per_step=True,
        options={"repair": switch},
    )
)
