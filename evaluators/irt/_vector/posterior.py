"""Each agent's posterior over all D abilities at once: mode, curvature, nodes, weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt._vector.blocks import Block, ability_sums, item_sums, node_likelihood

NEWTON = 30
"""Newton steps towards a mode, at most."""
REACH = 2.0
"""Longest step of one Newton step: the first steps of extreme agents overshoot without it."""


@dataclass(frozen=True)
class Weighted:
    """Nodes of one block with their posterior weights."""

    block: Block
    nodes: Floats
    """(N, K, d)"""
    weights: Floats
    """(N, K) posterior; rows sum to 1."""


@dataclass(frozen=True)
class Posterior:
    """What an E-step finds."""

    parts: tuple[Weighted, ...]
    log_likelihood: Floats
    """(N,) marginal, without binomial coefficients."""
    mean: Floats
    """(N, D) posterior means (EAP)."""
    covariance: Floats
    """(N, D, D) posterior covariances; (N, D) variances alone where dimensions were reduced."""
    mode: Floats
    """(N, D): where the next search starts."""


def inverse(matrix: Floats) -> Floats:
    """(…, d, d) its inverse; NumPy's type stubs forget that it is of doubles."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def hermite(count: int) -> tuple[Floats, Floats]:
    """(q,) nodes and log weights of the standard normal."""
    from numpy.polynomial import hermite_e

    nodes, weights = hermite_e.hermegauss(count)
    return nodes, np.log(weights / weights.sum())


def tensor(count: int, dimensions: int) -> tuple[Floats, Floats]:
    """(K, D) nodes of the D-dimensional standard normal and (K,) log weights; K = count ** D."""
    nodes, logs = hermite(count)
    places = np.array(list(product(range(count), repeat=dimensions)), dtype=np.int64)
    return nodes[places], logs[places].sum(axis=1)


def posterior(
    block: Block, x: Floats, correlation: Floats, start: Floats, count: int, tolerance: float = 1e-3
) -> Posterior:
    """The posterior of every agent, by adaptive quadrature.

    Args:
        block: All cells.
        x: (J, D + 1) working parameters.
        correlation: (D, D) of abilities in the population.
        start: (N, D) where the search for modes starts.
        count: Nodes a dimension.
        tolerance: Largest Newton step at which a mode counts as found. Nodes need no better one:
            the weights make up for it.
    """
    precision = inverse(correlation)
    mode, curvature = modes(block, x, precision, start, tolerance)
    # theta = mode + C z with C C' the inverse curvature.
    spread = np.linalg.inv(np.linalg.cholesky(curvature)).transpose(0, 2, 1)
    z, log_weights = tensor(count, mode.shape[1])
    nodes = mode[:, None, :] + z @ spread.transpose(0, 2, 1)
    prior = -0.5 * np.einsum("nkd,de,nke->nk", nodes, precision, nodes, optimize=True)
    logs = node_likelihood(block, x, nodes) + prior + log_weights + 0.5 * np.sum(z * z, axis=1)
    total, weights = normalised(logs)
    volume = np.log(np.diagonal(spread, axis1=1, axis2=2)).sum(axis=1)
    total = total + volume - 0.5 * float(np.linalg.slogdet(correlation)[1])
    mean = np.einsum("nk,nkd->nd", weights, nodes)
    rest = nodes - mean[:, None, :]
    covariance = (rest * weights[:, :, None]).transpose(0, 2, 1) @ rest
    return Posterior((Weighted(block, nodes, weights),), total, mean, covariance, mode)


def normalised(logs: Floats) -> tuple[Floats, Floats]:
    """Log of the sums over the last axis, and the terms divided by their sum."""
    top = logs.max(axis=-1, keepdims=True)
    terms = np.exp(logs - top)
    total = terms.sum(axis=-1, keepdims=True)
    return (np.log(total) + top)[..., 0], terms / total


def modes(
    block: Block, x: Floats, precision: Floats, start: Floats, tolerance: float
) -> tuple[Floats, Floats]:
    """(N, D) posterior modes by Newton's method and (N, D, D) curvatures there."""
    theta = start
    curvature = np.empty(0)
    for _ in range(NEWTON):
        gradient, curvature = ability_sums(block, x, theta)
        curvature = curvature + precision
        step = np.linalg.solve(curvature, (gradient - theta @ precision)[:, :, None])[:, :, 0]
        length = np.sqrt(np.sum(step * step, axis=1, keepdims=True))
        theta = theta + step * np.minimum(1.0, REACH / np.maximum(length, 1e-300))
        if float(length.max(initial=0.0)) <= tolerance:
            break
    return theta, curvature


def variances(seen: Posterior) -> Floats:
    """(N, D) posterior variances."""
    if seen.covariance.ndim == 2:
        return seen.covariance
    return np.diagonal(seen.covariance, axis1=1, axis2=2)


def expected(parts: Sequence[Weighted], x: Floats) -> tuple[Floats, Floats]:
    """(J, p) gradient and (J, p, p) curvature of the expected complete log-likelihood by x."""
    gradient = np.zeros_like(x)
    curvature = np.zeros((*x.shape, x.shape[1]))
    for part in parts:
        sums = item_sums(part.block, x, part.nodes, part.weights)
        columns = part.block.columns
        gradient[:, columns] += sums.gradient
        curvature[:, columns[:, None], columns[None, :]] += sums.curvature
    return gradient, curvature
