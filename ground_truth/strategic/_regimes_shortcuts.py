"""Answers to `strategic/hidden_regimes` that leave something out: shortcuts and fixed policies.

Shortcuts get all but one complication right; an instance is worth asking only if each of them
fails. Policies are simple rules that do without the exact inference; the best of them is the floor.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ground_truth._core import Rng
from ground_truth.strategic._regimes_filter import (
    Chain,
    Solution,
    filtered,
    likelihoods,
    passage,
    payoff,
    solve,
)
from ground_truth.strategic._stated import Vector
from tasks import JSON
from tasks.strategic._regimes_model import RegimesPublic, Sensor

Change = Callable[[RegimesPublic], RegimesPublic]


def answer_of(public: RegimesPublic, solution: Solution) -> JSON:
    """The answer that states `solution` and takes its best plan."""
    best = int(np.argmax(solution.values))
    return {
        "now": solution.now.tolist(),
        "earlier": solution.earlier.tolist(),
        "passage": solution.passage.tolist(),
        "action": public.plans[best].name,
        "value": float(solution.values[best]),
    }


def shortcuts(public: RegimesPublic) -> Iterator[tuple[str, JSON]]:
    """What a solver answers that leaves out one of the complications the instance has."""
    exact = solve(public)
    last = filtered(public, public.earlier)
    yield "smoothing", answer_of(public, _with_earlier(exact, last))
    for name, change in CHANGES.items():
        changed = change(public)
        if changed != public:
            yield name, answer_of(public, solve(changed))


def _with_earlier(solution: Solution, earlier: Vector) -> Solution:
    return Solution(solution.now, earlier, solution.passage, solution.values)


def _ageless(public: RegimesPublic) -> RegimesPublic:
    means = tuple((sum(row) / len(row),) for row in public.leave)
    return public.model_copy(update={"leave": means})


def _unpushed(public: RegimesPublic) -> RegimesPublic:
    return public.model_copy(update={"pushes": ()})


def _uncounted(public: RegimesPublic) -> RegimesPublic:
    return public.model_copy(update={"windows": ()})


def _heard(public: RegimesPublic) -> RegimesPublic:
    """Lost readings taken to tell nothing."""
    heard = tuple(r for r in public.readings if r.shown != len(public.symbols))
    return _sensors(public.model_copy(update={"readings": heard}), {"lost": ()})


def _arrived(public: RegimesPublic) -> RegimesPublic:
    """Delays, and what is still pending, taken to tell nothing."""
    come = tuple(r for r in public.readings if r.shown is not None)
    return _sensors(public.model_copy(update={"readings": come}), {"delay": ()})


def _prompt(public: RegimesPublic) -> RegimesPublic:
    return _sensors(public, {"lag": 0})


def _unturned(public: RegimesPublic) -> RegimesPublic:
    return _sensors(public, {"dial": 0})


def _sensors(public: RegimesPublic, update: Mapping[str, object]) -> RegimesPublic:
    sensors: tuple[Sensor, ...] = tuple(s.model_copy(update=update) for s in public.sensors)
    return public.model_copy(update={"sensors": sensors})


CHANGES: dict[str, Change] = {
    "counts": _uncounted,
    "dial": _unturned,
    "delays": _arrived,
    "losses": _heard,
    "lags": _prompt,
    "ages": _ageless,
    "pushes": _unpushed,
}
"""Each complication by what a solver would do that leaves it out; the likeliest to fail first."""


def _plain(public: RegimesPublic) -> RegimesPublic:
    """The published form: a Markov chain and readings taken at face value."""
    for change in (_ageless, _unpushed, _uncounted, _heard, _arrived, _prompt, _unturned):
        public = change(public)
    return public


def _unread(public: RegimesPublic) -> RegimesPublic:
    return public.model_copy(update={"readings": (), "windows": ()})


def _ahead(public: RegimesPublic, now: Vector, earlier: Vector) -> JSON:
    """The answer of one who believes `now` and looks ahead by the stated rules, ages forgotten."""
    plain = _ageless(public)
    world = Chain.of(plain)
    return answer_of(
        public,
        Solution(
            now=now,
            earlier=earlier,
            passage=passage(plain, world, now),
            values=np.array([payoff(plain, world, now, plan) for plan in public.plans]),
        ),
    )


def uniform(public: RegimesPublic) -> JSON:
    """The same probability for everything, the first plan, and its value as nothing."""
    k, bins = len(public.regimes), public.horizon + 1
    return {
        "now": [1.0 / k] * k,
        "earlier": [1.0 / k] * k,
        "passage": [1.0 / bins] * bins,
        "action": public.plans[0].name,
        "value": 0.0,
    }


def unread(public: RegimesPublic) -> JSON:
    """The stated rules without a single reading or count: the prior prediction."""
    return answer_of(public, solve(_unread(public)))


def flat(public: RegimesPublic) -> JSON:
    """Every regime equally likely now and then; the look ahead is right."""
    k = len(public.regimes)
    return _ahead(public, np.full(k, 1.0 / k), np.full(k, 1.0 / k))


def initial(public: RegimesPublic) -> JSON:
    """As if nothing had changed since step 1."""
    start = np.array(public.initial)
    return _ahead(public, start, start)


def stationary(public: RegimesPublic) -> JSON:
    """The long-run distribution of the chain of mean leaving rates."""
    own = Chain.of(_ageless(public)).own
    rows = np.vstack([own.T - np.eye(len(own)), np.ones(len(own))])
    sums = np.append(np.zeros(len(own)), 1.0)
    long_run: Vector = np.linalg.lstsq(rows, sums, rcond=None)[0].astype(np.float64)
    return _ahead(public, long_run, long_run)


def unmoved(public: RegimesPublic) -> JSON:
    """One regime throughout: every reading counts alike, transitions are ignored."""
    log = np.log(public.initial) + np.log(likelihoods(_plain(public))).sum(axis=0)
    weights = np.exp(log - log.max())
    return _ahead(public, weights / weights.sum(), weights / weights.sum())


def last_reading(public: RegimesPublic) -> JSON:
    """The stationary prior updated by the nearest step that has readings, at face value."""
    weights = likelihoods(_plain(public))
    told = [step for step in range(1, public.steps + 1) if np.ptp(weights[step]) > 0.0]
    base = np.array(stationary(public)["now"])

    def near(step: int) -> Vector:
        if not told:
            return base
        joint = base * weights[min(told, key=lambda other: abs(other - step))]
        return joint / joint.sum()

    return _ahead(public, near(public.steps), near(public.earlier))


def plain_filter(public: RegimesPublic) -> JSON:
    """The published filter: no ages, interventions, lags, losses, delays, dial or counts."""
    plain = _plain(public)
    solution = solve(plain)
    return answer_of(public, _with_earlier(solution, filtered(plain, public.earlier)))


def _fixed(policy: Callable[[RegimesPublic], JSON]) -> Callable[[RegimesPublic, Rng], JSON]:
    return lambda public, rng: policy(public)


SIMPLE: dict[str, Callable[[RegimesPublic], JSON]] = {
    "uniform": uniform,
    "unread": unread,
    "flat": flat,
    "initial": initial,
    "stationary": stationary,
    "unmoved": unmoved,
    "last_reading": last_reading,
    "plain_filter": plain_filter,
}
POLICIES = {name: _fixed(policy) for name, policy in SIMPLE.items()}
