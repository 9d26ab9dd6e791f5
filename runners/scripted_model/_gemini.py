"""Google's generateContent protocol."""

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
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _read(body: Body, model: str) -> Conversation:
    system: Any = body.get("systemInstruction") or body.get("system_instruction") or {}
    tools = [
        Offered(str(function["name"]))
        for tool in listed(body.get("tools"))
        for function in named(tool.get("functionDeclarations"))
    ]
    wanted = at(body, "generationConfig", "responseJsonSchema")
    return conversation(
        Request(
            protocol="gemini",
            model=model,
            system=words_in(system.get("parts")),
            tools=tuple(tools),
            schema=wanted or _lowered(at(body, "generationConfig", "responseSchema")),
        ),
        [_turn(content) for content in listed(body.get("contents"))],
    )


def _lowered(schema: Any) -> Any:
    """The provider's older form of a schema writes its types in capitals."""
    if isinstance(schema, list):
        return [_lowered(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    lower = {"type": kind.lower()} if isinstance(kind, str) else {}
    return {name: _lowered(part) for name, part in schema.items()} | lower


def _turn(content: Body) -> Turn:
    parts = listed(content.get("parts"))
    if content.get("role") == "model":
        return Turn(own=True)
    results = [_result(part["functionResponse"]) for part in parts if "functionResponse" in part]
    return Turn(text=words_in(parts), images=images_in(parts), results=tuple(results))


def _result(response: Body) -> Result:
    found = result_of(response.get("response"))
    return Result(found.text, found.images + images_in(response.get("parts")), found.error)


def _usage(usage: Usage) -> dict[str, JSON]:
    return {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.input + usage.output,
        "cachedContentTokenCount": usage.cached,
    }


def _whole(told: Told) -> dict[str, JSON]:
    ask = told.reply.ask
    part: dict[str, JSON] = {"text": told.reply.text}
    if ask is not None:
        call = f"call_scripted_{told.number:04}"
        part = {"functionCall": {"id": call, "name": ask.tool.name, "args": dict(ask.arguments)}}
    candidate: dict[str, JSON] = {
        "content": {"role": "model", "parts": [part]},
        "finishReason": "STOP",
        "index": 0,
    }
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(told.usage),
        "modelVersion": told.model,
        "responseId": f"scripted-{told.number:04}",
    }


def _frames(told: Told) -> list[str]:
    return [frame(_whole(told))]


def _failure(status: int, message: str) -> dict[str, JSON]:
    kind = _KINDS.get(status, "UNKNOWN")
    return {"error": {"code": status, "message": message, "status": kind, "details": []}}


GEMINI = Dialect("gemini", _read, _whole, _frames, _failure)
