"""Avellaneda-Stoikov quotes and the logarithmic market scoring rule against their definitions."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground_truth.strategic._lmsr import cost, prices, shares_to_price, trade_cost, worst_loss
from ground_truth.strategic._quoting import Dealer, optimal_spread, reservation_price

POSITIVE = st.floats(0.05, 20.0)
SHARES = st.lists(st.floats(-50.0, 50.0), min_size=2, max_size=6)


def test_quotes_of_the_published_experiment():
    # Avellaneda and Stoikov 2008, section 3.3: s = 100, T = 1, sigma = 2, gamma = 0.1, k = 1.5.
    dealer = Dealer(risk_aversion=0.1, volatility=2.0, fill_decay=1.5)
    assert reservation_price(100.0, 0.0, dealer, 1.0) == 100.0
    assert reservation_price(100.0, 3.0, dealer, 0.5) == pytest.approx(99.4)
    assert optimal_spread(dealer, 1.0) == pytest.approx(0.4 + 20.0 * math.log(1.0 + 1.0 / 15.0))
    assert optimal_spread(dealer, 0.0) == pytest.approx(1.29, abs=0.005)


def test_a_risk_neutral_dealer_quotes_two_over_k():
    dealer = Dealer(risk_aversion=1e-13, volatility=2.0, fill_decay=1.5)
    assert optimal_spread(dealer, 1.0) == pytest.approx(2.0 / 1.5, rel=1e-9)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(-9.0, 9.0), st.floats(0.0, 3.0))
def test_inventory_shifts_the_quotes_against_itself(
    gamma: float, sigma: float, k: float, inventory: float, tau: float
):
    dealer = Dealer(gamma, sigma, k)
    up = reservation_price(50.0, inventory, dealer, tau) - 50.0
    assert up * inventory <= 0.0
    assert up == pytest.approx(50.0 - reservation_price(50.0, -inventory, dealer, tau), abs=1e-9)
    assert optimal_spread(dealer, tau) >= optimal_spread(dealer, 0.0) > 0.0


@pytest.mark.parametrize("bad", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, math.nan)])
def test_a_dealer_without_sense_is_refused(bad: tuple[float, float, float]):
    with pytest.raises(ValueError, match="a dealer needs"):
        Dealer(*bad)
    with pytest.raises(ValueError, match="time_left"):
        optimal_spread(Dealer(1.0, 1.0, 1.0), -0.1)


@given(SHARES, POSITIVE)
def test_prices_are_the_gradient_of_the_cost(shares: list[float], liquidity: float):
    found = prices(shares, liquidity)
    assert found.sum() == pytest.approx(1.0)
    step = 1e-6 * liquidity
    for outcome in range(len(shares)):
        nudge = np.eye(len(shares))[outcome] * step
        slope = trade_cost(shares, nudge, liquidity) / step
        assert slope == pytest.approx(found[outcome], abs=1e-5)


@given(SHARES, st.randoms(use_true_random=False), POSITIVE)
def test_the_cost_of_a_trade_does_not_depend_on_its_path(
    shares: list[float], random: Random, liquidity: float
):
    trade = [random.uniform(-20.0, 20.0) for _ in shares]
    half = [d / 2 for d in trade]
    middle = [q + d for q, d in zip(shares, half, strict=True)]
    whole = trade_cost(shares, trade, liquidity)
    assert whole == pytest.approx(
        trade_cost(shares, half, liquidity) + trade_cost(middle, half, liquidity), abs=1e-9
    )
    after = [q + d for q, d in zip(shares, trade, strict=True)]
    assert whole == pytest.approx(cost(after, liquidity) - cost(shares, liquidity), abs=1e-6)


def test_a_trade_far_from_the_price_costs_what_it_must():
    # All but certain outcome; naive exp() would overflow, a zero price would swallow the trade.
    assert trade_cost([0.0, 10_000.0], [20_000.0, 0.0], 1.0) == pytest.approx(10_000.0)


@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98), POSITIVE)
def test_the_shares_that_move_a_price_move_it_there(price: float, target: float, b: float):
    start = shares_to_price(0.5, price, b)
    bought = shares_to_price(price, target, b)
    assert prices([start + bought, 0.0], b)[0] == pytest.approx(target)


@given(SHARES, POSITIVE)
def test_the_market_maker_never_loses_more_than_the_bound(shares: list[float], b: float):
    paid = trade_cost([0.0] * len(shares), shares, b)
    assert max(shares) - paid <= worst_loss(len(shares), b) + 1e-9


@pytest.mark.parametrize("liquidity", [0.0, -1.0, math.nan, math.inf])
def test_liquidity_is_positive(liquidity: float):
    with pytest.raises(ValueError, match="liquidity"):
        cost([0.0, 0.0], liquidity)


def test_a_market_has_outcomes_and_a_trade_has_its_shape():
    with pytest.raises(ValueError, match="two outcomes"):
        prices([1.0], 1.0)
    with pytest.raises(ValueError, match="one number per outcome"):
        trade_cost([0.0, 0.0], [1.0, 0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match="inside"):
        shares_to_price(0.5, 1.0, 1.0)
