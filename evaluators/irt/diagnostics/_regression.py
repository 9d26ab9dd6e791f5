"""Logistic regressions of all items on ability at once."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.models._sigmoid import expit

SLOPE, INTERCEPT = 9.0, 25.0
"""Variances of the normal priors, which keep separated items finite."""


@dataclass(frozen=True)
class Slopes:
    """Slopes, with their standard errors; NaN for an item that nobody answered."""

    a: Floats
    se: Floats


def slopes(evidence: Evidence) -> Slopes:
    """Posterior modes of a in logit P = a x + c, x the ability without the item, by Newton."""
    x, trials = evidence.spared, evidence.trials
    a, c = np.ones(len(evidence.items)), np.zeros(len(evidence.items))
    variance = np.full(len(evidence.items), np.nan)
    for _ in range(60):
        chance = expit(a * x + c)
        residual, weight = trials * (evidence.score - chance), trials * chance * (1.0 - chance)
        by_c = residual.sum(axis=0) - c / INTERCEPT
        by_a = (residual * x).sum(axis=0) - a / SLOPE
        cc = weight.sum(axis=0) + 1.0 / INTERCEPT
        ca = (weight * x).sum(axis=0)
        aa = (weight * x * x).sum(axis=0) + 1.0 / SLOPE
        determinant = cc * aa - ca**2
        step_a = np.clip((cc * by_a - ca * by_c) / determinant, -1.0, 1.0)
        step_c = np.clip((aa * by_c - ca * by_a) / determinant, -1.0, 1.0)
        a, c, variance = a + step_a, c + step_c, cc / determinant
        if max(np.abs(step_a).max(), np.abs(step_c).max()) < 1e-8:
            break
    answered = evidence.count > 0
    return Slopes(np.where(answered, a, np.nan), np.where(answered, np.sqrt(variance), np.nan))
