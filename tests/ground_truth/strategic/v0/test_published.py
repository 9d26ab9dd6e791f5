"""The published form: golden values of the published benchmark, and its solvers by other means."""

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import integrate

from evaluators import MEASURES, Marks
from ground_truth import TRUTHS, Drawn, draw, related
from ground_truth.strategic.v0 import (
    adversarial_risk,
    auctions,
    bayesian_games,
    hidden_regimes,
    market_making,
    prediction_markets,
)
from ground_truth.strategic.v0._form import heard, said
from tasks import FAMILIES, InstanceId, Split, family, in_suite
from tasks._answers import Malformed, validate
from tasks.strategic.v0._form import PublishedParams
from tasks.strategic.v0.bayesian_games import SourcesPublic
from tasks.strategic.v0.hidden_regimes import RegimesPublic

ENVIRONMENTS = [
    "bayesian_games",
    "auctions",
    "hidden_regimes",
    "market_making",
    "prediction_markets",
    "adversarial_risk",
]
OFFICIAL = range(123, 143)
"""Seeds of the published leaderboard, 20 for each environment."""
PARAMS = PublishedParams()


@cache
def drawn(environment: str, seed: int) -> Drawn[Any, Any]:
    unit = TRUTHS.find(f"strategic/v0/{environment}")
    assert unit.draw_open is not None
    return unit.draw_open(PARAMS, seed)


def marks(environment: str, answer: Any, case: Drawn[Any, Any]) -> Marks:
    return MEASURES.find(family(f"strategic/v0/{environment}").measure).score(answer, case.key)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def reference(environment: str, seeds: range) -> list[Marks]:
    truth = TRUTHS.find(f"strategic/v0/{environment}")
    cases = [drawn(environment, seed) for seed in seeds]
    return [marks(environment, truth.reference(case.public), case) for case in cases]


def policy(environment: str, name: str, seeds: range = OFFICIAL) -> tuple[float, float]:
    """Mean score and share of passes."""
    play = TRUTHS.find(f"strategic/v0/{environment}").policies[name]
    cases = [drawn(environment, seed) for seed in seeds]
    rng = np.random.default_rng(0)
    found = [marks(environment, play(case.public, rng), case) for case in cases]
    return mean([m.ability for m in found]), mean([float(m.passed) for m in found])


def test_the_six_families_stand_in_the_published_order_with_open_keys():
    names = [f"strategic/v0/{name}" for name in ENVIRONMENTS]
    assert sorted(in_suite("strategic/v0")) == sorted(names)
    for offset, name in enumerate(names):
        unit = family(name)
        assert unit.suite_offset == 100 * offset
        assert unit.open_keys
        assert not unit.notebook
        assert list(unit.presets) == ["published"]
        assert "strategic" not in unit.tags


def test_the_reference_has_the_published_mean_over_all_families():
    # 50 tasks each, family f from seed 123 + 100 f.
    found = [
        m.ability
        for offset, name in enumerate(ENVIRONMENTS)
        for m in reference(name, range(123 + 100 * offset, 173 + 100 * offset))
    ]
    assert round(mean(found), 6) == 0.999862


def test_the_reference_quote_has_the_published_mean():
    assert round(mean([m.ability for m in reference("market_making", range(123, 173))]), 6) == (
        0.999050
    )


@pytest.mark.parametrize("name", [n for n in ENVIRONMENTS if n != "market_making"])
def test_other_references_are_perfect(name: str):
    for found in reference(name, range(123, 223)):
        assert found.ability == 1.0
        assert found.passed
        assert not found.violations


@pytest.mark.parametrize(
    ("environment", "seed", "exact"),
    [
        ("bayesian_games", 123, [0.958493, 0.041507]),
        ("bayesian_games", 125, [0.636194, 0.168457, 0.195349]),
        ("hidden_regimes", 123, [0.551497, 0.448503]),
        ("hidden_regimes", 124, [0.612705, 0.131282, 0.256013]),
        ("hidden_regimes", 125, [0.586083, 0.413917]),
    ],
)
def test_golden_posteriors(environment: str, seed: int, exact: list[float]):
    assert [round(p, 6) for p in drawn(environment, seed).key.exact] == exact


def test_golden_draws_of_beliefs():
    public = drawn("bayesian_games", 123).public
    assert (len(public.priors), len(public.signal_names)) == (2, 4)
    assert [round(p, 4) for p in public.priors] == [0.8571, 0.1429]
    assert public.observations == (0, 2, 3, 0, 0)
    assert drawn("hidden_regimes", 123).public.observations == (0, 0, 3, 1, 3, 1)


@pytest.mark.parametrize(
    ("seed", "bidders", "top", "value", "surplus"),
    [
        (123, 2, 100.0, 14.8439, 1.10170684),
        (124, 5, 100.0, 80.7273, 6.85696815),
        (125, 3, 100.0, 54.4285, 5.37474473),
    ],
)
def test_golden_auctions(seed: int, bidders: int, top: float, value: float, surplus: float):
    case = drawn("auctions", seed)
    assert (case.public.n_bidders, case.public.v_max, case.public.your_value) == (
        bidders,
        top,
        value,
    )
    assert case.key.expected_surplus == pytest.approx(surplus, abs=5e-9)


def test_golden_trades():
    buy, sell, none = (drawn("prediction_markets", seed).key.reference for seed in (123, 124, 125))
    assert (buy.action, buy.trade_size, buy.expected_value) == ("buy", 4.1234, 0.389347)
    assert buy.fair_probability == pytest.approx(0.68085)
    assert drawn("prediction_markets", 123).public.current_market_price == 0.486
    assert (sell.action, sell.trade_size, sell.expected_value) == ("sell", 1.0248, 0.065539)
    assert none.action == "abstain"


def test_golden_risk_decisions_and_their_mix():
    cut, fine, lost = (drawn("adversarial_risk", seed).key.reference for seed in (123, 124, 126))
    assert (cut.action, cut.proposed_size) == ("reduce_size", 0.3)
    assert (fine.action, fine.proposed_size) == ("approve", 5.63)
    assert (lost.action, lost.cited_constraint) == ("reject", "daily_loss_limit")
    actions = [drawn("adversarial_risk", seed).key.reference.action for seed in range(2000)]
    shares = {action: actions.count(action) / 2000 for action in set(actions)}
    assert shares == pytest.approx({"reduce_size": 0.48, "approve": 0.26, "reject": 0.25}, abs=0.02)


@pytest.mark.parametrize(
    ("environment", "name", "score", "passed"),
    [
        ("bayesian_games", "uniform", 0.705, None),
        ("bayesian_games", "prior", 0.770, None),
        ("bayesian_games", "likelihood_only", 0.830, None),
        ("hidden_regimes", "uniform", 0.816, None),
        ("hidden_regimes", "last_signal", 0.864, None),
        ("hidden_regimes", "static_bayes", 0.716, None),
        ("market_making", "displayed_spread", 0.773, None),
        ("market_making", "double_spread", 0.947, 1.0),
        ("adversarial_risk", "reject", 0.688, 0.25),
        ("adversarial_risk", "abstain", 0.440, 0.0),
        ("adversarial_risk", "approve", 0.288, 0.25),
    ],
)
def test_blind_policies_reach_their_known_scores_on_the_official_seeds(
    environment: str, name: str, score: float, passed: float | None
):
    reached, share = policy(environment, name)
    # Three published decimals, rounded twice in one case (0.82946).
    assert reached == pytest.approx(score, abs=6e-4)
    assert passed is None or share == passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "name", "score"),
    [
        ("bayesian_games", "uniform", 0.713),
        ("bayesian_games", "prior", 0.791),
        ("bayesian_games", "likelihood_only", 0.842),
        ("hidden_regimes", "uniform", 0.815),
        ("hidden_regimes", "last_signal", 0.878),
        ("hidden_regimes", "static_bayes", 0.796),
    ],
)
def test_floors_over_two_thousand_seeds(environment: str, name: str, score: float):
    assert policy(environment, name, range(2000))[0] == pytest.approx(score, abs=6e-4)


@pytest.mark.parametrize(("cites_on_approval", "score"), [(True, 0.85), (False, 0.825)])
def test_a_perfect_agent_with_prose_for_labels_cannot_pass_a_line_of_its_own(
    cites_on_approval: bool, score: float
):
    abilities: list[float] = []
    for seed in OFFICIAL:
        case = drawn("adversarial_risk", seed)
        answer = case.key.reference.model_dump(mode="json", exclude_none=True)
        if answer["action"] != "approve" or not cites_on_approval:
            answer["cited_constraint"] = "the exposure would be above what the policy allows"
        found = marks("adversarial_risk", said(answer), case)
        assert found.passed
        abilities.append(found.ability)
    assert mean(abilities) == pytest.approx(score, abs=1e-12)


def test_the_right_side_at_the_largest_size_passes_a_quarter_of_the_time():
    score, share = policy("prediction_markets", "largest_size")
    assert share == 0.25
    assert score < 0.6


@pytest.mark.parametrize("seed", range(40))
def test_a_posterior_is_bayes_rule(seed: int):
    public: SourcesPublic = drawn("bayesian_games", seed).public
    joint = [
        prior * math.prod(row[o] for o in public.observations)
        for prior, row in zip(public.priors, public.likelihood, strict=True)
    ]
    assert bayesian_games.posterior(public) == pytest.approx([p / sum(joint) for p in joint])


@pytest.mark.parametrize("seed", range(60))
def test_a_path_is_what_choice_draws_from_a_new_generator_of_the_seed(seed: int):
    public: RegimesPublic = drawn("hidden_regimes", seed).public
    rng = np.random.default_rng(seed)
    regime, seen = rng.choice(len(public.initial), p=public.initial), list[int]()
    for _ in public.observations:
        seen.append(int(rng.choice(len(public.signal_names), p=public.emission[regime])))
        regime = rng.choice(len(public.initial), p=public.transition[regime])
    assert public.observations == tuple(seen)


@pytest.mark.parametrize("seed", range(40))
def test_a_filtered_belief_is_a_sum_over_paths(seed: int):
    public: RegimesPublic = drawn("hidden_regimes", seed).public
    k, seen = len(public.initial), public.observations
    mass = [0.0] * k
    for path in itertools.product(range(k), repeat=len(seen)):
        steps = itertools.pairwise(path)
        p = public.initial[path[0]] * math.prod(public.transition[a][b] for a, b in steps)
        mass[path[-1]] += p * math.prod(
            public.emission[s][o] for s, o in zip(path, seen, strict=True)
        )
    assert hidden_regimes.filtered(public) == pytest.approx([p / sum(mass) for p in mass])


@pytest.mark.parametrize("seed", range(20))
def test_an_expected_surplus_is_the_integral_over_the_highest_rival(seed: int):
    public = drawn("auctions", seed).public
    n, top, value = public.n_bidders, public.v_max, public.your_value

    def gain(x: float) -> float:
        return (value - x) * (n - 1) * x ** (n - 2) / top ** (n - 1)

    whole, _ = integrate.quad(gain, 0.0, value)
    assert auctions.expected_surplus(public) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_a_reference_trade_beats_every_trade_on_a_grid(seed: int):
    market = drawn("prediction_markets", seed).public
    best = prediction_markets.reference_trade(market)
    fair = prediction_markets.fair_probability(market)
    reached = prediction_markets.utility(market, best.action, best.trade_size, fair)
    assert reached >= 0.0
    for action in ("buy", "sell"):
        held = market.current_position if action == "buy" else -market.current_position
        budget = market.budget_limit / prediction_markets.unit_cost(market, action)
        for size in np.linspace(0.0, min(market.position_limit - held, budget), 400):
            value = prediction_markets.utility(market, action, float(size), fair)
            assert value <= reached + 1e-8


@pytest.mark.parametrize("seed", range(60))
def test_a_risk_decision_lets_through_as_much_as_is_safe_and_no_more(seed: int):
    case = drawn("adversarial_risk", seed).public
    best = adversarial_risk.reference_decision(case)
    assert not adversarial_risk.unsafe(case, best)
    if best.action in {"approve", "reduce_size"}:
        more = best.model_copy(
            update={"action": "reduce_size", "proposed_size": best.proposed_size + 0.001}
        )
        too_much = abs(case.proposed_trade) <= best.proposed_size
        assert too_much or adversarial_risk.unsafe(case, more)
    elif best.cited_constraint == "daily_loss_limit":
        assert case.current_loss >= case.maximum_allowed_daily_loss
    else:
        assert adversarial_risk.safe_size(case) == 0.0


@pytest.mark.parametrize("seed", range(120))
def test_reference_quotes_keep_the_limits_and_the_oracle_is_the_best_that_the_grade_allows(
    seed: int,
):
    case = drawn("market_making", seed)
    truth = TRUTHS.find("strategic/v0/market_making")
    quote, state = case.key.reference, case.public
    assert state.inventory + quote.bid_size <= state.position_limit
    assert state.inventory - quote.ask_size >= -state.position_limit
    best = marks("market_making", truth.oracle(case.key), case).ability
    reached = marks("market_making", truth.reference(state), case).ability
    assert reached <= best + 1e-12
    if quote.abstain:
        assert best == 1.0
        return
    # No other width scores more at the reference's sizes.
    for factor in np.linspace(0.9, 1.1, 81):
        half = 0.5 * market_making.expected_spread(state) * float(factor)
        middle = 0.5 * (quote.bid_price + quote.ask_price)
        other = quote.model_copy(update={"bid_price": middle - half, "ask_price": middle + half})
        answer = said(other.model_dump(mode="json", exclude_none=True))
        assert marks("market_making", answer, case).ability <= best + 1e-9


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_seeds_alone_decide_and_calibration_lies_apart(name: str):
    unit = family(f"strategic/v0/{name}")
    spots = [
        InstanceId(f"strategic/v0/{name}", unit.version, "published", split, 123)
        for split in (Split.PUBLIC, Split.PRIVATE, Split.CALIBRATION)
    ]
    public, private, calibration = (draw(spot, b"x" * 32) for spot in spots)
    assert public == private == drawn(name, 123)
    assert calibration.public != public.public


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_answer_is_text(name: str):
    unit = family(f"strategic/v0/{name}")
    model = unit.answer(drawn(name, 123).public)
    assert validate(model, {"response": "whatever"}) == {"response": "whatever"}
    for wrong in ({"response": 1}, {"response": "x" * 100_001}, {"answer": "x"}, {}):
        assert isinstance(validate(model, wrong), Malformed)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_brief_shows_rounded_numbers_and_no_answer(name: str):
    unit = family(f"strategic/v0/{name}")
    for seed in range(123, 153):
        case = drawn(name, seed)
        text = unit.brief(case.public)
        assert not text.files
        key = case.key
        if hasattr(key, "exact"):
            assert all(f"{p:.6f}" not in text.prompt for p in key.exact)
            assert all(repr(p) not in text.prompt for p in case.public.model_dump().values())
        if hasattr(key, "expected_surplus"):
            assert f"{key.expected_surplus:.4g}" not in text.prompt
        if hasattr(key, "reference") and not getattr(key.reference, "abstain", False):
            shown = key.reference.model_dump(exclude_none=True)
            assert str(shown.get("expected_value") or "no value") not in text.prompt


def variant(name: str, seed: int, kind: str) -> InstanceId:
    return InstanceId(f"strategic/v0/{name}", 1, "published", Split.PUBLIC, seed, kind)


@pytest.mark.parametrize("seed", range(30))
def test_order_permutation_keeps_the_answer(seed: int):
    base = drawn("bayesian_games", seed)
    way = related(variant("bayesian_games", seed, "order_permutation"), b"")
    before, after = base.public.observations, way.drawn.public.observations
    assert sorted(before) == sorted(after)
    assert (before != after) == (len(set(before)) > 1)
    assert bayesian_games.posterior(way.drawn.public) == pytest.approx(base.key.exact)
    tables = related(variant("hidden_regimes", seed, "order_permutation"), b"").drawn.public
    unit = family("strategic/v0/hidden_regimes")
    shown = unit.brief(tables).prompt
    assert sorted(tables.sections) == ["emission", "initial", "transition"]
    assert shown != unit.brief(drawn("hidden_regimes", seed).public).prompt
    assert sorted(shown.split("\n\n")) == sorted(
        unit.brief(drawn("hidden_regimes", seed).public).prompt.split("\n\n")
    )


@pytest.mark.parametrize("seed", range(30))
def test_a_change_of_units_scales_the_surplus_and_keeps_every_score(seed: int):
    base = drawn("auctions", seed)
    way = related(variant("auctions", seed, "unit_scale_change"), b"")
    factor = way.drawn.public.v_max / base.public.v_max
    assert factor in (10.0, 100.0, 1000.0)
    assert way.drawn.public.your_value == pytest.approx(factor * base.public.your_value)
    assert way.drawn.key.expected_surplus == pytest.approx(factor * base.key.expected_surplus)
    for share in (0.0, 0.5, 0.99, 1.0, 1.3):
        answer = said({"expected_surplus": share * way.drawn.key.expected_surplus})
        there, here = (
            marks("auctions", answer, way.drawn),
            marks("auctions", way.restore(answer), base),
        )
        assert here.ability == pytest.approx(there.ability, abs=1e-9)
        given = heard(way.restore(answer))["expected_surplus"]
        assert given == pytest.approx(share * base.key.expected_surplus, rel=1e-3, abs=1e-8)
    prose = {"response": "around twelve"}
    assert way.restore(prose) == prose


def test_an_instance_of_another_form_has_no_such_relation():
    assert FAMILIES.find("strategic/v0/market_making").relations == ()
    with pytest.raises(ValueError, match="distribution"):
        bayesian_games.posterior(
            drawn("bayesian_games", 1).public.model_copy(update={"priors": (0.5, 0.6)})
        )
