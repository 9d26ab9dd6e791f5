"""Simulated responses: the design asked for, and a seed that means something."""

import numpy as np
import pytest

from evaluators.irt._simulation import simulate, simulate_responses, standard_abilities
from tasks import UnknownUnitError, UsageError


def test_a_seed_is_a_data_set():
    one, same, other = (simulate("2pl", 12, 30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.table.score, same.table.score)
    np.testing.assert_array_equal(one.theta, same.theta)
    assert not np.array_equal(one.table.score, other.table.score)


def test_a_sparser_design_leaves_agents_and_items_as_they_are():
    full, part = (simulate("2pl", 12, 30, seed=1, observed=share) for share in (1.0, 0.2))
    np.testing.assert_array_equal(full.theta, part.theta)
    np.testing.assert_array_equal(full.bank.x, part.bank.x)
    assert full.table.cells.size == 360
    np.testing.assert_array_equal(np.bincount(part.table.agent), 6)
    cells = part.table.cells
    assert cells.size == 72  # without replacement: no pair twice
    assert len(np.unique(cells.item)) > 20


def test_cells_hold_the_trials_asked_for():
    drawn = simulate("binomial", 50, 8, seed=3, trials=4)
    assert drawn.table.kind == "counts"
    np.testing.assert_array_equal(drawn.table.cells.trials, 4.0)
    assert set(np.unique(drawn.table.cells.total)) == {0.0, 1.0, 2.0, 3.0, 4.0}


def test_the_truth_is_known_and_lies_behind_the_scores():
    drawn = simulate("2pl", 400, 60, seed=5)
    assert np.all(drawn.bank.covariance == 0.0)
    expected = drawn.bank.mean(drawn.theta)
    difference = drawn.table.cells.wide() - expected.T
    sd = np.sqrt((expected * (1 - expected)).sum())
    assert abs(difference.sum()) < 4.0 * sd
    assert list(drawn.table.agents) == sorted(drawn.table.agents)


def test_standard_abilities_are_standard_exactly():
    theta = standard_abilities(20, seed=1)
    assert abs(theta.mean()) < 1e-12
    assert abs(theta.std() - 1.0) < 1e-12
    drawn = simulate("2pl", theta, 5, seed=2)
    np.testing.assert_array_equal(drawn.theta, theta)
    assert len(drawn.table.agents) == 20


def test_agents_of_another_day_sit_the_same_items():
    drawn = simulate("graded", 10, 20, seed=1)
    table = simulate_responses(drawn.bank, np.array([-2.0, 2.0]), seed=9)
    wide = table.cells.wide()
    assert wide[0].mean() < 0.4 < wide[1].mean()
    assert table.items == drawn.table.items


def test_what_cannot_be_simulated_is_refused():
    with pytest.raises(UsageError, match="at least one agent and one item"):
        simulate("2pl", 0, 5, seed=1)
    with pytest.raises(UsageError, match="at least one agent and one item"):
        simulate("2pl", 5, 0, seed=1)
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        simulate("2pl", 5, 5, seed=1, observed=0.0)
    with pytest.raises(UsageError, match="at least one trial"):
        simulate("2pl", 5, 5, seed=1, trials=0)
    with pytest.raises(UsageError, match="trials=5"):
        simulate("beta_binomial", 5, 5, seed=1)
    with pytest.raises(UsageError, match="trials=1"):
        simulate("graded", 5, 5, seed=1, trials=3)
    with pytest.raises(UsageError, match="at least two"):
        standard_abilities(1, seed=1)
    with pytest.raises(UsageError, match="several abilities"):
        simulate("multidimensional", 5, 5, seed=1)
    with pytest.raises(UnknownUnitError):
        simulate("9pl", 5, 5, seed=1)
