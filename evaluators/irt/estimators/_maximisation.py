"""The M-step: items climb by Fisher scoring, and the population takes a new unit.

Items are independent given the expected counts, so each takes its own Newton step with its own
halvings. The population then moves: its mean and sd are freed, maximised, and the items rescaled so
that they are 0 and 1 again (parameter expansion: Liu, Rubin and Wu 1998, Biometrika 85, 755-770).
Without that, hundreds of items pin abilities so well that plain EM would creep along the scale.
Every move is kept only if it raises what EM maximises, so the penalised likelihood never falls.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.estimators._posterior import (
    Expectation,
    State,
    item_prior,
    prior_density,
    prior_of,
)
from evaluators.irt.estimators._problem import Problem

LONGEST = 1.5
"""Longest move of one working parameter in a step."""
HALVINGS = 8
ENOUGH = 0.25
"""Share of what its gradient promises that a step must gain (a Newton step on a parabola gains half
of it): one that overshoots by nearly as much again would gain a little, and swing for long."""
CHUNK = 1 << 19
"""Items times nodes at once; bounds memory."""
SMALLEST_SD = 0.05
"""Of a population: abilities that do not differ."""


@dataclass(frozen=True)
class Counts:
    """What items are fitted to."""

    theta: Floats
    """(Q,) abilities."""
    counts: Floats
    """(S, J, Q) statistics there."""
    trials: Floats
    """(J, Q) trials there."""


def advance(problem: Problem, state: State, expected: Expectation) -> State:
    """The next state; raises the expected, and so the marginal, penalised log-likelihood."""
    x = np.empty_like(state.x)
    chunk = max(1, CHUNK // len(expected.theta))
    for low in range(0, len(x), chunk):
        at = slice(low, low + chunk)
        part = Counts(expected.theta, expected.counts[:, at], expected.trials[at])
        x[at] = climbed(problem, replace(state, x=state.x[at]), part)
    return settled(problem, replace(state, x=x), expected.mean, expected.variance)


def climbed(problem: Problem, state: State, counts: Counts) -> Floats:
    """(J, p) one Newton step of each item, halved until it climbs."""
    x = state.x
    gradient, information = problem.model.climb(
        x, counts.theta, counts.counts, counts.trials, problem.layout
    )
    if problem.options.priors:
        _, by, bend = item_prior(problem, state)
        gradient, information = gradient + by, information + bend
    move = _solved(information, gradient)
    before = _value(problem, state, counts)
    promised = ENOUGH * (gradient * move).sum(axis=1)
    left = np.arange(len(x))
    found = x.copy()
    for _ in range(HALVINGS):
        found[left] = x[left] + move[left]
        part = Counts(counts.theta, counts.counts[:, left], counts.trials[left])
        after = _value(problem, replace(state, x=found[left]), part)
        least = before[left] + promised[left] - 1e-12 * np.abs(before[left])
        left = left[~(after >= least)]
        if not len(left):
            return found
        move[left] *= 0.5
        promised[left] *= 0.5
    found[left] = x[left]
    return found


def _solved(information: Floats, gradient: Floats) -> Floats:
    """(J, p) Newton moves, none longer than LONGEST."""
    size = information.shape[-1]
    move = np.linalg.solve(information + 1e-9 * np.eye(size), gradient[..., None])[..., 0]
    longest = np.abs(move).max(axis=1, keepdims=True)
    return move * np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300))


def _value(problem: Problem, state: State, counts: Counts) -> Floats:
    """(J,) expected log-likelihood of the items, with their prior."""
    terms = problem.model.terms(state.x, counts.theta, problem.layout)
    terms *= counts.counts
    found = terms.sum(axis=(0, 2))
    return found + prior_density(problem, state) if problem.options.priors else found


def settled(problem: Problem, state: State, mean: Floats, variance: Floats) -> State:
    """The state in the unit in which abilities have mean 0 and sd 1 (Rasch: mean 0, and their sd).

    What is maximised over the population's mean and log sd, and then over the prior's unit, is the
    expected log density of the abilities plus the log prior.

    Args:
        problem: The fit.
        state: Items after their own step.
        mean: (N,) of the posteriors.
        variance: (N,)
    """
    free, n = problem.model.free_sd, len(mean)
    middle, second = float(np.mean(mean)), float(np.mean(variance + mean**2))

    def moved(at: Floats) -> State:
        mean, ratio = float(at[0]), float(np.exp(at[1]))
        unit = 1.0 if free else 1.0 / ratio
        return State(
            x=problem.model.rescaled(state.x, unit, -mean * unit),
            sd=state.sd * ratio if free else state.sd,
            slope=state.slope / unit,
            shift=state.shift + state.slope * mean,
        )

    def worth(at: Floats) -> float:
        sd = state.sd * float(np.exp(at[1]))
        spread = second - 2.0 * at[0] * middle + at[0] ** 2
        return -n * (np.log(sd) + spread / (2.0 * sd**2)) + prior_of(problem, moved(at))

    return hung(problem, moved(_summit(worth, np.zeros(2), np.log(SMALLEST_SD / state.sd))))


def hung(problem: Problem, state: State) -> State:
    """The state with the items' prior on the scale where it fits them best."""
    if not problem.options.priors:
        return state

    def carried(at: Floats) -> State:
        slope = 1.0 if problem.model.free_sd else float(np.exp(at[1]))
        return replace(state, slope=state.slope * slope, shift=state.shift + float(at[0]))

    return carried(_summit(lambda at: prior_of(problem, carried(at)), np.zeros(2)))


def _summit(worth: Callable[[Floats], float], start: Floats, least: float = -5.0) -> Floats:
    """Where a smooth function of one or two variables is higher, by Newton's method.

    Derivatives are central differences: it is called with closed forms of few items' sums, whose
    exact derivatives each model would have to give. The last variable is kept above `least`.
    """
    at, value = start, worth(start)
    eye = 1e-3 * np.eye(len(start))
    for _ in range(3):
        up = np.array([worth(at + one) for one in eye])
        down = np.array([worth(at - one) for one in eye])
        gradient = (up - down) / 2e-3
        bend = np.diag((2.0 * value - up - down) / 1e-6)
        if len(start) == 2:
            both = worth(at + eye.sum(axis=0)) - up.sum() + value
            bend[0, 1] = bend[1, 0] = -both / 1e-6
        bend = np.maximum(np.diag(bend), 1e-3) * np.eye(len(start)) + bend * (
            1 - np.eye(len(start))
        )
        move = np.clip(np.linalg.solve(bend, gradient), -1.0, 1.0)
        for _ in range(HALVINGS):
            new = at + move
            new[-1] = max(new[-1], least)
            if (higher := worth(new)) >= value:
                break
            move = 0.5 * move
        else:
            return at
        if np.abs(new - at).max() < 1e-7:
            return new
        at, value = new, higher
    return at
