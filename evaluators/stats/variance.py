"""How much of the spread of scores lies between clusters, and how much between repeats.

One-way random effects, unbalanced (Searle, Casella and McCulloch, *Variance Components*, 3.6):
with group sizes n_i, N values and a groups, n_0 = (N - Σ n_i² / N) / (a - 1),

    σ²_within = MSW,   σ²_between = max(0, (MSB - MSW) / n_0),   icc = between / (between + within)
"""

from collections.abc import Sequence

import numpy as np

from evaluators.stats.sample import cluster_sums
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
    sums, sizes = cluster_sums(values, clusters)
    total, groups = float(sizes.sum()), len(sizes)
    if groups < 2 or total == groups:
        return Split(between=None, within=None, icc=None, per_cluster=total / groups)
    means = sums / sizes
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    own = means[[places[name] for name in clusters]]
    within = float(np.sum((np.asarray(values) - own) ** 2)) / (total - groups)
    grand = float(sums.sum()) / total
    among = float(np.sum(sizes * (means - grand) ** 2)) / (groups - 1)
    size = (total - float(np.sum(sizes**2)) / total) / (groups - 1)
    between = max(0.0, (among - within) / size)
    whole = between + within
    return Split(
        between=between,
        within=within,
        icc=between / whole if whole > 0 else None,
        per_cluster=total / groups,
    )
