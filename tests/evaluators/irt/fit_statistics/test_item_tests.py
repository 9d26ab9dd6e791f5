"""S-X², Q1 and RMSD: by hand, uniform p-values where the model holds, and power where not."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Floats, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.fit_statistics.q1 import q1
from evaluators.irt.fit_statistics.rmsd import rmsd
from evaluators.irt.fit_statistics.s_x2 import passes_given_total, s_x2, total_distribution
from tasks import UsageError


def known(theta: Floats, agents: tuple[str, ...]) -> Abilities:
    return Abilities(agents, theta, np.zeros(len(theta)), "true", theta, theta)


def test_totals_are_those_of_all_patterns_counted_one_by_one():
    rng = np.random.default_rng(0)
    chance, mass = rng.uniform(0.02, 0.98, (6, 4)), rng.dirichlet(np.ones(4))
    totals, passed = np.zeros((7, 4)), np.zeros((6, 7))
    for pattern in product((0, 1), repeat=6):
        y = np.array(pattern)
        likelihood = np.prod(np.where(y[:, None] == 1, chance, 1.0 - chance), axis=0)
        totals[y.sum()] += likelihood
        passed[:, y.sum()] += y * (likelihood @ mass)
    np.testing.assert_allclose(total_distribution(chance), totals, atol=1e-15)
    given = passes_given_total(chance, mass)
    np.testing.assert_allclose(given, passed / (totals @ mass), atol=1e-12)


def test_dividing_an_item_out_is_stable_over_hundreds_of_items():
    rng = np.random.default_rng(1)
    theta = np.linspace(-4.0, 4.0, 81)
    chance = 1.0 / (1.0 + np.exp(-(theta - rng.normal(0.0, 1.5, 300)[:, None])))
    mass = stats.norm.pdf(theta) / stats.norm.pdf(theta).sum()
    given = passes_given_total(chance, mass)
    # Summed over the items, the chance to pass given the total is the total.
    np.testing.assert_allclose(given.sum(axis=0), np.arange(301.0), atol=1e-6)


@pytest.mark.parametrize("observed", [1.0, 0.8])
def test_s_x2_p_values_are_uniform_under_the_model(observed: float):
    found: list[float] = []
    for seed in range(6):
        drawn = simulate("2pl", 600 if observed == 1.0 else 150, 20, seed=seed, observed=observed)
        found += s_x2(drawn.table, drawn.bank, known_items=True).p.tolist()
    assert np.isfinite(found).all()
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) < 0.05) < 0.12


def test_s_x2_finds_an_item_that_is_no_logistic_curve():
    drawn = simulate("2pl", 800, 25, seed=4)
    wide = drawn.table.cells.wide()
    rng = np.random.default_rng(2)
    bent = int(np.argmin(np.abs(drawn.bank.parameters["b"])))
    wide[:, bent] = rng.random(800) < np.where(np.abs(drawn.theta) < 0.8, 0.85, 0.3)
    found = s_x2(table_of(drawn.table.agents, drawn.table.items, wide), drawn.bank)
    assert np.nanargmin(found.p) == bent
    assert found.q[bent] < 1e-6
    assert np.sum(found.q < 0.05) <= 3
    assert found.rmsea[bent] == np.nanmax(found.rmsea)


def test_s_x2_counts_the_estimated_parameters_and_says_what_it_cannot_test():
    drawn = simulate("2pl", 200, 12, seed=5)
    free, fixed = (s_x2(drawn.table, drawn.bank, known_items=one) for one in (False, True))
    np.testing.assert_array_equal(fixed.df - free.df, 2.0)
    few = simulate("2pl", 4, 12, seed=5)
    found = s_x2(few.table, few.bank)
    assert np.isnan(found.p).any()
    assert "too few groups" in found.notes[0]


def test_s_x2_refuses_counts():
    drawn = simulate("2pl", 20, 10, seed=0, trials=3)
    with pytest.raises(UsageError, match="one trial"):
        s_x2(drawn.table, drawn.bank)


@pytest.mark.parametrize(("model", "trials"), [("2pl", 1), ("2pl", 5), ("graded", 1)])
def test_q1_is_chi_square_at_true_abilities(model: str, trials: int):
    drawn = simulate(model, 500, 150, seed=7, trials=trials, observed=0.9)
    abilities = known(drawn.theta, drawn.table.agents)
    found = q1(drawn.table, drawn.bank, abilities, known_items=True)
    assert stats.kstest(found.p, "uniform").pvalue > 0.01


def test_q1_finds_noise_and_refuses_bands_of_one():
    drawn = simulate("2pl", 200, 40, seed=8)
    wide = drawn.table.cells.wide()
    noisy = int(np.argmin(np.abs(drawn.bank.parameters["b"])))
    wide[:, noisy] = np.random.default_rng(0).integers(0, 2, 200)
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    abilities = known(drawn.theta, table.agents)
    assert np.nanargmin(q1(table, drawn.bank, abilities).p) == noisy
    with pytest.raises(UsageError, match="bands"):
        q1(table, drawn.bank, abilities, bands=150)


def test_rmsd_is_small_under_the_model_and_names_the_group_that_differs():
    drawn = simulate("2pl", 2000, 30, seed=9)
    agents = drawn.table.agents
    groups = tuple("early" if at % 2 else "late" for at in range(2000))
    late = np.array(groups) == "late"
    wide = drawn.table.cells.wide()
    leaked = int(np.argmin(np.abs(drawn.bank.parameters["b"])))
    wide[late, leaked] = np.maximum(wide[late, leaked], np.random.default_rng(0).random(1000) < 0.4)
    table = table_of(agents, drawn.table.items, wide)
    abilities = known(drawn.theta, agents)
    found = rmsd(table, drawn.bank, abilities, groups)
    assert found.groups == ("early", "late")
    assert found.value[leaked, 1] > 0.15
    assert found.bias[leaked, 1] > 0.1
    others = np.delete(found.value, leaked, axis=0)
    assert others.max() < 0.08
    assert found.value[leaked, 0] < 0.08
    with pytest.raises(UsageError, match="groups for 2000 agents"):
        rmsd(table, drawn.bank, abilities, ("a",))
