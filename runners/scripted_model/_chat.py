"""The Chat Completions protocol, of OpenAI and of all who are compatible with it."""

import json

from runners.scripted_model._conversation import Conversation, Offered, Request, Turn, conversation
from runners.scripted_model._dialect import Body, Dialect, Told, Usage, at, frame, listed, named
from runners.scripted_model._results import images_in, result_of, words_in
from tasks import JSON

_KINDS = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_TOLD = {"system", "developer"}


def _read(body: Body, _: str) -> Conversation:
    messages = listed(body.get("messages"))
    functions = [tool.get("function") for tool in listed(body.get("tools"))]
    system = "\n\n".join(words_in(m.get("content")) for m in messages if m.get("role") in _TOLD)
    return conversation(
        Request(
            protocol="chat",
            model=str(body.get("model", "")),
            system=system,
            tools=tuple(Offered(str(tool["name"])) for tool in named(functions)),
            schema=at(body, "response_format", "json_schema", "schema"),
        ),
        [_turn(message) for message in messages if message.get("role") not in _TOLD],
    )


def _turn(message: Body) -> Turn:
    content = message.get("content")
    if message.get("role") == "assistant":
        return Turn(own=True)
    if message.get("role") == "tool":
        return Turn(results=(result_of(content),))
    return Turn(text=words_in(content), images=images_in(content))


def _usage(usage: Usage) -> dict[str, JSON]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _said(told: Told) -> dict[str, JSON]:
    ask = told.reply.ask
    if ask is None:
        return {"role": "assistant", "content": told.reply.text}
    function: dict[str, JSON] = {
        "name": ask.tool.name,
        "arguments": json.dumps(dict(ask.arguments)),
    }
    call: dict[str, JSON] = {
        "id": f"call_scripted_{told.number:04}",
        "type": "function",
        "function": function,
    }
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _head(told: Told, kind: str) -> dict[str, JSON]:
    return {
        "id": f"chatcmpl-scripted-{told.number:04}",
        "object": kind,
        "created": 0,
        "model": told.model,
    }


def _reason(told: Told) -> str:
    return "tool_calls" if told.reply.ask else "stop"


def _whole(told: Told) -> dict[str, JSON]:
    choice: dict[str, JSON] = {
        "index": 0,
        "message": _said(told),
        "finish_reason": _reason(told),
        "logprobs": None,
    }
    return {
        **_head(told, "chat.completion"),
        "choices": [choice],
        "usage": _usage(told.usage),
    }


def _frames(told: Told) -> list[str]:
    head = _head(told, "chat.completion.chunk")
    delta = _said(told)
    for call in delta.get("tool_calls", []):
        call["index"] = 0
    ended = _reason(told)
    chunks: list[dict[str, JSON]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": ended}]},
        # Sent unasked as well: who did not ask for usage skips a chunk without choices.
        {**head, "choices": [], "usage": _usage(told.usage)},
    ]
    return [*(frame(chunk) for chunk in chunks), "data: [DONE]\n\n"]


def failure(status: int, message: str) -> dict[str, JSON]:
    """The body of an error, as both of OpenAI's protocols write it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {
        "error": {"message": message, "type": kind, "param": None, "code": _KINDS.get(status)},
    }


CHAT = Dialect("chat", _read, _whole, _frames, failure)
