"""Replay: a script is a coroutine that is run afresh on every request.

Its tool calls are answered from the results that the conversation already holds; the first one
without a result is what the model asks for now. So the endpoint keeps no state: a client may
retry, restart, or talk in many conversations at once.
"""

import json
import random
import types
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass

from runners._desk import Desk, RefusedError
from runners._shapes import draw
from runners.scripted_model._conversation import Ask, Conversation, Offered, Reply, Result
from tasks import JSON, Shelf

SAYS_TEXT = frozenset(
    {"finish", "restart_session", "interrupt_session", "shutdown_session"},
)
"""Our tools that answer in plain words; every other answer is a JSON object or an error."""
_JOINTS = ("__", "_", "-", ".", "/", ":")


class NotOfferedError(Exception):
    """The script needs a tool that the client did not offer."""


@dataclass(frozen=True)
class Block:
    """A text block of a result, as an MCP client gives it."""

    text: str


@dataclass(frozen=True)
class Answer:
    """A tool's result, as an MCP client gives it."""

    content: tuple[Block, ...]
    is_error: bool


class Call:
    """A script's hands: tool calls, answered from the conversation."""

    def __init__(self, conversation: Conversation, seed: int = 0) -> None:
        self.conversation = conversation
        self._seed = seed

    async def __call__(self, tool: str, arguments: Mapping[str, JSON]) -> str:
        """Call one of our tools; give the server's text.

        Raises:
            RefusedError: the server answered with an error.
            NotOfferedError: the client offers no such tool.
        """
        result = await self.result(tool, arguments)
        if result.error:
            raise RefusedError(result.text)
        return result.text

    async def result(self, tool: str, arguments: Mapping[str, JSON]) -> Result:
        """The same, with its images; an error is marked as one also where the client did not."""
        found = await _asked(Ask(offered(tool, self.conversation.tools), arguments))
        unsaid = tool not in SAYS_TEXT and not _is_object(found.text)
        return Result(found.text, found.images, found.error or unsaid)

    async def force(self, tool: str, arguments: Mapping[str, JSON]) -> Result:
        """Ask for a tool by its exact name, whether or not it was offered."""
        named = [one for one in self.conversation.tools if one.name == tool]
        return await _asked(Ask(named[0] if named else Offered(tool), arguments))

    async def call_tool(self, name: str, arguments: dict[str, JSON]) -> Answer:
        """What a `Desk` asks of an MCP client."""
        result = await self.result(name, arguments)
        return Answer((Block(result.text),), result.error)

    async def desk(self) -> Desk:
        """A desk at the prompt's task; at the exam that `list_tasks` shows if it names none."""
        task = self.conversation.task
        if not task:
            task = json.loads(await self("list_tasks", {}))["tasks"][0]["task"]
        return Desk(self, task)

    def rng(self, text: str) -> random.Random:
        """A generator that is the same in every replay: seeded by `text` and the endpoint."""
        return random.Random(f"{self._seed}:{text}")  # noqa: S311 - draws, no secrets


Play = Callable[[Call], Awaitable[str]]


@dataclass(frozen=True)
class Script:
    """One way to behave."""

    summary: str
    """One sentence for `proctor scripted-model --list`."""
    play: Play
    """Plays to the end; gives the model's last words. It awaits nothing but its `Call`."""
    by_tools: bool = True
    """Whether it plays by tools. If so, a request for JSON of some schema that offers none is a
    side question of the client (a title, whether the model goes in circles), no part of the play:
    it gets a value that decides nothing."""


SCRIPTS: Shelf[Script] = Shelf(
    package="runners.scripted_model.scripts",
    attribute="script",
    kind=Script,
    group="proctor.scripts",
)


def reply_to(script: Script, conversation: Conversation, seed: int = 0) -> Reply:
    """What the script does next in this conversation; a pure function of both."""
    if script.by_tools and conversation.schema is not None and not conversation.tools:
        return Reply(text=json.dumps(draw(conversation.schema, _Middling())))
    playing = script.play(Call(conversation, seed)).__await__()
    try:
        ask = next(playing)
        for result in conversation.results:
            ask = playing.send(result)
    except StopIteration as end:
        return Reply(text=str(end.value) or "Done.")
    except Exception as error:  # noqa: BLE001 - told as the model's last words
        return Reply(text=f"The script stopped: {type(error).__name__}: {error}")
    finally:
        playing.close()
    assert isinstance(ask, Ask), "a script may await nothing but its Call"
    return Reply(ask=ask)


class _Middling(random.Random):
    """Draws the middle of every range, the first of every choice, and False."""

    def random(self) -> float:
        return 0.5

    def getrandbits(self, k: int, /) -> int:
        return 0


def offered(tool: str, tools: tuple[Offered, ...]) -> Offered:
    """The offered tool that is our `tool`, whatever the client put before its name.

    Raises:
        NotOfferedError: there is none.
    """
    found = [one for one in tools if one.name == tool or one.name.endswith(_endings(tool))]
    if not found:
        names = ", ".join(sorted(one.name for one in tools)) or "none at all"
        raise NotOfferedError(
            f"no tool called {tool} was offered to me, so your client does not reach the MCP "
            f"server (or hides its tools). The tools that I was offered: {names}."
        )
    return min(found, key=lambda one: ("proctor" not in one.namespace + one.name, len(one.name)))


def _endings(tool: str) -> tuple[str, ...]:
    return tuple(joint + tool for joint in _JOINTS)


@types.coroutine
def _asked(ask: Ask) -> Generator[Ask, Result, Result]:
    return (yield ask)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
