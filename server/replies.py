"""What a tool call gives back: text that fits a model's window, and pictures.

Clients cut long texts in ways a model cannot see (one at 12,000 characters, in the middle), so
that every text of ours ends at `LIMIT` characters, says in words what is left out, and the rest
is paged by `read_output`. A text that is JSON is cut inside its strings and lists: always valid.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks import JSON

LIMIT = 8_000
"""Characters of one text block."""
ENDS = 20
"""Items kept at each end of a list that is too long to show."""


@dataclass(frozen=True)
class Text:
    """A text block."""

    text: str


@dataclass(frozen=True)
class Picture:
    """An image block; `mime` is `image/png` or `image/jpeg`."""

    data: bytes
    mime: str


Reply = Sequence[Text | Picture]


def dump(value: JSON) -> str:
    """One line of strict JSON; characters that no client could decode are escaped visibly."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def said(body: Mapping[str, JSON]) -> Reply:
    """A reply of one JSON block that is known to be short."""
    return (Text(dump(body)),)


def fit(body: Mapping[str, JSON], key: str, room: int = LIMIT) -> tuple[str, bool]:
    """Dump `body` in at most `room` characters by cutting strings and lists below `key` only.

    Returns:
        The JSON text, and whether anything was cut. Everything outside `key` must fit `room`.
    """
    whole = dump(body)
    if len(whole) <= room:
        return whole, False
    frame = len(dump({**body, key: None})) - len("null")
    return dump({**body, key: squeeze(body[key], room - frame)}), True


def squeeze(value: JSON, room: int) -> JSON:
    """`value` with its strings and lists cut, all to one length, so that it dumps in `room`."""
    whole = len(dump(value))
    if whole <= room:
        return value
    # Once coarsely, so that the search below dumps little each time.
    coarse = _shorten(value, room)
    low, high, best = 0, room, _shorten(coarse, 0)
    while low < high:
        keep = (low + high + 1) // 2
        tried = _shorten(coarse, keep)
        if len(dump(tried)) <= room:
            low, best = keep, tried
        else:
            high = keep - 1
    if len(dump(best)) > room:
        return f"… {whole:,} characters in many small parts left out …"
    return best


def page(text: str, offset: int, room: int = LIMIT - 500) -> tuple[str, int | None]:
    """The part of `text` from `offset` that dumps within `room`, and the offset of the next one."""
    size = min(room, len(text) - offset)
    while size > 1 and len(dump(text[offset : offset + size])) > room:
        size = size * 3 // 4
    end = offset + size
    return text[offset:end], (end if end < len(text) else None)


def _shorten(value: JSON, keep: int) -> JSON:
    if isinstance(value, str):
        return _cut(value, keep)
    if isinstance(value, list):
        return [_shorten(item, keep) for item in _ends(value)]
    if isinstance(value, dict):
        return {name: _shorten(item, keep) for name, item in value.items()}
    return value


def _cut(text: str, keep: int) -> str:
    if len(text) <= keep + 40:
        return text
    tail = keep // 3
    head = keep - tail
    left_out = f"\n… {len(text) - keep:,} characters left out …\n"
    return f"{text[:head]}{left_out}{text[len(text) - tail :] if tail else ''}"


def _ends(items: list[JSON]) -> list[JSON]:
    if len(items) <= 2 * ENDS + 1:
        return items
    left_out = f"… {len(items) - 2 * ENDS:,} items left out …"
    gap: JSON = left_out if isinstance(items[0], str) else {"type": "text", "content": left_out}
    return [*items[:ENDS], gap, *items[-ENDS:]]
