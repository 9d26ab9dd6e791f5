"""Items integrated out: marginal likelihood of the abilities, for more items than agents.

log odds = a . theta + d is linear in the item as it is in the agent. What there is little of should
be estimated, what there is much of integrated over: with 20 agents and 2,000 items, 20 D abilities
are estimated and each item has a posterior under the items' own normal distribution, whose mean and
covariance are estimated too. The likelihood climbs at every EM step. Standard errors of abilities
(Louis 1982) then hold what is not known of the items.

An item plays the agent here: its D + 1 parameters are integrated over nodes around their mode.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Cells, Floats, sorted_cells
from evaluators.irt._vector.blocks import Block, block, item_sums, score_variance
from evaluators.irt._vector.estimation import Limits, State
from evaluators.irt._vector.items import bounded
from evaluators.irt._vector.marginal import Found, View
from evaluators.irt._vector.options import nodes_for
from evaluators.irt._vector.plan import Plan
from evaluators.irt._vector.posterior import Posterior, hermite, inverse, posterior
from evaluators.irt._vector.start import leading, principal_start, standardised
from evaluators.irt._vector.units import Prior

LONGEST = 1.0
"""Longest Newton step of one agent's abilities."""
FALLS = 1e-7
"""Relative fall of the likelihood at which a step is halved: more than the quadrature's own."""


@dataclass(frozen=True)
class Stand:
    """Where the estimation stands."""

    theta: Floats
    """(N, D): mean 0, covariance I over the agents."""
    mean: Floats
    """(D + 1,) of the items' distribution."""
    covariance: Floats
    """(D + 1, D + 1)"""
    start: Floats
    """(J, D + 1) where items' modes are looked for."""


def over_items(cells: Cells, plan: Plan, limits: Limits) -> Found:
    """Fit an exploratory plan by integrating the items out."""
    size = len(plan.dimensions)
    order = np.lexsort((cells.agent, cells.item))
    turned = sorted_cells(
        cells.item[order], cells.agent[order], cells.trials[order], cells.total[order],
        (cells.n_items, cells.n_agents),
    )  # fmt: skip
    cube = block(turned, np.arange(size + 1, dtype=np.int64), size + 1)
    count = plan.options.nodes or nodes_for(cells.size / cells.n_items / (size + 1), size + 1)
    stand = _begin(cells, size)
    seen = _look(cube, stand, count)
    path, change = [float(seen.log_likelihood.sum())], np.inf
    for _ in range(limits.iterations):
        moved, seen_there = _climb(cube, stand, seen, count)
        change = float(np.abs(moved.theta - stand.theta).max())
        stand, seen = moved, seen_there
        path.append(float(seen.log_likelihood.sum()))
        if change <= limits.tolerance:
            break
    done = change <= limits.tolerance
    reason = (
        f"{'The last of' if done else 'Stopped after'} {len(path) - 1} steps changed no ability by "
        f"more than {change:.2g} (tolerance {limits.tolerance:g})."
    )
    part = seen.parts[0]
    nodes = part.nodes + stand.mean
    full = _loadings(stand.theta)
    information = item_sums(cube, full, nodes, part.weights).curvature
    information = information - score_variance(cube, full, nodes, part.weights)
    doubt = inverse(information[:, :size, :size] + np.eye(size))
    return Found(
        x=seen.mean + stand.mean,
        covariance=seen.covariance,
        theta=stand.theta,
        doubt=doubt,
        correlation=np.eye(size),
        log_likelihood=_over_agents(cells, plan, seen.mean + stand.mean, stand.theta),
        path=tuple(path),
        converged=done,
        reason=reason,
        method="map",
        nodes=hermite(count)[0],
    )


def _over_agents(cells: Cells, plan: Plan, x: Floats, theta: Floats) -> float:
    """The log-likelihood that other estimators report: of the items, abilities integrated out."""
    look = View(cells, plan)
    prior = Prior(np.zeros_like(x), np.eye(x.shape[1]))
    state = State(x, np.eye(theta.shape[1]), theta, prior)
    return float(look(state).log_likelihood.sum())


def _begin(cells: Cells, size: int) -> Stand:
    agents, _, _ = leading(standardised(cells), size)
    theta = agents * np.sqrt(cells.n_agents)
    theta, change, shift = _whitened(theta)
    x = principal_start(cells, size) @ _units(change, shift)
    mean = x.mean(axis=0)
    rest = x - mean
    return Stand(theta, mean, bounded(rest.T @ rest / len(rest) + 0.5 * np.eye(size + 1)), x)


def _loadings(theta: Floats) -> Floats:
    """(N, D + 2) what an agent multiplies an item with: its abilities and a one; no intercept."""
    return np.column_stack([theta, np.ones(len(theta)), np.zeros(len(theta))])


def _look(cube: Block, stand: Stand, count: int) -> Posterior:
    """Posteriors of the items, less the mean of their distribution."""
    full = _loadings(stand.theta)
    full[:, -1] = full[:, :-1] @ stand.mean
    return posterior(cube, full, stand.covariance, stand.start - stand.mean, count)


def _climb(cube: Block, stand: Stand, seen: Posterior, count: int) -> tuple[Stand, Posterior]:
    """The next EM step; abilities move by one Newton step, halved while the likelihood falls."""
    size = stand.theta.shape[1]
    part = seen.parts[0]
    sums = item_sums(cube, _loadings(stand.theta), part.nodes + stand.mean, part.weights)
    curvature = sums.curvature[:, :size, :size] + 1e-6 * np.eye(size)
    step = np.linalg.solve(curvature, sums.gradient[:, :size, None])[:, :, 0]
    length = np.sqrt(np.sum(step * step, axis=1, keepdims=True))
    step *= np.minimum(1.0, LONGEST / np.maximum(length, 1e-300))
    items = seen.mean + stand.mean
    mean = items.mean(axis=0)
    rest = items - mean
    covariance = bounded(rest.T @ rest / len(rest) + seen.covariance.mean(axis=0))
    value = float(seen.log_likelihood.sum())
    for attempt in range(12):
        theta, change, shift = _whitened(stand.theta + 0.5**attempt * step)
        units = _units(change, shift)
        tried = Stand(theta, mean @ units, units.T @ covariance @ units, items @ units)
        there = _look(cube, tried, count)
        if float(there.log_likelihood.sum()) >= value - FALLS * abs(value):
            return tried, there
    return stand, seen


def _whitened(theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Abilities of mean 0 and covariance I, with the root (D, D) and the mean (D,) they had."""
    shift = theta.mean(axis=0)
    rest = theta - shift
    values, vectors = np.linalg.eigh(rest.T @ rest / len(rest))
    root = np.sqrt(np.maximum(values, 1e-12))
    return rest @ ((vectors / root) @ vectors.T), (vectors * root) @ vectors.T, shift


def _units(change: Floats, shift: Floats) -> Floats:
    """(D + 1, D + 1) by which items are multiplied when abilities are whitened."""
    size = len(shift)
    found = np.eye(size + 1)
    found[:size, :size], found[:size, size] = change, shift
    return found
