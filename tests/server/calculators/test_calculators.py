"""The five calculators as pure functions: published values, laws, tolerances, bad input."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.calculators import CALCULATORS


def run(name: str, **arguments: Any) -> Any:
    return CALCULATORS.find(name).run(arguments)


def test_there_are_five():
    assert CALCULATORS.names() == [
        "auction_solver",
        "bayes_calculator",
        "ev_calculator",
        "market_simulator",
        "risk_checker",
    ]


class TestBayes:
    PRIORS = (6 / 7, 1 / 7)

    def test_a_posterior_by_hand(self):
        # 1/2 · 1/4 · 3/4 against 1/2 · 1/2 · 1/2
        table = [[0.25, 0.75], [0.5, 0.5]]
        found = run("bayes_calculator", priors=[0.5, 0.5], likelihood=table, observations=[0, 1])
        assert found["posterior"] == pytest.approx([3 / 7, 4 / 7], abs=1e-15)

    def test_without_evidence_it_is_the_prior(self):
        table = [[0.25, 0.75], [0.5, 0.5]]
        found = run("bayes_calculator", priors=[0.3, 0.7], likelihood=table, observations=[])
        assert found["posterior"] == pytest.approx([0.3, 0.7], abs=1e-15)

    def test_rounded_vectors_are_scaled(self):
        table = [[0.333, 0.333, 0.333], [0.2, 0.3, 0.5]]
        found = run("bayes_calculator", priors=[0.333, 0.667], likelihood=table, observations=[0])
        weights = [Fraction(333, 1000) / 3, Fraction(667, 1000) / 5]
        exact = [float(weight / sum(weights)) for weight in weights]
        assert found["posterior"] == pytest.approx(exact, abs=1e-15)

    @pytest.mark.parametrize("priors", [[0.5, 0.48], [0.6, 0.6], [1.2, -0.2]])
    def test_vectors_that_are_no_rounding_are_refused(self, priors: list[float]):
        table = [[0.25, 0.75], [0.5, 0.5]]
        with pytest.raises(ValueError, match="priors"):
            run("bayes_calculator", priors=priors, likelihood=table, observations=[0])

    def test_observations_counted_from_one_are_shifted_where_that_is_clear(self):
        table = [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]
        shared: dict[str, Any] = {"priors": [0.5, 0.5], "likelihood": table}
        from_one = run("bayes_calculator", **shared, observations=[3, 1])
        assert from_one == run("bayes_calculator", **shared, observations=[2, 0])
        # All of these are positions from 0, so nothing is shifted.
        kept = run("bayes_calculator", **shared, observations=[2, 1])
        assert kept["posterior"][0] == pytest.approx(0.14 / (0.14 + 0.12))

    def test_an_observation_that_fits_neither_way_is_refused(self):
        with pytest.raises(ValueError, match="positions from 0 to 1"):
            run("bayes_calculator", priors=[1.0], likelihood=[[0.5, 0.5]], observations=[0, 2])

    def test_evidence_that_cannot_happen_is_refused(self):
        with pytest.raises(ValueError, match="no hypothesis"):
            run("bayes_calculator", priors=[1.0], likelihood=[[1.0, 0.0]], observations=[1])

    @pytest.mark.parametrize(
        ("table", "says"), [([[0.5, 0.5]], "1 rows"), ([[0.5, 0.5], [1.0]], "different lengths")]
    )
    def test_shapes_must_fit(self, table: Any, says: str):
        with pytest.raises(ValueError, match=says):
            run("bayes_calculator", priors=[0.5, 0.5], likelihood=table, observations=[0])

    @given(st.lists(st.integers(0, 2), max_size=400), st.randoms(use_true_random=False))
    def test_the_order_of_observations_does_not_matter(self, seen: list[int], rng: Any):
        shared: dict[str, Any] = {
            "priors": [0.2, 0.8],
            "likelihood": [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]],
        }
        mixed = rng.sample(seen, len(seen))
        first = run("bayes_calculator", **shared, observations=seen)["posterior"]
        assert run("bayes_calculator", **shared, observations=mixed)["posterior"] == first
        assert math.fsum(first) == pytest.approx(1, abs=1e-12)


class TestExpectedValue:
    def test_a_die(self):
        found = run("ev_calculator", payoffs=[1, 2, 3, 4, 5, 6], probabilities=[1 / 6] * 6)
        assert found == pytest.approx({"expected_value": 3.5, "variance": 35 / 12})

    def test_the_best_action_and_ties_by_name(self):
        found = run(
            "ev_calculator",
            payoffs=[1.0],
            probabilities=[1.0],
            actions={
                "sell": [[2.0, 0.0], [0.5, 0.5]],
                "buy": [[1.0], [1.0]],
                "wait": [[0.0], [1.0]],
            },
        )
        assert (found["best_action"], found["best_action_ev"]) == ("buy", 1.0)

    def test_rounding_is_not_forgiven_here(self):
        with pytest.raises(ValueError, match=r"sums to 0\.999"):
            run("ev_calculator", payoffs=[1, 2, 3], probabilities=[0.333, 0.333, 0.333])

    def test_a_bad_action_is_named(self):
        with pytest.raises(ValueError, match=r"actions\.sell: 2 payoffs, but 1"):
            run(
                "ev_calculator",
                payoffs=[1.0],
                probabilities=[1.0],
                actions={"sell": [[2.0, 0.0], [1.0]]},
            )


class TestRisk:
    @pytest.mark.parametrize(
        ("book", "violations"),
        [
            ({"proposed_trade": 2}, []),
            ({"proposed_trade": 2.1}, ["position_limit"]),
            ({"proposed_trade": -18.5}, ["position_limit"]),
            ({"realized_pnl": -100}, []),
            ({"realized_pnl": -100.01}, ["loss_limit"]),
            ({"max_inventory": 7.5}, ["inventory_bounds"]),
            ({"min_inventory": 8.5, "realized_pnl": -101}, ["loss_limit", "inventory_bounds"]),
        ],
    )
    def test_limits_may_be_reached_but_not_passed(self, book: Any, violations: list[str]):
        found = run("risk_checker", position=8, max_abs_position=10, max_loss=100, **book)
        assert found["violations"] == violations
        assert found["ok"] is not bool(violations)
        assert found["resulting_position"] == 8 + book.get("proposed_trade", 0)

    def test_a_limit_that_is_left_out_does_not_bind(self):
        assert run("risk_checker", position=1e9, realized_pnl=-1e9, max_loss=None)["ok"]

    def test_bounds_in_the_wrong_order_are_refused(self):
        with pytest.raises(ValueError, match="exceeds max_inventory"):
            run("risk_checker", position=0, min_inventory=2, max_inventory=1)


class TestAuction:
    @pytest.mark.parametrize(
        ("n", "top", "value", "surplus"),
        [
            (2, 100, 14.8439, 1.10170684),
            (5, 100, 80.7273, 6.85696815),
            (3, 100, 54.4285, 5.37474473),
        ],
    )
    def test_the_published_values(self, n: int, top: float, value: float, surplus: float):
        found = run("auction_solver", your_value=value, n_bidders=n, v_max=top)
        assert found["expected_surplus"] == pytest.approx(surplus, abs=5e-9)

    def test_a_simulation_agrees(self):
        rivals = np.random.default_rng(5).uniform(0, 10, (200_000, 3))
        best = rivals.max(axis=1)
        found = run("auction_solver", your_value=7, n_bidders=4, v_max=10)
        assert found["expected_surplus"] == pytest.approx(np.maximum(7 - best, 0).mean(), abs=0.02)
        everyone = np.sort(np.random.default_rng(6).uniform(0, 10, (200_000, 4)), axis=1)
        assert found["expected_welfare"] == pytest.approx(everyone[:, -1].mean(), abs=0.02)
        assert found["expected_revenue"] == pytest.approx(everyone[:, -2].mean(), abs=0.02)

    def test_alone_one_pays_nothing(self):
        assert run("auction_solver", your_value=2, n_bidders=1) == {
            "expected_surplus": 1.0,
            "expected_welfare": 0.5,
            "expected_revenue": 0.0,
        }

    def test_other_auctions_are_refused(self):
        with pytest.raises(ValueError, match="second_price"):
            run("auction_solver", your_value=1, n_bidders=2, auction_type="first_price")

    def test_numbers_beyond_a_float_are_refused_in_words(self):
        with pytest.raises(ValueError, match="too large"):
            run("auction_solver", your_value=1e300, n_bidders=9, v_max=1e300)


class TestMarket:
    def test_a_path_is_its_seeds(self):
        path = run("market_simulator", n_steps=50, start=10, drift=0.5, volatility=2, seed=9)[
            "path"
        ]
        steps = np.diff(path)
        assert (len(path), path[0]) == (51, 10)
        assert steps == pytest.approx(
            0.5 + 2 * np.random.default_rng(9).standard_normal(50), abs=1e-12
        )

    def test_no_step_is_the_start(self):
        assert run("market_simulator", n_steps=0, start=3)["path"] == [3]

    @pytest.mark.parametrize("bad", [{"n_steps": -1}, {"n_steps": 10**6}, {"volatility": -1}])
    def test_bad_figures_are_refused(self, bad: dict[str, Any]):
        with pytest.raises(ValueError, match=next(iter(bad))):
            run("market_simulator", **{"n_steps": 3, **bad})

    def test_a_path_out_of_the_world_is_refused(self):
        with pytest.raises(ValueError, match="not finite"):
            run("market_simulator", n_steps=9, drift=1.7e308)


_wild: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
_FIELDS = sorted(
    {
        field
        for name in CALCULATORS.names()
        for field in CALCULATORS.find(name).arguments.model_fields
    }
)


@given(
    st.sampled_from(CALCULATORS.names()),
    st.dictionaries(st.sampled_from([*_FIELDS, "x"]), _wild, max_size=5),
)
def test_whatever_is_sent_gives_finite_json_or_words(name: str, arguments: dict[str, Any]):
    try:
        found = CALCULATORS.find(name).run(arguments)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either way is right; only another exception is wrong
    else:
        assert found
