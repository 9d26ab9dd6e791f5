"""The tool loop: ask the model, make its calls, show it the results, until the attempt is over."""

import contextlib
from collections.abc import Mapping, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ToolCallPart,
    UserPromptPart,
)

from runners._booth.prompt import prompt
from runners._desk import RefusedError
from runners._models.attempt import TurnsError
from runners._models.reading import NoAnswerError, read_answer
from runners._models.table import Table
from runners._models.toolbelt import (
    ENDS,
    READS,
    Used,
    closing,
    definitions,
    parsed,
    told,
    use,
)
from runners._models.words import HAND_IN, LAST, TOOL_FIRST, refused
from tasks import JSON

SERVER = "proctor"
IDLE = 3
"""Messages in a row without a tool call or an answer after which the model is taken to be done."""


class Loop:
    """One attempt of a model with tools."""

    def __init__(self, table: Table, turns: int) -> None:
        self._desk, self._caller = table.desk, table.caller
        self._turns = turns
        self._wants_tool = bool(table.options.get("require_tool_first"))
        self._choice = "required" if table.options.get("forced") else None
        self._tools = definitions(table.desk)
        self._messages: list[ModelMessage] = []
        self._brief: Mapping[str, JSON] = {}
        self._idle = 0

    async def play(self) -> None:
        """Play until the attempt is over or the model stops.

        Raises:
            TurnsError: the turns are used up.
        """
        self._tell([UserPromptPart(prompt(self._desk.task, SERVER))])
        for _ in range(self._turns):
            response = await self._caller.ask(self._messages, self._tools, self._choice)
            if await self._answered(response):
                return
        if not self._brief.get("episode") and await self._handed_in():
            return
        raise TurnsError(f"The agent's {self._turns} turns are used up.")

    async def _handed_in(self) -> bool:
        """The one call after the last turn: it may only hand in."""
        request = self._messages[-1]
        assert isinstance(request, ModelRequest)
        self._messages[-1] = ModelRequest(parts=[*request.parts, UserPromptPart(LAST)])
        tools = closing(self._tools)
        response = await self._caller.ask(self._messages, tools, ["submit_answer"])
        return await self._answered(response)

    async def _answered(self, response: ModelResponse) -> bool:
        """Take the model's message; whether all is over after it."""
        self._messages.append(response)
        calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
        if not calls:
            return await self._spoken(response.text or "")
        self._idle = 0
        returned: list[ModelRequestPart] = []
        over = False
        # One after another: a later call may rest on what an earlier one did.
        for call in calls:
            used = told(call, "Not made: the attempt is over.") if over else await self._use(call)
            over = over or used.over
            returned.append(used.part)
        self._tell(returned)
        return over

    async def _use(self, call: ToolCallPart) -> Used:
        self._caller.account.tool_calls += 1
        if self._wants_tool and call.tool_name in ENDS and call.tool_name != "finish":
            return told(call, TOOL_FIRST)
        used = await use(self._desk, call)
        if call.tool_name == "start_task" and not used.failed:
            self._brief = parsed(used.text)
        if not used.failed and call.tool_name not in READS:
            self._wants_tool = False
        return used

    async def _spoken(self, text: str) -> bool:
        """A message without a tool call: an answer written as text, or the model is done."""
        self._idle += 1
        refusal = await self._submitted(text)
        if refusal == "":
            return True
        if self._idle < IDLE:
            self._tell([UserPromptPart(refused(refusal) if refusal else HAND_IN)])
            return False
        with contextlib.suppress(RefusedError):
            await self._desk.finish(str(self._brief.get("session_id", "")))
        return True

    async def _submitted(self, text: str) -> str | None:
        """Hand in the answer that a text holds: the refusal, '' if taken, None if it holds none."""
        keys = self._brief.get("answer_schema", {}).get("required", ())
        if not keys or self._brief.get("episode") or self._wants_tool:
            return None
        try:
            value = read_answer(text, keys)
        except NoAnswerError:
            return None
        if not (isinstance(value, dict) and set(keys) <= set(value)):
            return None
        self._caller.account.tool_calls += 1
        try:
            await self._desk.submit(str(self._brief["session_id"]), value)
        except RefusedError as error:
            return str(error)
        return ""

    def _tell(self, parts: Sequence[ModelRequestPart]) -> None:
        self._messages.append(ModelRequest(parts=list(parts)))
