"""Answers a brief by text alone: the model's words in, one `submit_answer` (or `act`s) out."""

import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping

from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart

from runners._desk import Desk, RefusedError
from runners._models.caller import Caller
from runners._models.reading import NoAnswerError, read_answer
from runners._models.table import Table
from runners._models.words import RULES, opening, refused, shown
from tasks import JSON

REFUSALS = 3
"""Actions refused in a row after which an episode is left."""
MAX_RAW = 4_000
"""Characters handed in of a text without JSON; the server then says what is wrong with it."""


_PAGES = re.compile(r"read_output\(id='([^']+)'\)")
"""How the server says where a cut text is whole."""


class Talk:
    """A conversation with a model."""

    def __init__(self, caller: Caller) -> None:
        self.messages: list[ModelMessage] = []
        self._caller = caller

    async def say(self, text: str) -> str:
        """Say something; give the answer's text."""
        self.messages.append(ModelRequest(parts=[UserPromptPart(text)], instructions=RULES))
        response = await self._caller.ask(self.messages)
        self.messages.append(response)
        return response.text or ""


Think = Callable[[Talk, str], Awaitable[str]]
"""From what is said to a model to the text that it answers with in the end."""


async def answer(table: Table, think: Think) -> None:
    """Sit the attempt: one answer, with the repair that the server grants; or an episode's steps.

    An answer that the server cannot take costs the server's counted repair turn, and one more
    call; with `+repair=off` there is no such call.
    """
    desk = table.desk
    brief = await _whole(desk, await desk.start())
    session, talk = str(brief["session_id"]), Talk(table.caller)
    if brief["episode"]:
        await _episode(desk, brief, talk, think)
        return
    said = await think(talk, opening(brief))
    refusal = await _submitted(desk, session, _read(said, brief))
    if refusal and table.options.get("repair", True):
        said = await talk.say(refused(refusal))
        refusal = await _submitted(desk, session, _read(said, brief))
    if refusal:
        with contextlib.suppress(RefusedError):
            await desk.finish(session)


async def _whole(desk: Desk, brief: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """The brief with its prompt whole: a long one comes cut, and is read on in pages."""
    found = _PAGES.search(str(brief.get("cut", "")))
    if found is None:
        return brief
    text, offset = "", 0
    while offset is not None:
        page = json.loads(await desk.call("read_output", id=found[1], offset=offset))
        text, offset = text + page["text"], page["next_offset"]
    return {**brief, "prompt": text}


async def _submitted(desk: Desk, session: str, value: JSON) -> str:
    """Hand in; give the refusal's text, '' if it was taken."""
    try:
        await desk.submit(session, value)
    except RefusedError as error:
        return str(error)
    return ""


async def _episode(desk: Desk, brief: Mapping[str, JSON], talk: Talk, think: Think) -> None:
    session, refusals = str(brief["session_id"]), 0
    say, done = opening(brief), bool(brief["observation"]["done"])
    while not done and refusals < REFUSALS:
        action = _read(await think(talk, say), brief)
        try:
            seen = await desk.act(session, action)
        except RefusedError as error:
            refusals += 1
            say = refused(str(error))
        else:
            refusals, done, say = 0, bool(seen["done"]), shown(seen)
    if not done:
        with contextlib.suppress(RefusedError):
            await desk.finish(session)


def _read(text: str, brief: Mapping[str, JSON]) -> JSON:
    """The JSON in the text; the text itself where there is none, for the server to refuse."""
    schema = brief["answer_schema"]
    try:
        return read_answer(text, schema.get("required", ()))
    except NoAnswerError:
        return text[:MAX_RAW]
