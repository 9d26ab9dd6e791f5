"""Answers in words, without tools: a random value of the schema in the prompt."""

import json
from collections.abc import Iterator
from typing import Any

from runners._shapes import draw
from runners.scripted_model._replay import Call, Script

_SIGNS = {"properties", "$defs", "$ref", "anyOf", "oneOf", "enum", "const", "items"}


async def play(call: Call) -> str:
    """Draw once; another prompt gets another draw."""
    prompt, wanted = call.conversation.prompt, call.conversation.schema
    schemas = list(_schemas(prompt)) if wanted is None else [wanted]
    if not schemas:
        return "I find no answer schema in the prompt, so I have no answer."
    return json.dumps(draw(schemas[-1], call.rng(prompt)))


def _schemas(text: str) -> Iterator[dict[str, Any]]:
    """The JSON schemas that stand in the text, the inner parts of one not counted."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        end = at + 1
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            found = {}
        if _SIGNS & found.keys() or isinstance(found.get("type"), str):
            yield found
        at = text.find("{", end)


script = Script(
    summary="no tools: random JSON of the prompt's answer schema, as text",
    play=play,
    by_tools=False,
)
