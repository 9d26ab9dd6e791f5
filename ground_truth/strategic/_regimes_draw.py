"""Draws a hidden Markov world for `strategic/hidden_regimes` and what its instruments recorded.

Everything is drawn from the numbers that the brief states, so the exact posterior is calibrated.
"""

from dataclasses import dataclass

import numpy as np

from ground_truth._core import Rng
from ground_truth.strategic._regimes_filter import solve
from ground_truth.strategic._stated import pick, some, stated
from tasks.strategic._regimes_model import (
    Plan,
    Reading,
    RegimesParams,
    RegimesPublic,
    Section,
    Sensor,
    Style,
    Window,
)
from tasks.strategic._regimes_settings import SETTINGS, Setting
from tasks.strategic._tables import NUMBERS

_SECTIONS: tuple[Section, ...] = ("regimes", "sensors", "plans")


@dataclass(frozen=True)
class _Rules:
    """How the regime moves."""

    initial: tuple[float, ...]
    leave: tuple[tuple[float, ...], ...]
    jump: tuple[tuple[float, ...], ...]
    push: tuple[tuple[float, ...], ...]
    pushes: tuple[int, ...]


def candidate(params: RegimesParams, rng: Rng) -> RegimesPublic:
    """One world, its record, and plans that would break even for one who has read nothing."""
    name = str(rng.choice(sorted(SETTINGS)))
    setting = SETTINGS[name]
    rules = _rules(params, rng)
    sensors = _sensors(params, setting, rng)
    path = _path(params, rules, rng)
    marks = tuple(rng.permutation(_spread(params.regimes, params.digits)).tolist())
    public = RegimesPublic(
        regimes=some(setting.regimes, params.regimes, rng),
        initial=rules.initial,
        leave=rules.leave,
        jump=rules.jump,
        push=rules.push,
        pushes=rules.pushes,
        symbols=some(setting.symbols, params.symbols, rng),
        sensors=sensors,
        readings=_record(params, sensors, path, rng),
        marks=marks if params.windows else (),
        windows=_windows(params, path, marks, rng),
        steps=params.steps,
        earlier=int(rng.integers(max(2, params.steps // 3), params.steps - 1)),
        target=int(rng.integers(params.regimes)),
        horizon=params.horizon,
        plans=_plans(params, setting, rng),
        currency=setting.money[0],
        digits=params.digits,
        style=_style(name, rng),
    )
    return _break_even(public, rng)


def _rules(params: RegimesParams, rng: Rng) -> _Rules:
    k, digits = params.regimes, params.digits
    jump: list[tuple[float, ...]] = []
    for regime in range(k):
        row = stated(rng.dirichlet(np.full(k - 1, 0.8)), digits) if k > 2 else [1.0]
        jump.append((*row[:regime], 0.0, *row[regime:]))
    leave = tuple(_leaving(params, rng) for _ in range(k))
    initial = tuple(stated(np.exp(rng.standard_normal(k)), digits))
    if not params.pushes:
        return _Rules(initial, leave, tuple(jump), (), ())
    past = rng.choice(np.arange(1, params.steps), size=params.pushes, replace=False)
    ahead = params.steps + int(rng.integers(1, max(2, params.horizon - 1)))
    return _Rules(
        initial,
        leave,
        tuple(jump),
        tuple(tuple(stated(rng.dirichlet(np.full(k, 0.4)), digits)) for _ in range(k)),
        (*sorted(int(step) for step in past), ahead),
    )


def _leaving(params: RegimesParams, rng: Rng) -> tuple[float, ...]:
    """Leaving probabilities that rise or fall with age; a plain chain has one that is moderate."""
    if params.ages == 1:
        return (round(float(rng.uniform(0.08, 0.35)), params.digits),)
    low, high = rng.uniform(0.02, 0.12), rng.uniform(0.45, 0.9)
    inner = rng.uniform(low, high, size=params.ages - 2)
    row = np.sort(np.array([low, high, *inner]))
    row = row if rng.random() < 0.7 else row[::-1]
    return tuple(round(float(p), params.digits) for p in row)


def _spread(count: int, digits: int) -> list[float]:
    """Probabilities of a mark, spread from rare to frequent."""
    return [round(float(p), digits) for p in np.linspace(0.08, 0.88, count)]


def _sensors(params: RegimesParams, setting: Setting, rng: Rng) -> tuple[Sensor, ...]:
    """The first sensor lags, the last delays, the one before the last has a dial."""
    names = some(setting.sensors, params.sensors, rng)
    return tuple(_sensor(params, name, index, rng) for index, name in enumerate(names))


def _sensor(params: RegimesParams, name: str, index: int, rng: Rng) -> Sensor:
    k, digits = params.regimes, params.digits
    last = params.sensors - 1
    slow = params.delay > 0 and index == last
    log_rates = params.evidence * rng.standard_normal((k, params.symbols))
    rates = tuple(tuple(stated(np.exp(row), digits)) for row in log_rates)
    worst = rng.permutation(np.linspace(0.02, params.loss, k)) if params.loss else np.zeros(0)
    lost = () if slow else tuple(round(float(p), digits) for p in worst)
    speed = rng.permutation(np.linspace(-1.2, 1.2, k))
    late = np.arange(params.delay + 1)
    delay = tuple(tuple(stated(np.exp(s * late), digits)) for s in speed)
    return Sensor(
        name=name,
        rates=rates,
        lost=lost,
        lag=params.lag if index == 0 and not slow else 0,
        dial=params.dial if index == max(0, last - 1) else 0,
        delay=delay if slow else (),
    )


def _path(params: RegimesParams, rules: _Rules, rng: Rng) -> list[int]:
    """The hidden regimes at steps 1..T."""
    regime, age = pick(rules.initial, rng.random()), 1
    path = [regime]
    for step in range(1, params.steps):
        if step in rules.pushes:
            regime, age = pick(rules.push[regime], rng.random()), 1
        elif rng.random() < rules.leave[regime][min(age, params.ages) - 1]:
            regime, age = pick(rules.jump[regime], rng.random()), 1
        else:
            age += 1
        path.append(regime)
    return path


def _record(
    params: RegimesParams, sensors: tuple[Sensor, ...], path: list[int], rng: Rng
) -> tuple[Reading, ...]:
    readings: list[Reading] = []
    for step in range(1, params.steps + 1):
        for index, sensor in enumerate(sensors):
            scheduled, *chances = rng.random(4).tolist()
            if scheduled < params.coverage and step > sensor.lag:
                regime = path[step - sensor.lag - 1]
                shown, after = _shown(params, sensor, (regime, step), chances)
                readings.append(Reading(sensor=index, step=step, shown=shown, after=after))
    return tuple(readings)


def _shown(
    params: RegimesParams, sensor: Sensor, at: tuple[int, int], chances: list[float]
) -> tuple[int | None, int | None]:
    regime, step = at
    turned = (step - 1) // sensor.dial if sensor.dial else 0
    symbol = (pick(sensor.rates[regime], chances[0]) + turned) % params.symbols
    if sensor.delay:
        after = pick(sensor.delay[regime], chances[1])
        return (symbol, after) if step + after <= params.steps else (None, None)
    if sensor.lost and chances[2] < sensor.lost[regime]:
        return params.symbols, None
    return symbol, None


def _windows(
    params: RegimesParams, path: list[int], marks: tuple[float, ...], rng: Rng
) -> tuple[Window, ...]:
    """Disjoint windows of three to six steps; bins of two counts, fixed beforehand."""
    if not params.windows:
        return ()
    happened = rng.random(params.steps) < np.array(marks)[path]
    share = params.steps // params.windows
    windows: list[Window] = []
    for index in range(params.windows):
        length = int(rng.integers(min(3, share), min(6, share) + 1))
        # The last one ends at the present: old counts fade from what is asked.
        end = params.steps - share * (params.windows - 1 - index)
        slack = 0 if end == params.steps else int(rng.integers(share - length + 1))
        first = end - length + 1 - slack
        count = int(happened[first - 1 : first - 1 + length].sum())
        low = count // 2 * 2
        windows.append(
            Window(first=first, last=first + length - 1, low=low, high=min(low + 1, length))
        )
    return tuple(windows)


def _plans(params: RegimesParams, setting: Setting, rng: Rng) -> tuple[Plan, ...]:
    unit = 10 ** int(rng.integers(0, 4))
    names = some(setting.plans, params.plans, rng)
    ends = rng.permutation(params.plans) % 2 == 0
    pushes = rng.permutation(params.plans) % 3 == 0
    return tuple(
        Plan(
            name=name,
            fee=0.0,
            pay=tuple(float(unit * p) for p in rng.integers(-40, 61, size=params.regimes)),
            ends=int(rng.integers(params.regimes)) if ends[index] else None,
            pushes=bool(pushes[index]) and params.pushes > 0,
        )
        for index, name in enumerate(names)
    )


def _break_even(public: RegimesPublic, rng: Rng) -> RegimesPublic:
    """Fees that make every plan worth about nothing to one who has read nothing.

    So neither a fixed choice nor the prior prediction finds the best plan, and what a plan is worth
    is all in the record.
    """
    values = solve(public.model_copy(update={"readings": (), "windows": ()})).values
    size = max(abs(pay) for plan in public.plans for pay in plan.pay)
    jitter = rng.normal(0.0, 0.05 * size, size=len(values))
    plans = tuple(
        plan.model_copy(update={"fee": float(round(value + shift))})
        for plan, value, shift in zip(public.plans, values.tolist(), jitter, strict=True)
    )
    return public.model_copy(update={"plans": plans})


def _style(setting: str, rng: Rng) -> Style:
    return Style(
        setting=setting,
        order=tuple(_SECTIONS[i] for i in rng.permutation(len(_SECTIONS))),
        numbers=NUMBERS[int(rng.integers(len(NUMBERS)))],
        transposed=bool(rng.integers(2)),
        listed=bool(rng.integers(2)),
        voice="account" if rng.integers(2) else "protocol",
    )
