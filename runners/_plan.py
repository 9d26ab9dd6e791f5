"""What a run is asked to play, and the sittings that follow from it. Pure."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from tasks import Frozen, InstanceId, Split, UsageError, family, in_suite, nearest
from tasks.strategic._variants import selected

ALL = "all"
"""In the place of a preset or a variant: every one."""


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
    variants: tuple[str, ...] = ()
    """Perturbations that are played once beside every instance, where its family has them."""
    variants_per_task: Annotated[int, Field(ge=1)] | None = None
    """The first so many of them; None for all."""
    answer_preserving_only: bool = False
    """Without those whose right answer is written otherwise than the base's."""
    split: Split = Split.PRIVATE

    def variants_of(self, instance: InstanceId) -> Sequence[str]:
        """The asked variants that the instance's family has, in the order of the asking."""
        if not self.variants:
            return ()
        unit = family(instance.family)
        return selected(
            [*unit.variants, *unit.relations],
            () if ALL in self.variants else self.variants,
            self.variants_per_task,
            None,
            preserving_only=self.answer_preserving_only,
        )


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
    _check_variants(config, names)
    several = len(names) > 1
    plain = [
        _instance(name, preset, seed, config.split, several)
        for seed in range(config.seed, config.seed + config.n)
        for name, preset in pairs
    ]
    repeats = [Sitting(one, n) for n in range(1, config.repeat + 1) for one in plain]
    return repeats + [
        Sitting(replace(one, variant=variant), 1)
        for one in plain
        for variant in config.variants_of(one)
    ]


def _check_variants(config: EvalConfig, names: Iterable[str]) -> None:
    known = sorted({v for n in names for v in (*family(n).variants, *family(n).relations)})
    for variant in config.variants:
        if variant != ALL and variant not in known:
            raise UsageError(
                f"No family of {config.suite!r} has a variant {variant!r}."
                f"{nearest(variant, known)} They have {', '.join(known) or 'none'}."
            )


def _instance(name: str, preset: str, seed: int, split: Split, several: bool) -> InstanceId:
    unit = family(name)
    # Keys of a published form follow from its seed alone: no split makes them private.
    where = Split.PUBLIC if unit.open_keys else split
    shifted = seed + (unit.suite_offset if several else 0)
    return InstanceId(name, unit.version, preset, where, shifted)


def presets(name: str, config: EvalConfig) -> Sequence[str]:
    """The presets of the family `name` that the config asks for."""
    unit = family(name)
    if config.preset == ALL:
        return tuple(unit.presets)
    unit.preset(config.preset)
    return (config.preset or unit.default_preset,)
