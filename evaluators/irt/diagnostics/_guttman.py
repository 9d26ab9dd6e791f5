"""Covariances of pairs of items and the largest that their margins allow: what H is made of.

For 0/1 scores over the agents that answered both, with shares p_j and p_k of the pair,
cov_max = min(p_j, p_k) (1 - max(p_j, p_k)). For other scores the largest covariance is that of the
sorted scores (comonotone), of each item's own scores where cells are missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence


@dataclass(frozen=True)
class Covariances:
    """(block, J) of a stretch of items with all; 0 with themselves and where nothing is shared."""

    rows: slice
    seen: Floats
    """Agents that answered both."""
    observed: Floats
    largest: Floats


@dataclass(frozen=True)
class ItemSums:
    """(J,) covariances summed over all other items."""

    observed: Floats
    largest: Floats

    @property
    def coefficient(self) -> Floats:
        """H_j; NaN where the margins leave no room (a constant item)."""
        room = self.largest > 1e-12
        return np.where(room, self.observed / np.where(room, self.largest, 1.0), np.nan)


def item_sums(evidence: Evidence) -> ItemSums:
    """Covariances of each item, summed over the others."""
    observed, largest = np.zeros((2, len(evidence.items)))
    for block in covariances(evidence):
        observed[block.rows] = block.observed.sum(axis=1)
        largest[block.rows] = block.largest.sum(axis=1)
    return ItemSums(observed, largest)


def covariances(evidence: Evidence) -> Iterator[Covariances]:
    """Block by block; memory stays small whatever the number of items."""
    sorted_scores = None if evidence.binary else _quantiles(evidence)
    for rows in evidence.blocks():
        score, seen = evidence.score[:, rows].T, evidence.seen[:, rows].T
        count = seen @ evidence.seen
        safe = np.maximum(count, 1.0)
        first, second = score @ evidence.seen / safe, seen @ evidence.score / safe
        observed = score @ evidence.score / safe - first * second
        if sorted_scores is None:
            largest = np.minimum(first, second) * (1.0 - np.maximum(first, second))
        else:
            mine = sorted_scores[:, rows].T
            largest = mine @ sorted_scores / sorted_scores.shape[0]
            largest -= np.outer(mine.mean(axis=1), sorted_scores.mean(axis=0))
        own = (np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop))
        for matrix in (observed, largest):
            matrix[own] = 0.0
            matrix[count == 0] = 0.0
        yield Covariances(rows, count, observed, largest)


def _quantiles(evidence: Evidence) -> Floats:
    """(N, J) each item's own observed scores, ascending, stretched to N places."""
    n = len(evidence.agents)
    found = np.zeros(evidence.score.shape)
    for place in range(len(evidence.items)):
        own = np.sort(evidence.score[evidence.seen[:, place] > 0, place])
        if len(own):
            found[:, place] = own[((np.arange(n) + 0.5) * len(own) / n).astype(int)]
    return found
