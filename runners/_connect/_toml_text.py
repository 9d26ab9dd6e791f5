"""One table of a TOML text, put in or taken out; comments, order and spacing elsewhere stay."""

import contextlib
from collections.abc import Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from runners._connect._descent import reached
from tasks import JSON


def found(text: str, path: Sequence[str]) -> JSON:
    """The value at `path` as plain data; None if there is none.

    Raises:
        ValueError: the text is no TOML, or something on the way is no table.
    """
    return reached(_parsed(text).unwrap(), path, "a table")


def put(text: str, path: Sequence[str], value: JSON) -> str:
    """The text with the table `value` at `path`.

    Raises:
        ValueError: the text is no TOML, or something on the way is no table.
    """
    text = take(text, path)
    for made in (_appended, _within):
        # Which of the two a document takes depends on how its tables are written.
        new = made(text, path, value)
        with contextlib.suppress(ValueError):
            if found(new, path) == value:
                return new
    raise ValueError(f"no table {'.'.join(path)} can be added to it")


def take(text: str, path: Sequence[str]) -> str:
    """The text without what lies at `path`; as it is if there is nothing.

    Raises:
        ValueError: the text is no TOML, or something on the way is no table.
    """
    if found(text, path) is None:
        return text
    document = _parsed(text)
    del _at(document, path[:-1])[path[-1]]
    return tomlkit.dumps(document)


def _appended(text: str, path: Sequence[str], value: JSON) -> str:
    """With a table of its full name at the end."""
    head = tomlkit.document()
    inner: Any = head
    for name in path[:-1]:
        inner[name] = tomlkit.table(is_super_table=True)
        inner = inner[name]
    inner[path[-1]] = value
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    return text + gap + tomlkit.dumps(head)


def _within(text: str, path: Sequence[str], value: JSON) -> str:
    """As one more key of the table that is there."""
    document = _parsed(text)
    _at(document, path[:-1])[path[-1]] = value
    return tomlkit.dumps(document)


def _parsed(text: str) -> Any:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from error


def _at(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        document = document[name]
    return document
