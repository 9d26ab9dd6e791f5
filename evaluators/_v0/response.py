r"""Reads free text as the published form does: finds one JSON object, repairs small slips, checks.

Order of attempts: the whole text, each fenced block, the first balanced {...}; where none of them
is an object, once more after a fence is stripped, Python literals are replaced and trailing commas
removed. Then numbers in quotes become numbers ("50%" is 0.5), some keys have aliases and actions
have synonyms. Errors are codes (`no_json_object`, `refusal_no_answer`, `missing_field:x`,
`invalid_field:x`); what was found is graded all the same.

Two departures, both for safety: no step takes more than linear time in the text, and an object
nested deeper than `DEPTH_MAX` counts as none (the published parser hangs on the one and dies of
the other).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluators._v0 import fields
from tasks import JSON

DEPTH_MAX = 100
REFUSALS = (
    "i cannot",
    "i can't",
    "i won't",
    "i will not",
    "i'm unable",
    "i am unable",
    "cannot help",
    "can't help",
    "cannot assist",
    "not able to provide",
    "as an ai",
    "i must decline",
    "i refuse",
)
"""Published phrases; a text that holds one of them, in any case of letters, is a refusal."""

_FENCE = "```"
_SYNTAX = re.compile(r'[{}"\\]')
_NUMERIC = re.compile(r"[+-]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?")
_TRAILING_COMMA = re.compile(r",(\s*+[}\]])")
_LITERALS = {"True": "true", "False": "false", "None": "null"}
_LITERAL = re.compile(rf"\b({'|'.join(_LITERALS)})\b")


@dataclass(frozen=True)
class Response:
    """What a text came to."""

    parsed: Mapping[str, JSON] | None
    """The object, repaired; None where there is none: a parse failure."""
    errors: tuple[str, ...] = ()
    """Error codes, in the order of the fields."""
    repaired: bool = False
    """Whether the text or a key had to be mended (numbers and synonyms do not count)."""
    refusal: bool = False
    action: str | None = None
    """The decision in one word, in environments that ask for one."""


def parsed(text: str, environment: str) -> Response:
    """Read a response to one published environment (`auctions` or `strategic/v0/auctions`).

    Raises:
        UsageError: there is no such environment.
    """
    name = fields.known(environment)
    refusal = refuses(text)
    found, repaired = found_object(text), False
    if found is None:
        mended = mended_text(text)
        found = found_object(mended) if mended != text.strip() else None
        repaired = found is not None
    if found is None:
        code = "refusal_no_answer" if refusal else "no_json_object"
        return Response(None, (code,), refusal=refusal)
    numeric = {key: with_numbers(value) for key, value in found.items()}
    renamed = fields.renamed(numeric, name)
    answer = fields.canonical(renamed, name)
    return Response(
        parsed=answer,
        errors=tuple(fields.errors(answer, name)),
        repaired=repaired or renamed.keys() != numeric.keys(),
        refusal=refusal,
        action=fields.decision(answer, name),
    )


def refuses(text: str) -> bool:
    """Whether the text holds one of the phrases of a refusal."""
    lowered = text.lower()
    return any(phrase in lowered for phrase in REFUSALS)


def found_object(text: str) -> dict[str, JSON] | None:
    """The first candidate that is one JSON object."""
    whole = text.strip()
    candidates = dict.fromkeys((whole, *_fenced(whole), _balanced(whole)))
    return next((found for one in candidates if (found := _object(one)) is not None), None)


def mended_text(text: str) -> str:
    """Fence off, Python literals to JSON, no trailing commas; keys and values stay."""
    whole = text.strip()
    inner = next(_fenced(whole), whole)
    literal = _LITERAL.sub(lambda match: _LITERALS[match[1]], inner)
    return _TRAILING_COMMA.sub(r"\1", literal)


def with_numbers(value: JSON) -> JSON:
    """Strings that are numbers as floats, percentages as shares; at every depth."""
    if isinstance(value, dict):
        return {key: with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    return _number(value) if isinstance(value, str) else value


def _number(text: str) -> JSON:
    candidate = text.strip()
    percent = candidate.endswith("%")
    body = candidate[:-1].strip() if percent else candidate
    if _NUMERIC.fullmatch(body) is None:
        return text
    return float(body) / 100.0 if percent else float(body)


def _fenced(text: str) -> Iterator[str]:
    """The content of every block between two fences, a `json` after the first left out."""
    at = text.find(_FENCE)
    while at >= 0:
        start = at + len(_FENCE)
        end = text.find(_FENCE, start)
        if end < 0:
            return
        inner = text[start:end]
        tagged = inner.startswith(("json", "JSON"))
        yield (inner[4:] if tagged else inner).strip()
        at = text.find(_FENCE, end + len(_FENCE))


def _balanced(text: str) -> str:
    """The first {...} whose braces outside strings balance; '' if none does."""
    start, depth, quoted, skip = text.find("{"), 0, False, -1
    if start < 0:
        return ""
    for match in _SYNTAX.finditer(text, start):
        at, sign = match.start(), match[0]
        if at == skip:
            continue
        if sign == "\\":
            skip = at + 1 if quoted else skip
        elif sign == '"':
            quoted = not quoted
        elif not quoted:
            depth += 1 if sign == "{" else -1
            if depth == 0:
                return text[start : at + 1]
    return ""


def _object(text: str) -> dict[str, JSON] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _shallow(value, DEPTH_MAX) else None


def _shallow(value: JSON, depth: int) -> bool:
    if isinstance(value, dict):
        inner: Sequence[JSON] = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return True
    return depth > 0 and all(_shallow(item, depth - 1) for item in inner)
