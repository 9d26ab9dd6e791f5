"""What is known of an item or agent beside its responses, as its prior.

Each working parameter of the items is regressed on their features, ability on LLM and scaffold;
what the regression foretells, with the spread that it leaves open, is then the prior. Source:
explanatory item response models with residuals (De Boeck and Wilson 2004, ch. 6 and 7), the
regressions by restricted maximum likelihood (empirical Bayes).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Covariates, Floats
from evaluators.irt.explanatory._features import indicators, known, standardised
from evaluators.irt.explanatory._mixed import mixed
from evaluators.irt.explanatory.agents import PARTS

LEAST = 1e-6
"""Precision of a likelihood that tells nothing: of an item that everybody passed."""
LONGEST = 3.0
"""Of the step to the top of an item's own likelihood, which may lie at infinity."""


@dataclass(frozen=True)
class Informed:
    """Estimates after the prior; the shapes are those that went in."""

    mean: Floats
    covariance: Floats
    explained: tuple[float, ...]
    """Share of the true variance that the regression explains, parameter by parameter."""


@dataclass(frozen=True)
class Likelihood:
    """Items' own likelihoods as normals, by one Newton step from where they stand."""

    x: Floats
    """(J, p)"""
    gradient: Floats
    """(J, p) of the log-likelihood, without priors."""
    information: Floats
    """(J, p, p)"""


def informed_items(own: Likelihood, features: Mapping[str, Floats]) -> Informed:
    """Items with their features as prior: a Newton step of each to its posterior mode.

    Args:
        own: What the responses say.
        features: Columns of length J.

    Raises:
        UsageError: no features, or fewer than three items.
    """
    precision = _positive(own.information)
    move = np.linalg.solve(precision, own.gradient[..., None])[..., 0]
    top = own.x + np.clip(move, -LONGEST, LONGEST)
    se = np.sqrt(np.diagonal(np.linalg.inv(precision), axis1=1, axis2=2))
    design = standardised(features)(features)
    fits = [mixed(top[:, k], se[:, k], [design]) for k in range(top.shape[1])]
    told = [fit.predict([design]) for fit in fits]
    prior = np.column_stack([mean for mean, _ in told])
    spread = np.column_stack([variance for _, variance in told])
    weight = np.zeros_like(precision)
    index = np.arange(top.shape[1])
    weight[:, index, index] = 1.0 / spread
    after: Floats = np.linalg.inv(precision + weight).astype(np.float64)
    pulled = np.einsum("jkl,jl->jk", precision, top) + prior / spread
    mean = np.einsum("jkl,jl->jk", after, pulled)
    return Informed(mean, after, tuple(fit.explained for fit in fits))


def informed_agents(theta: Floats, se: Floats, labels: Mapping[str, Sequence[str]]) -> Informed:
    """Abilities with LLM and scaffold as prior, in the place of N(0, 1).

    Args:
        theta: (N,) posterior means under N(0, 1).
        se: (N,) their standard errors.
        labels: `llm`, `scaffold` (either may be missing), each of length N.
    """
    precision = np.maximum(1.0 / se**2 - 1.0, LEAST)
    own = theta / (se**2 * precision)
    blocks = [indicators(labels[part], known(labels[part])) for part in parts_of(labels)]
    fitted = mixed(own, np.sqrt(1.0 / precision), blocks)
    prior, spread = fitted.predict(blocks)
    after = 1.0 / (precision + 1.0 / spread)
    return Informed(after * (precision * own + prior / spread), after, (fitted.explained,))


def parts_of(labels: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Which of LLM and scaffold tell agents apart."""
    return tuple(part for part in PARTS if part in labels and len(known(labels[part])) > 1)


def features_of(items: Covariates) -> Mapping[str, Floats]:
    """The number columns of items that say something: not all unknown, not all the same."""
    return {
        name: column
        for name, column in items.numbers.items()
        if np.isfinite(column).any() and np.nanstd(column) > 0
    }


def _positive(matrices: Floats) -> Floats:
    """The nearest matrices with eigenvalues of at least `LEAST`."""
    values, vectors = np.linalg.eigh(0.5 * (matrices + np.swapaxes(matrices, 1, 2)))
    return (vectors * np.maximum(values, LEAST)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
