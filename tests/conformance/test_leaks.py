"""Nothing that reaches an agent holds a number of the key, for every family and preset.

The slow form (`pytest -m slow tests/conformance/test_leaks.py`) draws 200 instances of each.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ground_truth import TRUTHS, answered, draw, stream
from tasks import FAMILIES, JSON, AgentFault, InstanceId, Split, briefed, family
from tasks._answers import Malformed, validate

NAMES = FAMILIES.names()
PAIRS = [(name, preset) for name in NAMES for preset in family(name).presets]
SECRET = b"leaks" * 7
DIGITS = 6
"""Significant digits from which on a number is not met by chance."""
DRAWN = 10
"""Digits of a hidden draw. An episode tells shorter numbers of its key in their turn (the amount of
the next request, a price); before it begins it tells none, and a draw it never tells."""
FEW, MANY = 4, 200
WRONG: list[JSON] = [None, [], {}, "no JSON", {"answer": 1}, {"a": {"b": {"c": [1, 2, 3]}}}, -1e308]


def instance(name: str, preset: str, seed: int) -> InstanceId:
    return InstanceId(name, family(name).version, preset, Split.PRIVATE, seed)


def numbers(value: JSON) -> Iterator[str]:
    """The floats of a JSON value with at least `DIGITS` significant digits, as they are printed."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, float):
        text = repr(value)
        if digits(text) >= DIGITS:
            yield text


def digits(number: str) -> int:
    return len(re.sub(r"e.*|\D", "", number).lstrip("0"))


def hidden(public: Any, key: Any) -> set[str]:
    """The long numbers of the key that the public half does not state."""
    stated = set(numbers(public.model_dump(mode="json")))
    return set(numbers(key.model_dump(mode="json"))) - stated


def told(name: str, drawn: Any, where: InstanceId) -> Iterator[str]:
    """What an agent is told before it acts: brief, files, schema, refusals, first observation."""
    unit, truth = family(name), TRUTHS.find(name)
    text = briefed(unit, drawn.public, where)
    model = unit.answer(drawn.public)
    yield text.prompt
    yield from (data.decode("utf-8", "replace") for data in text.files.values())
    yield json.dumps(model.model_json_schema())
    for wrong in WRONG:
        refused = validate(model, wrong)
        assert isinstance(refused, Malformed), f"{where} accepts {wrong!r}"
        yield str(refused)
    if truth.world is not None:
        yield json.dumps(truth.world(drawn.key).observe().view)


def seen(name: str, drawn: Any, where: InstanceId) -> Iterator[str]:
    """What two players of an episode are told on the way."""
    truth = TRUTHS.find(name)
    if truth.world is None:
        return
    rng = stream(SECRET, where)
    reference = truth.reference(drawn.public)
    for player in (reference, truth.noisy(reference, drawn.public, rng, 0.8)):
        world = truth.world(drawn.key)
        for action in answered(truth, drawn.key, player):
            try:
                world.act(action)
            except AgentFault as fault:
                yield str(fault)
            yield json.dumps(world.observe().view)


def search(name: str, preset: str, seeds: range) -> None:
    for seed in seeds:
        where = instance(name, preset, seed)
        drawn = draw(where, SECRET)
        secrets = hidden(drawn.public, drawn.key)
        # Keys of a published form are public; its price is told in full precision.
        secret = not family(name).open_keys
        draws = {number for number in secrets if secret and digits(number) >= DRAWN}
        for texts, sought in ((told, secrets), (seen, draws)):
            for text in texts(name, drawn, where):
                found = [number for number in sought if number in text]
                assert not found, f"{where} tells {found[:3]} of its key"


@pytest.mark.parametrize(("name", "preset"), PAIRS)
def test_no_number_of_the_key_is_told(name: str, preset: str) -> None:
    search(name, preset, range(FEW))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "preset"), PAIRS)
def test_no_number_of_the_key_is_told_in_200_instances(name: str, preset: str) -> None:
    search(name, preset, range(MANY))


def test_the_search_finds_what_is_told() -> None:
    drawn = draw(instance("strategic/bayesian_games", "easy", 0), SECRET)
    secrets = hidden(drawn.public, drawn.key)
    assert secrets
    assert all(number in json.dumps(drawn.key.model_dump(mode="json")) for number in secrets)


@pytest.mark.parametrize(("name", "preset"), PAIRS)
def test_workspaces_of_instances_that_differ_only_in_the_key_are_the_same_bytes(
    name: str, preset: str
) -> None:
    where = instance(name, preset, 1)
    one, other = draw(where, SECRET), draw(instance(name, preset, 2), SECRET)
    unit = family(name)
    first = briefed(unit, one.public, where)
    # The other instance's key beside this one's public half: nothing that is written may change.
    swapped = type(one)(one.public, other.key)
    again = briefed(unit, swapped.public, where)
    assert (first.prompt, dict(first.files)) == (again.prompt, dict(again.files))
    schemas = [unit.answer(drawn.public).model_json_schema() for drawn in (one, swapped)]
    assert schemas[0] == schemas[1]
