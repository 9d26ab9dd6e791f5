"""Standard errors."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.estimators._posterior import Expectation, Posteriors, State, item_prior
from evaluators.irt.estimators._problem import Problem


@dataclass(frozen=True)
class Uncertainty:
    """How far to believe items and agents."""

    covariance: Floats
    se: Floats
    notes: tuple[str, ...] = ()


def uncertainty(
    problem: Problem, state: State, expected: Expectation, posteriors: Posteriors
) -> Uncertainty:
    _, information = problem.model.climb(
        state.x, expected.theta, expected.counts, expected.trials, problem.layout
    )
    if problem.options.priors:
        information = information + item_prior(problem, state)[2]
    return Uncertainty(np.linalg.inv(information), np.sqrt(expected.variance))
