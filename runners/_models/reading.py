"""Reads the JSON that a model's text answers with, tolerantly.

In this order: the whole text; each fenced block, the last first; each outermost `{…}`, the last
first (a model that reasons in its text ends with its answer). What holds the wanted keys goes
before what does not. If nothing is strict JSON, the same again after repair: Python's True, False
and None, and commas before a closing bracket.
"""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from math import isfinite

from tasks import JSON

MAX_TEXT = 200_000
"""Characters looked at, from the end."""
MAX_STARTS = 20_000
"""Opening braces tried; formulas are full of them."""
DEEP = 2_000
"""Characters passed over where an object is nested too deep to be read."""
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
    found = [value for form in (text, _repaired(text)) for value in _values(form)]
    for value in found:
        if _holds(value, wanted):
            return value
    for value in found:
        if isinstance(value, dict):
            return value
    raise NoAnswerError("There is no JSON in the text.")


def _holds(value: JSON, wanted: Collection[str]) -> bool:
    return not wanted or (isinstance(value, dict) and set(wanted) <= set(value))


def _values(text: str) -> Iterator[JSON]:
    """Every JSON in the text, the likeliest first."""
    for candidate in (text, *reversed(_FENCE.findall(text))):
        with suppress(ValueError, RecursionError):
            yield _DECODER.decode(candidate.strip())
    yield from reversed(list(_objects(text)))


def _objects(text: str) -> Iterator[JSON]:
    """Outermost objects of the text, in order."""
    start = text.find("{")
    for _ in range(MAX_STARTS):
        if start < 0:
            return
        end = start + 1
        try:
            value, end = _DECODER.raw_decode(text, start)
            yield value
        except RecursionError:
            end = start + DEEP  # no answer is nested so deep, nor is what is in it
        except ValueError:
            pass
        start = text.find("{", end)


def _repaired(text: str) -> str:
    plain = _WORDS.sub(lambda m: _JSON.get(m.group(1) or "", m.group(0)), text)
    return _COMMA.sub(lambda m: m.group(1) or "", plain)


def _refuse(word: str) -> JSON:
    raise ValueError(f"{word} is not JSON")


def _finite(number: str) -> float:
    if not isfinite(value := float(number)):
        raise ValueError(f"{number} is no number of JSON's")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
