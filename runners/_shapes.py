"""Random values of a JSON schema's shape: what an agent without a thought hands in.

Covers what pydantic writes for an answer model: `$ref`, `const`, `enum`, `anyOf`/`oneOf`,
one-branch `allOf`, objects, arrays (`prefixItems`, sizes, `uniqueItems`), numbers with bounds,
whole multiples, strings with lengths, booleans, null. Does not cover `pattern`, `not` or `if`: a
value that those forbid is refused by the server, which is the random agent's fair lot. One keyword
is ours: `x-sums-to` on an array of numbers asks that they add up to that.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from tasks import JSON

Schema = Mapping[str, Any]

SPAN = 10.0
"""Width of the range of a number that the schema leaves open."""


def draw(schema: Schema, rng: random.Random) -> JSON:
    """Draw a value that fits `schema`; the same generator state gives the same value.

    Raises:
        ValueError: a part of the schema says nothing of the value's type.
    """
    return _draw(schema, rng, schema.get("$defs", {}))


def _draw(schema: Schema, rng: random.Random, defs: Schema) -> JSON:
    if "$ref" in schema:
        return _draw(defs[schema["$ref"].rpartition("/")[2]], rng, defs)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _draw(rng.choice(schema[several]), rng, defs)
    if len(schema.get("allOf", ())) == 1:
        return _draw(schema["allOf"][0], rng, defs)
    kinds: str | list[str] = schema.get("type", "")
    kind = kinds if isinstance(kinds, str) else rng.choice(kinds)
    if kind not in _KINDS:
        raise ValueError(f"the schema says nothing of a value's type: {dict(schema)}")
    return _KINDS[kind](schema, rng, defs)


def _object(schema: Schema, rng: random.Random, defs: Schema) -> JSON:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    values = {name: _draw(inner, rng, defs) for name, inner in properties.items()}
    extra = schema.get("additionalProperties")
    if not properties and isinstance(extra, Mapping):
        size = _size(schema, rng, "minProperties", "maxProperties")
        values = {f"k{i}": _draw(extra, rng, defs) for i in range(size)}
    return values


def _array(schema: Schema, rng: random.Random, defs: Schema) -> JSON:
    first: list[JSON] = [_draw(inner, rng, defs) for inner in schema.get("prefixItems", ())]
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return first
    size = max(_size(schema, rng, "minItems", "maxItems"), len(first))
    values = first + [_draw(items, rng, defs) for _ in range(size - len(first))]
    if "x-sums-to" in schema:
        total = sum(values) or 1.0
        return [value * schema["x-sums-to"] / total for value in values]
    if schema.get("uniqueItems"):
        return list({str(value): value for value in values}.values())
    return values


def _size(schema: Schema, rng: random.Random, least: str, most: str) -> int:
    low = schema.get(least, 0)
    return rng.randint(low, min(schema.get(most, low + 5), low + 20))


def _bounds(schema: Schema, step: float) -> tuple[float, float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = -SPAN / 2 if high is None else high - SPAN
    if high is None:
        high = low + SPAN
    low += step if "exclusiveMinimum" in schema else 0
    high -= step if "exclusiveMaximum" in schema else 0
    return low, high


def _number(schema: Schema, rng: random.Random, _: Schema) -> JSON:
    return rng.uniform(*_bounds(schema, 1e-9))


def _integer(schema: Schema, rng: random.Random, _: Schema) -> JSON:
    low, high = _bounds(schema, 1)
    step = int(schema.get("multipleOf", 1))
    return step * rng.randint(-(-int(low) // step), int(high) // step)


def _string(schema: Schema, rng: random.Random, _: Schema) -> JSON:
    low = schema.get("minLength", 1)
    size = rng.randint(low, min(schema.get("maxLength", low + 7), low + 20))
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=size))


_KINDS: Mapping[str, Callable[[Schema, random.Random, Schema], JSON]] = {
    "object": _object,
    "array": _array,
    "number": _number,
    "integer": _integer,
    "string": _string,
    "boolean": lambda _schema, rng, _defs: rng.random() < 0.5,
    "null": lambda _schema, _rng, _defs: None,
}
