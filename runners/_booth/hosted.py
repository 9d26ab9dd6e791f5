"""Tools that a provider would run itself, found in a request to a model. Pure.

Whoever sits an exam uses the exam's tools. A search or a remote server on the provider's side would
be a way past the hall that no record shows, whatever the CLI's own settings say.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_KINDS = (
    "code_execution",
    "code_interpreter",
    "computer_use",
    "file_search",
    "image_generation",
    "mcp",
    "web_fetch",
    "web_search",
)
_GEMINI = ("codeExecution", "computerUse", "fileSearch", "googleMaps", "googleSearch", "urlContext")


def hosted(body: Mapping[str, Any]) -> list[str]:
    """Names of the tools in a request's body that its provider would run."""
    found = set(_named(body.get("tools")))
    if body.get("mcp_servers"):
        found.add("mcp_servers")
    if "web_search_options" in body:
        found.add("web_search_options")
    return sorted(found)


def _named(tools: Any) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else []:
        if not isinstance(tool, dict):
            continue
        kind = str(tool.get("type", ""))
        if kind.startswith(_KINDS):
            yield kind
        # Both spellings are taken by Gemini's endpoint.
        yield from (name for name in _GEMINI if name in tool or _snake(name) in tool)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
