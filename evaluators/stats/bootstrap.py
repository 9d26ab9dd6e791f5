"""Bootstrap intervals of a mean: over clusters, over seeds and what lies in them, within strata.

Efron and Tibshirani, *An Introduction to the Bootstrap* (percentile ch. 13, BCa ch. 14); nested
resampling as in Davison and Hinkley, *Bootstrap Methods*, 3.8. Percentiles are too narrow for a
handful of clusters; BCa corrects bias and skewness. Where every cluster has the same mean all
resamples agree, and so do both ends: for a rate of 0 or 1 ask `proportions`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evaluators._intervals import clustered_t
from evaluators.stats.sample import (
    DEFAULT,
    Estimate,
    Observation,
    Resampling,
    Vector,
    cluster_sums,
)
from tasks import UsageError

Method = Literal["percentile", "bca"]
Weighting = Literal["share", "equal"]
DUST = 1e-12
"""Means of clusters that lie no further apart differ by rounding only."""
FEW = 10
"""Clusters below which a bootstrap of them is too narrow to be shown."""
Node = Vector | list["Node"]
"""What is resampled: values, or groups of groups of them."""


def cluster_interval(
    values: Sequence[float],
    clusters: Sequence[str],
    resampling: Resampling = DEFAULT,
    method: Method = "percentile",
) -> Estimate:
    """Mean of all values; whole clusters are drawn with replacement.

    Raises:
        UsageError: no values, or not one cluster's name a value.
    """
    sums, sizes = cluster_sums(values, clusters)
    value = float(sums.sum() / sizes.sum())
    low, high = _ends(sums, sizes, resampling, method)
    return Estimate(
        value=value,
        low=low,
        high=high,
        n=len(values),
        clusters=len(sums),
        method=f"cluster bootstrap, {method}",
    )


def _ends(
    sums: Vector, sizes: Vector, resampling: Resampling, method: Method
) -> tuple[float, float] | tuple[None, None]:
    if len(sums) < 2:
        return None, None
    means = sums / sizes
    if np.ptp(means) <= DUST * max(1.0, float(np.abs(means).max())):
        # All the same, but for rounding, of which BCa would make a skewness of 0 / 0.
        same = float(sums.sum() / sizes.sum())
        return same, same
    from scipy import stats

    def ratio(drawn: Any, weights: Any, axis: int = -1) -> Any:
        return drawn.sum(axis=axis) / weights.sum(axis=axis)

    found: Any = stats.bootstrap(
        (sums, sizes),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=resampling.resamples,
        confidence_level=resampling.level,
        method="percentile" if method == "percentile" else "BCa",
        rng=resampling.rng(),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def mean_interval(
    values: Sequence[float], clusters: Sequence[str], resampling: Resampling = DEFAULT
) -> Estimate:
    """Mean of all values: BCa over clusters, or Student's t where they are fewer than `FEW`.

    Raises:
        UsageError: no values, or not one cluster's name a value.
    """
    found = len(cluster_sums(values, clusters)[0])
    if found >= FEW:
        return cluster_interval(values, clusters, resampling, "bca")
    low, high = clustered_t(values, clusters, resampling.level) or (None, None)
    return Estimate(
        value=float(np.mean(values)),
        low=low,
        high=high,
        n=len(values),
        clusters=found,
        method="Student's t, variance clustered",
    )


def hierarchical_interval(
    sample: Sequence[Observation], resampling: Resampling = DEFAULT
) -> Estimate:
    """Mean of all values; seeds are drawn, within each its tasks, within each its repeats.

    Raises:
        UsageError: no observations.
    """
    tree = _tree(sample)
    means = _means(tree, resampling.resamples, resampling.rng())
    return _estimate(_mean(sample), means, sample, resampling, "hierarchical bootstrap, percentile")


def stratified_interval(
    sample: Sequence[Observation],
    resampling: Resampling = DEFAULT,
    weighting: Weighting = "share",
) -> Estimate:
    """Weighted mean of the strata's means; the hierarchy is drawn within each stratum.

    Families and presets were chosen, not drawn: that one of them is easy is no uncertainty.

    Args:
        sample: the values.
        resampling: how to draw.
        weighting: a stratum weighs by its share of the values, or all weigh the same.

    Raises:
        UsageError: no observations.
    """
    strata = by_stratum(sample)
    if not strata:
        raise UsageError("There is nothing to resample: no observations.")
    rng, total = resampling.rng(), 0.0
    means = np.zeros(resampling.resamples)
    for part in strata.values():
        weight = len(part) / len(sample) if weighting == "share" else 1 / len(strata)
        means += weight * _means(_tree(part), resampling.resamples, rng)
        total += weight * _mean(part)
    return _estimate(total, means, sample, resampling, "stratified bootstrap, percentile")


def statistic_interval(
    statistic: Callable[[npt.NDArray[np.intp]], float],
    clusters: Sequence[str],
    resampling: Resampling = DEFAULT,
) -> Estimate:
    """Percentile interval of any statistic of the rows; whole clusters are drawn.

    Args:
        statistic: of the positions of the rows that were drawn.
        clusters: each row's.
        resampling: how to draw.

    Raises:
        UsageError: no rows.
    """
    if not clusters:
        raise UsageError("There is nothing to resample: no rows.")
    value = statistic(np.arange(len(clusters)))
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(clusters):
        rows[name].append(row)
    low = high = None
    if len(rows) > 1:
        drawn = [statistic(positions) for positions in _drawn(list(rows.values()), resampling)]
        low, high = _percentiles(np.array(drawn), resampling)
    return Estimate(
        value=value,
        low=low,
        high=high,
        n=len(clusters),
        clusters=len(rows),
        method="cluster bootstrap, percentile",
    )


def _drawn(rows: list[list[int]], resampling: Resampling) -> Iterator[npt.NDArray[np.intp]]:
    groups = [np.array(group, dtype=np.intp) for group in rows]
    alone = np.concatenate(groups) if all(len(group) == 1 for group in groups) else None
    rng = resampling.rng()
    for _ in range(resampling.resamples):
        chosen = rng.integers(0, len(groups), len(groups))
        if alone is not None:
            yield alone[chosen]
        else:
            yield np.concatenate([groups[k] for k in chosen])


def _tree(sample: Sequence[Observation]) -> Node:
    if not sample:
        raise UsageError("There is nothing to resample: no observations.")
    seeds: dict[str, dict[str, list[float]]] = {}
    for one in sample:
        seeds.setdefault(one.seed, {}).setdefault(one.task, []).append(one.value)
    return [[np.array(values) for values in named.values()] for named in seeds.values()]


def _means(tree: Node, count: int, rng: np.random.Generator) -> Vector:
    sums, sizes = _resampled(tree, count, rng)
    return sums / sizes


def _resampled(node: Node, count: int, rng: np.random.Generator) -> tuple[Vector, Vector]:
    """Sum and size of `count` resamples of a node, each drawn anew on every level below it."""
    if isinstance(node, np.ndarray):
        drawn = node[rng.integers(0, len(node), (count, len(node)))]
        return drawn.sum(axis=1), np.full(count, float(len(node)))
    sums, sizes = np.zeros(count), np.zeros(count)
    chosen = rng.integers(0, len(node), (count, len(node)))
    for place, child in enumerate(node):
        # Every drawing of a child is one resample of its own.
        owners = np.nonzero(chosen == place)[0]
        inner_sums, inner_sizes = _resampled(child, len(owners), rng)
        np.add.at(sums, owners, inner_sums)
        np.add.at(sizes, owners, inner_sizes)
    return sums, sizes


def _estimate(
    value: float,
    means: Vector,
    sample: Sequence[Observation],
    resampling: Resampling,
    method: str,
) -> Estimate:
    seeds = len({one.seed for one in sample})
    low, high = _percentiles(means, resampling) if seeds > 1 else (None, None)
    return Estimate(value=value, low=low, high=high, n=len(sample), clusters=seeds, method=method)


def _percentiles(values: Vector, resampling: Resampling) -> tuple[float, float]:
    tail = (1 - resampling.level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _mean(sample: Sequence[Observation]) -> float:
    return float(np.mean([one.value for one in sample]))


def by_stratum(sample: Sequence[Observation]) -> Mapping[str, list[Observation]]:
    """The observations of each stratum, in the order of their names."""
    strata: defaultdict[str, list[Observation]] = defaultdict(list)
    for one in sample:
        strata[one.stratum].append(one)
    return dict(sorted(strata.items()))
