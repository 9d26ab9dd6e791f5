"""What a run can show, before it is paid for: minimal detectable effect, power, sample size.

Two-sided t tests of cluster means (statsmodels). With m values in each of k clusters, an
intraclass correlation c and the standard deviation s of one value, a cluster's mean has the
variance s² (1 + (m - 1) c) / m: the *design effect* 1 + (m - 1) c says how many values a cluster
wastes (Kish 1965). Paired by instance, s is that of a difference: s √(2 (1 - r)), r the correlation
of the two agents' values.
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tasks import Frozen, UsageError

_Z = 1.96
_LARGEST = 10_000_000
"""Values; beyond it an effect is too small to be planned for."""


class Design(Frozen):
    """What is planned."""

    sd: Annotated[float, Field(gt=0)]
    """Of one value (a score's is .2 to .34 in the published runs)."""
    paired: bool = True
    correlation: Annotated[float, Field(gt=-1, lt=1)] = 0.0
    """Of the two agents' values on the same instance; only where paired."""
    per_cluster: Annotated[int, Field(ge=1)] = 1
    """Values in a cluster."""
    icc: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Intraclass correlation: share of the variance that lies between clusters."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    power: Annotated[float, Field(gt=0, lt=1)] = 0.8

    @property
    def design_effect(self) -> float:
        """1 + (m - 1) icc."""
        return 1 + (self.per_cluster - 1) * self.icc

    @property
    def spread(self) -> float:
        """Standard deviation of what a cluster gives: its mean (difference)."""
        pairing = math.sqrt(2 * (1 - self.correlation)) if self.paired else 1.0
        return self.sd * pairing * math.sqrt(self.design_effect / self.per_cluster)


def minimal_effect(n: int, design: Design) -> float:
    """The smallest difference of means that is found with the design's power.

    Args:
        n: values of each agent (pairs, where paired).
        design: the rest.

    Raises:
        UsageError: fewer than two clusters.
    """
    clusters = _clusters(n, design)
    # The test is two-sided: the root finder may well come back with the effect's mirror image.
    return abs(_solve(design, nobs=clusters, power=design.power)) * design.spread


def power_of(effect: float, n: int, design: Design) -> float:
    """The chance to find a true difference of `effect`.

    Raises:
        UsageError: fewer than two clusters, or no effect.
    """
    _require(effect)
    return _solve(design, effect_size=effect / design.spread, nobs=_clusters(n, design))


def required(effect: float, design: Design) -> int:
    """Values of each agent, in whole clusters, that find a difference of `effect`.

    Raises:
        UsageError: no effect, or one too small to plan for.
    """
    _require(effect)
    size = effect / design.spread
    # The normal approximation is a lower bound of the t test's need, and close to it.
    low = max(2, math.floor(_normal(size, design)))
    if low * design.per_cluster > _LARGEST:
        raise UsageError(
            f"An effect of {effect} is too small: more than {_LARGEST:,} values of each agent."
        )
    clusters = low
    while _solve(design, effect_size=size, nobs=clusters) < design.power:
        clusters += 1
    return clusters * design.per_cluster


def published_width(n: int, sd: float) -> float:
    """Width of the 95 % interval of a mean as the published plan has it: 2 · 1.96 · sd / √n."""
    if n < 1:
        raise UsageError(f"A mean needs at least one value, not {n}.")
    return 2 * _Z * sd / math.sqrt(n)


def _clusters(n: int, design: Design) -> int:
    clusters = n // design.per_cluster
    if clusters < 2:
        raise UsageError(
            f"{n} values in clusters of {design.per_cluster} are {clusters} clusters; a test needs "
            "two at least."
        )
    return clusters


def _require(effect: float) -> None:
    if not effect > 0 or not math.isfinite(effect):
        raise UsageError(f"An effect is a difference of means above 0, not {effect}.")


def _normal(size: float, design: Design) -> float:
    from scipy.special import ndtri

    reach = float(ndtri(1 - design.alpha / 2) + ndtri(design.power))
    return max(0.0, reach / size) ** 2 * (1 if design.paired else 2)


def _solve(design: Design, nobs: int, **known: float) -> float:
    """Whatever is not known of effect size (in spreads) and power."""
    from statsmodels.stats import power

    test: Any = power.TTestPower() if design.paired else power.TTestIndPower()
    size = {"nobs": nobs} if design.paired else {"nobs1": nobs, "ratio": 1.0}
    # A root finder's answer is a number or an array of one.
    return float(np.squeeze(test.solve_power(alpha=design.alpha, **size, **known)))
