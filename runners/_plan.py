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


class Part(Frozen):
    """Some instances of some families."""

    suite: str
    """`all`, or families, prefixes of families and group tags, separated by commas."""
    seed: Annotated[int, Field(ge=0)] = 1
    """First instance seed; the seeds of every family and preset are seed … seed + n - 1."""
    n: Annotated[int, Field(ge=1)] = 1
    preset: str | None = None
    """A preset's name, `all`, or None for each family's default."""
    variants: tuple[str, ...] = ()
    """Perturbations that are played once beside every instance, where its family has them."""
    variants_per_task: Annotated[int, Field(ge=1)] | None = None
    """The first so many of them; None for all."""
    answer_preserving_only: bool = False
    """Without those whose right answer is written otherwise than the base's."""

    def families(self) -> list[str]:
        """Names of its families.

        Raises:
            UnknownUnitError: no family matches.
        """
        parts = [part.strip() for part in self.suite.split(",")]
        return list(dict.fromkeys(name for part in parts for name in in_suite(part)))

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


class Adaptive(Frozen):
    """Which instances are asked is decided agent by agent, from a bank of calibrated items."""

    bank: str
    """Folder of the fit (`proctor irt fit … --out`)."""
    bank_sha256: str
    """Of its fit.json: another fit is another exam."""
    target_se: Annotated[float, Field(gt=0)] | None = None
    """An agent is asked no more once its ability is known so well."""
    max_items: Annotated[int, Field(ge=1)] | None = None
    """Instances that an agent is asked at most."""
    rule: str = "information"
    """How the next instance is chosen."""


class EvalConfig(Part):
    """One evaluation: a suite, the agents that sit it, and which instances."""

    name: str | None = None
    """Stands in the run folder's name in the place of the suite."""
    agents: Annotated[tuple[str, ...], Field(min_length=1)]
    repeat: Annotated[int, Field(ge=1)] = 1
    """How often every agent sits every instance."""
    split: Split = Split.PRIVATE
    parts: tuple[Part, ...] = ()
    """Several selections, each with its own seeds and variants, in the place of the one that the
    config's own fields describe; `suite` is then what they are called together."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """What the run is part of (protocol track, baseline agent, …); stands in run.json."""

    adaptive: Adaptive | None = None
    """Ask each agent only what tells it apart; None: everything."""

    @property
    def selections(self) -> tuple[Part, ...]:
        """What is played."""
        return self.parts or (self,)


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
    several = len({name for part in config.selections for name in part.families()}) > 1
    chosen = [(part, one) for part in config.selections for one in _plain(part, config, several)]
    plain = list(dict.fromkeys(one for _, one in chosen))
    repeats = [Sitting(one, n) for n in range(1, config.repeat + 1) for one in plain]
    varied = [
        Sitting(replace(one, variant=variant), 1)
        for part, one in chosen
        for variant in part.variants_of(one)
    ]
    return repeats + list(dict.fromkeys(varied))


def _plain(part: Part, config: EvalConfig, several: bool) -> list[InstanceId]:
    """The instances of a part without their variants."""
    names = part.families()
    pairs = [(name, preset) for name in names for preset in presets(name, part)]
    _check_variants(part, names)
    # Published seeds are shifted by family where a suite has one seed for all of them.
    shared = several and not config.parts
    return [
        _instance(name, preset, seed, config.split, shared)
        for seed in range(part.seed, part.seed + part.n)
        for name, preset in pairs
    ]


def _check_variants(part: Part, names: Iterable[str]) -> None:
    known = sorted({v for n in names for v in (*family(n).variants, *family(n).relations)})
    for variant in part.variants:
        if variant != ALL and variant not in known:
            raise UsageError(
                f"No family of {part.suite!r} has a variant {variant!r}."
                f"{nearest(variant, known)} They have {', '.join(known) or 'none'}."
            )


def _instance(name: str, preset: str, seed: int, split: Split, shared: bool) -> InstanceId:
    unit = family(name)
    # Keys of a published form follow from its seed alone: no split makes them private.
    where = Split.PUBLIC if unit.open_keys else split
    shifted = seed + (unit.suite_offset if shared else 0)
    return InstanceId(name, unit.version, preset, where, shifted)


def presets(name: str, part: Part) -> Sequence[str]:
    """The presets of the family `name` that are asked for."""
    unit = family(name)
    if part.preset == ALL:
        return tuple(unit.presets)
    unit.preset(part.preset)
    return (part.preset or unit.default_preset,)
