"""What `fit` refuses, what it leaves out, and what it says."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import Dropped, Floats, ResponseTable, table_of
from evaluators.irt._simulation import simulate
from tasks import UnknownUnitError, UsageError


def table(wide: Floats) -> ResponseTable:
    agents = [f"agent-{k:03d}" for k in range(len(wide))]
    return table_of(agents, [f"item-{k:03d}" for k in range(wide.shape[1])], wide)


@pytest.fixture
def wide() -> Floats:
    return simulate("2pl", 40, 25, seed=1).table.cells.wide()


def test_one_agent_or_one_item_is_no_fit(wide: Floats):
    with pytest.raises(UsageError, match="'agent-000'"):
        fit(table(wide[:1]))
    with pytest.raises(UsageError, match="'item-000'"):
        fit(table(wide[:, :1]))


def test_nothing_that_varies_is_no_fit():
    with pytest.raises(UsageError, match="tells agents or items"):
        fit(table(np.ones((4, 3))))


@pytest.mark.parametrize(("bad", "shown"), [(np.nan, "nan"), (1.5, "1.5"), (-0.1, "-0.1")])
def test_a_score_that_is_none_is_named(wide: Floats, bad: float, shown: str):
    good = table(wide)
    score = good.score.copy()
    score[26] = bad
    with pytest.raises(UsageError, match=f"'agent-001' on item 'item-001': score {shown}"):
        fit(replace(good, score=score))


def test_no_trial_is_named(wide: Floats):
    good = table(wide)
    trials = good.trials.copy()
    trials[0] = 0.0
    with pytest.raises(UsageError, match=r"'item-000'.*of 0 trials"):
        fit(replace(good, trials=trials))


def test_scores_of_another_kind_name_the_models_for_them(wide: Floats):
    with pytest.raises(UsageError, match="`beta` or `graded`"):
        fit(table(0.2 + 0.3 * wide))


def test_a_model_that_is_none_names_the_nearest(wide: Floats):
    with pytest.raises(UnknownUnitError, match="rasch"):
        fit(table(wide), "rash")


@pytest.mark.parametrize("model", ["rasch", "2pl"])
def test_constant_items_and_extreme_agents_are_finite_and_noted(wide: Floats, model: str):
    wide[:, 3], wide[:, 4] = 0.0, 1.0
    wide[5], wide[6] = 0.0, 1.0
    wide[5, 4], wide[6, 3] = 1.0, 0.0
    found = fit(table(wide), model)
    assert found.converged
    assert found.dropped == ()
    b = found.bank.parameters["b"]
    assert np.all(np.isfinite(b))
    assert np.argmax(b) == 3
    assert np.argmin(b) == 4
    assert found.abilities.theta[6] == found.abilities.theta.max()
    assert any("item-003" in note for note in found.notes)
    assert any("item-004" in note for note in found.notes)


def test_without_priors_constant_items_are_left_out_and_counted(wide: Floats):
    wide[:, 3] = 0.0
    found = fit(table(wide), "rasch", options=FitOptions(priors=False))
    assert "item-003" not in found.bank.items
    assert len(found.bank.items) == 24
    assert [(one.rows, one.names) for one in found.dropped] == [(40, ("item-003",))]
    assert found.n_cells == 40 * 24


def test_an_agent_without_a_response_is_left_out_and_counted(wide: Floats):
    one = table(wide)
    found = fit(replace(one, agents=(*one.agents, "ghost")))
    assert found.abilities.agents == one.agents
    assert found.dropped[-1].names == ("ghost",)


@pytest.mark.parametrize("model", ["rasch", "2pl"])
def test_a_design_in_two_parts_is_fitted_and_says_so(wide: Floats, model: str):
    wide[:20, 12:], wide[20:, :12] = np.nan, np.nan
    found = fit(table(wide), model)
    assert np.all(np.isfinite(found.bank.x))
    assert any("parts" in note for note in found.notes)


def test_scores_that_are_noise_give_a_warning():
    noise = (np.random.default_rng(0).random((30, 20)) < 0.5).astype(float)
    found = fit(table(noise), "rasch")
    assert found.bank.population.sd < 0.3
    assert any("chance" in note for note in found.notes)


def test_counts_in_the_result(wide: Floats):
    wide[0, :10] = np.nan
    found = fit(table(wide))
    assert found.n_cells == 40 * 25 - 10
    assert found.n_parameters == 50
    assert fit(table(wide), "rasch").n_parameters == 26
    assert found.estimator == "em"
    assert found.aic == pytest.approx(100.0 - 2.0 * found.log_likelihood)
    assert np.all(found.abilities.low < found.abilities.theta)
    assert np.all(found.abilities.high > found.abilities.theta)


def test_what_reading_left_out_stays_counted_where_a_fit_leaves_out_more():
    wide = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0]])
    read = replace(table(wide), dropped=(Dropped(5, "Rows without a score."),))
    found = fit(read, "rasch", options=FitOptions(priors=False))
    assert [one.rows for one in found.dropped] == [5, 3]
