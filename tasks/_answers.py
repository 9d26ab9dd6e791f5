"""Strict reading of answers: what an agent sends is data, never code.

Refuses what `json` lets through in silence: NaN, Infinity, 1e999, duplicate keys, deep nesting and
texts above the size cap. Floats are finite, booleans are not numbers (models are strict).
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from tasks._core import JSON

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MIME = "application/vnd.proctor.answer+json"
"""MIME type of the cell output in which the daemon writes an accepted answer."""


@dataclass(frozen=True)
class Malformed:
    """Why a raw answer does not have the shape of the schema; safe to show to the agent."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.problems)


def parse(text: str) -> JSON | Malformed:
    """Parse one JSON document strictly; give `Malformed` instead of raising."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return Malformed((f"the answer is larger than {MAX_BYTES:,} bytes",))
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except RecursionError:
        return Malformed((f"the answer is nested deeper than {MAX_DEPTH} levels",))
    except ValueError as error:
        return Malformed((f"the answer is not valid JSON: {error}",))
    return check(value)


def check(value: JSON) -> JSON | Malformed:
    """Check that a JSON value is finite, shallow and small; return it unchanged if so."""
    problem = _problem(value, MAX_DEPTH)
    return value if problem is None else Malformed((problem,))


def validate(model: type[BaseModel], value: JSON) -> JSON | Malformed:
    """Check `value` against an answer model; return the model's canonical JSON form.

    A string is taken as JSON text: some clients send objects that way.
    """
    parsed = parse(value) if isinstance(value, str) else check(value)
    if isinstance(parsed, Malformed):
        return parsed
    try:
        return model.model_validate_json(json.dumps(parsed), strict=True).model_dump(mode="json")
    except ValidationError as error:
        return Malformed(tuple(_sentence(item) for item in error.errors()[:8]))


def _sentence(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "the answer"
    return f"{where}: {item['msg']}"


def _refuse(constant: str) -> JSON:
    raise ValueError(f"{constant} is not allowed; numbers are finite")


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return found


def _problem(value: JSON, depth: int) -> str | None:
    if depth == 0:
        return f"the answer is nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, float) and not math.isfinite(value):
        return "numbers must be finite"
    if isinstance(value, dict):
        inner: list[JSON] = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return None
    problems = (_problem(item, depth - 1) for item in inner)
    return next((p for p in problems if p is not None), None)
