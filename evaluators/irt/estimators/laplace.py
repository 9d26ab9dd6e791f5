"""Marginal maximum likelihood by adaptive Gauss-Hermite quadrature around each agent's mode.

Laplace's method with a few nodes more: each agent's posterior is met by the normal density at its
own mode (Liu and Pierce 1994, Biometrika 81, 624-629; Pinheiro and Bates 1995, JCGS 4, 12-35), with
`FitOptions.nodes` nodes. Two nodes are the least that see a posterior's spread: with the one of the
plain approximation an M-step would take abilities for known, which is what `joint` does.
Work is over all items times agents; `em` is quicker, and this is its check.
"""

from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.estimators._maximisation import settled
from evaluators.irt.estimators._own_nodes import OwnNodes
from evaluators.irt.estimators._posterior import Posteriors, State, prior_of
from evaluators.irt.estimators._problem import Estimate, Estimator, Problem
from evaluators.irt.estimators.em import concluded, stopped
from tasks import UsageError

FEWEST, MOST = 2, 64
"""Nodes."""


class Laplace(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = "marginal maximum likelihood by quadrature around each agent's mode"

    def estimate(self, problem: Problem) -> Estimate:
        """Fit by EM, its integrals by adaptive quadrature.

        Raises:
            UsageError: a number of nodes that is none.
        """
        options = problem.options
        if not FEWEST <= options.nodes <= MOST:
            raise UsageError(
                f"Adaptive quadrature takes {FEWEST} to {MOST} nodes an agent, not "
                f"{options.nodes}. For one node, abilities at their modes, use `joint`."
            )
        own = OwnNodes(problem)
        state = State(problem.model.start(problem.cells, problem.layout), 1.0)
        mode, path, moved = np.zeros(problem.cells.n_agents), list[float](), np.inf
        while len(path) < options.max_iterations and moved > options.tolerance:
            mode, precision = own.modes(state, mode, state.sd)
            nodes, weights, value = _posterior(own, state, mode, precision)
            path.append(value)
            mean = (weights * nodes).sum(axis=1)
            variance = (weights * (nodes - mean[:, None]) ** 2).sum(axis=1)
            x = own.items(state, nodes, weights)
            new = settled(problem, State(x, state.sd, state.slope, state.shift), mean, variance)
            moved = float(max(np.abs(new.x - state.x).max(), abs(new.sd - state.sd)))
            state = new
        posteriors = Posteriors(problem, state)
        stop = stopped(problem, moved <= options.tolerance, len(path), moved)
        seen = (posteriors, posteriors.expect(state))
        return concluded(problem, state, seen, tuple(path), stop)


def _posterior(
    own: OwnNodes, state: State, mode: Floats, precision: Floats
) -> tuple[Floats, Floats, float]:
    """Nodes (N, K), their posterior weights (N, K), and the penalised log-likelihood."""
    place, weight = np.polynomial.hermite.hermgauss(own.problem.options.nodes)
    spread = np.sqrt(2.0 / precision)[:, None]
    nodes = mode[:, None] + spread * place
    log = own.log_likelihoods(state, nodes) - 0.5 * (nodes / state.sd) ** 2
    log += np.log(weight) + place**2 + np.log(spread / (state.sd * np.sqrt(2.0 * np.pi)))
    peak = log.max(axis=1, keepdims=True)
    weights = np.exp(log - peak)
    total = weights.sum(axis=1, keepdims=True)
    value = float((peak + np.log(total)).sum()) + prior_of(own.problem, state)
    return nodes, weights / total, value


estimator = Laplace()
