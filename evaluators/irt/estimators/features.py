"""EM, then features of items and parts of agents as their priors, estimated from all of them.

See `evaluators.irt.explanatory.informed`; `explain_items` and `explain_agents` of a fit tell what
the regressions found.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.estimators._posterior import Posteriors, State
from evaluators.irt.estimators._problem import Estimate, Estimator, Problem
from evaluators.irt.estimators.em import concluded
from evaluators.irt.estimators.em import estimator as em
from evaluators.irt.explanatory.informed import (
    Informed,
    Likelihood,
    features_of,
    informed_agents,
    informed_items,
    parts_of,
)
from tasks import UsageError

STEPS = 60
TOLERANCE = 1e-3
"""Of a working parameter."""


class Features(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = "EM, then item features and the agents' LLM and scaffold as priors"

    def estimate(self, problem: Problem) -> Estimate:
        """Fit.

        Raises:
            UsageError: nothing is known of items or agents beside their scores.
        """
        features = features_of(problem.of_items)
        parts = parts_of(problem.of_agents.labels)
        if not features and not parts:
            raise UsageError(
                "The explanatory model needs something to explain by: number columns of the items "
                "(`--items FEATURES.csv`), or the columns llm or scaffold of the agents "
                "(`--agents AGENTS.csv`) with at least two values. Fit `2pl` where there is none."
            )
        found = em.estimate(problem)
        notes: list[str] = []
        if features:
            found, explained = _informed(problem, found, features)
            told = dict(zip(("log slope", "easiness"), explained, strict=True))
            shares = " and ".join(f"{share:.0%} of {name}" for name, share in told.items())
            notes.append(f"{len(features)} features explain {shares} of the items.")
        if parts:
            agents = informed_agents(found.theta, found.se, problem.of_agents.labels)
            found = replace(found, theta=agents.mean, se=np.sqrt(agents.covariance))
            notes.append(f"{' and '.join(parts)} explain {agents.explained[0]:.0%} of ability.")
        return replace(found, notes=(*found.notes, *notes))


def _informed(
    problem: Problem, found: Estimate, features: Mapping[str, Floats]
) -> tuple[Estimate, tuple[float, ...]]:
    """EM from the plain estimate on, with a prior that is regressed anew in each step."""
    state = State(found.x, found.population.sd)
    posteriors = Posteriors(problem, state)
    known = _step(problem, posteriors, state, features)
    moved = _distance(known, state)
    for _ in range(STEPS):
        if moved <= TOLERANCE:
            break
        state = replace(state, x=known.mean)
        known = _step(problem, posteriors, state, features)
        moved = _distance(known, state)
    state = replace(state, x=known.mean)
    seen = posteriors.expect(state)
    reason = f"{found.reason} Features then moved items until a step moved none by {moved:.1g}."
    stop = (found.converged and moved <= TOLERANCE, reason)
    done = concluded(problem, state, (posteriors, seen), found.path, stop)
    return replace(done, covariance=known.covariance), known.explained


def _step(
    problem: Problem, posteriors: Posteriors, state: State, features: Mapping[str, Floats]
) -> Informed:
    seen = posteriors.expect(state)
    climb = problem.model.climb(state.x, seen.theta, seen.counts, seen.trials, problem.layout)
    known = informed_items(Likelihood(state.x, *climb), features)
    # Items that share an intercept pull the scale along with them: it is put back where abilities
    # have mean 0 and sd 1 (parameter expansion), or the steps would creep.
    mean = float(seen.mean.mean())
    sd = float(np.sqrt(np.mean(seen.variance + (seen.mean - mean) ** 2)))
    return replace(known, mean=problem.model.rescaled(known.mean, 1.0 / sd, -mean / sd))


def _distance(known: Informed, state: State) -> float:
    return float(np.abs(known.mean - state.x).max())


estimator = Features()
