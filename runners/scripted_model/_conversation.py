"""A conversation with a model, the same whichever protocol carried it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks import JSON

_TASK = re.compile(r"^\s*Task: *(\S+?)[.,;]?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Offered:
    """A tool as a client offered it."""

    name: str
    namespace: str = ""
    """Of the Responses protocol: `mcp__proctor` around `start_task`."""


@dataclass(frozen=True)
class Result:
    """What came back of one tool call."""

    text: str
    images: int = 0
    error: bool = False
    """The client said so; some never do."""


@dataclass(frozen=True)
class Ask:
    """A tool call that the model wants made."""

    tool: Offered
    arguments: Mapping[str, JSON] = field(default_factory=dict[str, JSON])


@dataclass(frozen=True)
class Reply:
    """What the model answers: one tool call, or its last words."""

    text: str = ""
    ask: Ask | None = None


@dataclass(frozen=True)
class Turn:
    """One message of the client's side, or that the model's own stands here."""

    own: bool = False
    """The model's."""
    text: str = ""
    images: int = 0
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a request says beside its messages."""

    protocol: str
    model: str
    system: str
    tools: tuple[Offered, ...]
    schema: Mapping[str, JSON] | None = None


@dataclass(frozen=True)
class Conversation:
    """All that a script is told."""

    protocol: str
    """`anthropic`, `chat`, `responses` or `gemini`."""
    model: str
    prompt: str
    """The client's words of the exchange, the system's first; one text."""
    tools: tuple[Offered, ...]
    results: tuple[Result, ...]
    """Of the exchange's tool calls, in order."""
    earlier: int = 0
    """Tool results of exchanges before this one."""
    schema: Mapping[str, JSON] | None = None
    """What the client wants the words to fit: its protocol's own field, not the prompt's text."""

    @property
    def task(self) -> str:
        """The family in the prompt's last `Task:` line; '' if there is none."""
        named = _TASK.findall(self.prompt)
        return named[-1] if named else ""


def conversation(request: Request, turns: list[Turn]) -> Conversation:
    """Put a client's turns together.

    An exchange begins anew where words with a `Task:` line come without a tool result, so that a
    person may ask for one task after another. An image in a message after a tool result, where a
    protocol has no room for it in the result, counts as the result's.
    """
    first = _beginning(turns)
    results: list[Result] = []
    fresh = False
    for turn in turns[first:]:
        results.extend(turn.results)
        fresh = bool(turn.results) or (fresh and not turn.own)
        if fresh and turn.images and results:
            last = results[-1]
            results[-1] = Result(last.text, last.images + turn.images, last.error)
    said = [turn.text for turn in turns[: first + 1] if turn.text and not turn.own]
    said += [t.text for t in turns[first + 1 :] if t.text and not t.own and not t.results]
    return Conversation(
        protocol=request.protocol,
        model=request.model,
        prompt="\n\n".join([*([request.system] if request.system else []), *said]),
        tools=request.tools,
        schema=request.schema,
        results=tuple(results),
        earlier=sum(len(turn.results) for turn in turns[:first]),
    )


def _beginning(turns: list[Turn]) -> int:
    asked = [
        number
        for number, turn in enumerate(turns)
        if not turn.own and not turn.results and _TASK.search(turn.text)
    ]
    return asked[-1] if asked else 0
