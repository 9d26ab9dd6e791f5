"""The E-step: each agent's posterior over its window, and what items may expect of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluators.irt._grid import COARSEST, CUT, SHARPER, Grid, Window, grid_around
from evaluators.irt._responses import Floats, Ints
from evaluators.irt.estimators._matrices import responses
from evaluators.irt.estimators._problem import Problem

SMALLEST_BLOCK, BLOCKS = 48, 24
"""Agents a block at least; and how many blocks there are, unless that makes them smaller."""
NUDGE = 1e-5
SPREAD = 5.0
"""Sd of the prior's shift."""


@dataclass(frozen=True)
class State:
    """Where an estimator stands."""

    x: Floats
    """(J, p) working parameters."""
    sd: float
    """Of the population; its mean is 0."""
    slope: float = 1.0
    """The items' prior holds where abilities are measured as slope * theta + shift: it says how
    items differ, not how steep or hard they are together, which N(0, 1) of abilities settles."""
    shift: float = 0.0


@dataclass(frozen=True)
class Expectation:
    """All that an M-step and a report need of the posteriors at one state."""

    log_likelihood: float
    """Marginal; of the data, without priors."""
    objective: float
    """The same with the items' log prior: what climbs."""
    theta: Floats
    """(Q,) the nodes."""
    counts: Floats
    """(S, J, Q) expected statistics at the nodes."""
    trials: Floats
    """(J, Q) expected trials."""
    mean: Floats
    """(N,) of each posterior."""
    variance: Floats
    """(N,)"""
    weights: tuple[Floats, ...]
    """Each block's (agents, w) posterior."""
    columns: tuple[Ints, ...]
    """Each block's (w,) places of its nodes in `theta`."""


class Posteriors:
    """E-steps over one data set; its windows follow the posteriors from step to step."""

    def __init__(self, problem: Problem, state: State) -> None:
        self.problem = problem
        self._statistics = problem.model.statistics(problem.cells, problem.layout)
        mode, sd = self._located(state)
        step = min(COARSEST * state.sd, float(sd.min()))
        self._draw(mode, sd, step, COARSEST * state.sd)

    @property
    def grid(self) -> Grid:
        """As it stands."""
        return self._grid

    @cached_property
    def block(self) -> int:
        """Agents a block; enough that a block's matrix has more cells than items."""
        cells = self.problem.cells
        least = 2 * cells.n_agents * cells.n_items // max(cells.size, 1)
        return max(SMALLEST_BLOCK, -(-cells.n_agents // BLOCKS), least)

    def scores(self, block: int, by: Floats, gradient: Floats) -> Floats:
        """(agents, J p) item scores of a block's agents; see `Responses.scores`."""
        return self._responses.scores(block, by, gradient)

    def expect(self, state: State) -> Expectation:
        """Posteriors at a state; widens windows and refines the grid where it must."""
        while True:
            expectation = self._pass(state)
            strides = np.repeat(
                [window.stride for window in self._grid.windows], np.diff(self._grid.ends)
            )
            sd = np.sqrt(expectation.variance)
            step = self._grid.step * self.problem.options.density
            if np.all(sd[self._grid.order] >= SHARPER * step * strides):
                return expectation
            # A grid too coarse understates posterior sds, but not by so much that halving the
            # step until they are wider than it would stop too early.
            smaller = max(float(sd.min()), 0.5 * step)
            self._draw(expectation.mean, np.maximum(sd, smaller), smaller, 2.0 * step)

    def _draw(self, mode: Floats, sd: Floats, step: float, slack: float) -> None:
        density = self.problem.options.density
        self._grid = grid_around(mode, sd, step, block=self.block, slack=slack, density=density)
        self._responses = responses(
            self.problem.cells, self._statistics, self._grid.order, self._grid.ends
        )

    def _located(self, state: State) -> tuple[Floats, Floats]:
        """(N,) modes and sds of the posteriors, by second differences on a coarse grid."""
        n = self.problem.cells.n_agents
        step = COARSEST * state.sd
        order = np.arange(n, dtype=np.int64)
        ends = np.unique(np.append(np.arange(0, n, self.block), n))
        found = responses(self.problem.cells, self._statistics, order, ends)
        theta = step * np.arange(-24.0, 25.0)
        eta = self.problem.model.terms(state.x, theta, self.problem.layout)
        coefficients, common = found.coefficients(eta)
        log = np.concatenate(
            [found.log_likelihood(block, coefficients) for block in range(len(ends) - 1)]
        )
        log += common - 0.5 * (theta / state.sd) ** 2
        top = np.clip(log.argmax(axis=1), 1, len(theta) - 2)
        rows = np.arange(n)
        before, at, after = log[rows, top - 1], log[rows, top], log[rows, top + 1]
        bend = np.maximum(2.0 * at - before - after, (step / state.sd) ** 2)
        mode = theta[top] + step * np.clip(0.5 * (after - before) / bend, -1.0, 1.0)
        return mode, step / np.sqrt(bend)

    def _pass(self, state: State) -> Expectation:
        step = self._grid.step
        active, eta, logs = self._logs(state)
        theta = self._grid.nodes(active)
        coefficients_shape = (len(self._responses.blocks[0]), *eta.shape[1:])
        channels, mass = np.zeros(coefficients_shape), np.zeros(len(theta))
        n = self.problem.cells.n_agents
        likelihood, mean, variance = np.empty(n), np.empty(n), np.empty(n)
        weights, columns, windows = list[Floats](), list[Ints](), list[Window]()
        for block, log in enumerate(logs):
            window, agents = self._grid.windows[block], self._grid.agents(block)
            at = np.searchsorted(active, window.multiples)
            peak = log.max(axis=1, keepdims=True)
            windows.append(_fitted(window, log - peak))
            weight = np.exp(log - peak)
            total = weight.sum(axis=1, keepdims=True)
            weight /= total
            likelihood[agents] = (peak + np.log(total))[:, 0]
            nodes = theta[at]
            middle = nodes[len(nodes) // 2]
            first = weight @ (nodes - middle)
            mean[agents] = middle + first
            variance[agents] = weight @ (nodes - middle) ** 2 - first**2
            mass[at] += weight.sum(axis=0)
            for place, part in enumerate(self._responses.expected(block, weight)):
                channel: Floats = channels[place]
                channel[:, at] += part
            weights.append(weight)
            columns.append(at)
        self._grid = Grid(step, self._grid.order, self._grid.ends, tuple(windows))
        counts, trials = self._responses.unfolded(channels, mass)
        total = float(likelihood.sum())
        return Expectation(
            log_likelihood=total,
            objective=total + prior_of(self.problem, state),
            theta=theta,
            counts=counts,
            trials=trials,
            mean=mean,
            variance=variance,
            weights=tuple(weights),
            columns=tuple(columns),
        )

    def _logs(self, state: State) -> tuple[Ints, Floats, list[Floats]]:
        """Active nodes, terms there, and each block's (agents, w) log joint density."""
        while True:
            active = self._grid.active()
            theta = self._grid.nodes(active)
            eta = self.problem.model.terms(state.x, theta, self.problem.layout)
            coefficients, common = self._responses.coefficients(eta)
            common = common - 0.5 * (theta / state.sd) ** 2
            common -= np.log(state.sd * np.sqrt(2.0 * np.pi) / self._grid.step)
            logs, windows = list[Floats](), list[Window]()
            for block, window in enumerate(self._grid.windows):
                at = np.searchsorted(active, window.multiples)
                apart = at[-1] - at[0] + 1 != len(at)
                taken = coefficients[:, :, at] if apart else coefficients[:, :, at[0] : at[-1] + 1]
                log = self._responses.log_likelihood(block, taken)
                log += common[at] + np.log(window.stride)
                logs.append(log)
                peak = log.max(axis=1)
                below = bool(np.any(log[:, 0] > peak - CUT))
                above = bool(np.any(log[:, -1] > peak - CUT))
                windows.append(window.wider(below=below, above=above))
            short = any(new != old for new, old in zip(windows, self._grid.windows, strict=True))
            if not short:
                return active, eta, logs
            self._grid = Grid(self._grid.step, self._grid.order, self._grid.ends, tuple(windows))


def _fitted(window: Window, log: Floats) -> Window:
    """The window that log densities (agents, w), less their peaks, really need."""
    needed = np.flatnonzero((log > -CUT).any(axis=0))
    return window.tighter(int(needed[0]), int(needed[-1]))


def item_prior(problem: Problem, state: State) -> tuple[Floats, Floats, Floats]:
    """The items' log prior (J,), gradient (J, p) and curvature (J, p, p), on the prior's scale.

    The change of scale is differentiated numerically: no model need give its Jacobian. Second
    derivatives of it are left out of the curvature, which so stays positive definite.
    """
    model, x = problem.model, state.x

    def carried(x: Floats) -> Floats:
        return model.rescaled(x, state.slope, state.shift)

    density, gradient, curvature = model.log_prior(carried(x))
    jacobian = np.stack(
        [
            (carried(x + one) - carried(x - one)) / (2.0 * NUDGE)
            for one in NUDGE * np.eye(x.shape[1])
        ],
        axis=2,
    )
    gradient = np.einsum("jrk,jr->jk", jacobian, gradient)
    curvature = np.einsum("jrk,jrs,jsl->jkl", jacobian, curvature, jacobian, optimize=True)
    return density, gradient, curvature


def prior_density(problem: Problem, state: State) -> Floats:
    """(J,) log prior density of the items."""
    scaled = problem.model.rescaled(state.x, state.slope, state.shift)
    return problem.model.log_prior(scaled)[0]


def prior_of(problem: Problem, state: State) -> float:
    """Log prior of all items, of the scale it holds on, and of a free sd (weak normals).

    0 without priors.
    """
    if not problem.options.priors:
        return 0.0
    hyper = np.log(state.slope) ** 2 + (state.shift / SPREAD) ** 2
    if problem.model.free_sd:
        # Agents that the items tell apart without an exception would spread without end; that they
        # do not differ, on the other hand, is for the data to say.
        hyper += max(np.log(state.sd), 0.0) ** 2
    return float(prior_density(problem, state).sum()) - 0.5 * float(hyper)
