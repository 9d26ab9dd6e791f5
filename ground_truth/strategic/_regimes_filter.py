"""Exact inference for `strategic/hidden_regimes`: forward-backward on (count, regime, age).

The regime with its age is a Markov chain on k·A states (the embedded chain of an explicit-duration
hidden Markov model; Yu, "Hidden semi-Markov models", Artificial Intelligence 174, 2010). A window's
count is carried along while the window is open. Lags and delays only move a reading to the step
that it is about: given the regimes, readings, losses, delays and marks are independent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ground_truth.strategic._stated import Vector
from tasks.strategic._regimes_model import Plan, Reading, RegimesPublic, Window


@dataclass(frozen=True)
class Solution:
    """Everything that is asked for."""

    now: Vector
    """Shape (regimes,): P(regime at T | all)."""
    earlier: Vector
    """Shape (regimes,): P(regime at `earlier` | all)."""
    passage: Vector
    """Shape (horizon + 1,): P(first arrival at T+1, …, T+h, later | all)."""
    values: Vector
    """Shape (plans,): expected pay-off of each plan, in the brief's currency."""


def solve(public: RegimesPublic) -> Solution:
    """The exact answer to everything that is asked.

    Raises:
        ValueError: the readings are impossible under the stated numbers.
    """
    world = Chain.of(public)
    ahead = list(_forward(public, world))
    state = ahead[-1][0]
    return Solution(
        now=world.regimes(state / state.sum()),
        earlier=_smoothed(public, world, ahead),
        passage=passage(public, world, state / state.sum()),
        values=np.array([payoff(public, world, state / state.sum(), p) for p in public.plans]),
    )


def filtered(public: RegimesPublic, step: int) -> Vector:
    """P(regime at `step` | what is about the steps up to it), shape (regimes,)."""
    world = Chain.of(public)
    *_, last = _forward(public, world, step)
    return world.regimes(last.sum(axis=0) / last.sum())


@dataclass(frozen=True)
class Chain:
    """The chain of (regime, age); state i·A + a - 1 is regime i at age a."""

    ages: int
    start: Vector
    """Shape (states,)."""
    own: Vector
    """Shape (states, states): a step without intervention."""
    pushed: Vector
    """Shape (states, states): a step with one; of shape (0, 0) where there is none."""

    @classmethod
    def of(cls, public: RegimesPublic) -> "Chain":
        """The chain that the public numbers state."""
        leave = np.array(public.leave)
        k, ages = leave.shape
        own = np.zeros((k, ages, k, ages))
        own[:, :, :, 0] = leave[:, :, None] * np.array(public.jump)[:, None, :]
        regime, age = np.indices((k, ages))
        own[regime, age, regime, np.minimum(age + 1, ages - 1)] += 1.0 - leave
        start = np.zeros((k, ages))
        start[:, 0] = public.initial
        pushed = np.zeros((k, ages, k, ages))
        if public.push:
            pushed[:, :, :, 0] = np.array(public.push)[:, None, :]
        return cls(
            ages,
            start.ravel(),
            own.reshape(k * ages, -1),
            pushed.reshape(k * ages, -1) if public.push else np.zeros((0, 0)),
        )

    def regimes(self, state: Vector) -> Vector:
        """Sum over ages: shape (…, states) to (…, regimes)."""
        return state.reshape(*state.shape[:-1], -1, self.ages).sum(axis=-1)

    def states(self, regimes: Vector) -> Vector:
        """Each regime's number for all of its ages: shape (…, regimes) to (…, states)."""
        return np.repeat(regimes, self.ages, axis=-1)

    def step(self, pushed: bool) -> Vector:
        """The transition matrix of one step."""
        return self.pushed if pushed else self.own


def likelihoods(public: RegimesPublic) -> Vector:
    """P(readings about step t | regime at t), shape (steps + 1, regimes); row 0 is unused."""
    weights = np.ones((public.steps + 1, len(public.regimes)))
    for reading in public.readings:
        step, chance = _chance(public, reading)
        weights[step] *= chance
    return weights


def _chance(public: RegimesPublic, reading: Reading) -> tuple[int, Vector]:
    """The step that a reading is about, and its probability under each regime there."""
    sensor = public.sensors[reading.sensor]
    about = reading.step - sensor.lag
    size = len(public.symbols)
    if reading.shown is None:
        return about, np.array(sensor.delay)[:, public.steps - reading.step + 1 :].sum(axis=1)
    lost = np.array(sensor.lost) if sensor.lost else np.zeros(len(public.regimes))
    if reading.shown == size:
        return about, lost
    turned = (reading.step - 1) // sensor.dial if sensor.dial else 0
    chance = (1.0 - lost) * np.array(sensor.rates)[:, (reading.shown - turned) % size]
    if reading.after is not None and sensor.delay:
        chance = chance * np.array(sensor.delay)[:, reading.after]
    return about, chance


def _forward(public: RegimesPublic, world: Chain, last: int | None = None) -> Iterator[Vector]:
    """P(data about steps 1..t, count, state at t) up to a factor, for t = 1..last.

    Shape (counts, states); the count is that of the open window, 0 outside of windows.
    """
    weights = world.states(likelihoods(public))
    marks = world.states(np.array(public.marks)) if public.windows else np.zeros(0)
    counts = 1 + max((w.last - w.first + 1 for w in public.windows), default=0)
    state = np.zeros((counts, len(world.start)))
    state[0] = world.start
    end = public.steps if last is None else last
    for step in range(1, end + 1):
        if step > 1:
            state = state @ world.step(step - 1 in public.pushes)
        state = state * weights[step]
        window = _open(public, step)
        if window is not None:
            state = _counted(state, marks)
            if step == window.last:
                state = _closed(state, window)
        total = state.sum()
        if total <= 0.0:
            raise ValueError(f"what is known up to step {step} is impossible as stated")
        state = state / total
        yield state


def _open(public: RegimesPublic, step: int) -> Window | None:
    return next((w for w in public.windows if w.first <= step <= w.last), None)


def _counted(state: Vector, marks: Vector) -> Vector:
    after = state * (1.0 - marks)
    after[1:] += state[:-1] * marks
    return after


def _closed(state: Vector, window: Window) -> Vector:
    after = np.zeros_like(state)
    after[0] = state[window.low : window.high + 1].sum(axis=0)
    return after


def _smoothed(public: RegimesPublic, world: Chain, ahead: list[Vector]) -> Vector:
    """P(regime at `earlier` | all), by the adjoint of each forward step."""
    weights = world.states(likelihoods(public))
    marks = world.states(np.array(public.marks)) if public.windows else np.zeros(0)
    back = np.ones_like(ahead[-1])
    for step in range(public.steps, public.earlier, -1):
        window = _open(public, step)
        if window is not None:
            if step == window.last:
                within = np.zeros_like(back)
                within[window.low : window.high + 1] = back[0]
                back = within
            before = back * (1.0 - marks)
            before[:-1] += back[1:] * marks
            back = before
        back = (back * weights[step]) @ world.step(step - 1 in public.pushes).T
        back = back / back.max()
    joint = (ahead[public.earlier - 1] * back).sum(axis=0)
    return world.regimes(joint / joint.sum())


def passage(public: RegimesPublic, world: Chain, state: Vector) -> Vector:
    """Distribution of the first step after T in the target regime, shape (horizon + 1,)."""
    inside = world.states(np.eye(len(public.regimes))[public.target])
    chances: list[float] = []
    for step in range(public.steps, public.steps + public.horizon):
        state = state @ world.step(step in public.pushes)
        chances.append(float(state @ inside))
        state = state * (1.0 - inside)
    return np.array([*chances, float(state.sum())])


def payoff(public: RegimesPublic, world: Chain, state: Vector, plan: Plan) -> float:
    """Expected pay-off of a plan from the distribution `state` at T."""
    pay = world.states(np.array(plan.pay))
    ends = np.zeros(len(public.regimes))
    if plan.ends is not None:
        ends[plan.ends] = 1.0
    running = 1.0 - world.states(ends)
    total = -plan.fee
    for step in range(public.steps, public.steps + public.horizon):
        pushed = step in public.pushes or (plan.pushes and step == public.steps)
        state = state @ world.step(pushed)
        total += float(state @ pay)
        state = state * running
    return total
