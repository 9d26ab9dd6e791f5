"""Where a fit starts: a function of the data alone."""

import numpy as np

from evaluators.irt._responses import Cells, Floats
from evaluators.irt._vector.plan import Marks
from evaluators.irt._vector.rotation import LOGIT
from evaluators.irt.models._logistic import smoothed_log_odds

STEEPEST = 2.0
"""Largest |a| of an item to start from."""


def standardised(cells: Cells) -> Floats:
    """(N, J) deviations of cells from their item's mean in its sd; 0 where nothing is observed."""
    odds = smoothed_log_odds(cells)
    share = 1.0 / (1.0 + np.exp(-odds))
    found = np.zeros((cells.n_agents, cells.n_items))
    at = cells.item
    found[cells.agent, at] = (cells.mean - share[at]) / np.sqrt(share[at] * (1.0 - share[at]))
    return found


def leading(matrix: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """(N, D), (D,) and (J, D): the largest singular values and their vectors.

    By the eigenvectors of the smaller cross product: no random start, and far less work than all.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    values, vectors = np.linalg.eigh(gram)
    own = vectors[:, ::-1][:, :count]
    size = np.sqrt(np.maximum(values[::-1][:count], 1e-12))
    other = (matrix.T if wide else matrix) @ own / size
    return (own, size, other) if wide else (other, size, own)


def principal_start(cells: Cells, dimensions: int) -> Floats:
    """(J, D + 1) slopes from the principal axes of standardised scores, and intercepts."""
    _, size, axes = leading(standardised(cells), dimensions)
    seen = np.maximum(np.bincount(cells.item, minlength=cells.n_items), 1)
    loading = axes * size / np.sqrt(seen)[:, None]
    length = np.sqrt(np.sum(loading**2, axis=1, keepdims=True))
    loading = loading * np.minimum(1.0, 0.8 / np.maximum(length, 1e-12))
    slopes = LOGIT * loading / np.sqrt(1.0 - np.sum(loading**2, axis=1, keepdims=True))
    steep = np.sqrt(np.sum(slopes**2, axis=1, keepdims=True))
    slopes = slopes * np.minimum(1.0, STEEPEST / np.maximum(steep, 1e-12))
    return with_intercepts(cells, slopes)


def patterned_start(cells: Cells, free: Marks, bifactor: bool) -> Floats:
    """(J, D + 1) slopes of the same size wherever they are free; specific ones are smaller."""
    slopes = np.where(free, 1.0 / np.sqrt(np.maximum(free.sum(axis=1, keepdims=True), 1)), 0.0)
    if bifactor:
        slopes[:, 1:] *= 0.6
    return with_intercepts(cells, slopes)


def with_intercepts(cells: Cells, slopes: Floats) -> Floats:
    """(J, D + 1) beside slopes the intercepts that give each item its share of successes."""
    spread = np.sqrt(1.0 + np.sum(slopes**2, axis=1) / LOGIT**2)
    return np.column_stack([slopes, smoothed_log_odds(cells) * spread])
