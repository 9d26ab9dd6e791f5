"""What a provider's protocol is to the endpoint: how to read a request and say a reply in it."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runners.scripted_model._conversation import Conversation, Reply
from tasks import JSON

Body = Mapping[str, Any]

CHARACTERS_A_TOKEN = 4


class UnreadableError(Exception):
    """A request that the protocol's provider would refuse, or that we cannot answer stateless."""


@dataclass(frozen=True)
class Usage:
    """Token counts as we make them up: characters by four, stated as such in the documentation."""

    input: int
    """All that was sent."""
    output: int
    cached: int
    """Of `input`. Half of it from a conversation's second request on, else none: no cache is
    there, but whoever meters must tell the two apart."""


@dataclass(frozen=True)
class Told:
    """A reply with all that a protocol says around it."""

    reply: Reply
    usage: Usage
    model: str
    number: int
    """Of the request in its conversation, from 0; ids are made of it, so that a retry gets the
    same."""


@dataclass(frozen=True)
class Dialect:
    """One provider's protocol."""

    name: str
    read: Callable[[Body, str], Conversation]
    """Of a request's body and the model in its path ('' where the body names it). Raises
    `UnreadableError`."""
    whole: Callable[[Told], dict[str, JSON]]
    """The response's body."""
    frames: Callable[[Told], Sequence[str]]
    """The same as server-sent events."""
    failure: Callable[[int, str], dict[str, JSON]]
    """The body of an error of that status."""


def usage_of(sent: int, found: Conversation, reply: Reply) -> Usage:
    """Make up the usage of a request of `sent` bytes."""
    arguments = json.dumps(dict(reply.ask.arguments)) if reply.ask else ""
    name = reply.ask.tool.name if reply.ask else ""
    tokens = math.ceil(sent / CHARACTERS_A_TOKEN)
    return Usage(
        input=tokens,
        output=math.ceil(len(reply.text + name + arguments) / CHARACTERS_A_TOKEN),
        cached=tokens // 2 if found.results or found.earlier else 0,
    )


def frame(data: Mapping[str, JSON], event: str = "") -> str:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n"


def at(body: Any, *names: str) -> Any:
    """The object below those names; None where there is none."""
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, dict) else None


def listed(value: Any) -> list[Any]:
    """A list, or [] where something else stands: requests are read leniently."""
    return value if isinstance(value, list) else []


def named(tools: Any) -> list[Mapping[str, Any]]:
    """The tools with a name."""
    return [one for one in listed(tools) if isinstance(one, dict) and one.get("name")]
