"""Regret of a sequence of rewards against the optimal ones."""

from collections.abc import Sequence

import numpy as np

from evaluators.stats.sample import Vector
from tasks import UsageError


def per_step(rewards: Sequence[float], optimal: Sequence[float]) -> Vector:
    """Optimal reward minus the agent's, step by step; negative where luck beat the optimum.

    Raises:
        UsageError: the sequences differ in length, or are no plain sequences of numbers.
    """
    got, best = np.asarray(rewards, dtype=np.float64), np.asarray(optimal, dtype=np.float64)
    if got.shape != best.shape or got.ndim != 1:
        raise UsageError(
            f"Regret compares two sequences of one length, not shapes {got.shape} and {best.shape}."
        )
    return best - got


def cumulative(rewards: Sequence[float], optimal: Sequence[float]) -> Vector:
    """Regret up to and with each step.

    Raises:
        UsageError: as `per_step`.
    """
    return np.cumsum(per_step(rewards, optimal))
