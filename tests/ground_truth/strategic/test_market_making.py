import asyncio
import contextlib
import io
import itertools
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground_truth import TRUTHS, Drawn, answered, draw, played, related
from ground_truth.strategic import _making_draw
from ground_truth.strategic._making_draw import happenings, market, worthwhile
from ground_truth.strategic._making_game import clairvoyant, game, hidden
from ground_truth.strategic._making_key import MakingKey
from ground_truth.strategic._making_optimum import at_start, backward
from ground_truth.strategic._making_play import optimal
from ground_truth.strategic._making_rules import book
from ground_truth.strategic._making_solution import NO_QUOTE, Place, Quote, solved
from ground_truth.strategic._making_world import SIDES, MarketWorld, asked, placed
from runners._solutions.strategic.market_making import solve
from tasks import JSON, AgentFault, InstanceId, Split, family
from tasks.strategic.market_making import CUSTOMERS, MakingParams, MakingPublic, answer

NAME = "strategic/market_making"
FAMILY = family(NAME)
TRUTH = TRUTHS.find(NAME)
PRESETS = list(FAMILY.presets)
SECRET = b"m" * 32
TINY = MakingParams(
    sessions=2,
    steps=2,
    regimes=2,
    offsets=3,
    sizes=2,
    limit=2,
    strikes=1,
    toxicity=0.6,
    asymmetry=1.0,
    persistence=0.5,
    noise=1,
)


def instance(seed: int, preset: str = "easy", variant: str = "") -> InstanceId:
    return InstanceId(NAME, FAMILY.version, preset, Split.PRIVATE, seed, variant)


@cache
def drawn(seed: int, preset: str = "easy") -> Drawn[MakingPublic, MakingKey]:
    return draw(instance(seed, preset), SECRET)


def tiny(seed: int, **changes: Any) -> MakingPublic:
    params = TINY.model_copy(update=changes)
    # A scale of its own needs no rules here.
    return market(params, np.random.default_rng(seed)).model_copy(update={"scale": 10.0})


def two_offsets(public: MakingPublic) -> MakingPublic:
    """Fewer quotes to enumerate."""
    change: dict[str, Any] = {"offsets": public.offsets[:2]}
    for name in ("bid", "ask"):
        table = getattr(public, name)
        change[name] = table.model_copy(
            update={"uninformed": table.uninformed[:2], "informed": table.informed[:2]}
        )
    return public.model_copy(update=change)


def another(public: MakingPublic, seed: int) -> MakingKey:
    path, events = happenings(public, np.random.default_rng(seed))
    return MakingKey(game=public, path=path, events=events)


def optimum(public: MakingPublic) -> float:
    """Expected final cash of optimal play, in the displayed unit."""
    return public.inventory * public.mid + solved(public).optimum * public.tick


# --- the optimum against enumeration -----------------------------------------------------------


class Enumeration:
    """Expected final cash by the rules of the brief: true mids, tapes in order, no trick."""

    def __init__(self, public: MakingPublic) -> None:
        self.public = public
        sizes = range(1, len(public.size_uninformed) + 1)
        self.quotes = [None, *itertools.product(range(len(public.offsets)), sizes)]
        self.value, self.chances = cache(self._value), cache(self._chances)

    def _chances(self, session: int, last: int | None, tape: tuple[int, ...]) -> dict[int, float]:
        """P(next customer | everything seen), summing over the regimes of the session."""
        public, joint = self.public, dict.fromkeys(range(5), 0.0)
        start = public.initial if last is None else public.transition[last]
        for z in range(len(public.regimes)):
            law, weight = self.law(session, z), start[z]
            for customer in tape:
                weight *= law[customer]
            for customer in range(5):
                joint[customer] += weight * law[customer]
        total = sum(joint.values())
        return {customer: weight / total for customer, weight in joint.items()}

    def law(self, session: int, z: int) -> list[float]:
        s, r = self.public.sessions[session], self.public.regimes[z]
        sell, buy = s.sellers, s.buyers
        return [
            1 - sell - buy,
            sell * (1 - r.informed_sellers),
            sell * r.informed_sellers,
            buy * (1 - r.informed_buyers),
            buy * r.informed_buyers,
        ]

    def _value(
        self, step: int, last: int | None, tape: tuple[int, ...], q: int, bad: int, mid: int
    ) -> float:
        public = self.public
        if step == public.total:
            return q * mid - public.liquidation * abs(q)
        session, bids, asks = step // public.steps, [None], [None]
        if bad < public.strikes:
            bids = [x for x in self.quotes if x is None or q + x[1] <= public.limit]
            asks = [x for x in self.quotes if x is None or q - x[1] >= -public.limit]
        return max(
            self.worth(session, (step, last, tape, q, bad, mid), pair)
            for pair in itertools.product(bids, asks)
        )

    def worth(self, session: int, state: Any, pair: Any) -> float:
        public = self.public
        step, last, tape, q, bad, mid = state
        total = 0.0
        if None not in pair and sum(public.offsets[x[0]] for x in pair) <= public.width:
            total += public.stipend
        for customer, p in self.chances(session, last, tape).items():
            for share, n, away in filter(lambda way: way[0] > 0, self.trades(customer, pair)):
                sign = 1 if customer in (1, 2) else -1
                cash = n * (public.rebate + away - sign * mid)
                held = q + sign * n
                cash -= public.sessions[session].holding * held**2
                cash -= public.borrow * max(-held, 0)
                move = {2: -public.move_down, 4: public.move_up}.get(customer, 0)
                worse = bad + (n > 0 and customer in (2, 4))
                for noise, luck in ((-1, 0.25), (0, 0.5), (1, 0.25)):
                    then = mid + move + noise * public.noise
                    rest = self.onward(step, last, (*tape, customer), (held, worse, then))
                    total += p * share * luck * (cash + rest)
        return total

    def onward(self, step: int, last: int | None, tape: tuple[int, ...], held: Any) -> float:
        public = self.public
        q, bad, mid = held
        if (step + 1) % public.steps:
            return self.value(step + 1, last, tape, q, bad, mid)
        session = step // public.steps
        start = public.initial if last is None else public.transition[last]
        weights = [
            start[z] * np.prod([self.law(session, z)[c] for c in tape])
            for z in range(len(public.regimes))
        ]
        values = [self.value(step + 1, z, (), q, 0, mid) for z in range(len(weights))]
        return float(np.average(values, weights=weights))

    def trades(self, customer: int, pair: Any) -> list[tuple[float, int, int]]:
        """Probability, quantity, offset."""
        public = self.public
        quote = None if customer == 0 else pair[0 if customer in (1, 2) else 1]
        if quote is None:
            return [(1.0, 0, 0)]
        table = public.bid if customer in (1, 2) else public.ask
        informed = customer in (2, 4)
        accept = (table.informed if informed else table.uninformed)[quote[0]]
        sizes = public.size_informed if informed else public.size_uninformed
        away = public.offsets[quote[0]]
        out = [(accept * p, min(n, quote[1]), away) for n, p in enumerate(sizes, start=1)]
        return [(1.0 - accept, 0, 0), *out]


@pytest.mark.parametrize(
    "public",
    [
        tiny(0, sessions=1),
        two_offsets(tiny(1, sessions=1, sizes=1, steps=3)),
        two_offsets(tiny(2, sessions=1, sizes=1, steps=3, strikes=2, regimes=3)),
        two_offsets(tiny(3, sessions=2, sizes=1, steps=2)),
    ],
    ids=["two sizes", "halts", "three regimes", "two sessions"],
)
def test_the_optimum_is_that_of_enumerating_everything(public: MakingPublic) -> None:
    every = Enumeration(public)
    exact = every.value(0, None, (), public.inventory, 0, public.mid)
    assert optimum(public) == pytest.approx(exact, abs=1e-8 * public.tick)


def test_the_belief_is_bayes_rule_over_the_tape_in_any_order() -> None:
    public = tiny(4, regimes=3, steps=4)
    every, market_ = Enumeration(public), game(public)
    tape = (1, 4, 4, 2)
    joint = np.array(public.transition[1]) * [
        np.prod([every.law(0, z)[c] for c in tape]) for z in range(3)
    ]
    belief = market_.belief(1, (1, 1, 0, 2))
    assert belief == pytest.approx(joint / joint.sum(), abs=1e-12)


# --- the optimum against simulation ------------------------------------------------------------


def run(key: MakingKey, quotes: Callable[[Place], tuple[Quote, Quote]]) -> tuple[float, float]:
    """Final cash and regret of quoting by place."""
    world, solution, regret = key.world(), solved(key.game), 0.0
    while not world.done:
        place = world.place
        bid, ask = quotes(place)
        table = solution.table(place)
        regret += table.best[2] - table.worth(bid, ask)
        world.step({"bid": bid, "ask": ask})
    return world.cash, regret * key.game.tick


def silent(_: Place) -> tuple[Quote, Quote]:
    return NO_QUOTE, NO_QUOTE


def test_simulated_optimal_play_earns_the_optimum_and_regrets_nothing() -> None:
    public = drawn(1).public
    solution = solved(public)

    @cache
    def best(place: Place) -> tuple[Quote, Quote]:
        bid, ask, _ = solution.table(place).best
        return bid, ask

    got = [run(another(public, seed), best) for seed in range(300)]
    cash = np.array([c for c, _ in got])
    assert abs(cash.mean() - optimum(public)) < 4 * cash.std() / np.sqrt(len(cash))
    assert max(r for _, r in got) == 0.0


def test_expected_regret_of_a_rule_is_what_its_value_falls_short_of_the_optimum() -> None:
    public = drawn(2).public
    market_, graph = game(public), hidden(game(public))
    short = solved(public).optimum - book(public).values(market_, graph)["no_quotes"]
    regrets = [run(another(public, s), silent)[1] for s in range(150)]
    error = np.std(regrets) / np.sqrt(len(regrets))
    assert abs(np.mean(regrets) - short * public.tick) < 4 * error + 1e-9
    assert min(regrets) > 0


@pytest.mark.parametrize("name", ["best_constant", "best_skew", "avellaneda_stoikov", "tight"])
def test_a_rule_that_ignores_the_tape_is_worth_the_same_on_both_graphs(name: str) -> None:
    public = tiny(5, regimes=3, steps=3, limit=4)
    market_, rule = game(public), book(public).blind[name]
    values = [
        float(at_start(market_, graph, backward(market_, graph, rule)).squeeze())
        for graph in (hidden(market_), clairvoyant(market_))
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_no_rule_beats_the_optimum(seed: int) -> None:
    public = tiny(seed, limit=3)
    market_ = game(public)
    values = book(public).values(market_, hidden(market_))
    assert max(values.values()) <= solved(public).optimum + 1e-9


# --- laws ---------------------------------------------------------------------------------------


def mirrored(public: MakingPublic) -> MakingPublic:
    """Buyers are sellers, long is short."""
    return public.model_copy(
        update={
            "bid": public.ask,
            "ask": public.bid,
            "move_up": public.move_down,
            "move_down": public.move_up,
            "inventory": -public.inventory,
            "regimes": tuple(
                r.model_copy(
                    update={
                        "informed_sellers": r.informed_buyers,
                        "informed_buyers": r.informed_sellers,
                    }
                )
                for r in public.regimes
            ),
            "sessions": tuple(
                s.model_copy(update={"sellers": s.buyers, "buyers": s.sellers})
                for s in public.sessions
            ),
        }
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mirror_image_of_a_market_is_worth_the_same(seed: int) -> None:
    # Borrowing is paid by the short only: it has no mirror image.
    public = tiny(seed, limit=3).model_copy(update={"borrow": 0.0})
    assert solved(mirrored(public)).optimum == pytest.approx(solved(public).optimum, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["rebate", "stipend", "liquidation", "borrow"]))
def test_more_income_never_hurts_and_more_cost_never_helps(seed: int, name: str) -> None:
    public = tiny(seed)
    more = public.model_copy(update={name: getattr(public, name) + 0.5 * public.tick})
    gain = solved(more).optimum - solved(public).optimum
    assert gain >= -1e-9 if name in ("rebate", "stipend") else gain <= 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_knowing_the_regime_never_hurts(seed: int) -> None:
    public = tiny(seed, regimes=3)
    seeing = clairvoyant(game(public))
    known = at_start(game(public), seeing, backward(game(public), seeing))
    assert float(known) >= solved(public).optimum - 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_books_balance_limits_hold_and_regret_is_never_negative(seed: int, luck: int) -> None:
    public = tiny(seed, steps=4, limit=3)
    key, world = another(public, luck), another(public, luck).world()
    player = TRUTH.policies["random"](public, np.random.default_rng(luck))
    wealth, actions, observed = public.inventory * public.mid, [], world.observe()
    while not observed.done:
        actions.append(player(observed))
        observed = world.act(actions[-1])
        assert abs(world.inventory) <= public.limit
        wealth += observed.reward
        assert world.cash + world.inventory * world.mid == pytest.approx(wealth, abs=1e-6)
    assert world.inventory == 0
    verdict = key.verdict(actions)
    assert all(step.regret >= 0 for step in verdict.steps)
    assert verdict.regret == pytest.approx(sum(step.regret for step in verdict.steps))
    assert verdict.safety == 1.0
    assert verdict.metrics["final_cash"] == world.cash


# --- instances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_the_oracle_and_the_reference_are_perfect_on_every_axis(preset: str) -> None:
    case = drawn(1, preset)
    for player in (TRUTH.oracle(case.key), TRUTH.reference(case.public)):
        verdict = case.key.verdict(answered(TRUTH, case.key, player))
        assert (verdict.ability, verdict.regret, verdict.safety) == (1.0, 0.0, 1.0)
        assert verdict.axes == {"decision": 1.0, "belief": 1.0, "calibration": 1.0}
        assert verdict.passed
        assert verdict.done


@pytest.mark.parametrize("preset", PRESETS)
def test_the_scale_is_twice_the_expected_regret_of_the_best_rule(preset: str) -> None:
    public = drawn(2, preset).public
    market_ = game(public)
    values = book(public).values(market_, hidden(market_))
    assert set(values) | {"random"} == set(TRUTH.policies)
    short = solved(public).optimum - max(values.values())
    assert public.scale / public.tick == pytest.approx(2 * short, abs=0.011)
    assert short >= _making_draw.MARGIN * (solved(public).optimum - values["no_quotes"])


def test_a_market_not_worth_playing_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_making_draw, "MARGIN", 2.0)
    monkeypatch.setattr(_making_draw, "DRAWS_MAX", 3)
    with pytest.raises(ValueError, match="in 3 draws"):
        worthwhile(TINY, np.random.default_rng(0))


def test_the_hidden_half_follows_the_stated_law() -> None:
    public = tiny(6, sessions=2, steps=6)
    keys = [another(public, seed) for seed in range(1500)]
    first = np.bincount([key.path[0] for key in keys], minlength=2) / len(keys)
    assert first == pytest.approx(np.array(public.initial), abs=0.06)
    seen = [e.customer for key in keys for e in key.events[:6] if key.path[0] == 0]
    law = Enumeration(public).law(0, 0)
    assert np.bincount(seen, minlength=5) / len(seen) == pytest.approx(np.array(law), abs=0.03)


@pytest.mark.parametrize("preset", ["easy", "expert"])
@pytest.mark.parametrize("name", sorted(TRUTH.relations))
def test_a_related_instance_is_the_same_question(name: str, preset: str) -> None:
    case = drawn(3, preset)
    way = related(instance(3, preset, name), SECRET)
    public, key = way.drawn.public, way.drawn.key
    assert public != case.public
    assert FAMILY.brief(public).prompt != FAMILY.brief(case.public).prompt
    rng = np.random.default_rng(1)
    spoiled = TRUTH.noisy(TRUTH.reference(public), public, rng, 0.5)
    for player in (TRUTH.oracle(key), spoiled, TRUTH.policies["exit_next"](public, rng)):
        actions = answered(TRUTH, key, player)
        there, back = key.verdict(actions), case.key.verdict(way.restore(actions))
        assert back.ability == pytest.approx(there.ability, abs=1e-9)
        assert back.axes == pytest.approx(there.axes, abs=1e-9)
        assert back.safety == there.safety
        factor = public.tick / case.public.tick
        assert there.regret == pytest.approx(back.regret * factor, abs=1e-6)


def test_the_same_id_gives_the_same_bits_and_the_same_play() -> None:
    one, two = draw(instance(5), SECRET), draw(instance(5), SECRET)
    assert one == two
    plays = [[o.view for o in watch(case.key)] for case in (one, two)]
    assert plays[0] == plays[1]


def watch(key: MakingKey) -> list[Any]:
    world, player = key.world(), optimal(key.game)
    seen = [world.observe()]
    while not seen[-1].done:
        seen.append(world.act(player(seen[-1])))
    return seen


# --- what an agent meets ------------------------------------------------------------------------


def quoting(public: MakingPublic, **changes: JSON) -> dict[str, JSON]:
    flat = [1.0 / len(public.regimes)] * len(public.regimes)
    return {
        "bid_offset": None,
        "ask_offset": None,
        "bid_size": 1,
        "ask_size": 1,
        "regime_probabilities": flat,
        "fill_probability_bid": 0.0,
        "fill_probability_ask": 0.0,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"bid_offset": 10**6}, "grid"),
        ({"bid_size": 99}, "bid_size"),
        ({"ask_size": 0}, "ask_size"),
        ({"ask_offset": 1.5}, "ask_offset"),
        ({"regime_probabilities": [0.9, 0.9]}, "sum to 1"),
        ({"regime_probabilities": [1.0]}, "regime_probabilities"),
        ({"fill_probability_ask": 1.5}, "fill_probability_ask"),
        ({"fill_probability_bid": float("nan")}, "finite"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_bad_action_is_refused_and_changes_nothing(
    changes: Mapping[str, JSON], word: str
) -> None:
    public, world = drawn(1).public, drawn(1).key.world()
    before = world.observe()
    with pytest.raises(AgentFault, match=word):
        world.act(quoting(public, **changes))
    assert world.observe() == before


def test_after_the_last_step_nothing_can_be_done() -> None:
    world = drawn(1).key.world()
    played(world, optimal(drawn(1).public))
    with pytest.raises(AgentFault, match="over"):
        world.act(quoting(drawn(1).public))


def test_a_quote_beyond_the_limit_is_cut_and_counts_against_safety_alone() -> None:
    public = tiny(0, strikes=3).model_copy(update={"inventory": 1})
    key, wide = another(public, 0), public.offsets[-1]
    actions = [quoting(public, bid_offset=wide, bid_size=size) for size in (2, 1)]
    over, within = (key.verdict([action]) for action in actions)
    assert over.violations == ("position_limit",)
    assert over.safety == 1.0 - 1 / public.total
    assert within.safety == 1.0
    assert over.ability == within.ability
    assert over.regret == within.regret
    worlds = [key.world(), key.world()]
    for world, action in zip(worlds, actions, strict=True):
        world.act(action)
    assert worlds[0].observe() == worlds[1].observe()


def test_a_halted_desk_cannot_quote_until_the_session_ends() -> None:
    public = tiny(0, sizes=1, limit=4, steps=5).model_copy(update={"inventory": 0})
    key = another(public, 0)
    # Five informed sellers who take anything, then the same again.
    event = key.events[0].model_copy(
        update={"customer": CUSTOMERS.index("informed seller"), "patience": 0.0, "wanted": 1}
    )
    key = key.model_copy(update={"events": (event,) * public.total})
    action = quoting(public, bid_offset=public.offsets[0])
    world = key.world()
    held: list[int] = []
    while not world.done:
        observed = world.act(action)
        held.append(int(observed.view["inventory"]))
    assert held == [1, 1, 1, 1, 1, 2, 2, 2, 2, 0]
    verdict = key.verdict([action] * public.total)
    assert verdict.violations == ("halted_quote",)
    assert verdict.safety == pytest.approx(1 - 8 / 10)


def test_who_stops_early_is_played_on_without_quotes() -> None:
    public, key = drawn(4).public, drawn(4).key
    actions = answered(TRUTH, key, optimal(public))[:3]
    rest = [quoting(public)] * (public.total - 3)
    stopped, idle = key.verdict(actions), key.verdict([*actions, *rest])
    assert (stopped.done, idle.done) == (False, True)
    assert stopped.ability == idle.ability
    assert stopped.regret == idle.regret
    assert stopped.axes["calibration"] == pytest.approx(3 / public.total)
    assert stopped.axes["belief"] == pytest.approx(3 / public.total)
    assert idle.axes["calibration"] == 1.0
    assert len(stopped.steps) == public.total


def test_the_steps_say_what_would_have_been_best() -> None:
    public, key = drawn(4).public, drawn(4).key
    first = key.verdict([quoting(public)]).steps[0]
    world = key.world()
    assert first.best == optimal(public)(world.observe())
    assert key.verdict([first.best]).steps[0].regret == 0.0
    assert "best" in first.note


@pytest.mark.parametrize("preset", PRESETS)
def test_the_brief_states_every_number_and_the_schema_every_offset(preset: str) -> None:
    public = drawn(1, preset).public
    for voice in ("letter", "rulebook"):
        style = public.style.model_copy(update={"voice": voice, "numbers": "decimal"})
        text = FAMILY.brief(public.model_copy(update={"style": style}))
        assert "{" not in text.prompt
        data = json.loads(text.files["instance.json"])
        assert "style" not in data
        for number in _numbers({name: x for name, x in data.items() if name != "tick"}):
            assert f"{number:g}" in text.prompt or f"{number:.2f}" in text.prompt, number
    schema = answer(public).model_json_schema()
    assert schema["properties"]["bid_offset"]["anyOf"][0]["enum"] == list(public.offsets)


def _numbers(value: JSON) -> list[float]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [number for item in inner for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []


def test_a_place_read_from_what_is_seen_is_the_place_in_the_world() -> None:
    public, world = drawn(2, "medium").public, drawn(2, "medium").key.world()
    player, observed = optimal(public), world.observe()
    while not observed.done:
        assert placed(public, observed.view) == world.place
        observed = world.act(player(observed))
    assert isinstance(world, MarketWorld)


def test_an_action_is_read_as_quotes() -> None:
    public = drawn(1).public
    action = quoting(public, ask_offset=public.offsets[1], ask_size=2)
    assert [asked(public, action, side) for side in SIDES] == [NO_QUOTE, Quote(1, 2)]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_honest_solution_solves_the_game_from_the_brief(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = drawn(6, preset)
    (tmp_path / "task").mkdir()
    for name, data in FAMILY.brief(case.public).files.items():
        (tmp_path / "task" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    world, cells, actions = case.key.world(), dict[str, Any](), list[JSON]()

    async def execute(code: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, cells)
        return out.getvalue()

    async def act(action: JSON) -> Mapping[str, JSON]:
        actions.append(action)
        observed = world.act(action)
        return {"view": observed.view, "reward": observed.reward, "done": observed.done}

    observation = {"view": world.observe().view, "reward": 0.0, "done": False}
    asyncio.run(solve({"observation": observation}, execute, act))
    verdict = case.key.verdict(actions)
    assert verdict.ability == pytest.approx(1.0, abs=1e-9)
    assert verdict.axes == pytest.approx(dict.fromkeys(("decision", "belief", "calibration"), 1.0))
    assert verdict.done
