"""OpenAI's Responses protocol, in the form without state: every request brings the whole input."""

import json
from typing import Any

from runners.scripted_model._chat import failure
from runners.scripted_model._conversation import Conversation, Offered, Request, Turn, conversation
from runners.scripted_model._dialect import (
    Body,
    Dialect,
    Told,
    UnreadableError,
    Usage,
    at,
    frame,
    listed,
    named,
)
from runners.scripted_model._results import images_in, result_of, words_in
from tasks import JSON

_TOLD = {"system", "developer"}
_RESULTS = {"function_call_output", "custom_tool_call_output", "mcp_tool_call_output"}


def _read(body: Body, _: str) -> Conversation:
    if body.get("previous_response_id") or body.get("conversation"):
        raise UnreadableError(
            "the scripted model keeps no state: send the whole input, without "
            "previous_response_id and conversation"
        )
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else listed(given)
    told = [item for item in items if item.get("role") in _TOLD]
    system = [str(body.get("instructions") or ""), *(words_in(item["content"]) for item in told)]
    return conversation(
        Request(
            protocol="responses",
            model=str(body.get("model", "")),
            system="\n\n".join(text for text in system if text),
            tools=tuple(_offered(body.get("tools"))),
            schema=at(body, "text", "format", "schema"),
        ),
        [_turn(item) for item in items if item.get("role") not in _TOLD],
    )


def _offered(tools: Any) -> list[Offered]:
    found: list[Offered] = []
    for tool in named(tools):
        if tool.get("type") == "namespace":
            inside = named(tool.get("tools"))
            found += [Offered(str(one["name"]), str(tool["name"])) for one in inside]
        else:
            found.append(Offered(str(tool["name"])))
    return found


def _turn(item: Body) -> Turn:
    if item.get("type") in _RESULTS:
        return Turn(results=(result_of(item.get("output")),))
    if item.get("role") != "user":
        return Turn(own=True)
    content = item.get("content")
    return Turn(text=words_in(content), images=images_in(content))


def _usage(usage: Usage) -> dict[str, JSON]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input + usage.output,
    }


def _item(told: Told, status: str = "completed") -> dict[str, JSON]:
    ask = told.reply.ask
    if ask is None:
        part = _part(told.reply.text)
        return {
            "id": f"msg_scripted_{told.number:04}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [part] if status == "completed" else [],
        }
    arguments = json.dumps(dict(ask.arguments))
    return {
        "id": f"fc_scripted_{told.number:04}",
        "type": "function_call",
        "call_id": f"call_scripted_{told.number:04}",
        "name": ask.tool.name,
        **({"namespace": ask.tool.namespace} if ask.tool.namespace else {}),
        "arguments": arguments if status == "completed" else "",
        "status": status,
    }


def _part(text: str) -> dict[str, JSON]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response(told: Told, status: str = "completed") -> dict[str, JSON]:
    done = status == "completed"
    return {
        "id": f"resp_scripted_{told.number:04}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": told.model,
        "output": [_item(told)] if done else [],
        "parallel_tool_calls": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(told.usage) if done else None,
    }


def _frames(told: Told) -> list[str]:
    item = _item(told)
    place: dict[str, JSON] = {"item_id": item["id"], "output_index": 0}
    started: dict[str, JSON] = {"output_index": 0, "item": _item(told, "in_progress")}
    events: list[tuple[str, dict[str, JSON]]] = [
        ("response.created", {"response": _response(told, "in_progress")}),
        ("response.in_progress", {"response": _response(told, "in_progress")}),
        ("response.output_item.added", started),
        *(_spoken(told, place) if told.reply.ask is None else _called(item, place)),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": _response(told)}),
    ]
    return [
        frame({"type": kind, "sequence_number": number, **data}, event=kind)
        for number, (kind, data) in enumerate(events)
    ]


def _spoken(told: Told, item: dict[str, JSON]) -> list[tuple[str, dict[str, JSON]]]:
    text = told.reply.text
    place: dict[str, JSON] = {**item, "content_index": 0}
    return [
        ("response.content_part.added", {**place, "part": _part("")}),
        ("response.output_text.delta", {**place, "delta": text, "logprobs": []}),
        ("response.output_text.done", {**place, "text": text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": _part(text)}),
    ]


def _called(item: dict[str, JSON], place: dict[str, JSON]) -> list[tuple[str, dict[str, JSON]]]:
    arguments = item["arguments"]
    done: dict[str, JSON] = {**place, "name": item["name"], "arguments": arguments}
    return [
        ("response.function_call_arguments.delta", {**place, "delta": arguments}),
        ("response.function_call_arguments.done", done),
    ]


RESPONSES = Dialect("responses", _read, _response, _frames, failure)
