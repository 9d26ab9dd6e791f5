"""lz*, Guttman errors, caution indices, odd agents."""

import numpy as np
import pytest
from scipy import stats

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Floats, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.person_fit.guttman import guttman_errors
from evaluators.irt.person_fit.lz import person_fit
from evaluators.irt.person_fit.odd_agents import odd_agents
from tasks import UsageError


def known(theta: Floats, agents: tuple[str, ...], method: str = "true") -> Abilities:
    return Abilities(agents, theta, np.zeros(len(theta)), method, theta, theta)


def most_likely(bank: ItemBank, passed: Floats, trials: Floats) -> Floats:
    """(N,) MAP abilities by a grid and a parabola: an oracle that knows nothing of ours."""
    grid = np.linspace(-6.0, 6.0, 1201)
    chance = bank.mean(grid)
    height = passed @ np.log(chance) + (trials - passed) @ np.log1p(-chance) - grid**2 / 2.0
    at = height.argmax(axis=1)
    low, mid, high = (np.take_along_axis(height, at[:, None] + one, 1)[:, 0] for one in (-1, 0, 1))
    return grid[at] + 0.01 * 0.5 * (low - high) / (low - 2.0 * mid + high)


@pytest.mark.parametrize("trials", [1, 4])
def test_lz_star_is_standard_normal_at_estimated_abilities_and_lz_is_too_narrow(trials: int):
    drawn = simulate("2pl", 1500, 60, seed=2, trials=trials)
    wide = drawn.table.cells.wide() * trials
    theta = most_likely(drawn.bank, wide, np.full(wide.shape, float(trials)))
    found = person_fit(drawn.table, drawn.bank, known(theta, drawn.table.agents, "map"))
    assert abs(found.lz_star.mean()) < 0.12
    assert abs(found.lz_star.std() - 1.0) < 0.08
    assert found.lz.std() < found.lz_star.std() - 0.03
    assert 0.03 < np.mean(found.p < 0.05) < 0.07
    truth = person_fit(drawn.table, drawn.bank, known(drawn.theta, drawn.table.agents))
    assert stats.kstest(truth.lz_star, "norm").pvalue > 0.005


def test_lz_star_by_the_formula():
    drawn = simulate("2pl", 3, 8, seed=5)
    theta = np.array([0.3, -0.4, 1.0])
    found = person_fit(drawn.table, drawn.bank, known(theta, drawn.table.agents))
    y = drawn.table.cells.wide()[0]
    p = drawn.bank.mean(theta[:1])[:, 0]
    step = np.array([1e-5])
    slope = (drawn.bank.mean(theta[:1] + step) - drawn.bank.mean(theta[:1] - step))[:, 0] / 2e-5
    w, r = np.log(p / (1 - p)), slope / (p * (1 - p))
    bare = w - (slope @ w) / (slope @ r) * r
    star = (y - p) @ bare / np.sqrt((bare**2) @ (p * (1 - p)))
    np.testing.assert_allclose(found.lz_star[0], star, rtol=1e-5)
    np.testing.assert_allclose(found.lz[0], (y - p) @ w / np.sqrt(w**2 @ (p * (1 - p))), rtol=1e-9)


def test_guttman_errors_by_hand():
    # Easiness by column: 1, .75, .5, .25 (and a tie that counts for nothing).
    wide = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 1, 0]], dtype=float)
    found = guttman_errors(table_of(list("abcd"), list("wxyz"), wide))
    np.testing.assert_array_equal(found.errors, [0, 0, 2, 0])
    np.testing.assert_allclose(found.normed, [0, 0, 2 / 4, 0])
    # Agent c: y·p = 1.25; easiest two 1.75, hardest two .75; mean .625 * 2.
    np.testing.assert_allclose(found.caution[2], 1.0 - (1.25 - 1.25) / (1.75 - 1.25))
    np.testing.assert_allclose(found.modified_caution, [0, 0, (1.75 - 1.25) / 1.0, 0])
    tied = guttman_errors(table_of(["a", "b"], ["x", "y"], np.array([[1.0, 0.0], [0.0, 1.0]])))
    np.testing.assert_array_equal(tied.errors, [0, 0])
    assert np.isnan(tied.caution).all()


def test_guttman_errors_take_missing_cells_and_are_blank_for_all_passed():
    wide = np.array([[1, 1, np.nan], [0, np.nan, 1], [1, 0, 0], [1, 1, 1]], dtype=float)
    found = guttman_errors(table_of(list("abcd"), list("xyz"), wide))
    assert np.isnan(found.normed[[0, 3]]).all()
    assert found.errors[1] == 1
    assert found.errors[2] == 0


def test_an_agent_that_knows_the_hard_items_and_one_whose_harness_broke_are_named():
    drawn = simulate("2pl", 200, 80, seed=4)
    wide = drawn.table.cells.wide()
    hard = np.argsort(-drawn.bank.parameters["b"])
    middle = np.argsort(np.abs(drawn.theta))
    wide[middle[0], hard[:25]] = 1.0
    wide[middle[1], hard[-30:]] = 0.0
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    theta = most_likely(drawn.bank, wide, np.ones(wide.shape))
    found = odd_agents(table, drawn.bank, known(theta, table.agents, "map"))
    named = {one.agent: one for one in found}
    leaked, broken = (named[table.agents[middle[at]]] for at in (0, 1))
    assert len(found) <= 4
    easiest, hardest = set(np.array(table.items)[hard[-30:]]), set(np.array(table.items)[hard[:25]])
    assert {one.item for one in leaked.passed} <= hardest
    assert {one.item for one in broken.failed} <= easiest
    assert leaked.agent in leaked.text
    assert leaked.passed[0].item in leaked.text
    assert leaked.outfit > 1.3
    normed = guttman_errors(table).normed
    assert set(np.argsort(-np.nan_to_num(normed))[:4]) >= set(middle[:2])


def test_scores_that_are_no_passes_are_refused():
    graded = simulate("graded", 20, 10, seed=0)
    with pytest.raises(UsageError, match="continuous"):
        person_fit(graded.table, graded.bank, known(graded.theta, graded.table.agents))
    counts = simulate("2pl", 20, 10, seed=0, trials=3)
    with pytest.raises(UsageError, match="passed or failed"):
        guttman_errors(counts.table)
