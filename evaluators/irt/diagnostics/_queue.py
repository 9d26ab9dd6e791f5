"""Items that all agents fail, or all pass: hard (easy), or broken?

No correlation is defined for them, so they stand in a queue of their own. Difficulties of sound
items are taken as b_j ~ N(x_j w, s²), x_j the item's features (a constant alone where there are
none), and w and s by EM over all items, the extreme ones included, given the agents' abilities.
A broken item is failed (passed) by all; so, with prior odds of being broken so,

    P(broken | all fail) = pi / (pi + (1 - pi) P(all fail | sound, x_j)).

An all-fail item that its features call easy is suspect; one that they call hard is hard.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.models._sigmoid import expit

RIDGE = 1.0
"""Penalty on standardised feature weights."""
REACH = 12.0
"""Difficulties are summed over -12 .. 12 logits."""


@dataclass(frozen=True)
class Extremes:
    """What is thought of each item; arrays (J,)."""

    all_fail: np.ndarray[tuple[int], np.dtype[np.bool_]]
    all_pass: np.ndarray[tuple[int], np.dtype[np.bool_]]
    expected: Floats
    """Difficulty in logits that the features lead one to expect."""
    chance: Floats
    """P(all fail), or P(all pass), of a sound item with these features; NaN elsewhere."""
    broken: Floats
    """P(broken | all fail or all pass); NaN elsewhere."""


def extremes(evidence: Evidence, features: Floats, prior: float) -> Extremes:
    """Judge the items without any variation.

    Args:
        evidence: Of the table.
        features: (J, F) of the items, F >= 0; NaN where unknown (its mean is put there).
        prior: Share of items that are broken in such a way that nobody passes (or fails).
    """
    grid = np.linspace(-REACH, REACH, 97)
    likelihood, fail, success = _likelihoods(evidence, grid)
    answered = evidence.count > 0
    middle, spread = _difficulties(likelihood[answered], _design(features)[answered], grid)
    expected = np.full(len(evidence.items), np.nan)
    expected[answered] = middle
    density = np.exp(-0.5 * ((grid - np.nan_to_num(expected)[:, None]) / spread) ** 2)
    density /= density.sum(axis=1, keepdims=True)
    share = evidence.mean
    all_fail, all_pass = answered & (share == 0.0), answered & (share == 1.0)
    chance = np.full(len(evidence.items), np.nan)
    chance[all_fail] = (density * np.exp(fail))[all_fail].sum(axis=1)
    chance[all_pass] = (density * np.exp(success))[all_pass].sum(axis=1)
    return Extremes(all_fail, all_pass, expected, chance, prior / (prior + (1.0 - prior) * chance))


def _likelihoods(evidence: Evidence, grid: Floats) -> tuple[Floats, Floats, Floats]:
    """(J, Q) log likelihood of each item at each difficulty; of failing, and of passing, all."""
    chance = expit(evidence.rasch.theta[:, None] - grid)
    chance = np.clip(chance, 1e-12, 1.0 - 1e-12)
    up, down = np.log(chance), np.log1p(-chance)
    total = evidence.trials * evidence.score
    likelihood = total.T @ up + (evidence.trials - total).T @ down
    return likelihood, evidence.trials.T @ down, evidence.trials.T @ up


def _design(features: Floats) -> Floats:
    """(J, 1 + F) a constant, and the features standardised, unknown ones at their mean."""
    known = np.isfinite(features)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, features, 0.0)
    middle = filled.sum(axis=0) / count
    filled = np.where(known, features, middle)
    spread = filled.std(axis=0)
    z = (filled - middle) / np.where(spread > 1e-12, spread, 1.0)
    return np.column_stack([np.ones(len(features)), z])


def _difficulties(likelihood: Floats, design: Floats, grid: Floats) -> tuple[Floats, float]:
    """(J,) expected difficulties and their residual sd, by EM."""
    spread, middle = 2.0, np.zeros(len(likelihood))
    penalty = RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 1e-9
    inverse = np.linalg.solve(design.T @ design + penalty, design.T)
    for _ in range(200):
        log = likelihood - 0.5 * ((grid - middle[:, None]) / spread) ** 2
        weight = np.exp(log - log.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        mean = weight @ grid
        variance = weight @ grid**2 - mean**2
        new = design @ (inverse @ mean)
        wide = float(np.sqrt(max(np.mean(variance + (mean - new) ** 2), 0.01)))
        done = abs(wide - spread) < 1e-5 and float(np.abs(new - middle).max()) < 1e-5
        middle, spread = new, wide
        if done:
            break
    return middle, spread
