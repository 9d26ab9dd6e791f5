"""Every episode as a Gymnasium environment (`pip install -e '.[gymnasium]'`), for practice.

One adapter serves all: the action space is read off the action's JSON schema, the observation is
the view that an agent gets, as JSON text. Only public instances are played; nothing that happens
here is a result.

    from proctor import episode_env
    env = episode_env("strategic/market_making", "medium")
    observation, info = env.reset(seed=7)
"""

import json
import string
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from ground_truth._core import TRUTHS, draw
from tasks import JSON, AgentFault, InstanceId, Observation, Split, UsageError, World, family

MAX_VIEW = 100_000
"""Characters of an observation."""
SPAN = 1e6
"""Bound of a number that the schema leaves open."""
SEEDS = 2**31
CHARACTERS = frozenset(string.printable)

Decode = Callable[[Any], JSON]
"""An element of a space → the JSON value it stands for."""
Schema = Mapping[str, Any]


class EpisodeEnv(gymnasium.Env[str, Any]):
    """One episode family and preset; `reset(seed=s)` plays public instance s.

    A step that the rules refuse changes nothing: its reward is 0 and `info["fault"]` says why. The
    last step's `info` has `ability` and `regret` of the whole episode.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, name: str, preset: str | None = None) -> None:
        self._unit, self._truth = family(name), TRUTHS.find(name)
        if self._truth.world is None:
            raise UsageError(
                f"{name} is answered in one go; an environment is made of an episode, such as "
                "strategic/auctions or strategic/market_making."
            )
        self._unit.preset(preset)
        self._name, self._preset = name, preset or self._unit.default_preset
        self.observation_space = spaces.Text(MAX_VIEW, min_length=2, charset=CHARACTERS)
        self._begin(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an instance; without a seed, one drawn by the environment's generator.

        The action space may differ between instances where the names that are acted on do; it is
        that of the instance begun last.
        """
        super().reset(seed=seed)
        self._begin(int(self.np_random.integers(SEEDS)) if seed is None else seed)
        text = self._unit.brief(self._drawn.public)
        files = {name: data.decode() for name, data in text.files.items()}
        info = {"instance": str(self._instance), "prompt": text.prompt, "files": files}
        return _text(self._world.observe()), info

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one action, an element of `action_space`."""
        value = self._decode(action)
        try:
            seen = self._world.act(value)
        except AgentFault as fault:
            return _text(self._world.observe()), 0.0, False, False, {"fault": str(fault)}
        self._actions.append(value)
        info: dict[str, Any] = {"action": value}
        if seen.done:
            verdict = self._drawn.key.verdict(self._actions)
            info |= {"ability": verdict.ability, "regret": verdict.regret}
        return _text(seen), float(seen.reward), seen.done, False, info

    def _begin(self, seed: int) -> None:
        self._instance = InstanceId(
            self._name, self._unit.version, self._preset, Split.PUBLIC, seed
        )
        self._drawn = draw(self._instance, b"")
        assert self._truth.world is not None
        self._world: World = self._truth.world(self._drawn.key)
        self._actions: list[JSON] = []
        schema = self._unit.answer(self._drawn.public).model_json_schema()
        self.action_space, self._decode = space_of(schema, schema.get("$defs", {}))


def _text(seen: Observation) -> str:
    # ASCII by `json`, so that it lies in the space whatever the names are.
    return json.dumps(seen.view)


def space_of(schema: Schema, defs: Schema) -> tuple[spaces.Space[Any], Decode]:
    """The space of a JSON schema's values, and the way from its elements to values.

    Covers what pydantic writes for an action: objects, fixed arrays, enumerations, bounded numbers,
    booleans and null.

    Raises:
        ValueError: a part of the schema is none of these.
    """
    if "$ref" in schema:
        return space_of(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "const" in schema:
        return _choice([schema["const"]])
    if "enum" in schema:
        return _choice(list(schema["enum"]))
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return _one_of([space_of(option, defs) for option in options])
    kind = str(schema.get("type", ""))
    if kind not in _KINDS:
        raise ValueError(f"no space is known for the schema {dict(schema)}")
    return _KINDS[kind](schema, defs)


def _choice(values: list[JSON]) -> tuple[spaces.Space[Any], Decode]:
    return spaces.Discrete(len(values)), lambda at: values[int(at)]


def _one_of(parts: list[tuple[spaces.Space[Any], Decode]]) -> tuple[spaces.Space[Any], Decode]:
    inner = spaces.OneOf([space for space, _ in parts])
    return inner, lambda given: parts[int(given[0])][1](given[1])


def _object(schema: Schema, defs: Schema) -> tuple[spaces.Space[Any], Decode]:
    parts = {name: space_of(inner, defs) for name, inner in schema["properties"].items()}
    return (
        spaces.Dict({name: space for name, (space, _) in parts.items()}),
        lambda given: {name: decode(given[name]) for name, (_, decode) in parts.items()},
    )


def _array(schema: Schema, defs: Schema) -> tuple[spaces.Space[Any], Decode]:
    inner = schema.get("prefixItems") or [schema["items"]] * int(schema["minItems"])
    parts = [space_of(one, defs) for one in inner]
    total = schema.get("x-sums-to")

    def decoded(given: Any) -> JSON:
        values = [decode(one) for (_, decode), one in zip(parts, given, strict=True)]
        whole = sum(values) if total is not None else 0.0
        # Any element of the box stands for the distribution that it is proportional to.
        return [value * total / whole for value in values] if whole else values

    return spaces.Tuple([space for space, _ in parts]), decoded


def _number(schema: Schema, defs: Schema) -> tuple[spaces.Space[Any], Decode]:
    low = float(schema.get("minimum", schema.get("exclusiveMinimum", -SPAN)))
    high = float(schema.get("maximum", schema.get("exclusiveMaximum", SPAN)))
    box = spaces.Box(low, high, shape=(), dtype=np.float64)
    return box, lambda given: min(high, max(low, float(given)))


def _integer(schema: Schema, defs: Schema) -> tuple[spaces.Space[Any], Decode]:
    step = int(schema.get("multipleOf", 1))
    low = -(-int(schema.get("minimum", -SPAN)) // step)
    high = int(schema.get("maximum", SPAN)) // step
    return spaces.Discrete(high - low + 1, start=low), lambda count: int(count) * step


_KINDS: Mapping[str, Callable[[Schema, Schema], tuple[spaces.Space[Any], Decode]]] = {
    "object": _object,
    "array": _array,
    "number": _number,
    "integer": _integer,
    "boolean": lambda schema, defs: (spaces.Discrete(2), bool),
    "null": lambda schema, defs: _choice([None]),
}
