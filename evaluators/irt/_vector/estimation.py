"""EM with parameter expansion over adaptive nodes.

A plain EM step leaves the abilities' scale nearly where it is when items are many: posteriors are
narrow, and slopes are regressed on them as if they were known. So an M-step also lets the
population's mean and (co)variance move and then measures abilities in the new units (parameter
expansion: Liu, Rubin and Wu 1998; `units.py`), after which few dozen steps do. The items' half of
the M-step is one Newton step (Lange 1995): it needs no pass over the cells beyond the E-step's.

What climbs is the marginal log-likelihood by the adaptive quadrature plus the items' log prior. A
step that lowers it is taken back: first without the expansion, then by halves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from evaluators.irt._responses import Floats
from evaluators.irt._vector.posterior import Posterior, expected, inverse
from evaluators.irt._vector.testlets import Ties
from evaluators.irt._vector.units import Prior, best_units, carried, moments, whitening

LONGEST = 2.0
"""Longest Newton step of one item, in its working parameters."""
DUST = 1e-9
"""Relative fall of the objective that is rounding."""
HALVINGS = 12

Population = Literal["sphere", "axes", "correlated"]
"""What an expansion may change: all of the covariance, which rotates slopes freely (exploratory);
the scale of each ability (fixed zeros, uncorrelated); scales, and correlations that are kept."""


@dataclass(frozen=True)
class State:
    """Where an estimation stands."""

    x: Floats
    """(J, p) slopes, then the intercept."""
    correlation: Floats
    """(D, D)"""
    start: Floats
    """(N, D) where modes are looked for."""
    prior: Prior
    """Of the items."""


@dataclass(frozen=True)
class Rules:
    """What is held fixed."""

    free: npt.NDArray[np.bool_]
    """(J, p) parameters to be estimated; the others stay 0."""
    population: Population
    carries: bool
    """Whether the prior moves with the units: then it has no say in them, but nothing is maximised.
    For the first steps only, which find the units in which the prior is estimated."""
    ties: Ties | None = None
    """Of a testlet model."""


@dataclass(frozen=True)
class Estimated:
    """Where an estimation ended."""

    state: State
    posterior: Posterior
    path: tuple[float, ...]
    converged: bool
    reason: str


@dataclass(frozen=True)
class Limits:
    """When to stop."""

    iterations: int = 500
    tolerance: float = 1e-3
    """Largest change of a working parameter in one step at which it has converged."""


def estimate(
    look: Callable[[State], Posterior], state: State, rules: Rules, limits: Limits
) -> Estimated:
    """Climb from `state`; `look` is the E-step."""
    seen = look(state)
    value = float(seen.log_likelihood.sum()) + state.prior.log_density(state.x)
    path, change = [value], np.inf
    for _ in range(limits.iterations):
        moved, seen_there, found = _climb(look, state, seen, rules, value)
        if moved is None:
            return Estimated(
                state, seen, tuple(path), change <= 10 * limits.tolerance,
                "No step raises the likelihood any further; the last one changed a parameter by "
                f"{change:.2g}.",
            )  # fmt: skip
        change = float(np.abs(moved.x - state.x).max())
        state, seen, value = moved, seen_there, found
        path.append(value)
        if change <= limits.tolerance:
            reason = f"The last of {len(path) - 1} steps changed no parameter by more than "
            return Estimated(state, seen, tuple(path), True, f"{reason}{limits.tolerance:g}.")
    reason = (
        f"Stopped after {limits.iterations} steps; the last changed a parameter by {change:.2g}."
    )
    return Estimated(state, seen, tuple(path), False, reason)


def _climb(
    look: Callable[[State], Posterior], state: State, seen: Posterior, rules: Rules, value: float
) -> tuple[State | None, Posterior, float]:
    """The next state, what is seen there, and its objective; None where no step raises it."""
    plain = replace(state, x=state.x + newton_step(state, seen, rules), start=seen.mode)
    tried = expanded(plain, seen, rules)
    for attempt in range(HALVINGS):
        there = look(tried)
        found = float(there.log_likelihood.sum()) + tried.prior.log_density(tried.x)
        if found >= value - DUST * abs(value):
            return tried, there, found
        share = 0.5**attempt
        x = state.x + share * (plain.x - state.x)
        tried = replace(
            plain,
            x=x if rules.ties is None else rules.ties.repaired(x),
            correlation=state.correlation,
            prior=state.prior,
        )
    return None, seen, value


def newton_step(state: State, seen: Posterior, rules: Rules) -> Floats:
    """(J, p) one Newton step of every item's expected complete log-likelihood with its prior."""
    gradient, curvature = expected(seen.parts, state.x)
    gradient = gradient - (state.x - state.prior.mean) @ state.prior.precision
    curvature = curvature + state.prior.precision
    if rules.ties is not None:
        return rules.ties.step(state.x, gradient, curvature)
    step = solved(gradient, curvature, rules.free)
    length = np.sqrt(np.sum(step * step, axis=1, keepdims=True))
    return step * np.minimum(1.0, LONGEST / np.maximum(length, 1e-300))


def solved(gradient: Floats, curvature: Floats, free: npt.NDArray[np.bool_]) -> Floats:
    """(J, p) curvature^-1 gradient over the free parameters; 0 for the fixed ones."""
    both = free[:, :, None] & free[:, None, :]
    kept = np.where(both, curvature, 0.0)
    at = np.arange(free.shape[1])
    kept[:, at, at] = np.where(free, kept[:, at, at], 1.0)
    return np.linalg.solve(kept, np.where(free, gradient, 0.0)[:, :, None])[:, :, 0]


def expanded(state: State, seen: Posterior, rules: Rules) -> State:
    """The same items in other units of the abilities, as the expansion chooses them."""
    size = state.x.shape[1] - 1
    found, full = moments(seen), rules.population == "sphere"
    correlation = state.correlation
    if rules.population == "correlated":
        sd = np.sqrt(np.diagonal(found.covariance))
        correlation = found.covariance / np.outer(sd, sd)
    if rules.carries:
        units = whitening(found, full)
        prior = carried(state.prior, units)
    else:
        prior = state.prior
        units = best_units(found, state.x, prior, correlation, full)
    back = inverse(units[:size, :size])
    start = (state.start - units[:size, size]) @ back.T
    return State(state.x @ units, correlation, start, prior)
