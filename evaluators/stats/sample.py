"""What statistics are made of: values with the seed, the task and the stratum they belong to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators._core import Score
from evaluators._intervals import LEVEL
from tasks import Frozen, InstanceId, UsageError

Vector = npt.NDArray[np.float64]

RESAMPLES = 2000
SEED = 20260606
"""The published defaults of a bootstrap."""


class Resampling(Frozen):
    """How a bootstrap or a permutation test draws."""

    resamples: int = RESAMPLES
    seed: int = SEED
    level: float = LEVEL

    def rng(self) -> np.random.Generator:
        """A fresh generator: the same every time."""
        return np.random.default_rng(self.seed)


DEFAULT = Resampling()


@dataclass(frozen=True)
class Observation:
    """One measured value."""

    value: float
    seed: str
    """The outermost unit of chance: what was drawn together."""
    task: str
    """The instance; observations of one task are repeats."""
    stratum: str = ""
    """What was chosen and not drawn: family and preset."""


class Estimate(Frozen):
    """A number with its interval; both ends are None where there are fewer than two clusters."""

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: str


def observations(scores: Iterable[Score], *, passed: bool = False) -> list[Observation]:
    """The abilities of measured attempts (or whether they passed); variants are left out.

    An attempt without a valid answer counts as 0; one in error is not measured, and left out.
    """
    found: list[Observation] = []
    for score in scores:
        if score.status == "scored" and not score.variant:
            value = float(score.passed) if passed else score.ability or 0.0
            seed = str(InstanceId.parse(score.instance).seed)
            stratum = f"{score.family}:{score.preset}"
            found.append(Observation(value, seed, score.instance, stratum))
    return found


def cluster_sums(values: Sequence[float], clusters: Sequence[str]) -> tuple[Vector, Vector]:
    """Sum and size of each cluster, in the order of first appearance.

    Raises:
        UsageError: no values, or not one cluster's name a value.
    """
    if not values or len(values) != len(clusters):
        raise UsageError(f"{len(values)} values with {len(clusters)} cluster names; one for each.")
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    index = np.array([places[name] for name in clusters])
    sums = np.zeros(len(places))
    np.add.at(sums, index, np.asarray(values, dtype=np.float64))
    return sums, np.bincount(index).astype(np.float64)


def cluster_means(values: Sequence[float], clusters: Sequence[str]) -> Vector:
    """Mean of each cluster."""
    sums, sizes = cluster_sums(values, clusters)
    return sums / sizes
