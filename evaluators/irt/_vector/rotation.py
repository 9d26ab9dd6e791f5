"""Axes of an exploratory fit: which, in which order, pointing where.

The likelihood is the same whichever way the axes lie. Here they depend on the fitted slopes alone,
not on where an estimation started nor on the order of items: principal axes first, from there the
rotation, then abilities in the order of how much they explain, each pointing where slopes sum to
more than nothing.
"""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt._vector.options import Rotation
from evaluators.irt._vector.posterior import inverse

TURNS = 1000
"""Steps of a rotation, at most."""
LOGIT = 1.702
"""Logits to a normal deviate: a slope a is a loading a / sqrt(1.702^2 + |a|^2)."""


def loadings(slopes: Floats) -> Floats:
    """(J, D) loadings of the answers' latent propensities on uncorrelated abilities."""
    return slopes / np.sqrt(LOGIT**2 + np.sum(slopes**2, axis=1, keepdims=True))


def axes(slopes: Floats, rotation: Rotation) -> Floats:
    """(D, D) U: slopes @ U are the rotated ones, theta @ inv(U)' the rotated abilities.

    Rotations are of `loadings`, so that no item counts for more because it discriminates sharply.
    Oblimin is statsmodels' (gradient projection: Jennrich 2002), in the form of quartimin.
    """
    shape = loadings(slopes)
    # Sums over items do depend on their order, in the last bits; rounding them settles ties.
    _, vectors = np.linalg.eigh(shape.T @ shape)
    units = vectors[:, ::-1]
    units = units * _signs(shape @ units)
    if rotation != "principal" and slopes.shape[1] > 1:
        units = units @ _rotated(shape @ units, rotation)
    turned = shape @ units
    order = np.argsort(-np.sum(turned**2, axis=0), kind="stable")
    units = units[:, order]
    return units * _signs(shape @ units)


def _rotated(shape: Floats, rotation: Rotation) -> Floats:
    if rotation == "varimax":
        return _varimax(shape)
    from statsmodels.multivariate import factor_rotation

    _, turn = factor_rotation.rotate_factors(shape, "quartimin", tol=1e-6, max_tries=500)
    return inverse(np.asarray(turn, dtype=float).T)


def _varimax(shape: Floats) -> Floats:
    """(D, D) the rotation that maximises the variance of squared loadings (Kaiser 1958).

    By singular value decompositions, each of which raises the criterion; gradient projection takes
    a thousand small steps where this takes twenty.
    """
    turn = np.eye(shape.shape[1])
    for _ in range(TURNS):
        turned = shape @ turn
        pull = shape.T @ (turned**3 - turned * np.mean(turned**2, axis=0))
        left, _, right = np.linalg.svd(pull)
        before, turn = turn, left @ right
        if float(np.abs(turn - before).max()) < 1e-12:
            break
    return turn


def _signs(turned: Floats) -> Floats:
    return np.where(np.sum(turned, axis=0) < 0.0, -1.0, 1.0)


def correlation_of(units: Floats) -> Floats:
    """(D, D) correlations of abilities that were uncorrelated before `units` turned them."""
    back = inverse(units)
    found = back @ back.T
    sd = np.sqrt(np.diagonal(found))
    return found / np.outer(sd, sd)
