"""The text of a tool's result as the server sent it, out of what clients wrap around it.

Claude Code and SDKs send lists of blocks, the former with a `<system-reminder>` at the end; Codex
a line `Wall time: …` and the text; Gemini CLI `{"output": …}` and `<untrusted_context>`; some send
the protocol's own result object as JSON.
"""

import json
import re
from typing import Any

from runners.scripted_model._conversation import Result

_WALL = re.compile(r"\AWall time: [^\n]*\n(?:Output:\n?)?")
_REMINDER = re.compile(
    r"(?:\n*<system-reminder>(?:(?!<system-reminder>).)*</system-reminder>\s*)+\Z", re.DOTALL
)
_UNTRUSTED = re.compile(r"\A\s*<untrusted_context>\n?(.*?)\n?</untrusted_context>\s*\Z", re.DOTALL)
_TEXTS = {"text", "input_text", "output_text"}
_IMAGES = {"image", "input_image", "image_url"}
_RESULT = {"content", "structuredContent", "structured_content", "isError", "is_error", "_meta"}
_FAILED = ("error", "call_error")
_WRAPPERS = ("output", "result", "return_value", *_FAILED)


def result_of(value: Any, *, error: bool = False) -> Result:
    """The result that a client sent as `value`: a text, a list of blocks or an object."""
    if isinstance(value, str):
        return _of_text(value, error)
    if isinstance(value, list):
        return _of_list(value, error)
    if isinstance(value, dict):
        return _of_object(value, error)
    return Result("" if value is None else json.dumps(value), 0, error)


def images_in(parts: Any) -> int:
    """How many image blocks a message's content holds."""
    return sum(_is_image(part) for part in parts) if isinstance(parts, list) else 0


def words_in(content: Any) -> str:
    """The text of a message's content: a string, or the text blocks of a list."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    found = [part.get("text", "") for part in content if isinstance(part, dict)]
    return "\n".join(text for text in found if isinstance(text, str) and text)


def _of_text(text: str, error: bool) -> Result:
    text = _REMINDER.sub("", _WALL.sub("", text))
    fenced = _UNTRUSTED.match(text)
    if fenced:
        text = fenced[1]
    inner = _json(text)
    if isinstance(inner, str):
        return _of_text(inner, error)
    if _is_result(inner) or _are_blocks(inner) or _is_failure(inner):
        return result_of(inner, error=error)
    return Result(text, 0, error)


def _of_list(parts: list[Any], error: bool) -> Result:
    if not _are_blocks(parts):
        return Result(json.dumps(parts, ensure_ascii=False), 0, error)
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    # Codex puts its line into a block of its own.
    inner = _of_text("".join(texts), error)
    return Result(inner.text, inner.images + images_in(parts), inner.error)


def _of_object(value: dict[str, Any], error: bool) -> Result:
    if _is_result(value):
        failed = bool(value.get("isError", value.get("is_error", False)))
        return result_of(value["content"], error=error or failed)
    wrapped = [name for name in _WRAPPERS if name in value]
    if wrapped and set(value) <= set(_WRAPPERS):
        failed = any(name in _FAILED for name in wrapped)
        return result_of(value[wrapped[-1]], error=error or failed)
    return Result(json.dumps(value, ensure_ascii=False), 0, error)


def _is_result(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= _RESULT and _are_blocks(value.get("content"))


def _is_failure(value: Any) -> bool:
    # pydantic-ai's form where a protocol has no flag; no result of ours is such an object.
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("error"), str)


def _are_blocks(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, dict) and (_is_text(part) or _is_image(part)) for part in value)
    )


def _is_text(part: Any) -> bool:
    kind = str(part.get("type"))
    return isinstance(part.get("text"), str) and (kind in _TEXTS or set(part) == {"text"})


def _is_image(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    return str(part.get("type")) in _IMAGES or "inlineData" in part or "inline_data" in part


def _json(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
