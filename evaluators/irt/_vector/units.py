"""The units and axes of abilities, as an M-step may change them (parameter expansion).

Items x = (a, d) at abilities theta are the items x U at abilities C^-1 (theta - mu), where
U = [[C, mu], [0, 1]]. An M-step that may choose C and mu beside the items maximises, over them,

    -N log |C| - N / 2 tr(R^-1 C^-1 M C^-T) + sum_j log N(x_j U; m_j, 1 / precision)

with M the abilities' expected second moment about mu and R their correlation in the population.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt._vector.posterior import Posterior, inverse


@dataclass(frozen=True)
class Prior:
    """The normal distribution that items are taken to come from."""

    mean: Floats
    """(J, p); 0 where a parameter is fixed."""
    precision: Floats
    """(p, p)"""

    def log_density(self, x: Floats) -> float:
        """Of all items, up to a constant."""
        rest = x - self.mean
        return -0.5 * float(np.sum((rest @ self.precision) * rest))


@dataclass(frozen=True)
class Moments:
    """Of the abilities, expected over all agents."""

    count: int
    mean: Floats
    """(D,)"""
    covariance: Floats
    """(D, D) about the mean."""


def moments(seen: Posterior) -> Moments:
    """The moments of a posterior."""
    mean = seen.mean.mean(axis=0)
    rest = seen.mean - mean
    inner = seen.covariance.mean(axis=0)
    inner = inner if inner.ndim == 2 else np.diag(inner)
    return Moments(len(rest), mean, inner + rest.T @ rest / len(rest))


def whitening(found: Moments, full: bool) -> Floats:
    """(p, p) U after which abilities have mean 0 and covariance I, or only variance 1."""
    size = len(found.mean)
    units = np.eye(size + 1)
    if full:
        values, vectors = np.linalg.eigh(found.covariance)
        # The symmetric root turns abilities no further than it must.
        units[:size, :size] = (vectors * np.sqrt(values)) @ vectors.T
    else:
        units[:size, :size] = np.diag(np.sqrt(np.diagonal(found.covariance)))
    units[:size, size] = found.mean
    return units


def carried(prior: Prior, units: Floats) -> Prior:
    """The same prior in new units."""
    back = inverse(units)
    return Prior(prior.mean @ units, back @ prior.precision @ back.T)


def best_units(found: Moments, x: Floats, prior: Prior, correlation: Floats, full: bool) -> Floats:
    """(p, p) the U that maximises the expansion's objective; `full`: C need not be diagonal."""
    from scipy import optimize

    size = len(found.mean)
    mask = np.zeros((size + 1, size + 1), dtype=bool)
    mask[:size, :size] = True if full else np.eye(size, dtype=bool)
    mask[:size, size] = True
    gram, cross = x.T @ x, x.T @ prior.mean
    precision = inverse(correlation)

    def falls(vector: Floats) -> tuple[float, Floats]:
        units = np.eye(size + 1)
        units[mask] = vector
        c, away = units[:size, :size], found.mean - units[:size, size]
        sign, volume = np.linalg.slogdet(c)
        if sign <= 0:
            return np.inf, np.zeros(len(vector))
        back = inverse(c)
        bent = back.T @ precision @ back
        second = found.covariance + np.outer(away, away)
        pull = (gram @ units - cross) @ prior.precision
        value = found.count * (float(volume) + 0.5 * float(np.sum(bent * second)))
        value += 0.5 * float(np.sum(units * ((gram @ units - 2.0 * cross) @ prior.precision)))
        slope = pull
        slope[:size, :size] += found.count * (back.T - bent @ second @ back.T)
        slope[:size, size] -= found.count * (bent @ away)
        return value / found.count, slope[mask] / found.count

    start = np.eye(size + 1)[mask]
    done: Any = optimize.minimize(falls, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    units = np.eye(size + 1)
    units[mask] = done.x
    return units
