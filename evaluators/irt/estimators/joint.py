"""Penalised joint maximum likelihood: items and abilities in turn, then the bias taken out.

Abilities are parameters here, under a normal penalty: Rasch under a weak N(0, (10 sd)^2), which
only keeps those of agents who pass or fail everything finite; where items have slopes, under
N(0, 1), as else one steep item may come to define the ability (a Heywood case).

As their number grows with the agents, items stay biased by order 1 / J however many agents there
are (Neyman and Scott 1948), J being the items an agent met. Rasch difficulties are too wide by
J / (J - 1) and are shrunk by it (Andersen 1980, Discrete Statistical Models, 244-245; Wright and
Douglas 1977, Applied Psychological Measurement 1, 281-295). Otherwise the split-panel jackknife:
2 x - x_half, where each item's x_half is fitted among only half of the items and so has twice the
bias (Dhaene and Jochmans 2015, Review of Economic Studies 82, 991-1030).

The scale is set so that true abilities have mean 0 and sd 1: the variance of the errors is taken
off that of estimates, or, where the penalty has shrunk them by as much, put on.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evaluators.irt._fit import Population
from evaluators.irt._responses import Floats
from evaluators.irt.estimators._maximisation import SMALLEST_SD, hung
from evaluators.irt.estimators._own_nodes import OwnNodes
from evaluators.irt.estimators._posterior import State, item_prior, prior_of
from evaluators.irt.estimators._problem import Estimate, Estimator, Problem
from evaluators.irt.estimators._uncertainty import free_parameters
from evaluators.irt.estimators.em import stopped

WIDTH = 10.0
"""Sd of the penalty of Rasch abilities, in sds of the population."""
LONGEST = 0.5
"""Most that the jackknife may move a working parameter."""
FEWEST = 40
"""Items below which half of them say too little of an agent to extrapolate from."""


class Joint(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = "penalised joint maximum likelihood with bias correction"

    def estimate(self, problem: Problem) -> Estimate:
        """Fit items and abilities in turn, then correct the items and place the agents anew."""
        climbed = _climbed(problem)
        state, notes = _corrected(problem, climbed.state)
        own = OwnNodes(problem)
        theta, precision = own.modes(state, climbed.theta, state.sd)
        information = own.information(state, theta)
        if problem.options.priors:
            information = information + item_prior(problem, state)[2]
        likelihood = own.log_likelihoods(state, theta[:, None])
        stop = stopped(problem, climbed.converged, len(climbed.path), climbed.moved)
        if problem.options.standard_errors:
            covariance: Floats = np.linalg.inv(information).astype(np.float64)
        else:
            covariance = np.full(information.shape, np.nan)
        return Estimate(
            x=state.x,
            covariance=covariance,
            population=Population(0.0, state.sd),
            theta=theta,
            se=1.0 / np.sqrt(precision),
            log_likelihood=_marginal(likelihood[:, 0], theta, precision, state.sd),
            path=climbed.path,
            converged=stop[0],
            reason=stop[1],
            grid=np.sort(theta),
            method="map",
            n_parameters=free_parameters(problem, state.x),
            notes=(
                *notes,
                "Joint estimation: items' errors take abilities as known, and the marginal "
                "log-likelihood is Laplace's approximation.",
            ),
        )


@dataclass(frozen=True)
class _Climbed:
    state: State
    theta: Floats
    path: tuple[float, ...]
    converged: bool
    moved: float


def _climbed(problem: Problem) -> _Climbed:
    """Items and abilities in turn until neither moves."""
    own, options = OwnNodes(problem), problem.options
    state = State(problem.model.start(problem.cells, problem.layout), 1.0)
    theta, path, moved = np.zeros(problem.cells.n_agents), list[float](), np.inf
    width = WIDTH if problem.model.free_sd else 1.0
    known = np.ones((len(theta), 1))
    while len(path) < options.max_iterations and moved > options.tolerance:
        theta, precision = own.modes(state, theta, width * state.sd)
        value = own.log_likelihoods(state, theta[:, None]).sum() + prior_of(problem, state)
        path.append(float(value) - 0.5 * float(((theta / (width * state.sd)) ** 2).sum()))
        x = own.items(state, theta[:, None], known)
        new, theta = _standard(problem, replace(state, x=x), theta, precision)
        moved = float(max(np.abs(new.x - state.x).max(), abs(new.sd - state.sd)))
        state = new
    return _Climbed(state, theta, tuple(path), moved <= options.tolerance, moved)


def _standard(
    problem: Problem, state: State, theta: Floats, precision: Floats
) -> tuple[State, Floats]:
    """State and abilities in the unit where true abilities have mean 0 and sd 1."""
    mean = float(theta.mean())
    variance = float(theta.var())
    spread = max(
        np.sqrt(max(variance - float(np.mean(1.0 / precision)), 0.1 * variance)), SMALLEST_SD
    )
    unit = 1.0 if problem.model.free_sd else 1.0 / float(spread)
    moved = State(
        x=problem.model.rescaled(state.x, unit, -mean * unit),
        sd=spread * unit,
        shift=state.shift + mean,
    )
    # The prior's unit stays: slopes that it did not hold would fade where scores are noise.
    return replace(hung(problem, moved), slope=1.0), (theta - mean) * unit


def _corrected(problem: Problem, state: State) -> tuple[State, tuple[str, ...]]:
    """The state less its bias of order 1 / J."""
    cells = problem.cells
    met = cells.size / cells.n_agents
    if problem.model.free_sd:
        share = (met - 1.0) / met
        return replace(state, x=share * state.x, sd=share * state.sd), ()
    if cells.n_items < FEWEST:
        return state, (f"Fewer than {FEWEST} items: the bias of joint estimation stands.",)
    score = np.bincount(cells.item, weights=cells.mean, minlength=cells.n_items)
    score /= np.maximum(np.bincount(cells.item, minlength=cells.n_items), 1)
    order = np.argsort(score, kind="stable")
    move = np.zeros_like(state.x)
    for places in (np.sort(order[0::2]), np.sort(order[1::2])):
        part = cells.of_items(places)
        met_any = np.flatnonzero(np.bincount(part.agent, minlength=part.n_agents) > 0)
        half = _climbed(replace(problem, cells=part.of_agents(met_any)))
        move[places] = np.clip(state.x[places] - half.state.x, -LONGEST, LONGEST)
    return replace(state, x=state.x + move), ()


def _marginal(likelihood: Floats, theta: Floats, precision: Floats, sd: float) -> float:
    """Marginal log-likelihood by Laplace's approximation."""
    return float((likelihood - 0.5 * (theta / sd) ** 2 - 0.5 * np.log(precision * sd**2)).sum())


estimator = Joint()
