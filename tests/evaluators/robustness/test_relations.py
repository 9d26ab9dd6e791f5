"""Metamorphic relations seen as actions: what the oracle does to a related instance is no flip."""

from dataclasses import replace

import pytest

from evaluators._v0 import parsed
from evaluators.robustness import gap
from ground_truth import TRUTHS, answered, draw, related
from tasks import FAMILIES, JSON, InstanceId, Split, family

PAIRS = [(name, way) for name in FAMILIES.names() for way in family(name).relations]
SECRET = b"s" * 32


def read(name: str, answer: JSON) -> JSON:
    """The object in the text, in families that take text."""
    return parsed(answer["response"], name).parsed if name.startswith("strategic/v0/") else answer


@pytest.mark.parametrize(("name", "way"), PAIRS)
def test_the_oracles_answer_mapped_back_is_the_same_action(name: str, way: str):
    unit, truth = family(name), TRUTHS.find(name)
    for seed in (1, 2):
        instance = InstanceId(name, unit.version, unit.default_preset, Split.PRIVATE, seed)
        base = draw(instance, SECRET)
        found = related(replace(instance, variant=way), SECRET)
        there = answered(truth, found.drawn.key, truth.oracle(found.drawn.key))
        here = answered(truth, base.key, truth.oracle(base.key))
        assert gap(read(name, here), read(name, found.restore(there))) == 0.0
