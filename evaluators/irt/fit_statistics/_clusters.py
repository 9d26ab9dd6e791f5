"""Groups of items that depend on each other, from a matrix of their adjusted correlations."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats, Ints


@dataclass(frozen=True)
class Cluster:
    """Items that hang together beyond the ability."""

    items: tuple[str, ...]
    mean_adjusted: float
    """Mean Q3* of its pairs."""
    text: str
    """A sentence."""


def clusters_of(
    names: tuple[str, ...], adjusted: Floats, level: float, least: float
) -> tuple[Cluster, ...]:
    """Groups of at least two items, largest first.

    Args:
        names: (J,) of the items.
        adjusted: (J, J) Q3*; NaN counts as 0.
        level: Mean Q3* at which groups are no longer joined.
        least: Mean Q3* times the root of the number of pairs that a group must exceed.
    """
    found = [
        _worded(tuple(names[place] for place in places.tolist()), mean)
        for places, mean in _linked(adjusted, level)
        if _strength(len(places), mean) > least
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.items), -one.mean_adjusted, one.items)))


def strongest(adjusted: Floats, level: float) -> float:
    """Largest mean Q3* times root of pairs of any group; `level` where nothing is joined."""
    return max((_strength(len(at), mean) for at, mean in _linked(adjusted, level)), default=level)


def _strength(size: int, mean: float) -> float:
    return mean * float(np.sqrt(size * (size - 1) / 2.0))


def _linked(adjusted: Floats, level: float) -> Iterator[tuple[Ints, float]]:
    """Places and mean of the groups of an average linkage, cut at `level`."""
    with np.errstate(invalid="ignore"):
        near = np.flatnonzero(np.any(adjusted > level, axis=1))
    if len(near) < 2:
        return
    from scipy.cluster import hierarchy
    from scipy.spatial import distance

    part = np.nan_to_num(adjusted[np.ix_(near, near)])
    apart = np.maximum(1.0 - (part + part.T) / 2.0, 0.0)
    np.fill_diagonal(apart, 0.0)
    tree = hierarchy.linkage(distance.squareform(apart, checks=False), method="average")
    label = hierarchy.fcluster(tree, 1.0 - level, criterion="distance")
    order = np.argsort(label, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        if len(at) > 1:
            mean = float(part[np.ix_(at, at)][np.triu_indices(len(at), 1)].mean())
            yield near[at].astype(np.int64), mean


def _worded(items: tuple[str, ...], mean: float) -> Cluster:
    kind = "answer almost as one: duplicates?" if mean > 0.7 else "share more than the ability."
    shown = ", ".join(items[:4]) + (f" and {len(items) - 4} more" if len(items) > 4 else "")
    return Cluster(items, mean, f"{shown} {kind} Mean residual correlation {mean:+.2f}.")
