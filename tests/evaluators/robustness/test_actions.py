import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.robustness import gap, published_action
from tasks import JSON

ANSWERS: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.floats(-1e6, 1e6) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(ANSWERS, ANSWERS)
def test_a_gap_is_a_share_both_ways_and_none_to_oneself(one: JSON, other: JSON):
    assert gap(one, one) == 0.0
    assert gap(one, other) == gap(other, one)
    assert 0.0 <= gap(one, other) <= 1.0


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"expected_surplus": 1.0}, {"expected_surplus": 1.019}, 0.0),
        ({"expected_surplus": 1.0}, {"expected_surplus": 1.03}, 1.0),
        ({"expected_surplus": 0.0}, {"expected_surplus": 1e-9}, 0.0),
        ({"posterior": [0.7, 0.3]}, {"posterior": [0.52, 0.48]}, 0.0),
        ({"posterior": [0.7, 0.3]}, {"posterior": [0.48, 0.52]}, 1.0),
        # A near tie is no choice.
        ({"posterior": [0.503, 0.497]}, {"posterior": [0.497, 0.503]}, 0.0),
        ({"action": "buy", "trade_size": 3.0}, {"action": "sell", "trade_size": 3.0}, 1.0),
        ({"action": "buy", "trade_size": 3.0}, {"action": "buy", "trade_size": 3.01}, 0.0),
        ({"action": "buy", "confidence": 0.9}, {"action": "buy", "confidence": 0.1}, 0.0),
        ({"a": 1.0, "comment": "x"}, {"a": 1.0, "comment": "y"}, 0.0),
        # Episodes: two of four steps differ, and one of three is missing.
        ([{"bid": b} for b in (1, 2, 3, 4)], [{"bid": b} for b in (1, 2, 9, 9)], 0.5),
        ([{"bid": 1}, {"bid": 2}, {"bid": 3}], [{"bid": 1}, {"bid": 2}], 1 / 3),
        (None, None, 0.0),
        (None, {"action": "buy"}, 1.0),
        (True, 1, 1.0),
    ],
)
def test_what_counts_as_another_action(one: JSON, other: JSON, apart: float):
    assert gap(one, other) == pytest.approx(apart)


@pytest.mark.parametrize(
    ("environment", "answer", "action"),
    [
        ("bayesian_games", {"posterior": [0.2, 0.5, 0.3]}, 1),
        ("hidden_regimes", {"regime_posterior": [0.6, 0.4]}, 0),
        ("auctions", {"expected_surplus": 1.23456789}, 1.2346),
        ("market_making", {"abstain": True, "reduce_inventory": True}, "abstain"),
        ("market_making", {"abstain": False, "reduce_inventory": True}, "reduce"),
        ("market_making", {"abstain": False, "reduce_inventory": False}, "quote"),
        ("prediction_markets", {"action": "sell"}, "sell"),
        ("adversarial_risk", {"action": "reject"}, "reject"),
        ("bayesian_games", {"posterior": []}, None),
        ("bayesian_games", {"posterior": ["x"]}, None),
        ("auctions", {"expected_surplus": True}, None),
        ("auctions", None, None),
    ],
)
def test_the_published_action_of_each_environment(environment: str, answer: JSON, action: JSON):
    assert published_action(environment, answer) == action
