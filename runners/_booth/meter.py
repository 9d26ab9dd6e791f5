"""Counts tokens in what a model endpoint answers, whatever the CLI says of itself. Pure.

Shapes, as the providers document them (recorded ones in tests/runners/booth): Anthropic's
`message_start`/`message_delta` usage, which is cumulative and tells cached input apart; the
Responses API's usage in `response.completed`; Gemini's `usageMetadata`, of which the last stands
and whose thoughts come on top of the candidates; Chat Completions' usage chunk.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runners._booth.declaration import Wire
from tasks._record import Tokens

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """What one answer of a model told of its use."""

    model: str = ""
    """As the endpoint names what answered."""
    tokens: Tokens | None = None
    """None: it told nothing."""
    cache_writes: int = 0
    """Of `tokens.input`: written to the provider's cache, which has a price of its own."""


def _anthropic(event: Event, now: Reading) -> Reading:
    message = _part(event, "message") if event.get("type") == "message_start" else event
    usage = _part(message, "usage")
    if not usage:
        return now
    old = now.tokens or Tokens()
    fresh = old.input - old.cached - now.cache_writes
    fresh, cached, written, output = (
        _count(usage, name, before)
        for name, before in (
            ("input_tokens", fresh),
            ("cache_read_input_tokens", old.cached),
            ("cache_creation_input_tokens", now.cache_writes),
            ("output_tokens", old.output),
        )
    )
    tokens = Tokens(input=fresh + cached + written, output=output, cached=cached)
    return Reading(str(message.get("model") or now.model), tokens, written)


def _responses(event: Event, now: Reading) -> Reading:
    answer = _part(event, "response") or event
    usage = _part(answer, "usage")
    if not usage:
        return now
    tokens = _openai_tokens(usage, "input_tokens", "output_tokens")
    return Reading(str(answer.get("model") or now.model), tokens)


def _gemini(event: Event, now: Reading) -> Reading:
    usage = _part(event, "usageMetadata")
    if not usage:
        return now
    thoughts = _count(usage, "thoughtsTokenCount")
    tokens = Tokens(
        input=_count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
        output=_count(usage, "candidatesTokenCount") + thoughts,
        cached=_count(usage, "cachedContentTokenCount"),
        reasoning=thoughts,
    )
    return Reading(str(event.get("modelVersion") or now.model), tokens)


def _chat(event: Event, now: Reading) -> Reading:
    now = replace(now, model=str(event.get("model") or now.model))
    usage = _part(event, "usage")
    if not usage:
        return now
    return replace(now, tokens=_openai_tokens(usage, "prompt_tokens", "completion_tokens"))


def _openai_tokens(usage: Event, sent: str, came: str) -> Tokens:
    return Tokens(
        input=_count(usage, sent),
        output=_count(usage, came),
        cached=_count(_part(usage, f"{sent}_details"), "cached_tokens"),
        reasoning=_count(_part(usage, f"{came}_details"), "reasoning_tokens"),
    )


_READERS: Mapping[Wire, Callable[[Event, Reading], Reading]] = {
    "anthropic": _anthropic,
    "responses": _responses,
    "gemini": _gemini,
    "chat": _chat,
}


class Meter:
    """Reads one answer as it passes, in chunks cut anywhere: an event stream, or a JSON body."""

    def __init__(self, wire: Wire, *, streamed: bool) -> None:
        self._read = _READERS[wire]
        self._streamed = streamed
        self._rest = bytearray()
        self._now = Reading()

    def feed(self, chunk: bytes) -> None:
        """Take what came."""
        self._rest += chunk
        if self._streamed and b"\n" in chunk:
            *lines, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
            for line in lines:
                self._line(line)

    def reading(self) -> Reading:
        """What the answer told, at its end or where it broke off."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._streamed:
            self._line(rest)
        else:
            self._take(rest)
        return self._now

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._take(line[5:])

    def _take(self, text: bytes) -> None:
        for event in _events(text):
            self._now = self._read(event, self._now)


def _events(text: bytes) -> Iterator[Event]:
    # Gemini's stream without `alt=sse` is one JSON array.
    try:
        found = json.loads(text)
    except ValueError:
        return
    for event in found if isinstance(found, list) else [found]:
        if isinstance(event, dict):
            yield event


def _part(event: Event, name: str) -> Event:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _count(usage: Event, name: str, missing: int = 0) -> int:
    found = usage.get(name)
    return found if isinstance(found, int) else missing
