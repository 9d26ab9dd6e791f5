"""Marginal maximum likelihood, or posterior modes of the items, by EM.

Bock and Aitkin (1981), Psychometrika 46, 443-459, on a grid that follows the posteriors
(`evaluators/irt/_grid.py`), with parameter expansion and SQUAREM. Every state that is kept raises
the penalised marginal log-likelihood; a leap that does not is taken back.
"""

from typing import ClassVar

import numpy as np

from evaluators.irt._fit import Population
from evaluators.irt._responses import Floats
from evaluators.irt.estimators._acceleration import LONGEST, leap
from evaluators.irt.estimators._maximisation import SMALLEST_SD, advance
from evaluators.irt.estimators._narrowing import narrowed
from evaluators.irt.estimators._posterior import Expectation, Posteriors, State
from evaluators.irt.estimators._problem import Estimate, Estimator, Problem
from evaluators.irt.estimators._uncertainty import free_parameters, uncertainty

DUST = 1e-9
"""Relative change of an objective that is rounding."""
NO_SPREAD = (
    f"The sd of abilities came to its least, {SMALLEST_SD:g}: agents differ no more than chance "
    "would have it, and their order says nothing."
)


class Em(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = "marginal maximum likelihood by EM on a grid that follows the agents"

    def estimate(self, problem: Problem) -> Estimate:
        """Fit by EM."""
        climb = _Climb(problem)
        converged = climb.run()
        return concluded(
            problem,
            climb.state,
            (climb.posteriors, climb.expected),
            tuple(climb.path),
            stopped(problem, converged, len(climb.path), climb.moved),
        )


def stopped(problem: Problem, converged: bool, steps: int, moved: float) -> tuple[bool, str]:
    """Whether it converged, and the sentence that says so."""
    tolerance, limit = problem.options.tolerance, problem.options.max_iterations
    if converged:
        return True, f"After {steps} steps none moved a parameter by more than {tolerance:g}."
    return False, (
        f"Stopped at the limit of {limit} steps, when the last still moved a parameter by "
        f"{moved:.2g} (tolerance {tolerance:g}): allow more, or look for items that hardly vary."
    )


def concluded(
    problem: Problem,
    state: State,
    seen: tuple[Posteriors, Expectation],
    path: tuple[float, ...],
    stop: tuple[bool, str],
) -> Estimate:
    """The estimate at a final state: abilities are posterior means on the grid."""
    posteriors, expected = seen
    if problem.model.free_sd and problem.options.priors:
        state, expected = narrowed(problem, state, posteriors, expected)
    doubt = uncertainty(problem, state, expected, posteriors)
    notes = doubt.notes
    if problem.model.free_sd and state.sd < 1.01 * SMALLEST_SD:
        notes = (*notes, NO_SPREAD)
    return Estimate(
        x=state.x,
        covariance=doubt.covariance,
        population=Population(0.0, state.sd),
        theta=expected.mean,
        se=doubt.se,
        log_likelihood=expected.log_likelihood,
        path=path,
        converged=stop[0],
        reason=stop[1],
        grid=expected.theta,
        notes=notes,
        n_parameters=free_parameters(problem, state.x),
    )


class _Climb:
    """The iteration; `state` and `expected` belong together."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.state = State(problem.model.start(problem.cells, problem.layout), 1.0)
        self.posteriors = Posteriors(problem, self.state)
        self.expected = self.posteriors.expect(self.state)
        self.path = [self.expected.objective]
        self.moved = np.inf
        self._longest = 4.0

    def run(self) -> bool:
        """Climb until it converges (True) or the evaluations are spent."""
        while len(self.path) < self.problem.options.max_iterations:
            before = self.state
            if self._step():
                return True
            if self.problem.options.accelerate:
                self._leap(before)
        return False

    def _step(self) -> bool:
        """One EM step; True where it hardly moved."""
        new = advance(self.problem, self.state, self.expected)
        self.moved = float(np.abs(_vector(new) - _vector(self.state)).max())
        self._take(new, self.posteriors.expect(new))
        return self.moved <= self.problem.options.tolerance

    def _leap(self, before: State) -> None:
        """From the last two states and the next, ahead; or the next itself, if that is lower."""
        plain = advance(self.problem, self.state, self.expected)
        ahead, steps = leap(_vector(before), _vector(self.state), _vector(plain), self._longest)
        if steps > 1.0:
            state = _state(ahead, self.state)
            expected = self.posteriors.expect(state)
            if expected.objective >= self.expected.objective:
                if steps == self._longest:
                    self._longest = min(4.0 * self._longest, LONGEST)
                self._take(state, expected)
                return
            self._longest = max(2.0, 0.5 * self._longest)
        self._take(plain, self.posteriors.expect(plain))

    def _take(self, state: State, expected: Expectation) -> None:
        self.state, self.expected = state, expected
        self.path.append(expected.objective)


def _vector(state: State) -> Floats:
    return np.append(state.x.ravel(), [np.log(state.sd), np.log(state.slope), state.shift])


def _state(vector: Floats, like: State) -> State:
    sd, slope = np.exp(vector[-3:-1])
    x = vector[:-3].reshape(like.x.shape)
    return State(x, max(float(sd), SMALLEST_SD), float(slope), float(vector[-1]))


estimator = Em()
