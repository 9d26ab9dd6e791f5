"""Random answers fit the schema they are drawn from."""

import random
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import ground_truth
from runners._shapes import draw
from tasks import FAMILIES, Frozen, InstanceId, Split, family


class Leaf(Frozen):
    choice: Literal["a", "b"]
    share: Annotated[float, Field(ge=0, le=1)]
    above: Annotated[float, Field(gt=3)]


class Everything(Frozen):
    leaves: Annotated[tuple[Leaf, ...], Field(min_length=2, max_length=4)]
    pair: tuple[int, str]
    maybe: Leaf | None
    flag: bool
    constant: Literal[7]
    count: Annotated[int, Field(ge=-2, le=2)]
    word: Annotated[str, Field(min_length=3, max_length=5)]
    names: Annotated[frozenset[Literal["x", "y", "z"]], Field(max_length=3)]
    table: dict[str, float]


@given(st.integers())
def test_a_drawn_value_fits_every_part_of_its_schema(seed: int):
    value = draw(Everything.model_json_schema(), random.Random(seed))
    Everything.model_validate(value)


@given(st.integers())
def test_the_same_generator_gives_the_same_value(seed: int):
    schema = Everything.model_json_schema()
    assert draw(schema, random.Random(seed)) == draw(schema, random.Random(seed))


@pytest.mark.parametrize("name", FAMILIES.names())
def test_every_family_takes_random_answers(name: str):
    unit = family(name)
    for preset in unit.presets:
        instance = InstanceId(name, unit.version, preset, Split.PUBLIC, 1)
        model: type[BaseModel] = unit.answer(ground_truth.draw(instance, b"").public)
        for seed in range(10):
            model.model_validate(draw(model.model_json_schema(), random.Random(seed)))


def test_a_schema_that_says_nothing_is_an_error():
    with pytest.raises(ValueError, match="says nothing"):
        draw({"description": "anything"}, random.Random(1))
