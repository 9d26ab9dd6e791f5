"""Whatever is handed in, of every family: refused with words that help, or scored within bounds."""

import math
from collections.abc import Iterator
from typing import Any

import pytest

from evaluators import MEASURES
from evaluators._score import mark
from ground_truth import TRUTHS, answered, draw
from tasks import FAMILIES, JSON, AgentFault, InstanceId, Split, family
from tasks._answers import Malformed, parse, validate

NAMES = FAMILIES.names()
DEEP: JSON = [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]
BAD: list[JSON] = [
    math.nan,
    math.inf,
    -math.inf,
    -0.25,
    1.5,
    1e308,
    10**40,
    True,
    None,
    "0.5",
    "x" * 1_000_000,
    [],
    {},
    DEEP,
]


def spoiled(value: JSON) -> Iterator[JSON]:
    """`value` with each of its parts in turn replaced by each bad one, or missing, or doubled."""
    yield from BAD
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {key: part for key, part in value.items() if key != name}
            for bad in spoiled(inner):
                yield {**value, name: bad}
        yield {**value, "extra": 1}
    elif isinstance(value, list) and value:
        yield value[:-1]
        yield [*value, value[-1]]
        for bad in spoiled(value[0]):
            yield [bad, *value[1:]]


def drawn(name: str) -> Any:
    unit = family(name)
    return draw(InstanceId(name, unit.version, unit.default_preset, Split.PRIVATE, 3), b"bad")


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_answer_is_refused_in_words_or_scored_within_bounds(name: str) -> None:
    unit, truth, case = family(name), TRUTHS.find(name), drawn(name)
    measure, model = MEASURES.find(unit.measure), unit.answer(case.public)
    good = answered(truth, case.key, truth.oracle(case.key))
    refused = 0
    for bad in spoiled(good[0] if unit.episode else good):
        value = validate(model, bad)
        if isinstance(value, Malformed):
            refused += 1
            assert 10 < len(str(value)) < 5_000
            assert "Traceback" not in str(value)
        elif truth.world is None:
            assert 0.0 <= mark(measure, value, case.key).ability <= 1.0
        else:
            world = truth.world(case.key)
            before, words = world.observe(), ""
            try:
                world.act(value)
            except AgentFault as fault:
                words = str(fault)
            if words:
                refused += 1
                assert (len(words) > 10, world.observe()) == (True, before)
            else:
                assert 0.0 <= mark(measure, [value], case.key).ability <= 1.0
    assert refused >= len(BAD)


@pytest.mark.parametrize("name", NAMES)
def test_text_that_is_no_json_is_refused(name: str) -> None:
    model = family(name).answer(drawn(name).public)
    for text in ("", "no", "{", "NaN", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, "\ud800"):
        assert isinstance(validate(model, text), Malformed), text[:20]
    assert isinstance(parse('{"a": 1, "a": 2}'), Malformed)


@pytest.mark.parametrize("name", [n for n in NAMES if family(n).episode])
def test_an_episode_without_a_step_and_one_with_a_step_too_many_are_judged(name: str) -> None:
    unit, truth, case = family(name), TRUTHS.find(name), drawn(name)
    measure = MEASURES.find(unit.measure)
    nothing = measure.score([], case.key)
    whole = measure.score(answered(truth, case.key, truth.oracle(case.key)), case.key)
    assert 0.0 <= nothing.ability <= whole.ability == 1.0
    assert (nothing.complete, whole.complete) == (False, True)
