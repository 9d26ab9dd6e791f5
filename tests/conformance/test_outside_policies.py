"""Policies that no family knows of stay at its floor: the best constant answer, and a regression.

A learner gets 1,000 public briefs with their right answers (an episode: the right action at every
step), and answers unseen ones from the numbers it was told. Both stay within 0.05 of the floor on
the scale (mean - floor) / (ceiling - floor). Slow: `pytest -m slow tests/conformance`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from evaluators import MEASURES
from evaluators._floors import checked, shipped, slug
from ground_truth import TRUTHS, Drawn, answered, draw
from tasks import FAMILIES, JSON, AgentFault, InstanceId, Observation, Split, family
from tasks._answers import Malformed, validate

PAIRS = [
    (name, preset)
    for name in FAMILIES.names()
    if "strategic" in family(name).tags
    for preset in family(name).presets
]
LEARNT, ASKED = 1_000, 200
CONSTANTS = 40
"""Right answers of learnt briefs that are tried as constants, beside their mean."""
LEAD = 0.05
RIDGE = 10.0

Vector = npt.NDArray[np.float64]
Schema = Mapping[str, Any]


def numbers(value: JSON) -> Iterator[float]:
    """All numbers of a JSON value in the order in which they stand."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, bool | int | float):
        yield float(value)


@dataclass(frozen=True)
class Coder:
    """Answers of one schema as vectors: numbers as they are, choices by one number an option."""

    schema: Schema

    def encode(self, value: JSON) -> list[float]:
        return list(_encoded(self.schema, value, self.schema.get("$defs", {})))

    def decode(self, vector: Vector) -> JSON:
        return _decoded(self.schema, iter(vector.tolist()), self.schema.get("$defs", {}))


def _options(schema: Schema) -> list[JSON] | None:
    if "const" in schema:
        return [schema["const"]]
    if schema.get("type") == "boolean":
        return [False, True]
    return list(schema["enum"]) if "enum" in schema else None


def _plain(schema: Schema, defs: Schema) -> Schema:
    return defs[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _inner(schema: Schema, defs: Schema) -> list[Schema]:
    """The parts of an array of a fixed length (the longest that is allowed)."""
    first = list(schema.get("prefixItems", ()))
    items = schema.get("items")
    rest = int(schema.get("maxItems", len(first))) - len(first)
    return [_plain(one, defs) for one in (*first, *([items] * rest if items else []))]


def _encoded(given: Schema, value: JSON, defs: Schema) -> Iterator[float]:
    schema = _plain(given, defs)
    options = _options(schema)
    if options is not None:
        yield from (float(option == value) for option in options)
    elif "anyOf" in schema:
        # A number or nothing: whether it is given, and what.
        part = next(_plain(p, defs) for p in schema["anyOf"] if p.get("type") != "null")
        yield float(value is not None)
        yield from _encoded(part, _middle(part, defs) if value is None else value, defs)
    elif schema["type"] == "object":
        for name, part in schema["properties"].items():
            yield from _encoded(part, value[name], defs)
    elif schema["type"] == "array":
        parts = _inner(schema, defs)
        for part, one in zip(parts, [*value, *[0.0] * (len(parts) - len(value))], strict=True):
            yield from _encoded(part, one, defs)
    else:
        yield float(value) if isinstance(value, int | float) else 0.0


def _middle(schema: Schema, defs: Schema) -> JSON:
    options = _options(schema)
    return options[0] if options else schema.get("minimum", 0)


def _decoded(given: Schema, values: Iterator[float], defs: Schema) -> JSON:
    schema = _plain(given, defs)
    options = _options(schema)
    if options is not None:
        weights = [next(values) for _ in options]
        return options[weights.index(max(weights))]
    if "anyOf" in schema:
        part = next(_plain(p, defs) for p in schema["anyOf"] if p.get("type") != "null")
        there = next(values) >= 0.5
        value = _decoded(part, values, defs)
        return value if there else None
    if schema["type"] == "object":
        return {n: _decoded(part, values, defs) for n, part in schema["properties"].items()}
    if schema["type"] == "array":
        found = [_decoded(part, values, defs) for part in _inner(schema, defs)]
        return _normal(found, schema)
    if schema["type"] == "string":
        next(values)
        return ""
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf))
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    number = min(high, max(low, next(values)))
    return round(number) if schema["type"] == "integer" else number


def _normal(found: list[Any], schema: Schema) -> list[Any]:
    if "x-sums-to" not in schema:
        return found
    total = sum(found)
    return (
        [x / total * schema["x-sums-to"] for x in found]
        if total
        else [schema["x-sums-to"] / len(found)] * len(found)
    )


@dataclass(frozen=True)
class Case:
    """One drawn instance and how to score what is said to it."""

    name: str
    drawn: Drawn[Any, Any]

    @property
    def told(self) -> list[float]:
        return list(numbers(self.drawn.public.model_dump(mode="json")))

    @property
    def coder(self) -> Coder:
        return Coder(family(self.name).answer(self.drawn.public).model_json_schema())

    def ability(self, policy: Callable[[list[float], Coder], JSON]) -> float:
        unit, truth = family(self.name), TRUTHS.find(self.name)
        coder, told = self.coder, self.told
        if truth.world is None:
            answer = policy(told, coder)
        else:
            answer = self._played(lambda seen: policy([*told, *numbers(seen.view)], coder))
        value = checked(unit, self.drawn.public, answer)
        measure = MEASURES.find(unit.measure)
        # An answer that the rules refuse is worth nothing, as in an exam.
        return 0.0 if isinstance(value, Malformed) else measure.score(value, self.drawn.key).ability

    def _played(self, player: Callable[[Observation], JSON]) -> list[JSON]:
        truth = TRUTHS.find(self.name)
        assert truth.world is not None
        world, model = truth.world(self.drawn.key), family(self.name).answer(self.drawn.public)
        actions: list[JSON] = []
        while not world.observe().done:
            value = validate(model, player(world.observe()))
            if isinstance(value, Malformed):
                break
            try:
                world.act(value)
            except AgentFault:
                break
            actions.append(value)
        return actions

    def lessons(self) -> Iterator[tuple[list[float], list[float]]]:
        """What is told, and the right answer to it; for an episode, at every step."""
        truth, coder = TRUTHS.find(self.name), self.coder
        reference = truth.reference(self.drawn.public)
        if truth.world is None:
            yield self.told, coder.encode(reference)
            return
        world = truth.world(self.drawn.key)
        told = self.told
        for action in answered(truth, self.drawn.key, truth.reference(self.drawn.public)):
            yield [*told, *numbers(world.observe().view)], coder.encode(action)
            world.act(action)


def cases(name: str, preset: str, split: Split, count: int) -> Iterator[Case]:
    for seed in range(count):
        where = InstanceId(name, family(name).version, preset, split, seed)
        yield Case(name, draw(where, b"outside"))


@dataclass(frozen=True)
class Ridge:
    """Linear in the numbers told, their squares too; numbers of one place in one column."""

    middle: Vector
    spread: Vector
    weights: Vector
    offset: Vector

    @classmethod
    def fitted(cls, rows: Sequence[list[float]], answers: Sequence[list[float]]) -> "Ridge":
        width = int(np.median([len(row) for row in rows]))
        x, y = _table(rows, width), _table(answers, max(len(a) for a in answers))
        middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
        z = _terms((x - middle) / spread)
        offset = y.mean(axis=0)
        gram = z.T @ z + RIDGE * np.eye(z.shape[1])
        return cls(middle, spread, np.linalg.solve(gram, z.T @ (y - offset)), offset)

    def __call__(self, told: list[float], coder: Coder) -> JSON:
        row = (_table([told], len(self.middle))[0] - self.middle) / self.spread
        return coder.decode(_terms(np.clip(row, -5, 5)[None])[0] @ self.weights + self.offset)


def _terms(z: Vector) -> Vector:
    return np.concatenate((z, z**2 - 1.0), axis=1)


def _table(rows: Sequence[list[float]], width: int) -> Vector:
    """Rows cut or filled with zeros to `width` columns."""
    return np.array([[*row[:width], *[0.0] * (width - len(row))] for row in rows])


def constant(answer: list[float]) -> Callable[[list[float], Coder], JSON]:
    return lambda told, coder: coder.decode(np.array(answer))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "preset"), PAIRS)
def test_no_policy_from_outside_beats_the_floor(name: str, preset: str) -> None:
    scale = shipped()[slug(name, preset)]
    learnt = list(cases(name, preset, Split.PUBLIC, LEARNT))
    lessons = [lesson for case in learnt for lesson in case.lessons()]
    rows, answers = [r for r, _ in lessons], [a for _, a in lessons]
    width = max(len(a) for a in answers)
    answers = [a for a in answers if len(a) == width]
    rows = [r for r, a in lessons if len(a) == width]
    asked = list(cases(name, preset, Split.PRIVATE, ASKED))

    def normalised(policy: Callable[[list[float], Coder], JSON], on: Sequence[Case]) -> float:
        return scale.normalised(float(np.mean([case.ability(policy) for case in on])))

    tried = [list(np.mean(answers, axis=0)), *answers[:: max(1, len(answers) // CONSTANTS)]]
    best = max(tried, key=lambda answer: normalised(constant(answer), learnt[:CONSTANTS]))
    leads = {
        "best constant": normalised(constant(best), asked),
        "regression": normalised(Ridge.fitted(rows, answers), asked),
        "oracle": normalised_oracle(asked, scale.normalised),
    }
    print(name, preset, {who: round(lead, 3) for who, lead in leads.items()}, scale.floor)  # noqa: T201 - `-s` shows the table
    assert leads["oracle"] == pytest.approx(1.0)
    assert leads["best constant"] <= LEAD
    assert leads["regression"] <= LEAD


def normalised_oracle(asked: Sequence[Case], normalised: Callable[[float], float]) -> float:
    marks: list[float] = []
    for case in asked:
        unit, truth = family(case.name), TRUTHS.find(case.name)
        answer = answered(truth, case.drawn.key, truth.oracle(case.drawn.key))
        value = checked(unit, case.drawn.public, answer)
        marks.append(MEASURES.find(unit.measure).score(value, case.drawn.key).ability)
    return normalised(float(np.mean(marks)))


def test_the_coder_returns_what_it_was_given() -> None:
    for name, preset in PAIRS:
        case = next(cases(name, preset, Split.PUBLIC, 1))
        for _, vector in case.lessons():
            again = case.coder.encode(case.coder.decode(np.array(vector)))
            assert again == pytest.approx(vector)
