"""Posterior over hypotheses from a prior, a likelihood table and observed symbols.

    p_k ∝ prior_k · Π_t likelihood[k][o_t]

in logarithms, the largest subtracted before they are raised. Two tolerances, for numbers copied
from a prompt: a vector that sums to 1 within `ROUNDED` is scaled to 1, and observations that are
no positions from 0 but all numbers from 1 are taken as such.
"""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from server.calculators._core import Calculator, require_distribution
from tasks import JSON, Frozen

ROUNDED = 1e-2
"""How far from 1 a sum may be to pass for rounding."""

Row = Annotated[list[float], Field(min_length=1, max_length=200)]


class Arguments(Frozen):
    """What is known of the hypotheses, and what was seen."""

    priors: Row
    likelihood: Annotated[list[Row], Field(min_length=1, max_length=200)]
    observations: Annotated[list[int], Field(max_length=10_000)]


def compute(asked: Arguments) -> dict[str, JSON]:
    """The posterior in the order of the priors.

    Raises:
        ValueError: shapes that do not fit, no distributions, or evidence that cannot happen.
    """
    priors = near_distribution(asked.priors)
    likelihood = [near_distribution(row) for row in asked.likelihood]
    width = len(likelihood[0])
    if len(likelihood) != len(priors):
        raise ValueError(f"{len(priors)} priors, but {len(likelihood)} rows of likelihood")
    if any(len(row) != width for row in likelihood):
        raise ValueError("the rows of likelihood have different lengths")
    require_distribution("priors", priors)
    for index, row in enumerate(likelihood):
        require_distribution(f"likelihood.{index}", row)
    observations = positions(asked.observations, width)
    if any(not 0 <= seen < width for seen in observations):
        raise ValueError(f"observations are positions from 0 to {width - 1}")
    return {"posterior": posterior(priors, likelihood, observations)}


def posterior(
    priors: Sequence[float], likelihood: Sequence[Sequence[float]], observations: Sequence[int]
) -> list[float]:
    """Naive Bayes in logarithms; without observations it is the prior.

    Raises:
        ValueError: no hypothesis can have produced the observations.
    """
    weights = [
        _log(prior) + math.fsum(_log(row[seen]) for seen in observations)
        for prior, row in zip(priors, likelihood, strict=True)
    ]
    top = max(weights)
    if top == -math.inf:
        raise ValueError("no hypothesis can have produced these observations")
    raised = [math.exp(weight - top) for weight in weights]
    total = math.fsum(raised)
    return [value / total for value in raised]


def near_distribution(values: list[float]) -> list[float]:
    """`values` scaled to sum to 1 if rounding alone can have kept them from it; else as given."""
    total = math.fsum(values)
    if min(values) < 0 or abs(total - 1) > ROUNDED:
        return values
    return [value / total for value in values]


def positions(observations: list[int], width: int) -> list[int]:
    """Observations counted from 0: shifted if they fit only when counted from 1."""
    if all(0 <= seen < width for seen in observations):
        return observations
    if all(1 <= seen <= width for seen in observations):
        return [seen - 1 for seen in observations]
    return observations


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


calculator = Calculator(
    "Posterior of hypotheses (rows of likelihood) after observed symbols (columns, from 0).",
    Arguments,
    compute,
)
