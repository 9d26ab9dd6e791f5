"""What an agent is, and the seat it is given.

An agent is a module `runners/agents/<name>.py` that defines `agent`; its name is the file's. It
sits one attempt at a time and reaches the server by MCP only: over the stdio shim (the command on
its ticket) or over HTTP. What it may know of the instance is what the server tells it.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tasks import JSON, AttemptRequest, Shelf, Ticket, UsageError
from tasks._record import AgentSetup, AgentUsage, Ending

DiagnosticKind = Literal["public", "reference", "oracle", "noisy"]

Diagnose = Callable[[DiagnosticKind, float], Awaitable[JSON]]
"""`await diagnose(kind, level)`: this attempt's answer from the operator's socket."""


@dataclass(frozen=True, kw_only=True)
class AgentReport:
    """What an agent tells of itself for `played.json`; said again whenever it knows more."""

    setup: AgentSetup
    usage: AgentUsage = field(default_factory=AgentUsage)
    ending: Ending = ""
    transcript: str | None = None
    """Its file's name in `Seat.folder`."""


class CutShortError(Exception):
    """Another hand ended the agent (its process was killed): the attempt tells nothing of it.

    What an agent raises is recorded as its failure; this alone sets the attempt aside.
    """


def _unheard(report: AgentReport) -> None:
    """The `tell` of a seat that nobody listens to."""


@dataclass(frozen=True)
class Seat:
    """One agent's place at one attempt."""

    family: str
    ticket: Ticket
    rng: random.Random
    """Seeded by instance, agent and repeat: the same plan gives the same draws."""
    folder: Path
    """Where the agent may leave its transcript (`transcript.*`); made by the suite."""
    wall_s: float
    """Seconds after which the suite ends the attempt."""
    diagnose: Diagnose | None = None
    """Given to diagnostic agents only."""
    tell: Callable[[AgentReport], None] = _unheard
    """Takes what the agent knows of its setup and use so far. The last word stands, also where the
    agent is cut short afterwards; scripted agents need not say anything."""
    usd: float | None = None
    """What this attempt may cost at most; None: no limit. The agent sees to it."""
    n: int = 1
    """Repeat number, from 1: a response cache must not answer one repeat with another's."""


def any_family(families: Sequence[str]) -> None:
    """The `ready` of an agent that can play every family."""


def _nothing() -> str:
    """The `missing` of an agent that needs nothing."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One way to sit an exam."""

    summary: str
    """One sentence for `proctor run --help` and the tables."""
    play: Callable[[Seat], Awaitable[None]]
    """Sit one attempt to its end. What it raises is recorded as the agent's failure."""
    diagnostic: bool = False
    """True if it gets the key from the operator; its results are stamped and never ranked."""
    ready: Callable[[Sequence[str]], None] = any_family
    """Called once with the families of a suite before anything starts; raises `UsageError` where
    the agent cannot play one (no solution written, program not installed)."""
    model: str = ""
    """`provider:model` whose calls this agent makes, as the price table names it; '' for none."""
    paid: bool = False
    """Whether its model costs money: it plays only where that was allowed in so many words."""
    calls: int = 0
    """Model calls that an attempt may take at most; what an estimate of cost starts from."""
    per_step: bool = False
    """Whether those are the calls of one step where the task is an episode."""
    usd: float | None = None
    """What an attempt may cost at most by the agent's own name (`+usd=`); None: no such wish."""
    rates: tuple[float, float] | None = None
    """Dollars for a million tokens in and out, where its name tells them (`+price=`)."""
    max_output: int = 0
    """Output tokens that a model call may take at most; 0: the model's own limit."""
    missing: Callable[[], str] = _nothing
    """Why it cannot play on this machine now (program not installed, no key set) and what to do
    about it, as a sentence without a key's text; '' if it can."""
    variant: "Callable[[str], Agent] | None" = None
    """`name:text` names the agent that this makes of `text`; raises `UsageError` for another."""


AGENTS: Shelf[Agent] = Shelf(
    package="runners.agents", attribute="agent", kind=Agent, group="proctor.agents"
)


def agent_named(name: str) -> Agent:
    """The agent `name`, or the variant of one: `name:text`.

    Raises:
        UsageError: no such agent, or it has no variants, or not this one.
    """
    plain, colon, text = name.partition(":")
    found = AGENTS.find(plain)
    if not colon:
        return found
    if found.variant is None:
        raise UsageError(f"The agent {plain!r} has no variants, so {name!r} names nobody.")
    return found.variant(text)


class Hall(Protocol):
    """What a suite asks of the operator's side; the front door hands one in."""

    async def open_attempt(self, request: AttemptRequest) -> Ticket:
        """Admit one agent to one attempt."""
        ...

    async def diagnostic(self, attempt: str, kind: DiagnosticKind, level: float) -> JSON:
        """The answer of a diagnostic agent."""
        ...

    async def close_attempt(self, attempt: str, reason: str) -> None:
        """End an attempt, noting why; one that has ended or is unknown is left as it is."""
        ...
