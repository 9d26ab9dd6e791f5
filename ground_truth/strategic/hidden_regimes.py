"""Truth of `strategic/hidden_regimes`: drawing, the exact answers, policies that set the floor.

The hidden path and the record are drawn from the stated numbers. An instance is drawn anew unless
every complication that it describes matters: each shortcut (a complication left out, everything
else right) misses the pass mark, no fixed policy scores above `POLICY_MAX`, no posterior is all but
certain, and the best plan stands clear of the second. These conditions look at the public half
alone, and selection on what the agent sees leaves the posterior exact.
"""

from typing import cast

import numpy as np

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.strategic._regimes_draw import candidate
from ground_truth.strategic._regimes_filter import Solution, solve
from ground_truth.strategic._regimes_key import RegimesKey
from ground_truth.strategic._regimes_relations import RELATIONS
from ground_truth.strategic._regimes_shortcuts import POLICIES, SIMPLE, answer_of, shortcuts
from tasks import JSON
from tasks.strategic._regimes_model import RegimesParams, RegimesPublic

POLICY_MAX = 0.85
"""A drawn instance leaves at least `1 - POLICY_MAX` between every fixed policy and the ceiling."""
CERTAINTY_MAX = 0.95
"""Neither posterior is more certain than this of one regime."""
LEAD_MIN = 0.15
"""The best plan leads the second by this share of best minus mean."""
DRAWS_MAX = 1_000


def draw(params: RegimesParams, rng: Rng) -> Drawn[RegimesPublic, RegimesKey]:
    """Draw until the instance is worth asking (see the module's text).

    Raises:
        ValueError: none was in `DRAWS_MAX` draws: the parameters leave nothing to ask.
    """
    for _ in range(DRAWS_MAX):
        public = candidate(params, rng)
        solution = solve(public)
        if _open_question(solution):
            key = key_of(public, solution)
            if _worth_asking(public, key):
                return Drawn(public, key)
    raise ValueError(f"no instance worth asking in {DRAWS_MAX} draws of {params!r}")


def key_of(public: RegimesPublic, solution: Solution) -> RegimesKey:
    """The key that states `solution`."""
    return RegimesKey(
        posterior=tuple(solution.now.tolist()),
        smoothed=tuple(solution.earlier.tolist()),
        arrival=tuple(solution.passage.tolist()),
        payoffs={
            plan.name: float(value)
            for plan, value in zip(public.plans, solution.values, strict=True)
        },
    )


def _open_question(solution: Solution) -> bool:
    values = np.sort(solution.values)
    return (
        max(solution.now.max(), solution.earlier.max()) <= CERTAINTY_MAX
        and values[-1] - values[-2] >= LEAD_MIN * (values[-1] - values.mean()) > 0.0
    )


def _worth_asking(public: RegimesPublic, key: RegimesKey) -> bool:
    if any(key.gaps(answer).passes for _, answer in shortcuts(public)):
        return False
    return all(key.gaps(policy(public)).ability <= POLICY_MAX for policy in SIMPLE.values())


def _oracle(key: RegimesKey) -> JSON:
    return {
        "now": list(key.posterior),
        "earlier": list(key.smoothed),
        "passage": list(key.arrival),
        "action": key.best,
        "value": key.payoffs[key.best],
    }


def _noisy(answer: JSON, public: RegimesPublic, rng: Rng, level: float) -> JSON:
    """Mixes every distribution with a random one, the value with 0, and at times the plan."""

    def mixed(name: str) -> list[float]:
        exact = np.array(cast("list[float]", answer[name]))
        noise = rng.dirichlet(np.ones(len(exact)))
        return ((1.0 - level) * exact + level * noise).tolist()

    plans = [plan.name for plan in public.plans]
    other = plans[int(rng.integers(len(plans)))]
    return {
        "now": mixed("now"),
        "earlier": mixed("earlier"),
        "passage": mixed("passage"),
        "action": other if rng.random() < level else answer["action"],
        "value": (1.0 - level) * float(answer["value"]),
    }


truth: Truth[RegimesParams, RegimesPublic, RegimesKey] = Truth(
    key=RegimesKey,
    draw=draw,
    oracle=_oracle,
    reference=lambda public: answer_of(public, solve(public)),
    noisy=_noisy,
    policies=POLICIES,
    relations=RELATIONS,
)
