"""Reads the JSON that a model's text answers with, tolerantly.

In this order: the whole text; each fenced block, the last first; each outermost `{…}`, the last
first (a model that reasons in its text ends with its answer). What holds the wanted keys goes
before what does not. If nothing is strict JSON, the same again after repair: Python's True, False
and None, and commas before a closing bracket.
"""

import json
import re
from collections.abc import Collection, Iterator

from tasks import JSON

MAX_TEXT = 200_000
"""Characters looked at, from the end."""
MAX_STARTS = 500
"""Opening braces tried."""
_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)```", re.DOTALL)
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|\b(True|False|None)\b')
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
_JSON = {"True": "true", "False": "false", "None": "null"}


class NoAnswerError(ValueError):
    """The text holds no JSON."""


def read_answer(text: str, wanted: Collection[str] = ()) -> JSON:
    """The JSON that the text answers with; `wanted` are the keys that an answer must have.

    Raises:
        NoAnswerError: there is none.
    """
    text = text[-MAX_TEXT:].strip()
    found: list[JSON] = []
    for candidate in _candidates(text):
        for form in (candidate, _repaired(candidate)):
            value, is_json = _parsed(form)
            if is_json and _holds(value, wanted):
                return value
            if is_json:
                found.append(value)
                break
    for value in found:
        if isinstance(value, dict) or not wanted:
            return value
    raise NoAnswerError("There is no JSON in the text.")


def _holds(value: JSON, wanted: Collection[str]) -> bool:
    return not wanted or (isinstance(value, dict) and set(wanted) <= set(value))


def _candidates(text: str) -> Iterator[str]:
    yield text
    yield from reversed([match.strip() for match in _FENCE.findall(text)])
    yield from reversed(list(_balanced(text)))


def _balanced(text: str) -> Iterator[str]:
    """Outermost `{…}` of the text, in order; braces in strings do not count."""
    start = text.find("{")
    for _ in range(MAX_STARTS):
        if start < 0:
            return
        end = _end(text, start)
        if end is None:
            start = text.find("{", start + 1)
        else:
            yield text[start:end]
            start = text.find("{", end)


def _end(text: str, start: int) -> int | None:
    depth, quoted, escaped = 0, False, False
    for place in range(start, len(text)):
        letter = text[place]
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            if depth == 0:
                return place + 1
    return None


def _repaired(text: str) -> str:
    plain = _WORDS.sub(lambda m: _JSON.get(m.group(1) or "", m.group(0)), text)
    return _COMMA.sub(lambda m: m.group(1) or "", plain)


def _parsed(text: str) -> tuple[JSON, bool]:
    try:
        return json.loads(text, parse_constant=_refuse), True
    except (ValueError, RecursionError):
        return None, False


def _refuse(word: str) -> JSON:
    raise ValueError(f"{word} is not JSON")
