import asyncio
import contextlib
import functools
import io
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ground_truth import TRUTHS, Drawn, Rng, draw, played
from ground_truth.strategic import _auction_draw
from ground_truth.strategic._auction_courses import abilities
from ground_truth.strategic._auction_draw import _key, _public
from ground_truth.strategic._auction_draw import draw as draw_sale
from ground_truth.strategic._auction_key import AuctionKey
from ground_truth.strategic._auction_policies import RULES
from ground_truth.strategic._auction_relations import permute, relabel, units
from ground_truth.strategic._auction_solver import Solution, State, solved
from ground_truth.strategic._auction_tables import bid_chances, compiled, ticks
from ground_truth.strategic._auction_view import state_of
from ground_truth.strategic._auction_world import AuctionWorld
from runners._solutions.strategic.auctions import solve
from tasks import FAMILIES, AgentFault, InstanceId, Observation, Split
from tasks._answers import Malformed, validate
from tasks.strategic._auction_sale import (
    AuctionPublic,
    Band,
    Basis,
    Format,
    Habit,
    Lot,
    LotClass,
    Rival,
    Style,
)
from tasks.strategic.auctions import AuctionParams

NAME = "strategic/auctions"
FAMILY = FAMILIES.find(NAME)
TRUTH = TRUTHS.find(NAME)
PRESETS = list(FAMILY.presets)
KINDS: list[tuple[Format, Basis]] = [
    ("first-price", "private"),
    ("second-price", "private"),
    ("first-price", "common"),
    ("second-price", "common"),
]


def instance(seed: int, preset: str = "easy") -> InstanceId:
    return InstanceId(NAME, FAMILY.version, preset, Split.PRIVATE, seed)


def world_of(key: AuctionKey) -> AuctionWorld:
    return AuctionWorld(key.sale, key.fates)


def one_lot(
    kind: tuple[Format, Basis],
    values: list[float],
    rivals: list[Habit],
    readings: list[list[float]] | None = None,
    *,
    top: float = 30.0,
    tie: float = 0.5,
) -> AuctionPublic:
    common = kind[1] == "common"
    lot_class = LotClass(
        name="class",
        format=kind[0],
        basis=kind[1],
        values=tuple(values),
        chances=(1.0 / len(values),) * len(values),
        appraisals=tuple(values) if common else (),
        readings=tuple(tuple(row) for row in readings or []),
    )
    return AuctionPublic(
        currency="marks",
        tick=1.0,
        top=top,
        budget=top,
        fee=0.0,
        tie=tie,
        classes=(lot_class,),
        lots=(Lot(name="lot", lot_class=0, reserve=1.0),),
        rivals=tuple(
            Rival(name=f"rival {i}", role="steady", habits=((habit,),))
            for i, habit in enumerate(rivals)
        ),
        mood=None,
        house=None,
        scale=1.0,
        style=Style(setting="estate", voice="plain", order=("lots",), percent=False),
    )


def uniform(low: float, high: float) -> Habit:
    return Habit(bands=(Band(chance=1.0, low=low, high=high),))


@st.composite
def small_sales(draw_: Any) -> AuctionPublic:
    params = AuctionParams(
        lots=draw_(st.integers(1, 2)),
        grid=6,
        values=2,
        classes=(draw_(st.sampled_from(KINDS)), draw_(st.sampled_from(KINDS))),
        steady=draw_(st.integers(0, 1)),
        reactive=draw_(st.integers(0, 1)),
        moods=2,
        types=draw_(st.sampled_from([0, 2])),
        buyers=2,
        noise=1.0,
        tightness=draw_(st.sampled_from([0.4, 0.9])),
        fee=draw_(st.integers(0, 1)),
    )
    return _public(params, np.random.default_rng(draw_(st.integers(0, 10_000))))


class ByHand:
    """Optimal expected surplus in ticks: every rival's every bid is gone through, one by one."""

    def __init__(self, sale: AuctionPublic) -> None:
        self.sale, self.fee = sale, ticks(sale, sale.fee)
        self.best = functools.cache(self._best)

    def optimum(self) -> float:
        mood, house = self.sale.mood, self.sale.house
        start = mood.start if mood else 0
        return self.best(0, ticks(self.sale, self.sale.budget), start, house.prior if house else ())

    def _best(self, t: int, budget: int, mood: int, prior: tuple[float, ...]) -> float:
        if t == len(self.sale.lots):
            return 0.0
        lot = self.sale.lots[t]
        lot_class, low = self.sale.classes[lot.lot_class], ticks(self.sale, lot.reserve)
        high = min(ticks(self.sale, self.sale.top), budget - self.fee)
        own: dict[int, dict[int, float]] = {}
        for v, p in enumerate(lot_class.chances):
            for x, q in enumerate(lot_class.readings[v]) if lot_class.readings else [(v, 1.0)]:
                own.setdefault(x, {})[v] = p * q
        total = 0.0
        for joint in own.values():
            idle = sum(joint.values()) * self.best(t + 1, budget, self.moved(mood)[0], prior)
            bids = range(low, high + 1)
            worths = (self.worth(t, bid, joint, (budget, mood, prior)) for bid in bids)
            total += max([idle, *worths])
        return total

    def moved(self, mood: int) -> tuple[int, int]:
        rule = self.sale.mood
        if rule is None:
            return 0, 0
        return max(mood - rule.fall, 0), min(mood + rule.rise, len(rule.names) - 1)

    def worth(self, t: int, bid: int, joint: dict[int, float], known: Any) -> float:
        budget, mood, prior = known
        lot = self.sale.lots[t]
        lot_class, reserve = self.sale.classes[lot.lot_class], ticks(self.sale, lot.reserve)
        down, up = self.moved(mood)
        worth = 0.0
        for (v, p), (c, q, after) in itertools.product(joint.items(), self.buyers(prior)):
            value = ticks(self.sale, lot_class.values[v])
            lost = self.best(t + 1, budget - self.fee, down, after) - self.fee
            for chance, highest in self.bids(lot.lot_class, v, {"reactive": mood, "house": c}):
                price = bid if lot_class.format == "first-price" else max(reserve, highest)
                wins = 1.0 if bid > highest else self.sale.tie * (bid == highest)
                worth += p * q * chance * (1.0 - wins) * lost
                if wins:
                    rest = self.best(t + 1, budget - self.fee - price, up, after)
                    worth += p * q * chance * wins * (value - price - self.fee + rest)
        return worth

    def bids(self, k: int, v: int, levels: dict[str, int]) -> list[tuple[float, int]]:
        rows = [
            bid_chances(self.sale, self.sale.classes[k], r.habits[k][levels.get(r.role, 0)])
            for r in self.sale.rivals
        ]
        supports = [
            [(float(p), m) for m, p in enumerate(row[v if len(row) > 1 else 0]) if p > 0]
            for row in rows
        ]
        return [
            (math.prod(p for p, _ in one), max((m for _, m in one), default=0))
            for one in itertools.product(*supports)
        ]

    def buyers(self, prior: tuple[float, ...]) -> list[tuple[int, float, tuple[float, ...]]]:
        if self.sale.house is None:
            return [(0, 1.0, prior)]
        found: list[tuple[int, float, tuple[float, ...]]] = []
        for c in range(len(self.sale.house.buyers)):
            joint = [p * row[c] for p, row in zip(prior, self.sale.house.sends, strict=True)]
            found.append((c, sum(joint), tuple(j / sum(joint) for j in joint)))
        return found


@settings(max_examples=12, deadline=None)
@given(small_sales())
def test_the_optimum_is_that_of_going_through_every_outcome(sale: AuctionPublic) -> None:
    assert solved(sale).optimum == pytest.approx(ByHand(sale).optimum(), abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(small_sales(), st.sampled_from(sorted(RULES)))
def test_no_rule_beats_the_optimum(sale: AuctionPublic, rule: str) -> None:
    solution = solved(sale)
    assert solution.value_of(RULES[rule](solution.board)) <= solution.optimum + 1e-9


@settings(max_examples=10, deadline=None)
@given(small_sales(), st.integers(0, 1000))
def test_units_scale_the_optimum_and_order_and_names_leave_it(
    sale: AuctionPublic, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    drawn = Drawn(sale, _key(sale, rng))
    optimum = solved(sale).optimum * sale.tick
    other = units(drawn, rng).drawn.public
    factor = other.tick / sale.tick
    assert factor != 1.0
    assert solved(other).optimum * other.tick == pytest.approx(factor * optimum)
    for relation in (permute, relabel):
        same = relation(drawn, rng).drawn.public
        assert solved(same).optimum * same.tick == pytest.approx(optimum)


@settings(max_examples=10, deadline=None)
@given(small_sales(), st.integers(1, 4))
def test_more_budget_never_hurts_and_a_rival_never_helps_on_one_lot(
    sale: AuctionPublic, more: int
) -> None:
    richer = sale.model_copy(update={"budget": sale.budget + more * sale.tick})
    assert solved(richer).optimum >= solved(sale).optimum - 1e-12
    assume(len(sale.rivals) > 0)
    alone = sale.model_copy(update={"lots": sale.lots[:1]})
    fewer = alone.model_copy(update={"rivals": sale.rivals[1:]})
    assert solved(fewer).optimum >= solved(alone).optimum - 1e-12


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5, unique=True), st.integers(0, 999))
def test_truth_is_optimal_in_one_second_price_lot_of_private_value(
    values: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    spans = np.sort(rng.integers(1, 31, (int(rng.integers(1, 4)), 2)), axis=1).tolist()
    sale = one_lot(
        ("second-price", "private"),
        sorted(map(float, values)),
        [uniform(low, high) for low, high in spans],
    )
    solution = solved(sale)
    for x, value in enumerate(sorted(values)):
        worths = solution.worths(State(lot=0, mood=0, node=0, budget=30, draw=x))
        assert worths[value] == pytest.approx(worths.max(), abs=1e-12)


@pytest.mark.parametrize("rivals", [1, 2, 3])
def test_first_price_against_uniform_rivals_shades_to_the_textbook_share(rivals: int) -> None:
    sale = one_lot(("first-price", "private"), [12.0, 30.0], [uniform(1, 30)] * rivals)
    solution = solved(sale)
    for x, value in enumerate((12.0, 30.0)):
        bid = solution.best(State(lot=0, mood=0, node=0, budget=30, draw=x))
        assert abs(bid - value * rivals / (rivals + 1)) <= 1.0


def test_who_wins_a_common_value_lot_has_learned_bad_news() -> None:
    # V is 2 or 4; an appraisal is right with .75; the rival bids its appraisal. Reading 4 and
    # bidding 3 wins iff the rival reads 2: P = .75·.25 + .25·.75, and then V is 4 or 2 alike.
    rival = Habit(by_appraisal=(2.0, 4.0))
    sale = one_lot(
        ("first-price", "common"), [2.0, 4.0], [rival], [[0.75, 0.25], [0.25, 0.75]], top=6.0
    )
    solution = solved(sale)
    state = State(lot=0, mood=0, node=0, budget=6, draw=1)
    assert solution.board.classes[0].estimates[1] == pytest.approx(3.5)
    assert solution.chance(state, 3) == pytest.approx((0.375, 3.0))
    # Above both: wins always, and the value is what the appraisal alone says.
    assert solution.chance(state, 5) == pytest.approx((1.0, 3.5))
    assert math.isnan(solution.chance(state, 1)[1])


def test_sights_of_buyers_move_the_belief_by_bayes_rule() -> None:
    sale = draw(instance(0, "expert"), b"secret").public
    beliefs = compiled(sale).beliefs
    node = beliefs.counts.index((2, 1))
    weights = [
        p * s[0] ** 2 * s[1] for p, s in zip(sale.house.prior, sale.house.sends, strict=True)
    ]
    first = sum(w * s[0] for w, s in zip(weights, sale.house.sends, strict=True)) / sum(weights)
    assert beliefs.chances[node] == pytest.approx([first, 1.0 - first])
    assert beliefs.counts[int(beliefs.after[node, 1])] == (2, 2)


@pytest.mark.parametrize("name", ["thrift_50", "half"])
def test_mean_regret_and_mean_surplus_over_many_worlds_are_the_exact_ones(name: str) -> None:
    sale = draw(instance(5, "medium"), b"secret").public
    solution, rng = solved(sale), np.random.default_rng(3)
    lost = solution.optimum - solution.value_of(RULES[name](solution.board))
    player = TRUTH.policies[name](sale, rng)
    verdicts = []
    for _ in range(150):
        key = _key(sale, rng)
        verdicts.append(key.verdict(played(AuctionWorld(sale, key.fates), player)))
    regrets = np.array([v.regret for v in verdicts]) / sale.tick
    gains = np.array([v.metrics["surplus"] for v in verdicts]) / sale.tick
    assert abs(regrets.mean() - lost) < 4.5 * regrets.std() / 150**0.5
    assert abs(gains.mean() - (solution.optimum - lost)) < 4.5 * gains.std() / 150**0.5


@pytest.mark.parametrize("preset", PRESETS)
def test_the_oracle_gives_nothing_away_and_its_beliefs_are_exact(preset: str) -> None:
    for seed in range(3):
        drawn = draw(instance(seed, preset), b"secret")
        verdict = drawn.key.verdict(played(world_of(drawn.key), TRUTH.oracle(drawn.key)))
        assert verdict.ability == 1.0
        assert verdict.passed
        assert verdict.done
        assert all(step.regret == 0.0 and step.note == "" for step in verdict.steps)
        assert all(mark == pytest.approx(1.0) for mark in verdict.axes.values())
        assert verdict.metrics.get("winner_curse", 0.0) == 0.0
        assert set(verdict.axes) == {"decision", "calibration", "belief"}


@pytest.mark.parametrize("preset", PRESETS)
def test_the_value_before_a_lot_is_the_mean_of_its_best_bids(preset: str) -> None:
    sale = draw(instance(3, preset), b"secret").public
    solution = solved(sale)
    board = solution.board
    chances = board.classes[board.lots[0][0]].chances
    states = (State(0, board.start, 0, board.budget, x) for x in range(len(chances)))
    best = [solution.worths(state).max() for state in states]
    assert chances @ best == pytest.approx(solution.optimum)


@pytest.mark.parametrize("preset", PRESETS)
def test_sampled_courses_give_away_what_the_solver_expects(preset: str) -> None:
    solution = solved(draw(instance(6, preset), b"secret").public)
    tables = {name: rule(solution.board) for name, rule in RULES.items()}
    lost = {name: solution.optimum - solution.value_of(table) for name, table in tables.items()}
    # On so wide a scale no course is clipped, so that the mean ability is linear in the loss.
    wide, rng = 100.0 * solution.optimum, np.random.default_rng(0)
    sampled = abilities(solution, tables, wide, rng, courses=4000)
    given_away = {name: wide * (1.0 - ability) for name, ability in sampled.items()}
    assert given_away == pytest.approx(lost, rel=0.1, abs=0.02 * solution.optimum)


def test_no_sale_is_asked_on_which_a_rule_without_a_plan_does_nearly_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params = FAMILY.presets["easy"]
    assert draw_sale(params, np.random.default_rng(1)).public.scale > 0

    def nearly_solved(*given: object) -> dict[str, float]:
        return {"half": 0.95}

    monkeypatch.setattr(_auction_draw, "abilities", nearly_solved)
    monkeypatch.setattr(_auction_draw, "DRAWS_MAX", 3)
    with pytest.raises(ValueError, match="no sale worth asking in 3 draws"):
        draw_sale(params, np.random.default_rng(1))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_class_is_sold_and_the_scale_is_what_the_best_simple_rule_loses(preset: str) -> None:
    drawn = draw(instance(2, preset), b"secret")
    sale, params = drawn.public, FAMILY.presets[preset]
    sold = {sale.classes[lot.lot_class] for lot in sale.lots}
    assert sorted((c.format, c.basis) for c in sold) == sorted(params.classes)
    solution = Solution(compiled(sale))
    names = ("paced", "thrift_25", "thrift_50")
    lost = [solution.optimum - solution.value_of(RULES[n](solution.board)) for n in names]
    assert sale.scale == pytest.approx(min(lost) * sale.tick, abs=0.0051 * sale.tick)
    assert f"{sale.scale:g}" in FAMILY.brief(sale).prompt


def test_actions_not_taken_pass_and_count_as_unbelieved() -> None:
    drawn = draw(instance(1, "medium"), b"secret")
    actions = played(world_of(drawn.key), TRUTH.oracle(drawn.key))
    half = drawn.key.verdict(actions[:3])
    assert not half.done
    assert not half.passed
    assert len(half.steps) == len(actions)
    passes = [{"bid": 0.0, "win_probability": 0.5, "expected_value": 0.0}] * (len(actions) - 3)
    assert half.regret == drawn.key.verdict([*actions[:3], *passes]).regret > 0
    assert half.axes["calibration"] == pytest.approx(3 / len(actions))
    assert drawn.key.verdict([]).ability == drawn.key.verdict([{"bid": 0.0}] * 7).ability


def test_the_winners_curse_and_overbidding_are_counted_and_named() -> None:
    drawn = draw(instance(3, "expert"), b"secret")
    player = TRUTH.policies["all_in"](drawn.public, np.random.default_rng(0))
    verdict = drawn.key.verdict(played(world_of(drawn.key), player))
    rates = [verdict.metrics.get(name, 0.0) for name in ("winner_curse", "overbidding")]
    assert max(rates) > 0
    assert any("above what the lot is worth" in step.note for step in verdict.steps)


def play(sale: AuctionPublic, rng: Rng) -> tuple[AuctionWorld, Observation]:
    world = AuctionWorld(sale, _key(sale, rng).fates)
    return world, world.observe()


@pytest.mark.parametrize(
    ("bid", "says"),
    [
        (1.3, "not on the grid"),
        (-1.0, "not on the grid"),
        (1e300, "not on the grid"),
        (1.0, "reserve price is 2"),
        (6.0, "5 left"),
        (None, "number `bid`"),
        (True, "number `bid`"),
        ("3", "number `bid`"),
    ],
)
def test_a_bad_bid_is_refused_in_words_and_changes_nothing(bid: object, says: str) -> None:
    sale = one_lot(("first-price", "private"), [3.0, 9.0], [uniform(2, 8)], top=10.0)
    sale = sale.model_copy(
        update={"budget": 5.0, "lots": (Lot(name="lot", lot_class=0, reserve=2.0),)}
    )
    world, before = play(sale, np.random.default_rng(0))
    with pytest.raises(AgentFault, match=says):
        world.act({"bid": bid, "win_probability": 0.5, "expected_value": 3.0})
    assert world.observe() == before
    world.act({"bid": 5.0, "win_probability": 0.5, "expected_value": 3.0})
    with pytest.raises(AgentFault, match="over"):
        world.act({"bid": 0.0, "win_probability": 0.5, "expected_value": 3.0})


@pytest.mark.parametrize(
    "change",
    [
        {"bid": 0.3},
        {"bid": -1.0},
        {"bid": None},
        {"bid": True},
        {"win_probability": 1.01},
        {"win_probability": float("nan")},
        {"expected_value": -1.0},
        {"expected_value": 1e9},
        {"note": "extra"},
    ],
)
def test_the_schema_names_every_bid_and_refuses_the_rest(change: dict[str, object]) -> None:
    sale = one_lot(("first-price", "private"), [3.0, 9.0], [uniform(2, 8)], top=10.0)
    model = FAMILY.answer(sale)
    good = {"bid": 4, "win_probability": 0.5, "expected_value": 3.0}
    assert validate(model, good) == {**good, "bid": 4.0}
    assert isinstance(validate(model, {**good, **change}), Malformed)
    assert model.model_json_schema()["properties"]["bid"]["enum"] == [float(k) for k in range(11)]


def test_a_world_tells_only_what_the_rules_say() -> None:
    drawn = draw(instance(0, "expert"), b"secret")
    world = world_of(drawn.key)
    seen = world.observe()
    assert seen == world_of(drawn.key).observe()
    rng = np.random.default_rng(0)
    told: list[dict[str, object]] = []
    player = TRUTH.policies["random"](drawn.public, rng)
    while not seen.done:
        state = state_of(drawn.public, solved(drawn.public).board, seen)
        assert state == world.state
        seen = world.act(player(seen))
        told.append(seen.view["last"])
    passed = {"lot", "bid", "won"}
    lost = passed | {"paid", "highest_rival_bid", "buyer"}
    for last in told:
        won = lost | {"value"}
        assert set(last) == (passed if last["bid"] == 0 else won if last["won"] else lost)
    assert any(last["bid"] for last in told)


def test_the_wording_varies_and_holds_every_stated_number() -> None:
    sales = [draw(instance(seed, "medium"), b"secret").public for seed in range(10)]
    assert len({s.style.setting for s in sales}) > 2
    assert len({s.style.voice for s in sales}) == 2
    assert len({s.tick for s in sales}) > 3
    for sale in sales:
        prompt = FAMILY.brief(sale).prompt
        stated = json.loads(FAMILY.brief(sale).files["instance.json"])
        assert stated == json.loads(sale.model_dump_json(exclude={"style"}))
        for lot_class in sale.classes:
            assert all(f" {value:g} " in prompt for value in lot_class.values)
        assert f"{sale.budget:g} {sale.currency}" in prompt


@pytest.mark.parametrize("preset", PRESETS)
def test_the_honest_solution_computes_the_optimum_in_its_cells(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = draw(instance(4, preset), b"secret")
    (tmp_path / "task").mkdir()
    for name, data in FAMILY.brief(drawn.public).files.items():
        (tmp_path / "task" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    state: dict[str, object] = {}
    world, actions = world_of(drawn.key), []

    async def execute(code: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, state)
        return out.getvalue()

    async def act(action: Any) -> dict[str, object]:
        actions.append(validate(FAMILY.answer(drawn.public), action))
        seen = world.act(actions[-1])
        return {"view": seen.view, "reward": seen.reward, "done": seen.done}

    first = world.observe()
    start = {"view": first.view, "reward": first.reward, "done": first.done}
    asyncio.run(solve({"observation": start}, execute, act))
    verdict = drawn.key.verdict(actions)
    assert verdict.ability == 1.0
    assert all(mark >= 0.999 for mark in verdict.axes.values())
