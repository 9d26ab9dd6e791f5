"""Responses kept under the state folder, so that a run that is begun again asks no one twice.

A response is found by the SHA-256 of the canonical JSON of everything that was asked: model,
settings, tools, the whole conversation, and the number of the repeat (a repeat is to be another
sample). Values are JSON, never pickles. Only responses without a fault are kept.
"""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse

from tasks import JSON, home

VERSION = 1
"""Part of every key: raised when the same request would mean something else."""
MAX_BYTES = 4 * 2**30
_SENT = frozenset({"part_kind", "content", "tool_name", "args", "tool_call_id", "outcome"})
"""What of a message's part reaches a provider and is the same each time."""
_GOOD = frozenset({"stop", "tool_call"})
"""How a response that is kept has ended."""


@dataclass(frozen=True)
class Request:
    """One call of a model, as far as its answer can depend on it."""

    model: Mapping[str, JSON]
    """Provider, model, address, wire format, settings."""
    tools: Sequence[Mapping[str, JSON]]
    messages: Sequence[ModelMessage]
    repeat: int

    def key(self) -> str:
        """SHA-256 of the request's canonical JSON, in hex."""
        text = json.dumps(
            {
                "version": VERSION,
                "model": dict(self.model),
                "tools": [dict(tool) for tool in self.tools],
                "messages": [_plain(message) for message in dumped(self.messages)],
                "repeat": self.repeat,
            },
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode()).hexdigest()


class Responses:
    """The cache, open."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def find(self, request: Request) -> ModelResponse | None:
        """The response that the same request got, if it is kept."""
        found = self._store.get(request.key())
        if found is None:
            return None
        (message,) = ModelMessagesTypeAdapter.validate_python([found])
        return cast("ModelResponse", message)

    def keep(self, request: Request, response: ModelResponse) -> None:
        """Keep a response, if it is one that a model meant to give."""
        if response.finish_reason in _GOOD:
            (value,) = dumped([response])
            self._store.set(request.key(), value)


@contextmanager
def responses() -> Generator[Responses]:
    """The cache of this state folder."""
    from diskcache import Cache, JSONDisk

    folder = home() / "cache" / "models"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Cache(str(folder), disk=JSONDisk, size_limit=MAX_BYTES) as store:
        yield Responses(store)


def dumped(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    """The messages as JSON."""
    return ModelMessagesTypeAdapter.dump_python(list(messages), mode="json")


def _plain(message: Mapping[str, Any]) -> dict[str, JSON]:
    parts = [
        {name: value for name, value in part.items() if name in _SENT} for part in message["parts"]
    ]
    return {"kind": message["kind"], "say": message.get("instructions"), "parts": parts}
