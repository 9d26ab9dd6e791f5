"""One attempt of an API agent: the desk, the model, and how the agent uses the one at the other."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from runners._desk import Desk
from runners._spelling import Reader
from tasks import JSON
from tasks._record import Mode

if TYPE_CHECKING:
    from runners._models.caller import Caller


@dataclass(frozen=True)
class Table:
    """What an agent's play works with."""

    desk: Desk
    caller: "Caller"
    options: Mapping[str, JSON]
    """The agent's own options, as given."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """One way to use a model: what `direct`, `reflective` and `tool` differ in."""

    mode: Mode
    summary: str
    play: Callable[[Table], Awaitable[None]]
    """Plays an attempt to its end."""
    words: str
    """SHA-256 of the words it gives a model beside the brief."""
    script: str
    """What the scripted model plays unless another script was asked for."""
    calls: Callable[[Mapping[str, JSON]], int]
    """Model calls of an attempt at most, by the agent's options."""
    per_step: bool = False
    """Whether those are the calls of one step where the task is an episode."""
    options: Mapping[str, Reader] = field(default_factory=lambda: MappingProxyType({}))
    """The options that this agent alone has."""
