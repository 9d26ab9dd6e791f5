"""What a CLI's file declares: where its model is, how it is started, how its transcript is read.

Nothing here does anything. A file `runners/agents/<cli>.py` builds one `CliTool` and gives it to
`cli_agent`; the booth does the rest, the same for every CLI.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tasks import JSON
from tasks._record import Ending, Tokens

Wire = Literal["anthropic", "responses", "gemini", "chat"]
"""Protocols of model endpoints: Anthropic Messages, OpenAI Responses, Gemini, Chat Completions."""

Transport = Literal["stdio", "http"]
"""How a CLI reaches the MCP server."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a CLI can do of what Proctor asks."""

    builtins_off: bool
    """Whether every tool of its own that reads files, runs commands or fetches pages can be turned
    off. If not, the CLI runs in the booth's sandbox or not at all."""
    transports: tuple[Transport, ...] = ("stdio", "http")
    turns: bool = False
    """Whether it takes a limit of turns."""
    usd: bool = False
    """Whether it takes a limit of money itself; the booth keeps one in any case."""
    effort: tuple[str, ...] = ()
    """Levels of reasoning effort that it takes, as `+effort=` spells them; () for none."""
    thinking: bool = False
    """Whether it takes a budget of thinking tokens, `+thinking=N`."""


@dataclass(frozen=True, kw_only=True)
class CliTool:
    """One agent CLI."""

    name: str
    """As people call it: `Claude Code`."""
    program: str
    """As it is called on PATH."""
    package: str
    """npm package that brings it."""
    tested: str
    """The version this file was tested with."""
    wire: Wire
    """What it speaks to its model endpoint."""
    provider: str
    """The provider's name in the price table: `anthropic`, `openai`, `google`."""
    model: str
    """The model where none is named; also what the CLI is told where a script plays."""
    key_env: tuple[str, ...]
    """Usual variables of the provider's key, the first that is set is taken; the booth reads it,
    the CLI never sees it."""
    base_env: str
    """Usual variable of the provider's base address."""
    base_url: str
    """The provider's own address, in the form that `base_env` has: with `/v1` for OpenAI's."""
    can: Capabilities
    launch: "Callable[[CliSeat], Launch]"
    read: "Callable[[str], CliSaid]"
    """Pure: the transcript (its standard output) to what it says. Cut or broken lines occur."""
    server: str = "proctor"
    """Our server's name in its configuration."""


@dataclass(frozen=True, kw_only=True)
class CliSeat:
    """What a CLI is started with. Holds no key and no token."""

    prompt: str
    model: str
    """As the CLI is to name it to its endpoint."""
    home: str
    """Its private home as the CLI sees it, with `Launch.files` alone; HOME is set to it."""
    cwd: str
    """Its working folder, empty, below `home`."""
    model_url: str
    """Address of the model door, in the form of `CliTool.base_url` (with `/v1` where that has it),
    for the CLI's own base-address setting."""
    key: str
    """What the CLI is to send as its API key: a word that only this attempt's door knows."""
    transport: Transport
    mcp_command: tuple[str, ...]
    """stdio: what the CLI starts as our MCP server; no environment is needed."""
    mcp_url: str
    """http: our MCP server's address; no header is needed."""
    wall_s: float
    turns: int | None = None
    usd: float | None = None
    options: Mapping[str, JSON] = field(default_factory=dict[str, JSON])
    """Further options that were given: `effort` (str), `thinking` (int)."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How one attempt's CLI is started."""

    argv: tuple[str, ...]
    """Arguments after the program. Standard input is empty, the working folder is `cwd`."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Beside PATH, HOME, TMPDIR and LANG, which the booth sets; nothing else is inherited."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Text files to lie in its home before it starts, by path relative to `home`."""


@dataclass(frozen=True, kw_only=True)
class CliSaid:
    """What a transcript tells. Where it tells nothing: None, 0 or ''."""

    tokens: Tokens | None = None
    cost_usd: float | None = None
    """As the CLI reckoned it, where it knew the model's price."""
    turns: int = 0
    tool_calls: int = 0
    ending: Ending = ""
    """`turns`, `money`, `provider` or `tools` (it did not reach our server), where it says so."""
    error: str = ""
    """Its own words for what went wrong, '' if nothing."""


def events(transcript: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a transcript, one a line; other lines are passed over."""
    # Not `splitlines`: a text may hold other characters that end a line for Python alone.
    for line in transcript.split("\n"):
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event
