"""The published market-making episode, its grade, and the luck-free regret beside it."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import MEASURES
from ground_truth import TRUTHS, Drawn, answered, played
from ground_truth.strategic._proper_scores import brier_score, log_score
from ground_truth.strategic.extras.market_episode import (
    ASIDE,
    MarketEpisodeKey,
    MarketWorld,
    centred,
    expected_cost,
)
from tasks import AgentFault, family
from tasks._answers import Malformed, validate
from tasks.strategic.extras.market_episode import EpisodeParams, EpisodePublic, EpisodeQuote

NAME = "strategic/extras/market_episode"
TRUTH = TRUTHS.find(NAME)
UNIT = family(NAME)
PRICES = st.none() | st.floats(96.0, 104.0)
QUOTES = st.builds(EpisodeQuote, bid=PRICES, ask=PRICES, size=st.floats(0.1, 5.0))


def drawn(seed: int, **params: Any) -> Drawn[EpisodePublic, MarketEpisodeKey]:
    assert TRUTH.draw_open is not None
    return TRUTH.draw_open(EpisodeParams(**params), seed)


def simulated(path: list[float], spread: float) -> tuple[float, float, float]:
    """Profit, lowest and highest inventory of a constant spread, straight from the rules."""
    inventory = cash = lowest = highest = 0.0
    for mid, following in pairwise(path):
        bid, ask = mid - 0.5 * spread, mid + 0.5 * spread
        if following <= bid:
            inventory, cash = inventory + 1.0, cash - bid
        elif following >= ask:
            inventory, cash = inventory - 1.0, cash + ask
        lowest, highest = min(lowest, inventory), max(highest, inventory)
    return cash + inventory * path[-1], lowest, highest


@pytest.mark.parametrize("seed", [0, 123, 124, 125])
def test_the_path_is_the_published_one(seed: int):
    case = drawn(seed)
    steps = np.random.default_rng(seed).standard_normal(100)
    assert case.key.path == (100.0, *(100.0 + np.cumsum(steps)).tolist())
    assert (case.public.steps, case.public.start, case.public.volatility) == (100, 100.0, 1.0)


@pytest.mark.parametrize("seed", range(123, 133))
@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
def test_a_constant_spread_earns_what_the_rules_say(seed: int, spread: float):
    case = drawn(seed)
    profit, lowest, highest = simulated(list(case.key.path), spread)
    verdict = case.key.verdict(played(MarketWorld(case.key), centred(spread)))
    assert verdict.metrics["realized_pnl"] == pytest.approx(profit, abs=1e-9)
    assert verdict.metrics["max_abs_inventory"] == max(-lowest, highest)
    if max(-lowest, highest) <= 25.0 and profit >= -100.0:
        assert verdict.ability == pytest.approx(0.5 + 0.5 * math.tanh(profit / 100.0))
        assert verdict.passed == (profit >= 0.0)
    else:
        assert verdict.ability == 0.0


@settings(max_examples=30, deadline=None)
@given(QUOTES)
def test_the_expected_cost_is_a_mean_over_paths(quote: EpisodeQuote):
    following = 100.0 + 1.5 * np.random.default_rng(1).standard_normal(400_000)
    bought = following <= (-np.inf if quote.bid is None else quote.bid)
    sold = ~bought & (following >= (np.inf if quote.ask is None else quote.ask))
    cost = np.where(bought, (quote.bid or 0.0) - following, 0.0)
    cost = quote.size * (cost + np.where(sold, following - (quote.ask or 0.0), 0.0))
    error = float(cost.std()) / math.sqrt(cost.size)
    assert expected_cost(quote, 100.0, 1.5) == pytest.approx(
        float(cost.mean()), abs=5 * error + 1e-4
    )


@given(QUOTES)
def test_no_quote_has_a_negative_cost_and_none_has_no_cost(quote: EpisodeQuote):
    assert expected_cost(quote, 100.0, 1.0) >= 0.0
    assert expected_cost(EpisodeQuote.model_validate(ASIDE), 100.0, 1.0) == 0.0


def test_the_regret_is_the_mean_loss_of_a_policy():
    losses, regrets = list[float](), list[float]()
    for seed in range(300):
        key = drawn(seed, steps=20).key
        verdict = key.verdict(played(MarketWorld(key), centred(1.0)))
        losses.append(-verdict.metrics["realized_pnl"])
        regrets.append(verdict.regret)
    error = float(np.std(losses)) / math.sqrt(len(losses))
    assert float(np.mean(losses)) == pytest.approx(float(np.mean(regrets)), abs=4 * error)


def test_who_stands_aside_scores_a_half_and_who_foresees_the_path_one():
    for seed in range(123, 128):
        case = drawn(seed)
        aside = case.key.verdict(answered(TRUTH, case.key, TRUTH.reference(case.public)))
        assert (aside.ability, aside.regret, aside.passed) == (0.5, 0.0, True)
        best = case.key.verdict(answered(TRUTH, case.key, TRUTH.oracle(case.key)))
        assert best.ability == pytest.approx(1.0, abs=1e-9)
        assert best.metrics["max_abs_inventory"] == 25.0
        assert best.safety == 1.0


def test_limits_are_hard():
    case = drawn(123)
    following = case.key.path[1]
    over = case.key.verdict([{"bid": following, "ask": None, "size": 25.5}])
    assert over.violations == ("position_limit", "inventory_bounds")
    assert (over.ability, over.passed, over.safety) == (0.0, False, 0.0)
    dear = case.key.verdict([{"bid": following + 10.0, "ask": None, "size": 25.0}])
    lost = dear.metrics["realized_pnl"]
    assert ("loss_limit" in dear.violations) == (lost < -100.0)
    ruin = case.key.verdict([{"bid": following + 100.0, "ask": None, "size": 25.0}])
    assert ruin.violations == ("loss_limit",)


def test_an_episode_that_is_left_goes_on_without_quotes():
    case = drawn(124)
    whole = played(MarketWorld(case.key), centred(1.0))
    left = case.key.verdict(whole[:30])
    filled = case.key.verdict([*whole[:30], *[dict(ASIDE)] * 70])
    assert not left.done
    assert filled.done
    assert left.metrics == filled.metrics
    assert left.regret == filled.regret
    assert len(left.steps) == 30


def test_the_measure_takes_the_verdict():
    case = drawn(123)
    actions = played(MarketWorld(case.key), centred(1.0))
    marks, verdict = MEASURES.find("regret").score(actions, case.key), case.key.verdict(actions)
    assert marks.ability == verdict.ability
    assert marks.metrics["realized_pnl"] == verdict.metrics["realized_pnl"]
    assert len(marks.steps) == 100


def test_the_world_shows_the_book_and_not_the_path():
    case = drawn(123, steps=3)
    world = MarketWorld(case.key)
    first = world.observe()
    assert first.view["mid"] == 100.0
    assert not first.done
    following = case.key.path[1]
    seen = world.act({"bid": following, "ask": None, "size": 2.0})
    assert seen.view == {
        "step": 1,
        "steps": 3,
        "mid": following,
        "inventory": 2.0,
        "cash": -2.0 * following,
        "profit": 0.0,
        "filled": "bid",
    }
    seen = world.act(ASIDE)
    assert seen.reward == pytest.approx(2.0 * (case.key.path[2] - following))
    assert str(case.key.path[3]) not in str(seen)
    assert world.act(ASIDE).done
    with pytest.raises(AgentFault, match="ended after its 3 steps"):
        world.act(ASIDE)


@pytest.mark.parametrize(
    "action",
    [
        None,
        [],
        "buy",
        {},
        {"bid": 1.0},
        {"bid": 1.0, "ask": 2.0, "size": 0.0},
        {"bid": 1.0, "ask": 2.0, "size": -1.0},
        {"bid": 1.0, "ask": 2.0, "size": 51.0},
        {"bid": 1.0, "ask": 2.0, "size": 1.0, "note": "x"},
        {"bid": math.nan, "ask": 2.0, "size": 1.0},
        {"bid": 1e300, "ask": 2.0, "size": 1.0},
    ],
)
def test_what_is_no_quote_is_refused_and_changes_nothing(action: Any):
    case = drawn(123)
    world = MarketWorld(case.key)
    before = world.observe()
    with pytest.raises(AgentFault, match=r"quote|size"):
        world.act(action)
    assert world.observe() == before
    assert isinstance(validate(UNIT.answer(case.public), action), Malformed)


def test_proper_scores_by_hand_and_truth_maximises_them():
    assert brier_score([0.2, 0.5, 0.3], 1) == pytest.approx(0.04 + 0.25 + 0.09)
    assert log_score([0.2, 0.5, 0.3], 1) == pytest.approx(math.log(0.5))
    assert log_score([0.0, 1.0], 0) == pytest.approx(math.log(1e-12))
    with pytest.raises(ValueError, match="outcome 3"):
        brier_score([0.2, 0.5, 0.3], 3)
    truth = [0.2, 0.5, 0.3]
    rng = np.random.default_rng(2)

    def expected(stated: list[float]) -> tuple[float, float]:
        pairs = [
            (p * brier_score(stated, k), p * log_score(stated, k)) for k, p in enumerate(truth)
        ]
        return math.fsum(b for b, _ in pairs), math.fsum(s for _, s in pairs)

    best = expected(truth)
    for _ in range(200):
        stated = rng.dirichlet(np.ones(3)).tolist()
        brier, log = expected(stated)
        assert brier >= best[0]
        assert log <= best[1]
