"""Anthropic's Messages protocol."""

import json
from typing import Any

from runners.scripted_model._conversation import (
    Conversation,
    Offered,
    Request,
    Result,
    Turn,
    conversation,
)
from runners.scripted_model._dialect import Body, Dialect, Told, Usage, at, frame, listed, named
from runners.scripted_model._results import images_in, result_of, words_in
from tasks import JSON

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _read(body: Body, _: str) -> Conversation:
    form = at(body, "output_config", "format") or at(body, "output_format")
    return conversation(
        Request(
            protocol="anthropic",
            model=str(body.get("model", "")),
            system=words_in(body.get("system")),
            tools=tuple(Offered(str(tool["name"])) for tool in named(body.get("tools"))),
            schema=at(form, "schema"),
        ),
        [_turn(message) for message in listed(body.get("messages"))],
    )


def _turn(message: Body) -> Turn:
    content = message.get("content")
    if message.get("role") == "assistant":
        return Turn(own=True)
    return Turn(
        text=words_in(content),
        images=images_in(content),
        results=tuple(_results(listed(content))),
    )


def _results(content: list[Any]) -> list[Result]:
    return [
        result_of(part.get("content", ""), error=bool(part.get("is_error")))
        for part in content
        if part.get("type") == "tool_result"
    ]


def _usage(usage: Usage) -> dict[str, JSON]:
    # Here, and only here, what the cache gave is not part of the input.
    return {
        "input_tokens": usage.input - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }


def _block(told: Told) -> dict[str, JSON]:
    ask = told.reply.ask
    if ask is None:
        return {"type": "text", "text": told.reply.text}
    return {
        "type": "tool_use",
        "id": f"toolu_scripted_{told.number:04}",
        "name": ask.tool.name,
        "input": dict(ask.arguments),
    }


def _message(told: Told, **said: JSON) -> dict[str, JSON]:
    return {
        "id": f"msg_scripted_{told.number:04}",
        "type": "message",
        "role": "assistant",
        "model": told.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        **said,
    }


def _stop(told: Told) -> str:
    return "tool_use" if told.reply.ask else "end_turn"


def _whole(told: Told) -> dict[str, JSON]:
    return _message(told, content=[_block(told)], stop_reason=_stop(told), usage=_usage(told.usage))


def _frames(told: Told) -> list[str]:
    block, usage = _block(told), _usage(told.usage)
    if told.reply.ask is None:
        empty: dict[str, JSON] = {**block, "text": ""}
        delta: dict[str, JSON] = {"type": "text_delta", "text": block["text"]}
    else:
        empty = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    events: list[dict[str, JSON]] = [
        {"type": "message_start", "message": _message(told, usage={**usage, "output_tokens": 1})},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": _stop(told), "stop_sequence": None},
            "usage": usage,
        },
        {"type": "message_stop"},
    ]
    return [frame(event, event=str(event["type"])) for event in events]


def _failure(status: int, message: str) -> dict[str, JSON]:
    return {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}}


ANTHROPIC = Dialect("anthropic", _read, _whole, _frames, _failure)
