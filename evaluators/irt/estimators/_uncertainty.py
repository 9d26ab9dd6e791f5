"""Standard errors: what the data leave open about the items, and what that adds to the agents.

Observed information by Louis (1982), J. R. Stat. Soc. B 44, 226-233: that of the complete data, A
(a block an item), less the posterior covariances of the agents' scores, which couple all items:
I = A - U U', a few columns of U an agent. With wide posteriors (few items) there is one column a
node, which is exact; with narrow ones one column an agent, the covariance of its scores with its
ability, which is exact to the posterior variance. I is inverted whole: by items where these are
fewer, by agents (Woodbury) where those are; items times agents both in the thousands get a block an
item and the uncertainty of the common scale (that of the mean and sd of N agents) beside it.

An agent's error is its posterior sd and what the items' errors do to its posterior mean, g' C g
with g = Cov(theta, score). The scale itself is a convention there: its origin and unit are held
fixed in C, so intervals are those of abilities on the scale of this bank.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.estimators._posterior import (
    Expectation,
    Posteriors,
    State,
    item_prior,
    prior_of,
)
from evaluators.irt.estimators._problem import Problem

EXACT = 5e8
"""Products up to which every node has its own column."""
WHOLE = 2500
"""Parameters, or agents, up to which the whole information is inverted."""
BYTES = 4e8
"""Of U, at most."""
NUDGE = 1e-4
STIFF = 1e6
"""How much surer the scale is made than the data make it, where it is to be held fixed."""


@dataclass(frozen=True)
class Uncertainty:
    """How far to believe items and agents."""

    covariance: Floats
    """(J, p, p)"""
    se: Floats
    """(N,)"""
    notes: tuple[str, ...] = ()


def free_parameters(problem: Problem, x: Floats) -> int:
    """How many working parameters the likelihood depends on: a level never seen has none."""
    gradient = problem.model.gradient(x, np.linspace(-2.0, 2.0, 5), problem.layout)
    return int(np.any(gradient != 0.0, axis=(0, 2)).sum())


def uncertainty(
    problem: Problem, state: State, expected: Expectation, posteriors: Posteriors
) -> Uncertainty:
    """Standard errors at the end of an EM; see the module."""
    sd = np.sqrt(expected.variance)
    if not problem.options.standard_errors:
        return Uncertainty(np.full((*state.x.shape, state.x.shape[1]), np.nan), sd)
    complete = _complete(problem, state, expected)
    gradient = problem.model.gradient(state.x, expected.theta, problem.layout)
    n, size = len(sd), state.x.size
    if min(size, n) > WHOLE or (n * size * 8 > BYTES and size > WHOLE):
        return _by_block(problem, state, expected, complete)
    common = _common(problem, state)
    if problem.model.free_sd:
        common = np.concatenate([common, _sd_row(state, expected, posteriors, gradient)])
    fixed = _fixed(problem, state, complete)
    one = _columns(posteriors, expected, gradient)
    if size > n:
        covariance, added = _by_agents(complete, np.concatenate(list(one)), common, fixed)
    else:
        exact = n * size**2 * np.mean([len(at) for at in expected.columns]) <= EXACT
        every = _exact_columns(posteriors, expected, gradient) if exact else None
        covariance, added = _by_items(complete, list(one), every, common, fixed)
    place = np.empty(n, dtype=np.int64)
    place[posteriors.grid.order] = np.arange(n)
    return Uncertainty(covariance, sd * np.sqrt(1.0 + np.maximum(added[place], 0.0)))


def _complete(problem: Problem, state: State, expected: Expectation) -> Floats:
    """(J, p, p) information of the complete data: minus the derivatives of its exact gradient.

    Where that is not positive definite (a curve that is not concave, far from its mode), Fisher's.
    """
    model, layout = problem.model, problem.layout

    def climb(x: Floats) -> tuple[Floats, Floats]:
        return model.climb(x, expected.theta, expected.counts, expected.trials, layout)

    fisher = climb(state.x)[1]
    observed = np.stack(
        [
            (climb(state.x - one)[0] - climb(state.x + one)[0]) / (2.0 * NUDGE)
            for one in NUDGE * np.eye(state.x.shape[1])
        ],
        axis=2,
    )
    observed = 0.5 * (observed + observed.transpose(0, 2, 1))
    prior = item_prior(problem, state)[2] if problem.options.priors else 0.0
    fisher, observed = fisher + prior, observed + prior
    sound = (
        np.linalg.eigvalsh(observed)[:, :1, None] > 1e-3 * np.linalg.eigvalsh(fisher)[:, :1, None]
    )
    return np.where(sound, observed, fisher)


def _columns(posteriors: Posteriors, expected: Expectation, gradient: Floats) -> Iterator[Floats]:
    """Block after block the rows of U': (agents, J p)."""
    for block, (weight, at) in enumerate(zip(expected.weights, expected.columns, strict=True)):
        agents = posteriors.grid.agents(block)
        mean, sd = expected.mean[agents], np.sqrt(expected.variance[agents])
        by = weight * (expected.theta[at] - mean[:, None]) / sd[:, None]
        yield posteriors.scores(block, by, gradient[:, :, at])


def _exact_columns(
    posteriors: Posteriors, expected: Expectation, gradient: Floats
) -> Iterator[Floats]:
    """Node after node of each block the rows of U': (agents, J p)."""
    for block, (weight, at) in enumerate(zip(expected.weights, expected.columns, strict=True)):
        here = gradient[:, :, at]
        for node in range(len(at)):
            by = -weight[:, node : node + 1] * weight
            by[:, node] += weight[:, node]
            root = np.sqrt(np.maximum(weight[:, node : node + 1], 1e-300))
            yield posteriors.scores(block, by / root, here)


def _sd_row(
    state: State, expected: Expectation, posteriors: Posteriors, gradient: Floats
) -> Floats:
    """(1, J p) of U' for the population's sd, estimated with the items.

    The score of its log is sum_i (theta_i^2 / sd^2 - 1), with the complete information 2 N.
    """
    row, information = np.zeros(state.x.size), 2.0 * len(expected.mean)
    for block, (weight, at) in enumerate(zip(expected.weights, expected.columns, strict=True)):
        square = (expected.theta[at] / state.sd) ** 2
        by = weight * (square - (weight @ square)[:, None])
        information -= float((by @ square).sum())
        row += posteriors.scores(block, by, gradient[:, :, at]).sum(axis=0)
    # Agents told apart without an exception leave the sd itself undetermined: nothing to hand on.
    return row[None] / np.sqrt(information) if information > 0.0 else np.zeros((1, len(row)))


def _common(problem: Problem, state: State) -> Floats:
    """(k, J p) rows of U' for the scale on which the items' prior holds, estimated with them."""
    if not problem.options.priors:
        return np.zeros((0, state.x.size))

    def at(log_slope: float, shift: float) -> State:
        slope = state.slope * float(np.exp(log_slope))
        return replace(state, slope=slope, shift=state.shift + shift)

    moves = [(0.0, NUDGE)] if problem.model.free_sd else [(0.0, NUDGE), (NUDGE, 0.0)]
    cross = [
        (item_prior(problem, at(*one))[1] - item_prior(problem, at(-one[0], -one[1]))[1])
        / (2.0 * NUDGE)
        for one in moves
    ]
    rows = np.stack([one.ravel() for one in cross])
    step = 1e-2
    bend = np.zeros((len(moves), len(moves)))
    for i, one in enumerate(moves):
        for j, other in enumerate(moves):
            a, b = np.array(one) / NUDGE * step, np.array(other) / NUDGE * step
            bend[i, j] = -(
                prior_of(problem, at(*(a + b))) - prior_of(problem, at(*(a - b)))
                - prior_of(problem, at(*(b - a))) + prior_of(problem, at(*(-a - b)))
            ) / (4.0 * step**2)  # fmt: skip
    return _halved(bend, rows)


def _fixed(problem: Problem, state: State, complete: Floats) -> Floats:
    """(k, J p) directions in which only origin and unit of the scale move, A-orthogonal rows."""
    model, x = problem.model, state.x
    ways = [(model.rescaled(x, 1.0, NUDGE) - model.rescaled(x, 1.0, -NUDGE)) / (2.0 * NUDGE)]
    if not model.free_sd:
        up, down = float(np.exp(NUDGE)), float(np.exp(-NUDGE))
        ways.append((model.rescaled(x, up, 0.0) - model.rescaled(x, down, 0.0)) / (2.0 * NUDGE))
    rows = np.stack([np.einsum("jkl,jl->jk", complete, way).ravel() for way in ways])
    sure = np.stack([way.ravel() for way in ways])
    return _halved(rows @ sure.T, rows)


def _halved(square: Floats, rows: Floats) -> Floats:
    """L^-1 rows, for square = L L'."""
    return np.linalg.solve(np.linalg.cholesky(square), rows).astype(np.float64)


def _by_items(
    complete: Floats,
    one: list[Floats],
    every: Iterator[Floats] | None,
    common: Floats,
    fixed: Floats,
) -> tuple[Floats, Floats]:
    """Covariance (J, p, p) and what it adds to agents (N,), relative; the (J p)-square inverted."""
    n_items, p = complete.shape[:2]
    information = np.zeros((n_items, p, n_items, p))
    information[np.arange(n_items), :, np.arange(n_items), :] = complete
    information = information.reshape(n_items * p, -1)
    for rows in one if every is None else every:
        information -= rows.T @ rows
    information -= common.T @ common
    inverse: Floats = np.linalg.inv(information).astype(np.float64)
    blocks = inverse.reshape(n_items, p, n_items, p)
    covariance = blocks[np.arange(n_items), :, np.arange(n_items), :].copy()
    held = fixed @ inverse
    core = np.eye(len(fixed)) / STIFF + held @ fixed.T
    inverse -= held.T @ np.linalg.solve(core, held)
    added = np.concatenate([((rows @ inverse) * rows).sum(axis=1) for rows in one])
    return covariance, added


def _by_agents(
    complete: Floats, rows: Floats, common: Floats, fixed: Floats
) -> tuple[Floats, Floats]:
    """The same by Woodbury: an (N + few)-square inverted."""
    n_items, p = complete.shape[:2]
    n, k = len(rows), len(rows) + len(common)
    alone = np.linalg.inv(complete).astype(np.float64)
    every = np.concatenate([rows, common, fixed])
    solved = np.einsum("jkl,njl->njk", alone, every.reshape(-1, n_items, p)).reshape(len(every), -1)
    product = solved @ every.T
    core = np.linalg.inv(np.eye(k) - product[:k, :k])
    parts = solved[:k].reshape(k, n_items, p)
    mixed = np.tensordot(core, parts, axes=1)
    covariance = (alone + np.einsum("njk,njl->jkl", parts, mixed)).astype(np.float64)
    signs = np.append(np.ones(k), np.full(len(fixed), -1.0 / STIFF))
    held = np.linalg.inv(np.diag(signs) - product)
    added = np.diag(product + product @ held @ product)[:n]
    return covariance, added


def _by_block(
    problem: Problem, state: State, expected: Expectation, complete: Floats
) -> Uncertainty:
    """A block an item, and the common scale."""
    n = len(expected.mean)
    covariance = np.linalg.inv(complete).astype(np.float64)
    model, x = problem.model, state.x
    ways = [((model.rescaled(x, 1.0, NUDGE) - x) / NUDGE, state.sd**2 / n)]
    if not model.free_sd:
        ways.append(((model.rescaled(x, 1.0 + NUDGE, 0.0) - x) / NUDGE, 0.5 / n))
    for way, variance in ways:
        covariance += variance * way[:, :, None] * way[:, None, :]
    return Uncertainty(covariance, np.sqrt(expected.variance))
