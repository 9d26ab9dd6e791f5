"""Information, alpha, reliability; variance components and D-studies."""

from typing import Literal

import numpy as np
import pytest

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Floats, ResponseTable, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.reliability.alpha import cronbach_alpha
from evaluators.irt.reliability.decision import Cost, decide
from evaluators.irt.reliability.generalizability import Components, components, generalizability
from evaluators.irt.reliability.information import (
    empirical_reliability,
    information_curve,
    marginal_reliability,
    score_reliability,
)
from evaluators.stats.variance import mean_squares
from tasks import UsageError


def crossed(values: Floats, seen: Floats | None = None) -> ResponseTable:
    """The table of (agents, items, repeats) values; `seen` says which."""
    agent, item, trial = np.nonzero(np.ones(values.shape) if seen is None else seen)
    agents, items = (
        tuple(f"{kind}{at}" for at in range(n))
        for kind, n in zip("pi", values.shape[:2], strict=True)
    )
    return ResponseTable(
        agents, items, agent, item, values[agent, item, trial], np.ones(len(agent)), trial + 1
    )


def test_information_of_a_test_is_the_sum_over_items_and_its_se_the_inverse_root():
    drawn = simulate("2pl", 5, 40, seed=1)
    curve = information_curve(drawn.bank, np.array([-1.0, 0.5]), trials=2)
    a, b = drawn.bank.parameters["a"], drawn.bank.parameters["b"]
    p = 1.0 / (1.0 + np.exp(-a[:, None] * (np.array([-1.0, 0.5]) - b[:, None])))
    expected = 2.0 * np.sum(a[:, None] ** 2 * p * (1.0 - p), axis=0)
    np.testing.assert_allclose(curve.information, expected)
    np.testing.assert_allclose(curve.se, expected**-0.5)
    np.testing.assert_allclose(curve.posterior_se, (expected + 1.0) ** -0.5)
    assert len(information_curve(drawn.bank).theta) == 121
    with pytest.raises(UsageError, match="0 items"):
        information_curve(drawn.bank.take([]))


def test_reliabilities_are_the_squared_correlations_with_the_truth():
    drawn = simulate("2pl", 4000, 30, seed=2)
    wide = drawn.table.cells.wide()
    grid = np.linspace(-5.0, 5.0, 201)
    chance = drawn.bank.mean(grid)
    log_mass = wide @ np.log(chance) + (1.0 - wide) @ np.log1p(-chance) - grid**2 / 2.0
    mass = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    eap = mass @ grid
    sd = np.sqrt(mass @ grid**2 - eap**2)
    true = np.corrcoef(eap, drawn.theta)[0, 1] ** 2
    abilities = Abilities(drawn.table.agents, eap, sd, "eap", eap, eap)
    assert abs(empirical_reliability(abilities) - true) < 0.02
    assert abs(marginal_reliability(drawn.bank) - true) < 0.02
    score = np.corrcoef(wide.sum(axis=1), drawn.bank.mean(drawn.theta).sum(axis=0))[0, 1] ** 2
    assert abs(score_reliability(drawn.bank) - score) < 0.02
    alpha = cronbach_alpha(drawn.table)
    assert alpha.value < score_reliability(drawn.bank) + 0.01
    assert alpha.low < alpha.value < alpha.high
    assert score_reliability(drawn.bank, trials=5) > score_reliability(drawn.bank)


def test_alpha_of_a_textbook_table():
    # Item variances 1, 1, 1; variance of totals 7: alpha = 3/2 (1 - 3/7) = 6/7.
    wide = np.array([[0.0, 0.0, 0.1], [0.1, 0.2, 0.2], [0.2, 0.1, 0.0], [0.3, 0.3, 0.3]])
    item = wide.var(axis=0, ddof=1).sum()
    total = wide.sum(axis=1).var(ddof=1)
    found = cronbach_alpha(table_of(list("abcd"), list("xyz"), wide))
    np.testing.assert_allclose(found.value, 1.5 * (1.0 - item / total))
    assert (found.items, found.agents) == (3, 4)
    with pytest.raises(UsageError, match="two items on which agents differ"):
        cronbach_alpha(table_of(list("abc"), list("xy"), np.array([[1, 0], [1, 1], [1, 0.0]])))
    apart = np.array([[1, np.nan], [0, np.nan], [np.nan, 1], [np.nan, 0.0]])
    with pytest.raises(UsageError, match="saw both x and y"):
        cronbach_alpha(table_of(list("abcd"), list("xy"), apart))


def test_components_of_a_balanced_design_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    x = rng.random((6, 5, 3))
    found = components(crossed(x))
    p, i, r = x.shape
    cell, agent, item, grand = x.mean(2), x.mean((1, 2)), x.mean((0, 2)), x.mean()
    ms_p = i * r * np.sum((agent - grand) ** 2) / (p - 1)
    ms_i = p * r * np.sum((item - grand) ** 2) / (i - 1)
    off = cell - agent[:, None] - item + grand
    ms_pi = r * np.sum(off**2) / ((p - 1) * (i - 1))
    ms_e = np.sum((x - cell[:, :, None]) ** 2) / (p * i * (r - 1))
    assert found.run is not None
    np.testing.assert_allclose(found.run, ms_e)
    np.testing.assert_allclose(found.interaction, max(0.0, (ms_pi - ms_e) / r), atol=1e-12)
    np.testing.assert_allclose(found.agent, max(0.0, (ms_p - ms_pi) / (i * r)), atol=1e-12)
    np.testing.assert_allclose(found.item, max(0.0, (ms_i - ms_pi) / (p * r)), atol=1e-12)
    assert all("below 0" in note for note in found.notes)


def test_components_of_unbalanced_designs_are_unbiased():
    rng = np.random.default_rng(11)
    truth = np.array([0.09, 0.25, 0.16, 0.36])
    rows: list[tuple[float, ...]] = []
    for _ in range(60):
        effects = [rng.normal(size=shape) for shape in ((30, 1, 1), (1, 40, 1), (30, 40, 1))]
        x = sum(np.sqrt(v) * one for v, one in zip(truth, effects, strict=False))
        x = x + np.sqrt(truth[3]) * rng.normal(size=(30, 40, 3))
        repeats = rng.integers(0, 4, (30, 40))
        found = components(crossed(x, (np.arange(3) < repeats[:, :, None]).astype(float)))
        rows.append((found.agent, found.item, found.interaction, found.run or 0.0))
    error = np.std(rows, axis=0, ddof=1) / np.sqrt(60)
    assert np.all(np.abs(np.mean(rows, axis=0) - truth) < 3.5 * error)


def test_counts_are_as_good_as_single_rows():
    rng = np.random.default_rng(2)
    x = (rng.random((8, 10, 4)) < rng.random((8, 10, 1))).astype(float)
    single = components(crossed(x))
    counts = table_of(
        tuple(f"p{at}" for at in range(8)), tuple(f"i{at}" for at in range(10)), x.mean(2),
        np.full((8, 10), 4.0),
    )  # fmt: skip
    for name in ("agent", "item", "interaction", "run", "mean"):
        np.testing.assert_allclose(
            getattr(components(counts), name), getattr(single, name), atol=1e-12
        )


def test_without_repeats_interaction_and_run_are_one_and_repeats_are_refused():
    drawn = simulate("2pl", 50, 60, seed=3)
    found = components(drawn.table)
    assert found.run is None
    assert "cannot be told" in found.notes[-1]
    with pytest.raises(UsageError, match="two trials"):
        generalizability(found, 10, repeats=2)
    assert decide(found, 0.05).best.repeats == 1


def test_errors_and_coefficients_by_hand():
    found = Components(0.04, 0.05, 0.06, 0.08, 0.5, 10, 10, 2.0)
    one = generalizability(found, 20, 2)
    np.testing.assert_allclose(one.relative_se**2, (0.06 + 0.04) / 20)
    np.testing.assert_allclose(one.absolute_se**2, (0.05 + 0.06 + 0.04) / 20)
    np.testing.assert_allclose(one.g, 0.04 / 0.045)
    np.testing.assert_allclose(one.phi, 0.04 / 0.0475)


@pytest.mark.parametrize("kind", ["relative", "absolute"])
@pytest.mark.parametrize("universe", [None, 90])
@pytest.mark.parametrize("cost", [Cost(), Cost(item=5.0)])
def test_the_d_study_finds_the_cheapest_design_that_a_search_finds(
    kind: Literal["relative", "absolute"], universe: int | None, cost: Cost
):
    found = Components(0.04, 0.05, 0.06, 0.30, 0.5, 10, 10, 2.0)
    decision = decide(found, 0.06, kind=kind, cost=cost, universe=universe)
    sampled = 0.06 + (0.05 if kind == "absolute" else 0.0)
    prices = [
        n * (cost.item + r * cost.run)
        for n in range(1, (universe or 400) + 1)
        for r in range(1, 65)
        if (sampled * (1.0 - n / universe if universe else 1.0) + 0.30 / r) / n <= 0.06**2
    ]
    assert decision.best.cost == min(prices)
    assert decision.best.se <= 0.06
    assert f"{decision.best.items} items" in decision.text


def test_dear_items_are_repeated_and_cheap_ones_are_not():
    found = Components(0.04, 0.05, 0.06, 0.30, 0.5, 10, 10, 2.0)
    assert decide(found, 0.05).best.repeats == 1
    assert decide(found, 0.05, cost=Cost(item=10.0)).best.repeats > 3
    with pytest.raises(UsageError, match="needs more items"):
        decide(found, 0.001, universe=20)
    with pytest.raises(UsageError, match="above 0"):
        decide(found, 0.0)


def test_tables_too_small_or_without_their_spread_are_refused():
    with pytest.raises(UsageError, match="at least 2 agents"):
        components(table_of(["a"], ["x", "y"], np.array([[1.0, 0.0]])))
    lost = table_of(["a", "b"], ["x", "y"], np.array([[0.31, 0.2], [0.5, 0.7]]), np.full((2, 2), 3))
    with pytest.raises(UsageError, match="spread is lost"):
        components(lost)


def test_mean_squares_by_hand_and_with_weights():
    found = mean_squares(np.array([1.0, 3.0, 5.0, 9.0]), np.array([0, 0, 1, 1]))
    assert (found.among, found.within) == (25.0, 5.0)
    weighted = mean_squares(np.array([1.0, 0.0]), np.array([4, 4]), np.array([3.0, 1.0]))
    assert weighted.among is None
    assert weighted.within == 0.25
