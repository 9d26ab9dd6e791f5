import asyncio
import contextlib
import io
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground_truth import TRUTHS, Drawn, draw
from ground_truth.strategic import hidden_regimes
from ground_truth.strategic._regimes_draw import candidate
from ground_truth.strategic._regimes_filter import filtered, solve
from ground_truth.strategic._regimes_key import RegimesKey
from ground_truth.strategic._regimes_relations import RELATIONS
from ground_truth.strategic._regimes_shortcuts import CHANGES, SIMPLE, answer_of, shortcuts
from ground_truth.strategic.hidden_regimes import CERTAINTY_MAX, LEAD_MIN, POLICY_MAX, key_of
from ground_truth.strategic.hidden_regimes import draw as draw_regimes
from ground_truth.strategic.v0 import hidden_regimes as published
from runners._solutions.strategic.hidden_regimes import solve as honest
from tasks import FAMILIES, InstanceId, Split
from tasks._answers import Malformed, validate
from tasks.strategic._regimes_model import Reading, RegimesParams, RegimesPublic, Sensor

NAME = "strategic/hidden_regimes"
FAMILY = FAMILIES.find(NAME)
TRUTH = TRUTHS.find(NAME)
PRESETS = list(FAMILY.presets)


def instance(seed: int, preset: str = "easy", split: Split = Split.PRIVATE) -> InstanceId:
    return InstanceId(NAME, FAMILY.version, preset, split, seed)


def drawn(seed: int, preset: str) -> Drawn[RegimesPublic, RegimesKey]:
    return draw(instance(seed, preset), b"secret")


small = st.builds(
    RegimesParams,
    regimes=st.integers(2, 3),
    steps=st.integers(4, 5),
    sensors=st.integers(1, 3),
    symbols=st.integers(2, 3),
    evidence=st.sampled_from([0.5, 1.5]),
    coverage=st.sampled_from([0.6, 1.0]),
    ages=st.integers(1, 4),
    loss=st.sampled_from([0.0, 0.6]),
    lag=st.integers(0, 2),
    delay=st.integers(0, 3),
    dial=st.integers(0, 2),
    windows=st.integers(0, 2),
    pushes=st.integers(0, 2),
    horizon=st.just(2),
    plans=st.integers(2, 4),
    digits=st.integers(2, 3),
)


def any_world(params: RegimesParams, seed: int) -> RegimesPublic:
    return candidate(params, np.random.default_rng(seed))


publics = st.builds(any_world, small, st.integers(0, 999))


def chance_of(public: RegimesPublic, path: tuple[int, ...], pushes: tuple[int, ...]) -> float:
    """P(regimes at 1, 2, …), by the rules as the brief tells them."""
    p, age = public.initial[path[0]], 1
    for step, (here, there) in enumerate(itertools.pairwise(path), start=1):
        leaves = public.leave[here][min(age, len(public.leave[here])) - 1]
        if step in pushes:
            p, age = p * public.push[here][there], 1
        elif there == here:
            p, age = p * (1.0 - leaves), age + 1
        else:
            p, age = p * leaves * public.jump[here][there], 1
    return p


def told(public: RegimesPublic, reading: Reading, path: tuple[int, ...]) -> float:
    """P(one reading | path)."""
    sensor: Sensor = public.sensors[reading.sensor]
    regime = path[reading.step - 1 - sensor.lag]
    lost = sensor.lost[regime] if sensor.lost else 0.0
    if reading.shown is None:
        return sum(p for d, p in enumerate(sensor.delay[regime]) if reading.step + d > public.steps)
    if reading.shown == len(public.symbols):
        return lost
    true = reading.shown
    for step in range(2, reading.step + 1):
        if sensor.dial and (step - 1) % sensor.dial == 0:
            true = (true - 1) % len(public.symbols)
    late = sensor.delay[regime][reading.after] if reading.after is not None else 1.0
    return (1.0 - lost) * sensor.rates[regime][true] * late


def counted(public: RegimesPublic, path: tuple[int, ...]) -> float:
    """P(every count in its bin | path), by enumeration of all marks."""
    whole = 1.0
    for window in public.windows:
        rates = [public.marks[path[step - 1]] for step in range(window.first, window.last + 1)]
        whole *= sum(
            math.prod(q if on else 1.0 - q for q, on in zip(rates, marks, strict=True))
            for marks in itertools.product((0, 1), repeat=len(rates))
            if window.low <= sum(marks) <= window.high
        )
    return whole


def paths(public: RegimesPublic, length: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(range(len(public.regimes)), repeat=length)


def brute_force(public: RegimesPublic) -> dict[str, list[float]]:
    """Everything that is asked, summed over every path up to the end of the horizon."""
    k, now, horizon = len(public.regimes), public.steps, public.horizon
    data = {
        past: counted(public, past) * math.prod(told(public, r, past) for r in public.readings)
        for past in paths(public, now)
    }
    posterior, earlier, passage = np.zeros(k), np.zeros(k), np.zeros(horizon + 1)
    values = np.zeros(len(public.plans))
    for path in paths(public, now + horizon):
        past, future = path[:now], path[now:]
        p = data[past] * chance_of(public, path, public.pushes)
        posterior[past[-1]] += p
        earlier[past[public.earlier - 1]] += p
        passage[future.index(public.target) if public.target in future else horizon] += p
        for i, plan in enumerate(public.plans):
            added = (*public.pushes, now) if plan.pushes else public.pushes
            runs = future
            if plan.ends is not None and plan.ends in future:
                runs = future[: future.index(plan.ends) + 1]
            values[i] += (
                data[past] * chance_of(public, path, added) * sum(plan.pay[z] for z in runs)
            )
    total = posterior.sum()
    return {
        "now": (posterior / total).tolist(),
        "earlier": (earlier / total).tolist(),
        "passage": (passage / total).tolist(),
        "values": [v / total - plan.fee for v, plan in zip(values, public.plans, strict=True)],
    }


@settings(max_examples=30, deadline=None)
@given(publics)
def test_every_answer_is_the_sum_over_all_paths(public: RegimesPublic) -> None:
    exact, summed = solve(public), brute_force(public)
    assert exact.now == pytest.approx(summed["now"], abs=1e-10)
    assert exact.earlier == pytest.approx(summed["earlier"], abs=1e-10)
    assert exact.passage == pytest.approx(summed["passage"], abs=1e-10)
    size = max(abs(pay) for plan in public.plans for pay in plan.pay)
    assert exact.values == pytest.approx(summed["values"], abs=1e-9 * size)


@settings(max_examples=40, deadline=None)
@given(publics, st.sampled_from(sorted(RELATIONS)), st.integers(0, 99))
def test_a_related_instance_has_the_related_solution(
    public: RegimesPublic, name: str, seed: int
) -> None:
    base = Drawn(public, key_of(public, solve(public)))
    way = RELATIONS[name](base, np.random.default_rng(seed))
    anew = key_of(way.drawn.public, solve(way.drawn.public))
    told_so = way.drawn.key
    assert anew.posterior == pytest.approx(told_so.posterior, abs=1e-11)
    assert anew.smoothed == pytest.approx(told_so.smoothed, abs=1e-11)
    assert anew.arrival == pytest.approx(told_so.arrival, abs=1e-11)
    size = max(abs(pay) for plan in way.drawn.public.plans for pay in plan.pay)
    assert anew.payoffs == pytest.approx(told_so.payoffs, abs=1e-9 * size)
    assert list(anew.payoffs) == [plan.name for plan in way.drawn.public.plans]
    answers = [TRUTH.oracle(told_so)]
    answers += [
        policy(way.drawn.public, np.random.default_rng(seed)) for policy in TRUTH.policies.values()
    ]
    for answer in answers:
        back = way.restore(answer)
        assert base.key.gaps(back).ability == pytest.approx(told_so.gaps(answer).ability, abs=1e-9)


@pytest.mark.parametrize("name", sorted(RELATIONS))
def test_a_relation_changes_what_the_agent_reads(name: str) -> None:
    base = drawn(0, "expert")
    way = RELATIONS[name](base, np.random.default_rng(0))
    one, two = FAMILY.brief(base.public), FAMILY.brief(way.drawn.public)
    assert one.prompt != two.prompt
    assert one.files != two.files


def test_a_paraphrase_leaves_no_sentence_of_the_rules_as_it_was() -> None:
    base = drawn(0, "expert")
    way = RELATIONS["paraphrase"](base, np.random.default_rng(0))
    one, two = (
        FAMILY.brief(public).prompt.split("## What is asked")[0]
        for public in (base.public, way.drawn.public)
    )
    before = {line for line in one.splitlines() if len(line) > 40 and line[0] not in "|-"}
    assert before
    assert not before & set(two.splitlines())


def test_a_memoryless_chain_and_a_plain_sensor_is_the_published_filter() -> None:
    """Golden value of `strategic/v0/hidden_regimes`, seed 124: three regimes, by its own filter."""
    v0 = published.draw(FAMILIES.find("strategic/v0/hidden_regimes").preset(None), 124)
    assert v0.key.exact == pytest.approx((0.612705, 0.131282, 0.256013), abs=1e-6)
    matrix = np.array(v0.public.transition)
    leave = 1.0 - np.diag(matrix)
    jump = (matrix - np.diag(np.diag(matrix))) / leave[:, None]
    base = candidate(FAMILY.presets["easy"], np.random.default_rng(0))
    symbols = len(v0.public.emission[0])
    sensor = Sensor(name="eye", rates=tuple(map(tuple, v0.public.emission)), lost=())
    public = base.model_copy(
        update={
            "initial": tuple(v0.public.initial),
            "leave": tuple((float(p),) for p in leave),
            "jump": tuple(tuple(row) for row in jump.tolist()),
            "pushes": (),
            "symbols": tuple(f"s{i}" for i in range(symbols)),
            "sensors": (sensor,),
            "readings": tuple(
                Reading(sensor=0, step=step, shown=shown)
                for step, shown in enumerate(v0.public.observations, start=1)
            ),
            "steps": len(v0.public.observations),
            "earlier": 1,
        }
    )
    assert solve(public).now == pytest.approx(v0.key.exact, abs=1e-9)


def test_the_record_is_drawn_from_the_stated_numbers() -> None:
    """What is believed after reading is, on average, what was believed before."""
    moves = []
    for seed in range(400):
        public = candidate(FAMILY.presets["medium"], np.random.default_rng(seed))
        after = solve(public)
        before = solve(public.model_copy(update={"readings": (), "windows": ()}))
        likely = int(np.argmax(before.now))
        size = max(abs(pay) for plan in public.plans for pay in plan.pay)
        moves.append(
            [
                after.now[likely] - before.now[likely],
                after.earlier[int(np.argmax(before.earlier))] - before.earlier.max(),
                after.passage[0] - before.passage[0],
                (after.values[0] - before.values[0]) / size,
            ]
        )
    table = np.array(moves)
    assert (table.std(axis=0) > 0.02).all()
    assert (np.abs(table.mean(axis=0)) < 4.0 * table.std(axis=0) / math.sqrt(len(table))).all()


@settings(max_examples=20, deadline=None)
@given(publics)
def test_at_the_present_filter_and_smoother_agree(public: RegimesPublic) -> None:
    assert filtered(public, public.steps) == pytest.approx(solve(public).now, abs=1e-12)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_complication_matters_and_no_policy_comes_near(preset: str) -> None:
    for seed in range(4):
        case = drawn(seed, preset)
        values = sorted(case.key.payoffs.values())
        assert values[-1] - values[-2] >= LEAD_MIN * case.key.scale > 0.0
        assert max(*case.key.posterior, *case.key.smoothed) <= CERTAINTY_MAX
        for name, answer in shortcuts(case.public):
            assert not case.key.gaps(answer).passes, name
        for name, policy in SIMPLE.items():
            assert case.key.gaps(policy(case.public)).ability <= POLICY_MAX, name
        assert case.key.gaps(answer_of(case.public, solve(case.public))).passes


def test_the_expert_has_every_complication_and_the_easy_preset_few() -> None:
    assert {name for name, _ in shortcuts(drawn(0, "expert").public)} == {"smoothing", *CHANGES}
    few = {"smoothing", "losses", "pushes"}
    assert {name for name, _ in shortcuts(drawn(0, "easy").public)} == few


@pytest.mark.parametrize("preset", PRESETS)
def test_stated_numbers_are_exact(preset: str) -> None:
    public = drawn(1, preset).public
    rows = [public.initial, *public.jump, *public.push]
    rows += [row for sensor in public.sensors for row in (*sensor.rates, *sensor.delay)]
    for row in rows:
        units = [p * 10**public.digits for p in row]
        assert all(u == pytest.approx(round(u), abs=1e-6) for u in units)
        assert sum(round(u) for u in units) == 10**public.digits
    alone = [p for row in public.leave for p in row] + list(public.marks)
    alone += [p for sensor in public.sensors for p in sensor.lost]
    assert all(0.0 < p < 1.0 and round(p, public.digits) == p for p in alone)


@pytest.mark.parametrize("preset", PRESETS)
def test_an_instance_follows_from_its_id_and_the_secret(preset: str) -> None:
    mine, yours = draw(instance(1, preset), b"mine"), draw(instance(1, preset), b"yours")
    assert mine.public != yours.public
    assert mine == draw(instance(1, preset), b"mine")


def test_parameters_that_leave_nothing_to_ask_are_said_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hidden_regimes, "DRAWS_MAX", 20)
    params = FAMILY.presets["easy"].model_copy(update={"evidence": 1e-9, "loss": 0.0, "pushes": 0})
    with pytest.raises(ValueError, match="no instance worth asking in 20 draws"):
        draw_regimes(params, np.random.default_rng(0))


def test_the_wording_varies_between_instances() -> None:
    styles = [drawn(seed, "easy").public.style for seed in range(24)]
    assert len({s.setting for s in styles}) > 3
    assert {s.numbers for s in styles} == {"decimal", "percent", "parts"}
    assert {s.voice for s in styles} == {"account", "protocol"}


@pytest.mark.parametrize("preset", PRESETS)
def test_the_brief_discloses_what_is_graded(preset: str) -> None:
    public = drawn(2, preset).public
    prompt = FAMILY.brief(public).prompt
    for word in ("0.4 belief", "0.35 decision", "0.25 calibration", "0.05", "0.7", "0.3"):
        assert word in prompt
    schema = FAMILY.answer(public).model_json_schema()
    assert schema["properties"]["action"]["enum"] == [plan.name for plan in public.plans]
    assert all(f"`{plan.name}`" in prompt for plan in public.plans)
    assert public.currency in schema["properties"]["value"]["description"]


BROKEN: list[dict[str, object]] = [
    {"now": [0.5, 0.25, 0.3]},
    {"now": [0.5, 0.5]},
    {"earlier": [-0.5, 1.0, 0.5]},
    {"earlier": [True, False, False]},
    {"passage": [1.0]},
    {"passage": "1, 0, 0, 0"},
    {"action": "no such plan"},
    {"action": 0},
    {"value": float("nan")},
    {"value": 1e300},
    {"value": "12"},
    {"note": "extra"},
]


@pytest.mark.parametrize("change", BROKEN)
def test_answers_of_another_shape_are_refused(change: dict[str, object]) -> None:
    case = drawn(0, "easy")
    model = FAMILY.answer(case.public)
    good = TRUTH.oracle(case.key)
    assert not isinstance(validate(model, good), Malformed)
    refused = validate(model, {**good, **change})
    assert isinstance(refused, Malformed)
    assert next(iter(change)) in str(refused) or "finite" in str(refused)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_honest_solution_computes_the_answer_in_its_cells(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = drawn(3, preset)
    (tmp_path / "task").mkdir()
    for name, data in FAMILY.brief(case.public).files.items():
        (tmp_path / "task" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    state: dict[str, object] = {}

    async def execute(code: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, state)
        return out.getvalue()

    answer = asyncio.run(honest({}, execute))
    assert not isinstance(validate(FAMILY.answer(case.public), json.dumps(answer)), Malformed)
    assert case.key.gaps(answer).ability == pytest.approx(1.0, abs=1e-9)
