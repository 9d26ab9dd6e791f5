"""Each agent's posterior in a bifactor model, by dimension reduction.

Given the general ability the groups are independent, so the integral over 1 + G abilities is one
over the general ability of a product of integrals over one specific ability each (Gibbons and
Hedeker 1992). Nodes of the general ability lie around its posterior mode, those of a specific one
around its mode given the general one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats, Ints
from evaluators.irt._vector.blocks import Block, ability_sums, node_likelihood
from evaluators.irt._vector.posterior import (
    NEWTON,
    REACH,
    Posterior,
    Weighted,
    hermite,
    normalised,
)


@dataclass(frozen=True)
class Arrow:
    """Curvatures of log posteriors: specific abilities meet only the general one."""

    general: Floats
    """(N,)"""
    cross: Floats
    """(N, G)"""
    specific: Floats
    """(N, G)"""

    @property
    def left(self) -> Floats:
        """(N,) curvature of the general ability once the specific ones are integrated out."""
        return self.general - np.sum(self.cross**2 / self.specific, axis=1)

    def solve(self, gradient: Floats) -> Floats:
        """(N, 1 + G) Newton steps."""
        ratio = self.cross / self.specific
        first = (gradient[:, 0] - np.sum(ratio * gradient[:, 1:], axis=1)) / self.left
        rest = gradient[:, 1:] / self.specific - ratio * first[:, None]
        return np.column_stack([first, rest])


def arrow(blocks: Sequence[Block], x: Floats, theta: Floats) -> tuple[Floats, Arrow]:
    """(N, 1 + G) gradient and curvature of log posteriors at theta (N, 1 + G)."""
    gradient = -theta
    general = np.ones(len(theta))
    cross = np.zeros((len(theta), len(blocks)))
    specific = np.ones_like(cross)
    for place, block in enumerate(blocks):
        pull, curvature = ability_sums(block, x, theta[:, block.abilities])
        gradient[:, block.abilities] += pull
        general += curvature[:, 0, 0]
        cross[:, place] = curvature[:, 0, 1]
        specific[:, place] += curvature[:, 1, 1]
    return gradient, Arrow(general, cross, specific)


def reduced_posterior(
    blocks: Sequence[Block], x: Floats, start: Floats, count: int, tolerance: float = 1e-3
) -> Posterior:
    """The posterior of every agent; block g is that of abilities 0 and g + 1.

    Args:
        blocks: One a group.
        x: (J, G + 2) working parameters.
        start: (N, 1 + G) where the search for modes starts.
        count: Nodes a dimension; `count` squared an agent and group.
        tolerance: Largest Newton step at which a mode counts as found.
    """
    mode, curved = _modes(blocks, x, start, tolerance)
    z, log_weights = hermite(count)
    log_weights = log_weights + 0.5 * z * z
    sd = 1.0 / np.sqrt(curved.left)
    general = mode[:, :1] + sd[:, None] * z
    logs = log_weights - 0.5 * general**2 + np.log(sd)[:, None]
    found: list[tuple[Floats, Floats]] = []
    for place, block in enumerate(blocks):
        nodes = _nodes(general, mode, curved, place, z)
        ones = node_likelihood(block, x, nodes).reshape(len(mode), count, count)
        own = nodes[:, :, 1].reshape(ones.shape)
        ones = ones + log_weights - 0.5 * own**2
        total, inner = normalised(ones)
        logs = logs + total - 0.5 * np.log(curved.specific[:, place])[:, None]
        found.append((nodes, inner))
    total, outer = normalised(logs)
    parts = tuple(
        Weighted(block, nodes, (outer[:, :, None] * inner).reshape(len(mode), -1))
        for block, (nodes, inner) in zip(blocks, found, strict=True)
    )
    mean, variance = _moments(parts, general, outer)
    return Posterior(parts, total, mean, variance, mode)


def _modes(
    blocks: Sequence[Block], x: Floats, start: Floats, tolerance: float
) -> tuple[Floats, Arrow]:
    theta = start
    gradient, curved = arrow(blocks, x, theta)
    for _ in range(NEWTON):
        step = curved.solve(gradient)
        length = np.sqrt(np.sum(step * step, axis=1, keepdims=True))
        theta = theta + step * np.minimum(1.0, REACH / np.maximum(length, 1e-300))
        gradient, curved = arrow(blocks, x, theta)
        if float(length.max(initial=0.0)) <= tolerance:
            break
    return theta, curved


def _nodes(general: Floats, mode: Floats, curved: Arrow, place: int, z: Floats) -> Floats:
    """(N, q * q, 2) nodes of the general ability and of group `place`, general ones first."""
    away = general - mode[:, :1]
    ratio = (curved.cross[:, place] / curved.specific[:, place])[:, None]
    centre = mode[:, place + 1, None] - ratio * away
    own = centre[:, :, None] + z / np.sqrt(curved.specific[:, place])[:, None, None]
    both = np.stack([np.broadcast_to(general[:, :, None], own.shape), own], axis=-1)
    return both.reshape(len(mode), -1, 2)


def _moments(parts: Sequence[Weighted], general: Floats, outer: Floats) -> tuple[Floats, Floats]:
    """(N, 1 + G) posterior means and variances."""
    mean = [np.sum(outer * general, axis=1)]
    second = [np.sum(outer * general**2, axis=1)]
    for part in parts:
        own = part.nodes[:, :, 1]
        mean.append(np.sum(part.weights * own, axis=1))
        second.append(np.sum(part.weights * own**2, axis=1))
    means = np.column_stack(mean)
    return means, np.column_stack(second) - means**2


@dataclass(frozen=True)
class Ties:
    """Testlet model: within group g specific slopes are c_g times the general ones."""

    members: tuple[Ints, ...]
    """Items of each group."""

    def repaired(self, x: Floats) -> Floats:
        """(J, G + 2) the nearest tied parameters."""
        found = x.copy()
        for place, items in enumerate(self.members):
            found[items, place + 1] = self._proportion(x, place) * x[items, 0]
        return found

    def step(self, x: Floats, gradient: Floats, curvature: Floats) -> Floats:
        """(J, G + 2) Newton step of general slopes and intercepts, then of the proportions.

        The second half sees the gradient that the first leaves, by the quadratic model.
        """
        found = np.zeros_like(x)
        last = x.shape[1] - 1
        for place, items in enumerate(self.members):
            c = self._proportion(x, place)
            at = np.array([0, place + 1, last])
            g = gradient[np.ix_(items, at)]
            h = curvature[items[:, None, None], at[:, None], at]
            # Of (a, d) where the specific slope follows a.
            by = np.array([[1.0, 0.0], [c, 0.0], [0.0, 1.0]])
            move = np.linalg.solve(by.T @ h @ by, (g @ by)[:, :, None])[:, :, 0]
            length = np.sqrt(np.sum(move * move, axis=1, keepdims=True))
            move *= np.minimum(1.0, REACH / np.maximum(length, 1e-300))
            left = g - (h @ (move @ by.T)[:, :, None])[:, :, 0]
            general = x[items, 0] + move[:, 0]
            c_new = c + np.sum(left[:, 1] * general) / np.sum(h[:, 1, 1] * general**2)
            found[items, 0], found[items, last] = move[:, 0], move[:, 1]
            found[items, place + 1] = c_new * general - x[items, place + 1]
        return found

    def _proportion(self, x: Floats, place: int) -> float:
        items = self.members[place]
        general = x[items, 0]
        return float(np.sum(general * x[items, place + 1]) / max(np.sum(general**2), 1e-300))
