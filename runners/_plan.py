"""What a run is asked to play, and the sittings that follow from it. Pure."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tasks import Frozen, InstanceId, Split, UsageError, family, in_suite

ALL_PRESETS = "all"


class EvalConfig(Frozen):
    """One evaluation: a suite, the agents that sit it, and which instances."""

    suite: str
    """`all`, or families, prefixes of families and group tags, separated by commas."""
    name: str | None = None
    """Stands in the run folder's name in the place of the suite."""
    agents: Annotated[tuple[str, ...], Field(min_length=1)]
    seed: Annotated[int, Field(ge=0)] = 1
    """First instance seed; the seeds of every family and preset are seed … seed + n - 1."""
    n: Annotated[int, Field(ge=1)] = 1
    repeat: Annotated[int, Field(ge=1)] = 1
    """How often every agent sits every instance."""
    preset: str | None = None
    """A preset's name, `all`, or None for each family's default."""
    split: Split = Split.PRIVATE


@dataclass(frozen=True)
class Sitting:
    """One attempt to be played: an instance and the repeat number, from 1."""

    instance: InstanceId
    n: int

    def rng(self, agent: str) -> random.Random:
        """The agent's generator here: the same plan gives the same draws."""
        word = f"{agent}|{self.instance}|{self.n}".encode()
        return random.Random(hashlib.sha256(word).digest())  # noqa: S311 - no secret is drawn


def sittings(config: EvalConfig) -> list[Sitting]:
    """All attempts of one agent, families side by side so that a cut run covers each of them.

    Raises:
        UsageError: no such suite or preset, or a split that is not played.
    """
    if config.split is Split.CALIBRATION:
        raise UsageError("The calibration split is not played; choose `public` or `private`.")
    parts = [part.strip() for part in config.suite.split(",")]
    names = dict.fromkeys(name for part in parts for name in in_suite(part))
    pairs = [(name, preset) for name in names for preset in presets(name, config)]
    return [
        Sitting(InstanceId(name, family(name).version, preset, config.split, seed), n)
        for n in range(1, config.repeat + 1)
        for seed in range(config.seed, config.seed + config.n)
        for name, preset in pairs
    ]


def presets(name: str, config: EvalConfig) -> Sequence[str]:
    """The presets of the family `name` that the config asks for."""
    unit = family(name)
    if config.preset == ALL_PRESETS:
        return tuple(unit.presets)
    unit.preset(config.preset)
    return (config.preset or unit.default_preset,)
