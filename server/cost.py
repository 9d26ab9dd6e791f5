"""What the list of tools costs an agent, in tokens, in every request it makes.

Basis: no vendor's tokenizer is available offline, so tokens are estimated as 1 per 4 characters
of the compact JSON (name, description, inputSchema) that a client passes to its model; a BPE
vocabulary may be given instead, to count exactly for that model.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from server.protocol import tool_list
from server.tools import TOOLS
from server.tools._core import Tool

CHARACTERS_PER_TOKEN = 4.0
"""Rule of thumb for English and JSON; real vocabularies give 3.5 to 4.5."""


def estimate(text: str) -> int:
    """Tokens of a text by the rule of thumb, rounded up."""
    return -int(-len(text) // CHARACTERS_PER_TOKEN)


def tool_costs(
    tools: Sequence[Tool[Any]] = TOOLS, count: Callable[[str], int] = estimate
) -> dict[str, int]:
    """Tokens of each tool's entry, by name; their sum is what the list costs."""
    return {tool.name: count(entry(tool.model_dump(by_alias=True))) for tool in tool_list(tools)}


def entry(tool: dict[str, Any]) -> str:
    """What a model reads of one tool."""
    shown = {name: tool[name] for name in ("name", "description", "inputSchema")}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
