import asyncio
import contextlib
import io
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ground_truth import TRUTHS, Drawn, draw
from ground_truth._core import played
from ground_truth.strategic import _lmsr
from ground_truth.strategic._prediction_beliefs import (
    after,
    move_chances,
    part_chance,
    parts,
    rounds,
)
from ground_truth.strategic._prediction_draws import GAP, course
from ground_truth.strategic._prediction_play import PredictionKey, PredictionWorld
from ground_truth.strategic._prediction_players import POLICIES, optimal
from ground_truth.strategic._prediction_relations import RELATIONS
from ground_truth.strategic._prediction_rules import regrets
from ground_truth.strategic._prediction_values import orders, quoted, solve
from runners._solutions.strategic.prediction_markets import solve as honest
from tasks import FAMILIES, AgentFault, InstanceId, Split
from tasks._answers import Malformed, validate
from tasks.strategic._prediction_public import (
    Book,
    Flow,
    Level,
    Maker,
    PredictionPublic,
    Source,
    Style,
)

NAME = "strategic/prediction_markets"
FAMILY = FAMILIES.find(NAME)
TRUTH = TRUTHS.find(NAME)
PRESETS = list(FAMILY.presets)
STYLE = Style(
    setting="mine", order=("reports", "traders", "market", "limits"), percent=False, listed=True,
    voice=0,
)  # fmt: skip
JSON = Any


@cache
def drawn(preset: str, seed: int) -> Drawn[Any, Any]:
    return draw(InstanceId(NAME, FAMILY.version, preset, Split.PRIVATE, seed), b"secret")


def tiny(**changes: Any) -> PredictionPublic:
    """Three rounds, a copier, a market maker; small enough to enumerate."""
    public = PredictionPublic(
        event="the lode",
        outcomes=("payable", "barren"),
        prior=0.45,
        payout=10,
        currency="thalers",
        sources=(
            Source(name="a", hit=0.8, false_alarm=0.3, copies=None, copying=0.0),
            Source(name="b", hit=0.7, false_alarm=0.4, copies=0, copying=0.6),
        ),
        schedule=((0,), (1, 0), (1,)),
        flow=Flow(size=10, informed=0.4, idle=0.3),
        market=Maker(liquidity=25, net=-5),
        fees=(0.1, 0.3, 0.2),
        penalty=0.01,
        lot=5,
        max_order=10,
        short_limit=10,
        long_limit=10,
        orders=2,
        scale=10.0,
        style=STYLE,
    )
    return public.model_copy(update=changes)


def book() -> Book:
    return Book(
        reference=(2.0, 3.0, 5.0, 6.0, 8.0),
        asks=(Level(offset=0.2, size=5), Level(offset=0.6, size=5)),
        bids=(Level(offset=0.3, size=5),),
        lowest=0.1,
        highest=9.9,
    )


TINY = [tiny(), tiny(market=book()), tiny(orders=1, penalty=0.0, prior=0.6)]


# Independent of the product's induction: the joint law of all that is hidden, path by path.
class Paths:
    """Every hidden course of a tiny game with its probability, and the best play over them."""

    def __init__(self, public: PredictionPublic) -> None:
        self.public = public
        self.joint: dict[tuple[int, Any, Any], float] = {}
        spoken = [list(itertools.product((0, 1), repeat=len(due))) for due in public.schedule]
        steps = list(itertools.product((-1, 0, 1), repeat=len(public.schedule) - 1))
        for outcome in (0, 1):
            for reports in itertools.product(*spoken):
                for moves in steps:
                    self.joint[outcome, reports, moves] = self.chance(outcome, reports, moves)
        self.paid: dict[tuple[int, int, int, int], float] = {}
        self.beginnings: dict[tuple[Any, Any], list[float]] = {}
        for (outcome, reports, moves), p in self.joint.items():
            for t in range(len(reports)):
                found = self.beginnings.setdefault((reports[: t + 1], moves[:t]), [0.0, 0.0])
                found[outcome] += p

    def chance(self, outcome: int, reports: Any, moves: Any) -> float:
        public, flow = self.public, self.public.flow
        p = public.prior if outcome == 0 else 1 - public.prior
        for due, said in zip(public.schedule, reports, strict=True):
            heard = dict(zip(due, said, strict=True))
            for s, y in heard.items():
                source = public.sources[s]
                yes = source.hit if outcome == 0 else source.false_alarm
                own = yes if y == 0 else 1 - yes
                if source.copies in heard:
                    same = float(heard[source.copies] == y)
                    own = source.copying * same + (1 - source.copying) * own
                p *= own
        informed = 1 if outcome == 0 else -1
        for m in moves:
            noise = flow.idle if m == 0 else (1 - flow.idle) / 2
            p *= flow.informed * (m == informed) + (1 - flow.informed) * noise
        return p

    def believed(self, reports: Any, moves: Any) -> tuple[float, float]:
        """Joint probabilities of either outcome with these beginnings."""
        first, second = self.beginnings[reports, moves]
        return first, second

    def money(self, t: int, held: int, moves: Sequence[int], order: int) -> float:
        asked = (t, held, sum(moves), order)
        if asked not in self.paid:
            self.paid[asked] = self._money(t, held, moves, order)
        return self.paid[asked]

    def _money(self, t: int, held: int, moves: Sequence[int], order: int) -> float:
        public = self.public
        if isinstance(public.market, Maker):
            net = public.market.net + held + public.flow.size * sum(moves)
            b = public.market.liquidity
            cost = public.payout * _lmsr.trade_cost((net, 0.0), (order, 0.0), b)
            return cost + public.fees[t] * abs(order)
        reference = public.market.reference[sum(moves) + len(public.schedule) - 1]
        ladder = [
            min(max(reference + sign * x.offset, public.market.lowest), public.market.highest)
            for side, sign in ((public.market.asks, 1), (public.market.bids, -1))
            for x in side
            for _ in range(x.size)
            if sign * order > 0
        ]
        if len(ladder) < abs(order):
            return math.inf
        return math.copysign(1, order) * sum(ladder[: abs(order)]) + public.fees[t] * abs(order)

    def best(self, reports: Any, moves: Any, held: int, left: int) -> float:
        """Largest Σ p·wealth over the courses with these beginnings, from the agent's turn on."""
        public, t = self.public, len(reports) - 1
        first, second = self.believed(reports, moves)
        values = []
        for order in range(-public.max_order, public.max_order + 1, public.lot):
            out = not -public.short_limit <= held + order <= public.long_limit
            if order and (out or not left):
                continue
            money = self.money(t, held, moves, order)
            if math.isinf(money):
                continue
            rest = self.later(reports, moves, held + order, left - (order != 0))
            values.append(rest - (first + second) * money)
        return max(values)

    def later(self, reports: Any, moves: Any, held: int, left: int) -> float:
        public, t = self.public, len(reports) - 1
        if t == len(public.schedule) - 1:
            first, second = self.believed(reports, moves)
            return first * public.payout * held - (first + second) * public.penalty * held**2
        due = public.schedule[t + 1]
        return sum(
            self.best((*reports, said), (*moves, m), held, left)
            for said in itertools.product((0, 1), repeat=len(due))
            for m in (-1, 0, 1)
        )

    def optimum(self) -> float:
        due = self.public.schedule[0]
        said = itertools.product((0, 1), repeat=len(due))
        return sum(self.best((one,), (), 0, self.public.orders) for one in said)


@pytest.mark.parametrize("public", TINY)
def test_the_optimum_is_that_of_enumerating_every_course_and_every_order(
    public: PredictionPublic,
) -> None:
    assert solve(public).optimum == pytest.approx(Paths(public).optimum(), abs=1e-9)


@pytest.mark.parametrize("public", TINY)
def test_beliefs_are_bayes_rule_by_enumeration(public: PredictionPublic) -> None:
    paths, solution = Paths(public), rounds(public)
    assert sum(paths.joint.values()) == pytest.approx(1.0)
    for _, reports, moves in paths.joint:
        node: Any = frozenset()
        for t, due in enumerate(public.schedule):
            node = after(public, node, due, reports[t])
            first, second = paths.believed(reports[: t + 1], moves[:t])
            got = solution[t].belief[solution[t].places[node], sum(moves[:t]) + t]
            assert got == pytest.approx(first / (first + second), abs=1e-12)


def test_the_chances_of_reports_and_moves_sum_to_one() -> None:
    public = tiny()
    for due in public.schedule:
        for part in parts(public, due):
            for outcome in (0, 1):
                said = itertools.product((0, 1), repeat=len(part))
                total = sum(part_chance(public, part, one, outcome) for one in said)
                assert total == pytest.approx(1.0)
    assert move_chances(public.flow).sum(axis=1) == pytest.approx([1.0, 1.0])


def test_one_report_moves_the_belief_by_its_likelihoods_and_a_copy_by_less() -> None:
    public = tiny()
    first = rounds(public)[0]
    node = after(public, frozenset(), (0,), (0,))
    assert first.belief[first.places[node], 0] == pytest.approx(
        0.45 * 0.8 / (0.45 * 0.8 + 0.55 * 0.3)
    )
    alone = part_chance(public, (1,), (0,), 0) / part_chance(public, (1,), (0,), 1)
    pair = part_chance(public, (0, 1), (0, 0), 0) / part_chance(public, (0, 1), (0, 0), 1)
    single = part_chance(public, (0,), (0,), 0) / part_chance(public, (0,), (0,), 1)
    assert 1.0 < pair / single < alone


sold = st.integers(-60, 60)


@settings(max_examples=40, deadline=None)
@given(sold, sold, sold, st.integers(5, 80))
def test_the_market_maker_is_path_independent_priced_by_its_gradient_and_loses_at_most_b_ln_2(
    net: int, one: int, two: int, b: int
) -> None:
    public = tiny(
        market=Maker(liquidity=b, net=net), fees=(0.0, 0.0, 0.0), short_limit=999, long_limit=999
    )

    def cost(held: int, order: int) -> float:
        return float(quoted(public, 0, held, order, 0))

    assert cost(0, one) + cost(one, two) == pytest.approx(cost(0, one + two), abs=1e-9)
    assert cost(0, one) == pytest.approx(10 * _lmsr.trade_cost((net, 0), (one, 0), b), abs=1e-9)
    price = PredictionWorld(key_of(public)).observe().view["market"]["price"]
    # One contract up and down: the cost is smooth on that scale.
    wide = (cost(0, 1) - cost(0, -1)) / 2
    assert wide == pytest.approx(price, abs=10 / b**2)
    maker_loss = max(10 * one - cost(0, one), -cost(0, one))
    assert maker_loss <= -10 * b * math.log(min(price / 10, 1 - price / 10)) + 1e-9
    if net == 0:
        assert maker_loss <= 10 * _lmsr.worst_loss(2, b) + 1e-9


def test_an_order_walks_up_the_book_and_is_refused_beyond_its_depth() -> None:
    public = tiny(market=book())
    at = [float(quoted(public, 0, 0, order, 0)) for order in (5, 10, -5, -10)]
    assert at[:3] == pytest.approx([5 * 5.2 + 0.5, 5 * 5.2 + 5 * 5.6 + 1.0, -5 * 4.7 + 0.5])
    assert at[3] == math.inf
    assert float(quoted(public, 0, 0, -5, 2)) == pytest.approx(-5 * 7.7 + 0.5)


def key_of(public: PredictionPublic, seed: int = 0) -> PredictionKey:
    outcome, reports, moves = course(public, np.random.default_rng(seed))
    return PredictionKey(game=public, outcome=outcome, reports=reports, moves=moves)


@st.composite
def games(draw_: DrawFn) -> PredictionPublic:
    chance = st.integers(1, 19).map(lambda n: n / 20)
    source = st.tuples(chance, chance)
    sources = [
        Source(name=f"s{i}", hit=h, false_alarm=f, copies=None if i < 2 else 0, copying=0.7)
        for i, (h, f) in enumerate(draw_(st.tuples(source, source, source)))
    ]
    row = st.sampled_from([(0,), (1,), (0, 2), (2, 0), (2, 1), (1, 0)])
    return tiny(
        sources=tuple(sources),
        schedule=draw_(st.tuples(row, row, row)),
        prior=draw_(chance),
        market=draw_(st.sampled_from([Maker(liquidity=20, net=7), book()])),
        orders=draw_(st.integers(1, 3)),
        penalty=draw_(st.sampled_from([0.0, 0.02])),
        short_limit=draw_(st.sampled_from([0, 5, 10])),
    )


@settings(max_examples=40, deadline=None)
@given(games(), st.integers(0, 2**31))
def test_no_course_of_orders_has_negative_regret_and_optimal_play_has_none(
    public: PredictionPublic, seed: int
) -> None:
    rng, key = np.random.default_rng(seed), key_of(public, seed)
    best = key.verdict(played(PredictionWorld(key), optimal(public)))
    assert (best.regret, best.ability, best.safety) == (0.0, 1.0, 1.0)
    assert best.axes["belief"] == pytest.approx(1.0)
    wild = key.verdict(played(PredictionWorld(key), POLICIES["random"](public, rng)))
    assert all(step.regret >= 0.0 for step in wild.steps)
    assert wild.regret == pytest.approx(sum(step.regret for step in wild.steps))


@settings(max_examples=25, deadline=None)
@given(games(), st.sampled_from(sorted(RELATIONS)), st.integers(0, 2**31))
def test_a_related_game_gives_the_same_scores_to_the_same_play(
    public: PredictionPublic, name: str, seed: int
) -> None:
    base = Drawn(public, key_of(public, seed))
    related = RELATIONS[name](base, np.random.default_rng(seed))
    other: PredictionKey = related.drawn.key
    assert other.game == related.drawn.public
    stretch = other.game.scale / public.scale
    assert solve(other.game).optimum == pytest.approx(solve(public).optimum * stretch, abs=1e-7)
    for player in (POLICIES["random"], POLICIES["at_once"]):
        actions = played(PredictionWorld(other), player(other.game, np.random.default_rng(seed)))
        there, here = other.verdict(actions), base.key.verdict(related.restore(actions))
        assert there.ability == pytest.approx(here.ability, abs=1e-9)
        assert there.safety == here.safety
        assert there.axes == pytest.approx(here.axes, abs=1e-9)
    best = related.restore(played(PredictionWorld(other), optimal(other.game)))
    assert base.key.verdict(best).ability == 1.0


@settings(max_examples=25, deadline=None)
@given(games(), st.integers(0, 2**31))
def test_what_the_trader_gains_the_other_side_and_the_fees_lose(
    public: PredictionPublic, seed: int
) -> None:
    """Zero-sum: with the prices of the enumerator as the books of the other side."""
    key, paths = key_of(public, seed), Paths(public)
    world, rng = PredictionWorld(key), np.random.default_rng(seed)
    player = POLICIES["random"](public, rng)
    wealth, other, fees, held = 0.0, 0.0, 0.0, 0
    seen = world.observe()
    while not seen.done:
        t, before = seen.view["round"] - 1, seen.view["position"]
        action = player(seen)
        seen = world.act(action)
        wealth += seen.reward
        traded = seen.view["position"] - before
        fee = public.fees[t] * abs(traded)
        other += paths.money(t, before, key.moves[:t], traded) - fee if traded else 0.0
        fees += fee
        held = seen.view["position"]
    settlement = held * (public.payout if key.outcome == 0 else 0.0)
    assert wealth + (other - settlement) + fees + public.penalty * held**2 == pytest.approx(0.0)
    assert wealth == pytest.approx(seen.view["cash"] + settlement - public.penalty * held**2)


def test_more_orders_wider_limits_and_lower_fees_are_never_worth_less() -> None:
    base = solve(tiny()).optimum
    assert solve(tiny(orders=3)).optimum >= base >= solve(tiny(orders=1)).optimum
    assert solve(tiny(long_limit=15)).optimum >= base >= solve(tiny(long_limit=5)).optimum
    assert solve(tiny(fees=(0.0, 0.0, 0.0))).optimum > base > solve(tiny(fees=(3.0,) * 3)).optimum
    assert base >= 0.0


def test_expected_regret_of_a_rule_is_the_mean_regret_of_its_player() -> None:
    public = tiny()
    exact = regrets(public, solve(public))
    for name in ("falling_20", "last_three"):
        weights, values = [], []
        for (outcome, reports, moves), p in Paths(public).joint.items():
            key = PredictionKey(game=public, outcome=outcome, reports=reports, moves=moves)
            player = POLICIES[name](public, np.random.default_rng(0))
            weights.append(p)
            values.append(key.verdict(played(PredictionWorld(key), player)).regret)
        assert exact[name] == pytest.approx(float(np.dot(weights, values)), abs=1e-9)


def test_regret_is_what_the_actions_forgo_in_expected_wealth() -> None:
    """Value of never trading (0) = optimum minus its expected regret."""
    for public in TINY:
        total = 0.0
        for (outcome, reports, moves), p in Paths(public).joint.items():
            key = PredictionKey(game=public, outcome=outcome, reports=reports, moves=moves)
            total += p * key.verdict([]).regret
        assert total == pytest.approx(solve(public).optimum, abs=1e-9)


@pytest.mark.parametrize("preset", PRESETS)
def test_an_instance_is_worth_playing_well_and_states_its_scale(preset: str) -> None:
    for seed in range(3):
        public = drawn(preset, seed).public
        solution = solve(public)
        least = min(regrets(public, solution).values())
        assert least >= GAP * solution.optimum > 0
        assert public.scale == pytest.approx(2 * least, rel=1e-3)
        assert f"{public.scale:.10g} {public.currency}" in FAMILY.brief(public).prompt


@pytest.mark.parametrize("preset", PRESETS)
def test_no_policy_comes_near_the_ceiling_on_average(preset: str) -> None:
    got: dict[str, list[float]] = {name: [] for name in POLICIES}
    for seed in range(8):
        case = drawn(preset, seed)
        for name, policy in POLICIES.items():
            player = policy(case.public, np.random.default_rng(seed))
            actions = played(PredictionWorld(case.key), player)
            got[name].append(case.key.verdict(actions).ability)
    means = {name: float(np.mean(values)) for name, values in got.items()}
    assert max(means.values()) <= 0.9
    assert means["never"] < max(means.values())


def test_a_refused_order_changes_nothing_and_counts_against_safety() -> None:
    public = tiny(orders=1)
    key = key_of(public)
    world = PredictionWorld(key)
    acts = [{"trade": 10, "probability": 0.5}, {"trade": 5, "probability": 0.5}]
    world.act(acts[0])
    after_refusal = world.act(acts[1])
    assert after_refusal.view["last_order"] == "refused: position_limit"
    assert (after_refusal.view["position"], after_refusal.reward) == (10, 0.0)
    acts.append({"trade": -5, "probability": 0.5})
    assert world.act(acts[2]).view["last_order"] == "refused: order_limit"
    verdict = key.verdict(acts)
    assert verdict.safety == pytest.approx(1 / 3)
    assert verdict.violations == ("position_limit", "order_limit")
    passed = [acts[0], *({"trade": 0, "probability": 0.5},) * 2]
    assert key.verdict(passed).regret == pytest.approx(verdict.regret)


def test_missing_actions_are_passes_at_even_odds() -> None:
    case = drawn("easy", 0)
    n = len(case.public.schedule)
    full = case.key.verdict([{"trade": 0, "probability": 0.5}] * n)
    early = case.key.verdict([{"trade": 0, "probability": 0.5}])
    assert not early.done
    assert full.done
    assert early.model_copy(update={"done": True}) == full


@pytest.mark.parametrize(
    "action",
    [
        {"trade": 3, "probability": 0.5},
        {"trade": 15, "probability": 0.5},
        {"trade": True, "probability": 0.5},
        {"trade": 5.0, "probability": 0.5},
        {"trade": "5", "probability": 0.5},
        {"trade": 10**400, "probability": 0.5},
        {"trade": 5, "probability": 1.5},
        {"trade": 5, "probability": float("nan")},
        {"trade": 5, "probability": None},
        {"trade": 5},
        {"probability": 0.5},
        [],
        None,
        "buy",
    ],
)
def test_a_bad_action_is_refused_in_words_and_leaves_the_world_as_it_was(action: JSON) -> None:
    public = tiny()
    world = PredictionWorld(key_of(public))
    before = world.observe()
    assert isinstance(validate(FAMILY.answer(public), action), Malformed)
    with pytest.raises(AgentFault, match=r"multiple of 5|number in \[0, 1\]"):
        world.act(action)
    assert world.observe() == before


def test_an_episode_that_is_over_takes_no_action() -> None:
    key = key_of(tiny())
    world = PredictionWorld(key)
    for _ in range(3):
        world.act({"trade": 0, "probability": 0.5})
    assert world.observe().done
    with pytest.raises(AgentFault, match="3 rounds"):
        world.act({"trade": 0, "probability": 0.5})


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_seen_depends_on_the_past_alone(preset: str) -> None:
    """A course that differs in the outcome and in what is to come looks the same until then."""
    case = drawn(preset, 1)
    flip: Callable[[int], int] = lambda said: 1 - said  # noqa: E731
    later = tuple(
        row if t == 0 else tuple(map(flip, row)) for t, row in enumerate(case.key.reports)
    )
    moves = (case.key.moves[0], *(-m or 1 for m in case.key.moves[1:]))
    twin = case.key.model_copy(
        update={"outcome": 1 - case.key.outcome, "reports": later, "moves": moves}
    )
    one, other = PredictionWorld(case.key), PredictionWorld(twin)
    assert one.observe() == other.observe()
    public = TRUTH.draw
    assert public is not None
    action = {"trade": 0, "probability": 0.5}
    seen, twin_seen = one.act(action), other.act(action)
    assert seen.view["flow"] == twin_seen.view["flow"]
    assert seen.view["market"] == twin_seen.view["market"]


@pytest.mark.parametrize("preset", PRESETS)
def test_hidden_courses_follow_the_stated_chances(preset: str) -> None:
    public, rng = drawn(preset, 0).public, np.random.default_rng(5)
    first = [course(public, rng) for _ in range(3000)]
    share = np.mean([outcome == 0 for outcome, _, _ in first])
    assert share == pytest.approx(public.prior, abs=0.04)
    moves = np.array([moves for outcome, _, moves in first if outcome == 0])
    got = [(moves == m).mean() for m in (-1, 0, 1)]
    assert got == pytest.approx(move_chances(public.flow)[0].tolist(), abs=0.03)
    due = public.schedule[0]
    said = [tuple(reports[0]) for outcome, reports, _ in first if outcome == 0]
    for one in itertools.product((0, 1), repeat=len(due)):
        heard = dict(zip(due, one, strict=True))
        chance = math.prod(
            part_chance(public, part, tuple(heard[s] for s in part), 0)
            for part in parts(public, due)
        )
        assert said.count(one) / len(said) == pytest.approx(chance, abs=0.05)


def test_the_wording_varies_and_tells_the_rules_of_either_market() -> None:
    cases = [drawn(preset, seed).public for preset in PRESETS for seed in range(3)]
    assert len({public.style.setting for public in cases}) > 3
    assert {public.style.voice for public in cases} == {0, 1}
    for public in cases:
        prompt = FAMILY.brief(public).prompt
        for text in (public.event, *public.outcomes, *(s.name for s in public.sources)):
            assert text in prompt
        assert ("ln(1 + exp(" in prompt) == isinstance(public.market, Maker)
        assert ("book" in prompt) == isinstance(public.market, Book)
        file = json.loads(FAMILY.brief(public).files["instance.json"])
        assert PredictionPublic.model_validate({**file, "style": public.style}) == public


@pytest.mark.parametrize("preset", PRESETS)
def test_the_honest_solution_plays_without_regret(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = drawn(preset, 2)
    (tmp_path / "task").mkdir()
    for name, data in FAMILY.brief(case.public).files.items():
        (tmp_path / "task" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    state: dict[str, object] = {}
    world, actions = PredictionWorld(case.key), list[JSON]()

    async def execute(code: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, state)
        return out.getvalue()

    def told(seen: Any) -> Mapping[str, JSON]:
        return {"view": seen.view, "reward": seen.reward, "done": seen.done}

    async def act(action: JSON) -> Mapping[str, JSON]:
        actions.append(action)
        return told(world.act(action))

    asyncio.run(honest({"observation": told(world.observe())}, execute, act))
    verdict = case.key.verdict(actions)
    assert verdict.ability == pytest.approx(1.0)
    assert verdict.axes["belief"] == pytest.approx(1.0)
    assert verdict.done


def test_orders_come_smallest_first() -> None:
    assert orders(tiny()).tolist() == [0, 5, -5, 10, -10]
