"""Lapses: ways in which an honest solution goes wrong, each as often as one number says.

They need no key and know no family: what is misread is a figure that the solution reads, what is
guessed is a value of the brief's own schema.

* *Losing the thread*: whoever can hold `span` figures together solves a task of n figures with
  probability exp(-(n / span)^2), for what must be related are pairs of figures; else it guesses.
* *Misreading*: each figure of `task/instance.json` is, with probability `misread`, read from the
  neighbouring line or column; each effect that a circuit's solution has measured is then read as
  any figure within the range of them all.
* *Slipping*: each part of an answer, or each whole step of an episode, is, with probability
  `slip`, what a random valid answer would have there.

A harder preset has more figures and more steps, so that the same lapses cost more there.
"""

import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from runners._desk import RefusedError
from runners._shapes import draw
from runners._solutions import Act, Execute
from tasks import JSON

Schema = Mapping[str, Any]

COUNTING = """\
import json as _json

def _figures(value):
    if isinstance(value, (dict, list)):
        return sum(map(_figures, value.values() if isinstance(value, dict) else value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)

with open("task/instance.json") as file:
    print(_figures(_json.load(file)))
"""
"""A cell: how many figures the task has."""

MISREADING = """\
import io as _io, json as _json, random as _random
_lapses = _random.Random({seed})

def _figure(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)

def _misread(value, beside=None):
    # `beside` stands in the same place of the neighbouring line; None: there is no such line.
    if isinstance(value, dict):
        near = beside if isinstance(beside, dict) else {{}}
        return {{key: _misread(inner, near.get(key)) for key, inner in value.items()}}
    if isinstance(value, list) and len(value) > 1:
        return [_misread(inner, value[i - 1 if i else 1]) for i, inner in enumerate(value)]
    if isinstance(value, list):
        near = beside if isinstance(beside, list) and beside else [None]
        return [_misread(inner, near[0]) for inner in value]
    wrong = _figure(value) and _figure(beside) and _lapses.random() < {misread}
    return beside if wrong else value

def _misread_task():
    with open("task/instance.json") as file:
        return _io.StringIO(_json.dumps(_misread(_json.load(file))))

def _misread_effects(effects):
    low, high = min(effects.values()), max(effects.values())
    return {{name: _lapses.uniform(low, high) if _lapses.random() < {misread} else effect
            for name, effect in effects.items()}}
"""
"""A cell: how the notebook misreads from now on."""

READINGS = {
    'open("task/instance.json")': "_misread_task()",
    "effects.items()": "_misread_effects(effects).items()",
}
"""How solutions read figures, and how they read them where figures are misread."""


def holds(figures: int, span: float, rng: random.Random) -> bool:
    """Whether someone who can hold `span` figures together keeps the thread of a task."""
    return rng.random() < math.exp(-((figures / span) ** 2))


def misreading(execute: Execute, schema: Schema, rng: random.Random) -> Execute:
    """The same notebook, for someone who misreads: cells read figures as `MISREADING` does.

    A cell that fails (no sense can be made of what was misread) gives a guess in its place.
    """

    async def run(code: str) -> str:
        for plain, wrong in READINGS.items():
            code = code.replace(plain, wrong)
        try:
            return await execute(code)
        except RefusedError:
            return json.dumps(draw(schema, rng))

    return run


def slipping(act: Act, schema: Schema, rng: random.Random, slip: float) -> Act:
    """The same steps, for someone who slips: with probability `slip` a step is a random valid one.

    A random one that the episode refuses is not repeated: the step meant is taken after all.
    """

    async def step(action: JSON) -> Mapping[str, JSON]:
        if rng.random() < slip:
            try:
                return await act(draw(schema, rng))
            except RefusedError:
                return await act(action)
        return await act(action)

    return step


def spoiled(answer: JSON, schema: Schema, rng: random.Random, slip: float) -> JSON:
    """An answer each part of which is, with probability `slip`, that of a random valid answer.

    Parts are the fields of an object; of a list that must keep its sum, all of it (half of it is
    then random); of another list, its entries: those slipped are left out, and those of a random
    list come in for them.
    """
    return _spoiled(answer, draw(schema, rng), _Place(schema, schema.get("$defs", {})), rng, slip)


class _Place:
    """A place in a schema."""

    def __init__(self, schema: Schema, defs: Schema) -> None:
        while "$ref" in schema:
            schema = defs[schema["$ref"].rpartition("/")[2]]
        self.schema, self._defs = schema, defs

    def at(self, name: str) -> "_Place":
        """Where a field lies."""
        return _Place(self.schema.get("properties", {}).get(name, {}), self._defs)


def _spoiled(answer: JSON, other: JSON, place: _Place, rng: random.Random, slip: float) -> JSON:
    if isinstance(answer, Mapping) and isinstance(other, Mapping):
        return {
            name: _spoiled(inner, other[name], place.at(name), rng, slip)
            if name in other
            else inner
            for name, inner in answer.items()
        }
    if isinstance(answer, Sequence) and not isinstance(answer, str) and "x-sums-to" in place.schema:
        return _mixed(answer, other) if rng.random() < slip else answer
    if isinstance(answer, list) and isinstance(other, list):
        kept = [one for one in answer if rng.random() >= slip]
        new = [one for one in other if rng.random() < slip]
        return [*kept, *new]
    return other if rng.random() < slip else answer


def _mixed(answer: Sequence[Any], other: Sequence[Any]) -> JSON:
    return [(one + two) / 2 for one, two in zip(answer, other, strict=True)]
