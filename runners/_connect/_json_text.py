"""One entry of one object in a JSON text, put in or taken out without touching another byte.

The text is read by the standard library's decoder; positions come from walking the members of the
few objects on the way, so that numbers, order, spacing and doubled keys elsewhere stay as written.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json.decoder import JSONDecoder, scanstring  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] - public since Python 2.6, missing in the stubs

from runners._connect._descent import reached
from tasks import JSON

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = JSONDecoder()
INDENT = "  "


@dataclass(frozen=True)
class _Member:
    """One member of an object; offsets into the text."""

    name: str
    start: int
    """Of the key's quote."""
    value: int
    end: int
    """After the value."""


def found(text: str, path: Sequence[str]) -> JSON:
    """The value at `path`; None if there is none.

    Raises:
        ValueError: the text is no JSON, or something on the way is no object.
    """
    return reached(json.loads(text), path, "an object")


def put(text: str, path: Sequence[str], value: JSON) -> str:
    """The text with `value` at `path`; objects on the way are made where they are missing.

    Raises:
        ValueError: the text is no JSON, or something on the way is no object.
    """
    found(text, path)
    start, depth = _SPACE.match(text).end(), 0  # pyright: ignore[reportOptionalMemberAccess] - matches always
    while True:
        members = list(_members(text, start))
        here = _last(members, path[depth])
        if here is None:
            for name in reversed(path[depth + 1 :]):
                value = {name: value}
            return _inserted(text, start, members, (path[depth], value))
        if depth == len(path) - 1 or text[here.value :].startswith("null"):
            for name in reversed(path[depth + 1 :]):
                value = {name: value}
            return text[: here.value] + _written(text, here.start, value) + text[here.end :]
        start, depth = here.value, depth + 1


def take(text: str, path: Sequence[str]) -> str:
    """The text without the member at `path`; as it is if there is none.

    Raises:
        ValueError: the text is no JSON, or something on the way is no object.
    """
    if found(text, path) is None:
        return text
    start = _SPACE.match(text).end()  # pyright: ignore[reportOptionalMemberAccess] - matches always
    for name in path[:-1]:
        here = _last(list(_members(text, start)), name)
        assert here is not None  # `found` has been there
        start = here.value
    members = list(_members(text, start))
    here = _last(members, path[-1])
    assert here is not None
    at = members.index(here)
    if at:
        return text[: members[at - 1].end] + text[here.end :]
    if len(members) > 1:
        return text[: here.start] + text[members[1].start :]
    return text[: start + 1] + text[_closing(text, here.end) :]


def _members(text: str, start: int) -> Iterator[_Member]:
    at = _skip(text, start + 1)
    while text[at] != "}":
        name, after = scanstring(text, at + 1, True)
        value = _skip(text, _skip(text, after) + 1)
        _, end = _DECODER.raw_decode(text, value)
        yield _Member(name, at, value, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _last(members: Sequence[_Member], name: str) -> _Member | None:
    """The member that counts: of doubled keys the last, as every reader has it."""
    return next((one for one in reversed(members) if one.name == name), None)


def _inserted(text: str, start: int, members: Sequence[_Member], member: tuple[str, JSON]) -> str:
    name, value = member
    if members:
        last = members[-1]
        before = text[_skip_back(text, last.start) : last.start]
        written = _written(text, last.start, value)
        return f"{text[: last.end]},{before}{json.dumps(name)}: {written}{text[last.end :]}"
    outer = _indent(text, start)
    inner = outer + INDENT
    body = _dumped(value, inner)
    rest = text[_closing(text, start + 1) :]
    return f"{text[: start + 1]}\n{inner}{json.dumps(name)}: {body}\n{outer}{rest}"


def _written(text: str, key: int, value: JSON) -> str:
    """A value as it is written beside the member whose key stands at `key`."""
    if "\n" not in text[_skip_back(text, key) : key]:
        return json.dumps(value)
    return _dumped(value, _indent(text, key))


def _dumped(value: JSON, indent: str) -> str:
    return json.dumps(value, indent=INDENT).replace("\n", "\n" + indent)


def _indent(text: str, at: int) -> str:
    """White space at the head of the line that `at` is on."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _closing(text: str, at: int) -> int:
    at = _skip(text, at)
    return at if text[at] == "}" else text.index("}", at)


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess] - matches always


def _skip_back(text: str, at: int) -> int:
    while at and text[at - 1] in " \t\r\n":
        at -= 1
    return at
