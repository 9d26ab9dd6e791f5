"""The distribution that items are taken to come from: estimated, so that it takes no sides.

With more items than agents a fixed prior on slopes outweighs the abilities' N(0, I) and sets the
scale. A prior whose mean and spread are estimated (empirical Bayes) has no scale of its own.
"""

from itertools import pairwise

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt._vector.estimation import State
from evaluators.irt._vector.plan import Plan
from evaluators.irt._vector.posterior import Posterior, expected, inverse
from evaluators.irt._vector.units import Prior

NARROW, WIDE = (0.2, 0.5), (1.5, 4.0)
"""Least and largest sd of slopes, and of intercepts."""


def first_prior(x: Floats, plan: Plan) -> Prior:
    """Weak, around the start."""
    mean = np.zeros_like(x)
    mean[:, -1] = x[:, -1].mean()
    sd = np.append(np.full(x.shape[1] - 1, WIDE[0]), WIDE[1])
    if not plan.exploratory:
        mean[:, :-1] = np.where(plan.free, 0.5, 0.0)
    return Prior(mean, np.diag(1.0 / sd**2))


def learned_prior(state: State, seen: Posterior, plan: Plan) -> Prior:
    """The normal distribution of the items as they stand, what is uncertain of each included."""
    _, curvature = expected(seen.parts, state.x)
    doubt = inverse(curvature + state.prior.precision)
    if plan.exploratory:
        mean = state.x.mean(axis=0)
        rest = state.x - mean
        spread = bounded(rest.T @ rest / len(rest) + doubt.mean(axis=0))
        return Prior(np.broadcast_to(mean, state.x.shape), inverse(spread))
    return _by_kind(state.x, np.diagonal(doubt, axis1=1, axis2=2), plan)


def bounded(spread: Floats) -> Floats:
    """A covariance whose principal sds lie within what is sensible for items."""
    values, vectors = np.linalg.eigh(spread)
    return (vectors * np.clip(values, NARROW[0] ** 2, WIDE[1] ** 2)) @ vectors.T


def _by_kind(x: Floats, doubt: Floats, plan: Plan) -> Prior:
    """Slopes of one kind (general, specific; else all) share a mean and an sd."""
    size = x.shape[1]
    free = np.column_stack([plan.free, np.ones(len(x), dtype=bool)])
    ends = [0, 1, size - 1, size] if plan.groups else [0, size - 1, size]
    mean, precision = np.zeros_like(x), np.zeros(size)
    for low, high in pairwise(ends):
        kind = slice(low, high)
        at = free[:, kind]
        centre = x[:, kind][at].mean()
        variance = np.mean((x[:, kind][at] - centre) ** 2 + doubt[:, kind][at])
        bound = int(high == size)
        mean[:, kind] = np.where(at, centre, 0.0)
        precision[kind] = 1.0 / np.clip(variance, NARROW[bound] ** 2, WIDE[bound] ** 2)
    return Prior(mean, np.diag(precision))
