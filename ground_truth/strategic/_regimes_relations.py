"""Metamorphic relations of `strategic/hidden_regimes`: the same question asked otherwise.

Each turns the public half and the key alike and knows the way back for answers. That the exact
solution of the turned half is the turned key is tested, not assumed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ground_truth._core import Drawn, Related, Relation, Rng
from ground_truth.strategic._regimes_key import RegimesKey
from ground_truth.strategic._stated import inverse, other, some, taken
from tasks import JSON
from tasks.strategic._regimes_model import Plan, Reading, RegimesPublic, Section, Sensor
from tasks.strategic._regimes_settings import SETTINGS, Setting
from tasks.strategic._tables import NUMBERS

Instance = Drawn[RegimesPublic, RegimesKey]
Turned = Related[RegimesPublic, RegimesKey]

HUNDREDTHS = 100.0
"""By which the relation `units` multiplies every amount."""


def units(base: Instance, rng: Rng) -> Turned:
    """Amounts in hundredths of the currency, probabilities in another notation."""
    public, key = base.public, base.key
    plans = tuple(
        plan.model_copy(
            update={
                "fee": HUNDREDTHS * plan.fee,
                "pay": tuple(HUNDREDTHS * pay for pay in plan.pay),
            }
        )
        for plan in public.plans
    )
    style = public.style.model_copy(update={"numbers": other(public.style.numbers, NUMBERS, rng)})
    currency = SETTINGS[public.style.setting].money[1]
    turned = public.model_copy(update={"plans": plans, "style": style, "currency": currency})
    payoffs = {name: HUNDREDTHS * value for name, value in key.payoffs.items()}

    def restore(answer: JSON) -> JSON:
        return {**answer, "value": answer["value"] / HUNDREDTHS}

    return Related(Drawn(turned, key.model_copy(update={"payoffs": payoffs})), restore)


def relabel(base: Instance, rng: Rng) -> Turned:
    """Every regime, symbol, sensor and plan gets another name of the same setting."""
    setting = SETTINGS[base.public.style.setting]

    def renamed(names: Sequence[str], pool: tuple[str, ...]) -> tuple[str, ...]:
        shift = int(rng.integers(1, len(pool)))
        return tuple(pool[(pool.index(name) + shift) % len(pool)] for name in names)

    public = base.public
    return _named(
        base,
        {
            "regimes": renamed(public.regimes, setting.regimes),
            "symbols": renamed(public.symbols, setting.symbols),
            "sensors": renamed([s.name for s in public.sensors], setting.sensors),
            "plans": renamed([p.name for p in public.plans], setting.plans),
        },
    )


def paraphrase(base: Instance, rng: Rng) -> Turned:
    """Another setting, the other voice, other sections' order and other tables."""
    public = base.public
    name = other(public.style.setting, tuple(sorted(SETTINGS)), rng)
    setting: Setting = SETTINGS[name]
    told = _named(
        base,
        {
            "regimes": some(setting.regimes, len(public.regimes), rng),
            "symbols": some(setting.symbols, len(public.symbols), rng),
            "sensors": some(setting.sensors, len(public.sensors), rng),
            "plans": some(setting.plans, len(public.plans), rng),
        },
    )
    first, *rest = public.style.order
    order: tuple[Section, ...] = (*rest, first)
    style = public.style.model_copy(
        update={
            "setting": name,
            "order": order,
            "transposed": not public.style.transposed,
            "listed": not public.style.listed,
            "voice": "account" if public.style.voice == "protocol" else "protocol",
        }
    )
    turned = told.drawn.public.model_copy(update={"style": style, "currency": setting.money[0]})
    return Related(Drawn(turned, told.drawn.key), told.restore)


def permute(base: Instance, rng: Rng) -> Turned:
    """Regimes, symbols, sensors, plans and windows in another order.

    Symbols on a dial have an order, so that they are only moved round the circle.
    """
    public, key = base.public, base.key
    order: list[int] = rng.permutation(len(public.regimes)).tolist()
    circle = rng.permutation(len(public.symbols)).tolist()
    if any(sensor.dial for sensor in public.sensors):
        shift = int(rng.integers(1, len(public.symbols)))
        circle = [(i + shift) % len(public.symbols) for i in range(len(public.symbols))]
    sensors: list[int] = rng.permutation(len(public.sensors)).tolist()
    turned = public.model_copy(
        update={
            **_rules(public, order),
            "symbols": taken(public.symbols, circle),
            "sensors": tuple(_sensor(public.sensors[s], order, circle) for s in sensors),
            "readings": tuple(_reading(r, sensors, circle) for r in public.readings),
            "windows": taken(public.windows, rng.permutation(len(public.windows)).tolist()),
            "plans": tuple(
                _plan(plan, order)
                for plan in taken(public.plans, rng.permutation(len(public.plans)).tolist())
            ),
        }
    )
    solved = key.model_copy(
        update={
            "posterior": taken(key.posterior, order),
            "smoothed": taken(key.smoothed, order),
            "payoffs": {plan.name: key.payoffs[plan.name] for plan in turned.plans},
        }
    )

    def restore(answer: JSON) -> JSON:
        back = {name: taken(answer[name], inverse(order)) for name in ("now", "earlier")}
        return {**answer, **{name: list(row) for name, row in back.items()}}

    return Related(Drawn(turned, solved), restore)


def _rules(public: RegimesPublic, order: Sequence[int]) -> dict[str, Any]:
    return {
        "regimes": taken(public.regimes, order),
        "initial": taken(public.initial, order),
        "leave": taken(public.leave, order),
        "jump": tuple(taken(row, order) for row in taken(public.jump, order)),
        "push": tuple(taken(row, order) for row in taken(public.push, order)),
        "marks": taken(public.marks, order),
        "target": order.index(public.target),
    }


def _sensor(sensor: Sensor, order: Sequence[int], circle: Sequence[int]) -> Sensor:
    return sensor.model_copy(
        update={
            "rates": tuple(taken(row, circle) for row in taken(sensor.rates, order)),
            "lost": taken(sensor.lost, order),
            "delay": taken(sensor.delay, order),
        }
    )


def _reading(reading: Reading, sensors: Sequence[int], circle: Sequence[int]) -> Reading:
    shown = reading.shown
    if shown is not None and shown < len(circle):
        shown = circle.index(shown)
    return reading.model_copy(update={"sensor": sensors.index(reading.sensor), "shown": shown})


def _plan(plan: Plan, order: Sequence[int]) -> Plan:
    ends = None if plan.ends is None else order.index(plan.ends)
    return plan.model_copy(update={"pay": taken(plan.pay, order), "ends": ends})


def _named(base: Instance, names: Mapping[str, tuple[str, ...]]) -> Turned:
    """The instance under other names; only plans are named in an answer."""
    public, key = base.public, base.key
    mine = [plan.name for plan in public.plans]
    theirs = dict(zip(mine, names["plans"], strict=True))
    back = {new: old for old, new in theirs.items()}
    turned = public.model_copy(
        update={
            "regimes": names["regimes"],
            "symbols": names["symbols"],
            "sensors": tuple(
                sensor.model_copy(update={"name": name})
                for sensor, name in zip(public.sensors, names["sensors"], strict=True)
            ),
            "plans": tuple(
                plan.model_copy(update={"name": theirs[plan.name]}) for plan in public.plans
            ),
        }
    )
    payoffs = {theirs[name]: value for name, value in key.payoffs.items()}

    def restore(answer: JSON) -> JSON:
        return {**answer, "action": back[answer["action"]]}

    return Related(Drawn(turned, key.model_copy(update={"payoffs": payoffs})), restore)


RELATIONS: dict[str, Relation] = {
    "units": units,
    "relabel": relabel,
    "permute": permute,
    "paraphrase": paraphrase,
}
