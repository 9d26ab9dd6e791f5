"""The server's tools as a model's: definitions out, calls in, texts and pictures back."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic_ai.messages import BinaryContent, ToolCallPart, ToolReturnPart
from pydantic_ai.tools import ToolDefinition

from runners._desk import Desk
from tasks import JSON, nearest

if TYPE_CHECKING:
    from mcp.types import CallToolResult

OVER = "This session is over"
"""How the server begins to say that an attempt has ended."""
ENDS = frozenset({"submit_answer", "act", "finish"})
"""Tools that may end an attempt."""
READS = frozenset({"list_tasks", "start_task", "task_info", "check_answer_format"})
"""Tools that look at the task and do not work on it."""


@dataclass(frozen=True)
class Used:
    """One tool call, made."""

    part: ToolReturnPart
    over: bool
    """Whether the attempt is over."""
    failed: bool
    text: str


def definitions(desk: Desk) -> list[ToolDefinition]:
    """The tools that the server offers, as a model is told of them."""
    return [
        # Not strict: an answer is any object that the brief's own schema allows.
        ToolDefinition(
            name=tool.name,
            description=tool.description,
            parameters_json_schema=tool.input_schema,
            strict=False,
        )
        for tool in desk.tools
    ]


async def use(desk: Desk, call: ToolCallPart) -> Used:
    """Make a model's tool call; what is wrong with it is told to the model."""
    known = {tool.name for tool in desk.tools}
    if call.tool_name not in known:
        return told(
            call,
            f"There is no tool {call.tool_name!r}.{nearest(call.tool_name, known)} There are "
            f"{', '.join(sorted(known))}.",
        )
    try:
        arguments = call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError) as error:
        return told(call, f"The arguments are no JSON object: {error}")
    return _used(call, await desk.client.call_tool(call.tool_name, arguments))


def told(call: ToolCallPart, text: str) -> Used:
    """A call that never reached the server, and why."""
    part = ToolReturnPart(call.tool_name, text, call.tool_call_id, outcome="failed")
    return Used(part, over=False, failed=True, text=text)


def _used(call: ToolCallPart, result: "CallToolResult") -> Used:
    content: list[str | BinaryContent] = []
    for block in result.content:
        if block.type == "text":
            content.append(block.text)
        elif block.type == "image":
            data = base64.b64decode(block.data)
            content.append(BinaryContent(data, media_type=block.mime_type))
    texts = [one for one in content if isinstance(one, str)]
    text, failed = "\n".join(texts), bool(result.is_error)
    part = ToolReturnPart(
        call.tool_name,
        text if len(texts) == len(content) else content,
        call.tool_call_id,
        outcome="failed" if failed else "success",
    )
    return Used(part, _over(call.tool_name, text, failed=failed), failed, text)


def _over(tool: str, text: str, *, failed: bool) -> bool:
    if failed:
        return OVER in text
    if tool == "act":
        return bool(parsed(text).get("done"))
    return tool in ENDS


def parsed(text: str) -> Mapping[str, JSON]:
    """A tool's text as the JSON object that it is; empty if it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def closing(tools: Sequence[ToolDefinition]) -> list[ToolDefinition]:
    """Those tools that hand in."""
    return [tool for tool in tools if tool.name in ENDS]
