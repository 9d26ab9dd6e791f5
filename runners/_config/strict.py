"""Shapes that refuse what they do not know, and say what they do."""

import typing
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks import nearest


class Strict(BaseModel):
    """A mapping of which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    REFUSED: ClassVar[Mapping[str, str]] = {}
    """Keys of the published shape that have no place here, and why."""


def problems(shape: type[Strict], error: ValidationError) -> list[str]:
    """Every problem of a file: its path (`environments[1].num_tasks`), then what is wrong."""
    found = error.errors()
    # What was left out for its own problems makes a list too short; that is told already.
    inner = {one["loc"][:depth] for one in found for depth in range(len(one["loc"]))}
    return [
        _problem(shape, one["loc"], one["type"], one["msg"])
        for one in found
        if not (one["type"] == "too_short" and one["loc"] in inner)
    ]


def _problem(shape: type[Strict], loc: Sequence[int | str], kind: str, message: str) -> str:
    loc = ["agents" if part == "manners" else part for part in loc]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    if kind != "extra_forbidden":
        return f"{path or 'the file'}: {message.removeprefix('Value error, ')}"
    owner, key = _owner(shape, loc[:-1]), str(loc[-1])
    if key in owner.REFUSED:
        return f"{path}: not known here: {owner.REFUSED[key]}."
    known = [name for name in owner.model_fields if name != "manners"]
    return f"{path}: unknown.{nearest(key, known)} There are {', '.join(known)}."


def _owner(shape: type[Strict], loc: Sequence[int | str]) -> type[Strict]:
    """The shape that a path leads to."""
    for part in loc:
        if isinstance(part, str) and part in shape.model_fields:
            shape = _inner(shape.model_fields[part].annotation) or shape
    return shape


def _inner(annotation: Any) -> type[Strict] | None:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    found = (_inner(argument) for argument in typing.get_args(annotation))
    return next((one for one in found if one is not None), None)
