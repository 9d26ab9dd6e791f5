"""A scripted agent's hands: a real MCP client over the stdio shim, and the calls it makes.

The client is the reference client of the protocol; nothing here knows how the server is built.
"""

import json
import os
import random
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from runners._shapes import draw
from tasks import JSON, Ticket

if TYPE_CHECKING:
    from mcp.types import Tool

REFUSALS = 20
"""Actions refused in a row after which a random player stops: the space may be closed to it."""


class RefusedError(Exception):
    """The server answered a tool call with an error; the text is what an agent reads."""


class Hands(Protocol):
    """What a desk needs of an MCP client; a scripted model has others."""

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call a tool; give its result: `content`, blocks of which some have `text`; `is_error`."""
        ...


@dataclass(frozen=True)
class Desk:
    """An agent's connection to its attempt."""

    client: Hands
    task: str
    tools: "Sequence[Tool]" = ()
    """What the server offers, as it was listed when the agent sat down."""

    async def start(self) -> Mapping[str, JSON]:
        """Start the task that the token fixes; give the brief."""
        return json.loads(await self.call("start_task", task=self.task))

    async def execute(self, session: str, code: str) -> str:
        """Run a cell; give its text output.

        Raises:
            RefusedError: the cell raised or the server refused.
        """
        reply = json.loads(await self.call("execute_code", session_id=session, code=code))
        failed = [item for item in reply["outputs"] if item["type"] == "error"]
        if failed:
            raise RefusedError(f"{failed[0].get('name')}: {failed[0].get('message')}")
        return "".join(item["content"] for item in reply["outputs"] if "content" in item)

    async def submit(self, session: str, answer: JSON) -> str:
        """Hand in the answer; give the server's text."""
        return await self.call("submit_answer", session_id=session, answer=answer)

    async def act(self, session: str, action: JSON) -> Mapping[str, JSON]:
        """Take one step of an episode; give {view, reward, done}.

        Raises:
            RefusedError: the action is not allowed, or the episode is over.
        """
        return json.loads(await self.call("act", session_id=session, action=action))

    async def hand_in(self, brief: Mapping[str, JSON], answer: JSON) -> None:
        """Submit the answer; for an episode, take the list of actions that it is."""
        session = str(brief["session_id"])
        if not brief["episode"]:
            await self.submit(session, answer)
            return
        for action in answer:
            await self.act(session, action)

    async def finish(self, session: str) -> str:
        """End the attempt without an answer."""
        return await self.call("finish", session_id=session)

    async def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool; give its text.

        Raises:
            RefusedError: the server's answer is an error.
        """
        result = await self.client.call_tool(tool, arguments)
        text = "".join(getattr(block, "text", "") for block in result.content)
        if result.is_error:
            raise RefusedError(text)
        return text


async def wander(desk: Desk, brief: Mapping[str, JSON], rng: random.Random) -> None:
    """Act at random until the episode is over; give up after `REFUSALS` refusals in a row."""
    session, refused, done = str(brief["session_id"]), 0, False
    while not done and refused < REFUSALS:
        try:
            seen = await desk.act(session, draw(brief["answer_schema"], rng))
        except RefusedError:
            refused += 1
        else:
            refused, done = 0, bool(seen["done"])
    if not done:
        await desk.finish(session)


@asynccontextmanager
async def sit(ticket: Ticket, task: str) -> AsyncGenerator[Desk]:
    """Connect over the stdio shim and list the tools, as every agent CLI does first."""
    from mcp import Client, StdioServerParameters  # a second of imports: only who plays pays it

    server = StdioServerParameters(
        command=ticket.command[0],
        args=list(ticket.command[1:]),
        env={**_inherited(), **ticket.env},
    )
    # No timeout here: the daemon bounds every cell, and the suite the whole attempt.
    async with Client(server) as client:
        listed = await client.list_tools()
        yield Desk(client, task, listed.tools)


def _inherited() -> dict[str, str]:
    # The shim runs from the same interpreter; a virtual environment's bin may be off PATH.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])  # noqa: PTH120
    return {"PATH": path}
