"""How much of the spread of scores lies between clusters, and how much between repeats.

One-way random effects, unbalanced (Searle, Casella and McCulloch, *Variance Components*, 3.6):
with group sizes n_i, N values and a groups, n_0 = (N - Σ n_i² / N) / (a - 1),

    σ²_within = MSW,   σ²_between = max(0, (MSB - MSW) / n_0),   icc = between / (between + within)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.stats.sample import Vector, cluster_sums
from tasks import Frozen


class Split(Frozen):
    """Variance components; None where no cluster has two values, or there is but one cluster."""

    between: float | None
    """Of the clusters' true means: more repeats do not reduce it, more clusters do."""
    within: float | None
    """Of repeats around their cluster's mean: sampling noise."""
    icc: float | None
    """Share of the variance that lies between clusters; None if there is no variance at all."""
    per_cluster: float
    """Mean number of values in a cluster."""


def variance_split(values: Sequence[float], clusters: Sequence[str]) -> Split:
    """Split the variance of the values.

    Raises:
        UsageError: no values, or not one cluster's name a value.
    """
    _, sizes = cluster_sums(values, clusters)
    total, groups = float(sizes.sum()), len(sizes)
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    found = mean_squares(np.asarray(values), np.array([places[name] for name in clusters]))
    if found.among is None or found.within is None:
        return Split(between=None, within=None, icc=None, per_cluster=total / groups)
    size = (total - float(np.sum(sizes**2)) / total) / (groups - 1)
    between = max(0.0, (found.among - found.within) / size)
    whole = between + found.within
    return Split(
        between=between,
        within=found.within,
        icc=between / whole if whole > 0 else None,
        per_cluster=total / groups,
    )


@dataclass(frozen=True)
class MeanSquares:
    """Of a one-way analysis of variance."""

    among: float | None
    """None where there is but one group."""
    within: float | None
    """None where no group has two values."""


def mean_squares(
    values: Vector, group: npt.NDArray[np.integer], weight: Vector | None = None
) -> MeanSquares:
    """Mean squares among and within groups.

    Args:
        values: (n,)
        group: (n,) any numbers; equal ones are a group.
        weight: (n,) how often each value was seen; None: once each.
    """
    weight = np.ones(len(values)) if weight is None else weight
    _, place = np.unique(group, return_inverse=True)
    sizes = np.bincount(place, weights=weight)
    means = np.bincount(place, weights=weight * values) / sizes
    total, groups = float(sizes.sum()), len(sizes)
    inner = float(np.sum(weight * (values - means[place]) ** 2))
    grand = float(np.sum(sizes * means)) / total
    outer = float(np.sum(sizes * (means - grand) ** 2))
    return MeanSquares(
        outer / (groups - 1) if groups > 1 else None,
        inner / (total - groups) if total > groups else None,
    )
