"""Keys and the units that draw them. Nothing here is importable where agent code runs."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from tasks import (
    JSON,
    Frozen,
    InstanceId,
    Params,
    Public,
    Shelf,
    Split,
    UsageError,
    World,
    family,
)

if TYPE_CHECKING:
    # Loaded by the first draw: the daemon, which imports this, has a greeting to answer first.
    import numpy as np

PUBLIC_CONSTANT = b"proctor/public/v1"
"""Seeds of the public and the calibration split: anybody can reproduce these instances."""

Rng: TypeAlias = "np.random.Generator"


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


@dataclass(frozen=True, kw_only=True)
class Truth(Generic[P, Q, K]):
    """One family's truth: a module `ground_truth/<group>/<name>.py` that defines `truth`."""

    key: type[K]
    draw: Callable[[P, Rng], Drawn[Q, K]]
    """Draw an instance; must use no other source of randomness than the generator."""
    oracle: Callable[[K], JSON]
    """The answer that reaches the ceiling."""
    reference: Callable[[Q], JSON]
    """The reference solver: the best answer that follows from the public half."""
    noisy: Callable[[JSON, Q, Rng, float], JSON]
    """`noisy(answer, public, rng, level)`: a valid answer spoiled by `level` in [0, 1]."""
    policies: Mapping[str, Callable[[Q, Rng], JSON]]
    """Fixed policies that ignore the evidence; the best of them on other seeds is the floor."""
    world: Callable[[K], World] | None = None
    """Episodes: the hidden world at its start."""


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
        UsageError: unknown family or preset, or another version of the family than installed.
    """
    unit = family(instance.family)
    if unit.version != instance.version:
        raise UsageError(
            f"{instance} asks for version {instance.version} of {instance.family}; installed is "
            f"version {unit.version}. Use the release of Proctor that made it, or play it anew."
        )
    return TRUTHS.find(instance.family).draw(unit.preset(instance.preset), stream(secret, instance))
