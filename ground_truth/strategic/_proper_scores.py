"""Scores of a stated distribution that truth alone maximises.

Source: T. Gneiting and A. Raftery, "Strictly proper scoring rules, prediction, and estimation",
Journal of the American Statistical Association 102 (2007) 359-378.
"""

import math
from collections.abc import Sequence

SMALLEST = 1e-12
"""Probabilities below count as this in the log score, so that it is finite."""


def brier_score(probabilities: Sequence[float], outcome: int) -> float:
    """Σ_k (p_k - 1[k = outcome])² over all classes: 0 is best, 2 worst on the simplex.

    Raises:
        ValueError: there is no such outcome.
    """
    _require(probabilities, outcome)
    return math.fsum((p - (k == outcome)) ** 2 for k, p in enumerate(probabilities))


def log_score(probabilities: Sequence[float], outcome: int) -> float:
    """Log of p_outcome, in nats: 0 is best.

    Raises:
        ValueError: there is no such outcome.
    """
    _require(probabilities, outcome)
    return math.log(max(probabilities[outcome], SMALLEST))


def _require(probabilities: Sequence[float], outcome: int) -> None:
    if not 0 <= outcome < len(probabilities):
        raise ValueError(f"outcome {outcome} is none of the {len(probabilities)} classes")
