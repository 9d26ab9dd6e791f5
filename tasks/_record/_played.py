"""played.json: what the runner saw of one attempt, beside the record that the daemon keeps.

The daemon's log says what an agent did in the hall; this file says who that agent was and what it
took on its own side: model, settings, tokens, money, time. It is the runner's word and no part of
the keyed chain, so no score is ever computed from it; but where it names a `failure`, the attempt
is set aside as invalid.
"""

from typing import Literal

from pydantic import Field

from tasks._core import JSON, Frozen

PLAYED_FILE = "played.json"
SCRIPTED = "scripted"
"""What our own scripted endpoint calls its model."""

AgentKind = Literal["scripted", "cli", "api"]
Mode = Literal["scripted", "cli", "direct", "reflective", "tool"]
"""How the model reaches the task: by a CLI's own loop, in one call, in three, or by tool calls."""

CostBasis = Literal["free", "list", "reported", "unknown"]
"""`free`: scripted or local. `list`: tokens by a price table. `reported`: the agent's own sum."""

Ending = Literal["", "timeout", "turns", "money", "provider", "crash", "tools"]
"""What cut the agent short: '' nothing; its wall clock; its turn or money limit; the provider's
failure after all retries; its own failure; an MCP server that it never reached."""


class Tokens(Frozen):
    """Tokens of all model calls of one attempt."""

    input: int = 0
    """All that was sent, cached or not."""
    output: int = 0
    """All that came back, reasoning included."""
    cached: int = 0
    """Of `input`: read from the provider's cache."""
    reasoning: int = 0
    """Of `output`: reasoning, where the provider tells."""

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            reasoning=self.reasoning + other.reasoning,
        )


class AgentSetup(Frozen):
    """Who sat there, in enough detail to seat the same one again. Holds no key."""

    kind: AgentKind = "scripted"
    mode: Mode = "scripted"
    provider: str = ""
    """`anthropic`, `openai`, `google`, …; '' for scripted agents."""
    model: str = ""
    """The model's id as its provider names it."""
    program: str = ""
    """The CLI or library that ran the loop, with its version: `claude 2.1.330`."""
    transport: Literal["", "stdio", "http"] = ""
    """How the agent reached the MCP server."""
    prompt_sha256: str = ""
    """Hash of the words we gave the agent beside the brief: the runner's and system prompt."""
    sandbox: str = ""
    """Where a CLI itself ran: `bwrap`, or `none`; '' where nothing of the agent's own ran."""
    settings: dict[str, JSON] = Field(default_factory=dict[str, JSON])
    """max_tokens, temperature, thinking, turns, usd, …: those that were set."""


class AgentUsage(Frozen):
    """What one attempt took on the agent's side."""

    requests: int = 0
    """Calls of the model."""
    cached_requests: int = 0
    """Of these: answered from our own response cache, at no cost."""
    turns: int = 0
    tool_calls: int = 0
    """As the agent's side counts them; the server's own count is in usage.json."""
    tokens: Tokens | None = None
    """As the agent or the provider's library reports; None: nobody said."""
    metered: Tokens | None = None
    """As our proxy counted in the provider's own responses; None: no proxy stood between."""
    cost_usd: float | None = None
    """None is `not estimated`, never 0."""
    cost_basis: CostBasis = "unknown"
    model_s: float = 0.0
    """Seconds spent waiting for the model."""
    provider_errors: int = 0
    """Failed model calls, those that a retry mended included."""


class Played(Frozen):
    """How one sitting went, from the runner's side of the protocol."""

    error: str = ""
    """What the agent raised, '' if nothing."""
    ending: Ending = ""
    tools_listed: bool
    """Whether the server saw this agent; if not, the attempt is invalid."""
    wall_s: float
    """Seconds from the ticket to the agent's end."""
    failure: str = ""
    """Why the attempt tells nothing of the agent (the house or the provider failed), '' if it does;
    if so, it is played again."""
    setup: AgentSetup | None = None
    usage: AgentUsage | None = None
    transcript: str | None = None
    """The agent's own transcript, relative to the attempt's folder."""
    usd_cap: float | None = None
    """What the run's budget left for this attempt; None: no limit, or an agent that is free."""
