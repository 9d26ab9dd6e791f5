"""Keys and the units that draw them. Nothing here is importable where agent code runs."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from tasks import (
    JSON,
    Family,
    Frozen,
    InstanceId,
    Observation,
    Params,
    Public,
    Shelf,
    Split,
    UsageError,
    World,
    family,
    nearest,
    variant_seed,
)

if TYPE_CHECKING:
    # Loaded by the first draw: the daemon, which imports this, has a greeting to answer first.
    import numpy as np

PUBLIC_CONSTANT = b"proctor/public/v1"
"""Seeds of the public and the calibration split: anybody can reproduce these instances."""

CALIBRATION_SEEDS = 1_000_000
"""Where the calibration seeds of open families begin: far from those that are played."""
MAX_STEPS = 10_000
"""Steps after which an episode that does not end is a fault of its family."""

Rng: TypeAlias = "np.random.Generator"

Player: TypeAlias = Callable[[Observation], JSON]
"""Plays an episode: what it sees → its next action."""


class Key(Frozen):
    """What grades an answer; each measure subclasses it (`ground_truth.keys`)."""


P = TypeVar("P", bound=Params)
Q = TypeVar("Q", bound=Public)
K = TypeVar("K", bound=Key)


@dataclass(frozen=True)
class Drawn(Generic[Q, K]):
    """One instance: the half that goes into the brief and the half that never leaves."""

    public: Q
    key: K


@dataclass(frozen=True)
class Related(Generic[Q, K]):
    """An instance that a metamorphic relation made of another."""

    drawn: Drawn[Q, K]
    restore: Callable[[JSON], JSON]
    """Maps an answer to it (an episode: the list of actions) to the same answer to the base."""


Relation: TypeAlias = Callable[[Drawn[Any, Any], Rng], Related[Any, Any]]
"""The same question in other words, units or order: the mapped answer has the same score."""


@dataclass(frozen=True, kw_only=True)
class Truth(Generic[P, Q, K]):
    """One family's truth: a module `ground_truth/<group>/<name>.py` that defines `truth`.

    Where a `world` is given the family is an episode, and `oracle`, `reference`, `noisy` and the
    policies give a `Player` in the place of an answer; `answered` makes one of the other.
    """

    key: type[K]
    draw: Callable[[P, Rng], Drawn[Q, K]] | None = None
    """Draw an instance; must use no other source of randomness than the generator."""
    draw_open: Callable[[P, int], Drawn[Q, K]] | None = None
    """In its place, for families of open keys: draw the instance of a public seed."""
    oracle: Callable[[K], JSON]
    """The answer that reaches the ceiling."""
    reference: Callable[[Q], JSON]
    """The reference solver: the best answer that follows from the public half."""
    noisy: Callable[[JSON, Q, Rng, float], JSON]
    """`noisy(reference, public, rng, level)`: a valid answer spoiled by `level` in [0, 1]."""
    policies: Mapping[str, Callable[[Q, Rng], JSON]]
    """Fixed policies that ignore the evidence; the best of them on other seeds is the floor."""
    world: Callable[[K], World] | None = None
    """Episodes: the hidden world at its start."""
    relations: Mapping[str, Relation] = field(default_factory=dict[str, Relation])
    """Metamorphic relations, by the name of the variant."""

    def __post_init__(self) -> None:
        if (self.draw is None) == (self.draw_open is None):
            raise TypeError("A truth has either `draw` or `draw_open`.")


TRUTHS: Shelf[Truth[Any, Any, Any]] = Shelf(
    package="ground_truth",
    attribute="truth",
    kind=Truth,
    group="proctor.ground_truth",
    nested=True,
    apart=frozenset({"organisms"}),
)


def stream(secret: bytes, instance: InstanceId) -> Rng:
    """The generator of one instance: PCG64 seeded by HMAC-SHA256(secret, instance id).

    Public and calibration splits use `PUBLIC_CONSTANT` in the place of the secret.
    """
    import numpy as np

    material = secret if instance.split is Split.PRIVATE else PUBLIC_CONSTANT
    digest = hmac.new(material, str(instance).encode(), hashlib.sha256).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def draw(instance: InstanceId, secret: bytes) -> Drawn[Any, Any]:
    """Draw an instance; the same id and secret give the same bits.

    Raises:
        UsageError: unknown family, preset or variant, or another version of the family than
            installed.
    """
    unit = family(instance.family)
    if unit.version != instance.version:
        raise UsageError(
            f"{instance} asks for version {instance.version} of {instance.family}; installed is "
            f"version {unit.version}. Use the release of Proctor that made it, or play it anew."
        )
    if instance.variant and instance.variant not in unit.variants:
        return related(instance, secret).drawn
    return _base(unit, instance, secret)


def related(instance: InstanceId, secret: bytes) -> Related[Any, Any]:
    """A variant that a metamorphic relation makes, and the way back to the base.

    Raises:
        UsageError: the family has no such relation.
    """
    unit = family(instance.family)
    relations = TRUTHS.find(instance.family).relations
    if instance.variant not in relations:
        known = [*unit.variants, *relations]
        raise UsageError(
            f"{instance.family} has no variant {instance.variant!r}."
            f"{nearest(instance.variant, known)} It has {', '.join(known) or 'none'}."
        )
    base = _base(unit, instance.base, secret)
    return relations[instance.variant](base, _variant_stream(unit, instance, secret))


def _base(unit: Family[Any, Any], instance: InstanceId, secret: bytes) -> Drawn[Any, Any]:
    truth, params = TRUTHS.find(instance.family), unit.preset(instance.preset)
    if truth.draw_open is not None:
        apart = CALIBRATION_SEEDS if instance.split is Split.CALIBRATION else 0
        return truth.draw_open(params, instance.seed + apart)
    assert truth.draw is not None
    return truth.draw(params, stream(secret, instance.base))


def _variant_stream(unit: Family[Any, Any], instance: InstanceId, secret: bytes) -> Rng:
    import numpy as np

    return (
        np.random.default_rng(variant_seed(instance))
        if unit.open_keys
        else stream(secret, instance)
    )


def played(world: World, player: Player) -> list[JSON]:
    """Play an episode to its end; give the actions.

    Raises:
        RuntimeError: it does not end.
    """
    actions: list[JSON] = []
    seen = world.observe()
    while not seen.done:
        if len(actions) == MAX_STEPS:
            raise RuntimeError(f"the episode has not ended after {MAX_STEPS} steps")
        actions.append(player(seen))
        seen = world.act(actions[-1])
    return actions


def answered(truth: Truth[Any, Any, Any], key: Key, given: Any) -> JSON:
    """The answer that `given` comes to: itself, or the actions of a player of an episode."""
    return given if truth.world is None else played(truth.world(key), given)
