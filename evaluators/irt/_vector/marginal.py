"""Abilities integrated out: marginal likelihood of the items, by EM over adaptive nodes."""

from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._responses import Cells, Floats, Ints
from evaluators.irt._vector.blocks import block, score_variance
from evaluators.irt._vector.estimation import Limits, Rules, State, estimate
from evaluators.irt._vector.items import first_prior, learned_prior
from evaluators.irt._vector.options import nodes_for
from evaluators.irt._vector.plan import Plan
from evaluators.irt._vector.posterior import Posterior, expected, hermite, posterior
from evaluators.irt._vector.start import patterned_start, principal_start
from evaluators.irt._vector.testlets import Ties, reduced_posterior

ROUNDS = 3
"""Times that the items' distribution is estimated; the climb after the last is the fit."""
FIRST, ROUGH = 10, 0.02
"""Steps, at most, and tolerance of the climbs before."""


@dataclass(frozen=True)
class Found:
    """A vector fit, before its axes are turned."""

    x: Floats
    """(J, D + 1)"""
    covariance: Floats
    """(J, D + 1, D + 1)"""
    theta: Floats
    """(N, D)"""
    doubt: Floats
    """(N, D, D) covariances of theta, or (N, D) variances."""
    correlation: Floats
    """(D, D)"""
    log_likelihood: float
    path: tuple[float, ...]
    converged: bool
    reason: str
    method: str
    nodes: Floats
    """(q,) standard nodes of one dimension."""


class View:
    """The E-step of a plan on given cells."""

    def __init__(self, cells: Cells, plan: Plan) -> None:
        last = len(plan.dimensions)
        everything = np.arange(last, dtype=np.int64)
        self.plan = plan
        if plan.groups:
            self.blocks = tuple(
                block(cells, np.array([0, place + 1], dtype=np.int64), last, items)
                for place, items in enumerate(plan.groups)
            )
            per, size = cells.size / cells.n_agents / len(plan.groups), 2
        else:
            self.blocks = (block(cells, everything, last),)
            per, size = cells.size / cells.n_agents / last, last
        self.count = plan.options.nodes or nodes_for(per, size)

    def __call__(self, state: State) -> Posterior:
        """The posterior of every agent."""
        if self.plan.groups:
            return reduced_posterior(self.blocks, state.x, state.start, self.count, 1e-3)
        return posterior(self.blocks[0], state.x, state.correlation, state.start, self.count)


def over_agents(cells: Cells, plan: Plan, limits: Limits) -> Found:
    """Fit by integrating the abilities out."""
    look, rules = View(cells, plan), _rules(plan)
    rough = Limits(FIRST, ROUGH)
    found = estimate(look, _begin(cells, plan), replace(rules, carries=True), rough)
    for turn in range(ROUNDS):
        prior = learned_prior(found.state, found.posterior, plan)
        state = replace(found.state, prior=prior, start=found.posterior.mode)
        found = estimate(look, state, rules, limits if turn == ROUNDS - 1 else rough)
    return Found(
        x=found.state.x,
        covariance=item_covariance(found.state, found.posterior, rules),
        theta=found.posterior.mean,
        doubt=found.posterior.covariance,
        correlation=found.state.correlation,
        log_likelihood=float(found.posterior.log_likelihood.sum()),
        path=found.path,
        converged=found.converged,
        reason=found.reason,
        method="eap",
        nodes=hermite(look.count)[0],
    )


def _rules(plan: Plan) -> Rules:
    free = np.column_stack([plan.free, np.ones(len(plan.free), dtype=bool)])
    if plan.exploratory:
        return Rules(free, "sphere", False)
    if plan.options.correlated and not plan.groups:
        return Rules(free, "correlated", False)
    ties = Ties(plan.groups) if plan.groups and plan.options.testlet else None
    return Rules(free, "axes", False, ties)


def _begin(cells: Cells, plan: Plan) -> State:
    size = len(plan.dimensions)
    x = (
        principal_start(cells, size)
        if plan.exploratory
        else patterned_start(cells, plan.free, bool(plan.groups))
    )
    return State(x, np.eye(size), np.zeros((cells.n_agents, size)), first_prior(x, plan))


def item_covariance(state: State, seen: Posterior, rules: Rules) -> Floats:
    """(J, p, p) inverse observed information of each item (Louis 1982), with its prior.

    The items' mutual dependence by the abilities' common scale is left out; fixed parameters have
    0, and an item whose information is not positive definite has NaN.
    """
    _, information = expected(seen.parts, state.x)
    for part in seen.parts:
        columns: Ints = part.block.columns
        lost = score_variance(part.block, state.x, part.nodes, part.weights)
        information[:, columns[:, None], columns[None, :]] -= lost
    information = information + state.prior.precision
    free = rules.free
    both = free[:, :, None] & free[:, None, :]
    at = np.arange(free.shape[1])
    kept = np.where(both, information, 0.0)
    kept[:, at, at] = np.where(free, kept[:, at, at], 1.0)
    good = np.linalg.eigvalsh(kept).min(axis=1) > 1e-10
    kept[~good] = np.eye(free.shape[1])
    found = np.where(both, np.linalg.inv(kept), 0.0)
    found[~good] = np.where(both[~good], np.nan, 0.0)
    return found
