"""JSON as the record writes and reads it: canonical on the way out, strict on the way in.

Canonical: UTF-8, sorted keys, no spaces, finite numbers, at most `MAX_DEPTH` levels. What a kernel
may send (lone surrogates, NaN, bottomless nesting) is made plain by `plain` first, so that no
output of an agent can stop the record.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from tasks._core import JSON
from tasks._errors import RecordError

MAX_DEPTH = 64
_MAX_INT_BITS = 8192  # Python refuses to print integers above 4,300 digits.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def encode(value: JSON) -> bytes:
    """The canonical form of a JSON value.

    Raises:
        RecordError: the value is not JSON (NaN, lone surrogates, deeper than `MAX_DEPTH`).
    """
    try:
        data = _ENCODER.encode(value).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise RecordError(f"A value cannot be recorded as JSON: {error}.") from error
    # Counting brackets is cheap and settles nearly every value; only the rest is walked.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and not _shallow(value):
        raise RecordError(f"A value nested deeper than {MAX_DEPTH} levels cannot be recorded.")
    return data


def decode(data: bytes | str, *, unique: bool = True) -> JSON:
    """Read one JSON document strictly: UTF-8, no NaN, no bottomless nesting, no key twice.

    Args:
        data: the document; the caller has capped its size.
        unique: whether to look for keys that appear twice (slower; needless after a MAC check).

    Raises:
        ValueError: it is not such a document.
    """
    hook = _unique if unique else None
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=hook
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def plain(value: JSON, depth: int = MAX_DEPTH - 8) -> JSON:
    """The nearest value that `encode` accepts.

    Lone surrogates become U+FFFD; non-finite numbers, endless integers and what lies deeper than
    `depth` become short texts; keys become strings.
    """
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_INT_BITS else "(an integer too long to record)"
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth <= 0:
        return "(nested too deeply to record)"
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth - 1) for item in value]
    return _text(str(value))


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # UTF-16 joins surrogates that were sent as a pair and replaces those that stand alone.
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _shallow(value: JSON) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list | tuple):
                inner.extend(item)
        if not inner:
            return True
        level = inner
    return False


def _refuse(constant: str) -> JSON:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is not a finite number")
    return value


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return found
