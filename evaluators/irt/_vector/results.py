"""A vector fit in its final axes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._fit import Population
from evaluators.irt._responses import Cells, Floats, Ints, ResponseTable
from evaluators.irt._vector.estimation import Limits
from evaluators.irt._vector.marginal import Found
from evaluators.irt._vector.plan import Plan, planned
from evaluators.irt._vector.rotation import axes, correlation_of
from evaluators.irt.estimators._problem import Estimate, Problem
from tasks import ProctorError


@dataclass(frozen=True)
class Turned:
    """What is reported of a vector fit."""

    x: Floats
    """(J, D + 1)"""
    covariance: Floats
    """(J, D + 1, D + 1)"""
    theta: Floats
    """(N, D)"""
    se: Floats
    """(N, D)"""
    correlation: Floats | None
    """(D, D) of abilities in the population; None: uncorrelated."""
    n_parameters: int


def turned(found: Found, plan: Plan) -> Turned:
    """The fit with its axes chosen: rotated if exploratory, else each pointing upwards."""
    size = len(plan.dimensions)
    units = (
        axes(found.x[:, :-1], plan.options.rotation)
        if plan.exploratory
        else np.diag(np.where(found.x[:, :-1].sum(axis=0) < 0.0, -1.0, 1.0))
    )
    whole = np.eye(size + 1)
    whole[:size, :size] = units
    back = np.linalg.inv(units)
    variance = (
        found.doubt * np.diagonal(back) ** 2
        if found.doubt.ndim == 2
        else np.einsum("de,nef,df->nd", back, found.doubt, back, optimize=True)
    )
    oblique = plan.exploratory and plan.options.rotation == "oblimin" and size > 1
    correlated = plan.options.correlated and not plan.exploratory and not plan.groups
    correlation = None
    if oblique:
        correlation = correlation_of(units)
    elif correlated:
        correlation = back @ found.correlation @ back.T
    return Turned(
        x=found.x @ whole,
        covariance=whole.T @ found.covariance @ whole,
        theta=found.theta @ back.T,
        se=np.sqrt(variance),
        correlation=correlation,
        n_parameters=_count(plan),
    )


def _count(plan: Plan) -> int:
    """Free parameters: rotations are not, a testlet's specific slopes are one."""
    items, size = plan.free.shape
    if plan.exploratory:
        return items * (size + 1) - size * (size - 1) // 2
    if plan.groups:
        specific = len(plan.groups) if plan.options.testlet else items
        return 2 * items + specific
    correlations = size * (size - 1) // 2 if plan.options.correlated else 0
    return int(plan.free.sum()) + items + correlations


def planned_problem(problem: Problem, table: ResponseTable, order: Ints) -> Problem:
    """The problem with what is estimated of a vector model settled.

    Args:
        problem: Of a vector model.
        table: The responses that are fitted.
        order: (J,) places in `table` of the problem's items.

    Raises:
        UsageError: as `plan.planned`.
    """
    plan = planned(problem.model.name, table, order, problem.options.vector)
    return replace(problem, plan=plan, layout=replace(problem.layout, dimensions=plan.dimensions))


def estimated(problem: Problem, by: Callable[[Cells, Plan, Limits], Found]) -> Estimate:
    """The estimate of a planned problem."""
    if problem.plan is None:
        raise ProctorError(f"The problem of the model {problem.model.name} has no plan.")
    options = problem.options
    plan = problem.plan
    found = by(problem.cells, plan, Limits(options.max_iterations, options.tolerance))
    final = turned(found, plan)
    return Estimate(
        x=final.x,
        covariance=final.covariance,
        population=Population(correlation=final.correlation),
        theta=final.theta,
        se=final.se,
        log_likelihood=found.log_likelihood,
        path=found.path,
        converged=found.converged,
        reason=found.reason,
        grid=found.nodes,
        method=found.method,
        notes=_notes(problem, plan, final),
        n_parameters=final.n_parameters,
    )


def _notes(problem: Problem, plan: Plan, final: Turned) -> tuple[str, ...]:
    notes: list[str] = []
    pairs = [plan.dimensions[place + 1] for place, one in enumerate(plan.groups) if len(one) == 2]
    if pairs and not plan.options.testlet:
        notes.append(
            f"{len(pairs)} group(s) of two items ({', '.join(pairs[:5])}): only the product of "
            "their specific slopes is determined; each by itself leans on the prior."
        )
    lost = int(np.sum(np.isnan(final.covariance).any(axis=(1, 2))))
    if lost:
        notes.append(f"{lost} item(s) have no standard errors: their information is not positive.")
    weak = [
        name
        for name, size in zip(plan.dimensions, np.abs(final.x[:, :-1]).max(axis=0), strict=True)
        if size < 0.3
    ]
    if weak:
        notes.append(f"No item has a slope of .3 on {', '.join(weak)}: fewer abilities would do.")
    if problem.cells.n_agents < 50 and len(plan.dimensions) > 1:
        notes.append(
            f"{problem.cells.n_agents} agents say little of {len(plan.dimensions)} abilities: "
            "look at the standard errors, and at fewer abilities."
        )
    return tuple(notes)
