"""The stacked defect score: one probability from several statistics, learnt on planted defects.

A multinomial logistic model over four classes: sound, *inverted* (a reversed key), *random*
(outcomes are partly or wholly chance) and *partial* (some agents fail whatever they do, or
successes are refused). Which statistic may speak for which class is fixed (`CLASSES`), and no
weight is negative: a worse value never makes an item less suspect of that class. `defect` is the
odds of all three classes together.

Statistics enter in their own unit where zero means something (a slope below 0, nothing predictable)
and as robust z among the items of the table, as such (`_z`) and freed of the item's mean score
(`_at_mean`). The coefficients in `_stack.json` were learnt by `benchmarks/defects.py --train`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence

CLASSES: Mapping[str, tuple[str, ...]] = {
    "inverted": ("tetrachoric", "slope_ratio", "negative_slope_ratio", "outfit_z"),
    "random": (
        "unpredictability", "unpredictability_z", "unpredictability_at_mean", "outfit_z",
        "outfit_at_mean",
    ),
    "partial": (
        "unpredictability", "unpredictability_z", "unpredictability_at_mean", "outfit_z",
        "outfit_at_mean",
    ),
}  # fmt: skip
"""The classes of defect beside `sound`, and the features that may speak for each."""
NAMES = tuple(dict.fromkeys(name for names in CLASSES.values() for name in names))
NEEDS = ("tetrachoric", "slope", "predictability", "outfit")
"""Statistics that the features are made of."""
FARTHEST = 6.0
"""Robust z beyond which nothing more is learnt."""


@dataclass(frozen=True)
class Stack:
    """A trained stack."""

    weights: Floats
    """(classes, features) on the features as `features` gives them; none negative."""
    intercepts: Floats
    """(classes,) log odds against sound at features of zero, at the training prevalence."""
    prevalence: float
    """Share of broken items in training."""
    trained_on: tuple[str, ...]
    """Data sets, in words."""

    def log_ratios(self, values: Floats) -> Floats:
        """(J, classes) log likelihood ratios of each class against sound, for features (J, F)."""
        odds = self.intercepts + values @ self.weights.T
        return odds - np.log(self.prevalence / (1.0 - self.prevalence))


def features(evidence: Evidence, columns: Mapping[str, Floats], se: Floats) -> Floats:
    """(J, F) features of the stack, in the order of `NAMES`; rows of NaN for items not judged.

    Args:
        evidence: Of the table.
        columns: (J,) each of the statistics that `NEEDS` names.
        se: (J,) standard errors of the slopes.
    """
    judged = evidence.judged
    found = np.full((len(evidence.items), len(NAMES)), np.nan)
    if not judged.any():
        return found
    mean = evidence.mean[judged]
    ratio = np.clip(-columns["slope"] / se, -FARTHEST, FARTHEST)[judged]
    lost = 1.0 - columns["predictability"][judged]
    outfit = np.log(np.maximum(columns["outfit"][judged], 0.01))
    values = {
        "tetrachoric": -columns["tetrachoric"][judged],
        "slope_ratio": ratio,
        "negative_slope_ratio": np.maximum(ratio, 0.0),
        "outfit_z": robust_z(outfit),
        "outfit_at_mean": robust_z(_without_mean(outfit, mean)),
        "unpredictability": lost,
        "unpredictability_z": robust_z(lost),
        "unpredictability_at_mean": robust_z(_without_mean(lost, mean)),
    }
    found[judged] = np.nan_to_num(np.array([values[name] for name in NAMES]).T)
    return found


def robust_z(values: Floats) -> Floats:
    """Distance from the median in robust standard deviations (1.4826 MAD), within +-6."""
    middle = float(np.nanmedian(values))
    spread = 1.4826 * float(np.nanmedian(np.abs(values - middle)))
    if not spread > 1e-9:
        return np.zeros(len(values))
    return np.clip((values - middle) / spread, -FARTHEST, FARTHEST)


def _without_mean(values: Floats, mean: Floats) -> Floats:
    """What a cubic of the mean score leaves, fitted robustly (Cauchy weights)."""
    filled: Floats = np.where(np.isfinite(values), values, float(np.nanmedian(values)))
    if len(values) < 20:
        return filled
    cubic: Floats = np.stack([mean**3, mean**2, mean, np.ones(len(mean))], axis=1)
    weight: Floats = np.ones(len(values))
    left: Floats = filled
    for _ in range(5):
        best: Floats = np.linalg.pinv(cubic * weight[:, np.newaxis]) @ (filled * weight)
        left = filled - cubic @ best
        scale = 1.5 * float(np.median(np.abs(left))) + 1e-9
        weight = 1.0 / np.sqrt(1.0 + (left / scale) ** 2)
    return left


@dataclass(frozen=True)
class Sample:
    """Items of known state to train on."""

    values: Floats
    """(n, F) features."""
    label: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(n,) 0 for sound, then the places in `CLASSES` from 1."""
    weight: Floats
    """(n,)"""


def train(sample: Sample, trained_on: tuple[str, ...], *, ridge: float = 1.0) -> Stack:
    """Penalised maximum likelihood, weights on standardised features bounded below by 0.

    Args:
        sample: Items of known state.
        trained_on: Where they come from, in words.
        ridge: Penalty on the squared standardised weights, in units of sample weight.
    """
    from scipy.optimize import minimize

    spread = sample.values.std(axis=0) + 1e-9
    middle = sample.values.mean(axis=0)
    z = (sample.values - middle) / spread
    count = len(CLASSES)
    free = np.array([[name in names for name in NAMES] for names in CLASSES.values()])
    bounds = [(None, None)] * count + [(0.0, None if may else 0.0) for may in free.ravel()]

    def loss(x: Floats) -> tuple[float, Floats]:
        intercepts, weights = x[:count], x[count:].reshape(free.shape)
        return _loss(sample, z, intercepts, weights, ridge)

    start = np.zeros(count + free.size)
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000}
    ).x
    weights = found[count:].reshape(free.shape) / spread
    broken = float(sample.weight[sample.label > 0].sum() / sample.weight.sum())
    return Stack(weights, found[:count] - weights @ middle, broken, trained_on)


def _loss(
    sample: Sample, z: Floats, intercepts: Floats, weights: Floats, ridge: float
) -> tuple[float, Floats]:
    """Penalised negative log-likelihood, and its gradient by intercepts, then weights."""
    odds = np.column_stack([np.zeros(len(z)), intercepts + z @ weights.T])
    total: Floats = np.logaddexp.reduce(odds, axis=1)
    own = odds[np.arange(len(z)), sample.label]
    value = float((sample.weight * (total - own)).sum() + 0.5 * ridge * (weights**2).sum())
    wrong = np.exp(odds - total[:, None])
    wrong[np.arange(len(z)), sample.label] -= 1.0
    wrong = (wrong * sample.weight[:, None])[:, 1:]
    slope = wrong.T @ z + ridge * weights
    return value, np.concatenate([wrong.sum(axis=0), slope.ravel()])
