"""Abilities on a bank: textbook properties of ML, MAP, WLE and EAP."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from evaluators.irt._fit import ItemBank, Population
from evaluators.irt._model import Layout, model_named
from evaluators.irt._responses import table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.scoring.abilities import score_agents
from tasks import UsageError

METHODS: list[Any] = ["eap", "map", "ml", "wle"]
SHELF = ["rasch", "2pl", "3pl", "4pl", "graded", "binomial", "beta_binomial", "beta"]


def logistic_bank(a: Any, b: Any, population: Population = Population()) -> ItemBank:  # noqa: B008
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    names = tuple(f"i{place}" for place in range(len(a)))
    x = np.column_stack([np.log(a), -a * b])
    return ItemBank(model_named("2pl"), Layout(), names, x, np.zeros((len(a), 2, 2)), population)


def table(rows: Any, bank: ItemBank) -> Any:
    wide = np.asarray(rows, dtype=float)
    return table_of([f"g{place}" for place in range(len(wide))], bank.items, wide)


FIVE = logistic_bank([1.0, 1.5, 0.7, 2.0, 1.2], [-1.0, 0.0, 0.5, 0.8, 1.5])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SHELF)
def test_every_model_of_the_shelf_is_scored(name: str, method: Any):
    drawn = simulate(name, 25, 30, seed=2, trials=3 if "binomial" in name else 1)
    found = score_agents(drawn.bank, drawn.table, method)
    finite = np.isfinite(found.theta)
    assert finite.mean() > 0.9
    z = (found.theta - drawn.theta)[finite] / found.se[finite]
    assert np.sqrt(np.mean(z**2)) < 1.6
    assert np.all((found.low <= found.theta) & (found.theta <= found.high))


def test_ml_is_the_maximum_that_scipy_finds():
    rows = [[1, 0, 1, 0, 0], [0, 1, 1, 1, 0], [1, 1, 0, 1, 1]]
    found = score_agents(FIVE, table(rows, FIVE), "ml")
    for row, theta in zip(np.array(rows, dtype=float), found.theta, strict=True):

        def miss(at: float, row: Any = row) -> float:
            p = FIVE.mean(np.array([at]))[:, 0]
            return -float(np.sum(row * np.log(p) + (1 - row) * np.log1p(-p)))

        best: Any = optimize.minimize_scalar(miss, bounds=(-6, 6), options={"xatol": 1e-9})
        assert theta == pytest.approx(best.x, abs=1e-4)
    assert found.se == pytest.approx(1 / np.sqrt(FIVE.information(found.theta).sum(axis=0)))


def test_ml_is_map_with_a_flat_prior():
    rows = [[1, 0, 1, 0, 0], [0, 1, 1, 1, 0]]
    flat = replace(FIVE, population=Population(0.0, 1e4))
    ml = score_agents(FIVE, table(rows, FIVE), "ml").theta
    narrow = score_agents(replace(FIVE, population=Population(0.0, 4.0)), table(rows, FIVE), "map")
    assert score_agents(flat, table(rows, flat), "ml").theta == pytest.approx(ml, abs=1e-6)
    assert np.all(np.abs(narrow.theta) < np.abs(ml))
    wider = [replace(FIVE, population=Population(0.0, sd)) for sd in (1.0, 4.0, 16.0, 64.0)]
    modes = [score_agents(bank, table(rows, bank), "map").theta for bank in wider]
    apart = [float(np.abs(theta - ml).max()) for theta in modes]
    # The prior's pull falls as 1 / sd^2.
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 2e-3


def test_eap_and_map_shrink_toward_the_population():
    rows = [[1, 1, 1, 1, 0], [0, 0, 0, 0, 1]]
    ml, eap, mode = (score_agents(FIVE, table(rows, FIVE), m).theta for m in ("ml", "eap", "map"))
    assert np.all(np.abs(eap) < np.abs(ml))
    assert np.all(np.abs(mode) < np.abs(ml))
    assert np.all(np.sign(eap) == np.sign(ml))


def test_extreme_scores_are_infinite_by_ml_and_finite_by_the_rest():
    rows = [[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    ml = score_agents(FIVE, table(rows, FIVE), "ml")
    assert ml.theta.tolist() == [np.inf, -np.inf]
    assert np.all(np.isinf(ml.se))
    assert ml.low[0] > 0.0 > ml.high[1]
    assert ml.high[0] == np.inf
    assert "g0, g1" in ml.notes[-1]
    for method in ("wle", "map", "eap"):
        found = score_agents(FIVE, table(rows, FIVE), method)
        assert np.all(np.isfinite(found.theta))
        assert found.theta[0] > 0 > found.theta[1]
        assert np.all(np.isfinite(found.se))


def test_wle_is_ml_times_the_root_of_the_information_for_rasch():
    bank = simulate("rasch", 3, 10, seed=5).bank
    rows = (np.arange(10) < np.array([[0], [3], [7], [10]])).astype(float)
    found = score_agents(bank, table(rows, bank), "wle")
    for row, theta in zip(rows, found.theta, strict=True):

        def miss(at: float, row: Any = row) -> float:
            p = bank.mean(np.array([at]))[:, 0]
            held = row * np.log(p) + (1 - row) * np.log1p(-p)
            return -float(held.sum() + 0.5 * np.log(np.sum(p * (1 - p))))

        best: Any = optimize.minimize_scalar(miss, bounds=(-9, 9), options={"xatol": 1e-9})
        assert theta == pytest.approx(best.x, abs=1e-4)


def test_wle_is_less_biased_than_ml_and_map():
    # Warm's own point: the bias of ML is of order 1/n outward, that of WLE of order 1/n^2.
    drawn = simulate("2pl", np.full(1_500, 1.2), 20, seed=11)
    bias = {}
    for method in METHODS[1:]:
        theta = score_agents(drawn.bank, drawn.table, method).theta
        bias[method] = abs(float(np.mean(theta[np.isfinite(theta)])) - 1.2)
    assert bias["wle"] < 0.04
    assert bias["wle"] < bias["map"]


@pytest.mark.parametrize("method", METHODS)
def test_rasch_agents_of_equal_sums_are_equal(method: Any):
    bank = simulate("rasch", 3, 8, seed=5).bank
    rng = np.random.default_rng(0)
    rows = np.array([rng.permutation([1, 1, 1, 0, 0, 0, 0, 0]) for _ in range(12)])
    theta = score_agents(bank, table(rows, bank), method).theta
    np.testing.assert_allclose(theta, theta[0], atol=1e-8)


def test_two_pl_agents_of_equal_weighted_sums_are_equal():
    bank = logistic_bank([1.0, 2.0, 3.0], [0.3, -0.2, 1.0])
    found = score_agents(bank, table([[1, 1, 0], [0, 0, 1]], bank), "ml").theta
    assert found[0] == pytest.approx(found[1], abs=1e-8)


@pytest.mark.parametrize("name", ["2pl", "graded"])
def test_intervals_cover_as_they_say(name: str):
    drawn = simulate(name, 600, 40, seed=7)
    found = score_agents(drawn.bank, drawn.table)
    covered = np.mean((found.low <= drawn.theta) & (drawn.theta <= found.high))
    assert 0.86 < covered < 0.94
    assert float(np.sqrt(np.mean((found.theta - drawn.theta) ** 2))) < 1.08 * found.se.mean()


def test_a_thousand_items_need_a_fine_grid_and_get_one():
    drawn = simulate("2pl", 60, 1500, seed=3)
    found = score_agents(drawn.bank, drawn.table)
    assert found.se.mean() < 0.1
    z = (found.theta - drawn.theta) / found.se
    assert 0.75 < np.sqrt(np.mean(z**2)) < 1.3


def test_trials_sharpen():
    once, often = (simulate("binomial", 50, 20, seed=3, trials=k) for k in (1, 10))
    assert (
        score_agents(often.bank, often.table).se.mean()
        < 0.5 * score_agents(once.bank, once.table).se.mean()
    )


def test_agents_without_responses_have_the_population_or_nothing():
    rows = [[1, 0, 1, 0, 0], [np.nan] * 5]
    eap = score_agents(FIVE, table(rows, FIVE))
    assert (eap.theta[1], eap.se[1]) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert eap.notes[0].startswith("1 agents have no response")
    assert "g1" in eap.notes[0]
    ml = score_agents(FIVE, table(rows, FIVE), "ml")
    assert np.isnan(ml.theta[1])
    assert np.isnan(ml.se[1])


def test_unknown_items_are_an_error_or_counted():
    bank = FIVE.take([0, 1, 2])
    rows = table([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0]], FIVE)
    with pytest.raises(UsageError, match="does not know 2 of the table's: 'i3', 'i4'"):
        score_agents(bank, rows)
    found = score_agents(bank, rows, unknown="drop")
    assert (found.dropped[0].rows, found.dropped[0].names) == (4, ("i3", "i4"))
    assert found.theta == pytest.approx(
        score_agents(bank, table([[1, 0, 1], [0, 1, 1]], bank)).theta
    )
    with pytest.raises(UsageError, match="does not know 5"):
        score_agents(replace(FIVE, items=tuple("vwxyz")), rows, unknown="drop")


def test_bad_input_is_named():
    with pytest.raises(UsageError, match=r"no scoring method 'eapp'.*Did you mean eap"):
        score_agents(FIVE, table([[1, 0, 1, 0, 0]], FIVE), "eapp")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="agent 'g0' on item 'i1'"):
        score_agents(FIVE, table([[1, 1.5, 1, 0, 0]], FIVE))
    with pytest.raises(UsageError, match="scores of 0 or 1"):
        score_agents(FIVE, table([[1, 0.5, 1, 0, 0]], FIVE))


def test_a_graded_bank_scores_agents_with_only_zeros_and_ones():
    bank = simulate("graded", 5, 12, seed=3).bank
    ends = [bank.layout.levels[0], bank.layout.levels[-1]]
    rows = np.array([[ends[place % 2] for place in range(12)], [ends[1]] * 12])
    theta = score_agents(bank, table(rows, bank)).theta
    assert theta[1] > theta[0]


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=5, max_size=5), st.integers(0, 4))
def test_one_more_success_never_lowers_an_ability(row: list[int], place: int):
    worse, better = list(row), list(row)
    worse[place], better[place] = 0, 1
    for method in METHODS:
        low, high = score_agents(FIVE, table([worse, better], FIVE), method).theta
        assert high > low


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(5)), st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_the_order_of_items_does_not_matter(order: list[int], row: list[int]):
    shuffled = table_of(["g0"], [FIVE.items[at] for at in order], np.array([row], float)[:, order])
    for method in METHODS:
        here = score_agents(FIVE, table([row], FIVE), method).theta[0]
        there = score_agents(FIVE, shuffled, method).theta[0]
        assert here == there or here == pytest.approx(there, abs=1e-9)
