"""The estimators against each other, and joint estimation's bias."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._model import model_named
from evaluators.irt._responses import table_of
from evaluators.irt._simulation import simulate, standard_abilities
from evaluators.irt.estimators._problem import ESTIMATORS
from tasks import UnknownUnitError, UsageError


@pytest.mark.parametrize("model", ["rasch", "2pl"])
def test_adaptive_quadrature_agrees_with_the_grid(model: str):
    table = simulate(model, 100, 30, seed=1, observed=0.7).table
    options = FitOptions(tolerance=1e-5)
    grid, adaptive = (fit(table, model, estimator=by, options=options) for by in ("em", "laplace"))
    assert adaptive.converged
    assert adaptive.log_likelihood == pytest.approx(grid.log_likelihood, abs=1e-2)
    np.testing.assert_allclose(adaptive.abilities.theta, grid.abilities.theta, atol=2e-3)
    np.testing.assert_allclose(adaptive.bank.x, grid.bank.x, atol=5e-3)


def test_two_nodes_an_agent_come_close():
    table = simulate("2pl", 100, 60, seed=2).table
    options = FitOptions(nodes=2)
    grid, adaptive = fit(table), fit(table, estimator="laplace", options=options)
    np.testing.assert_allclose(adaptive.abilities.theta, grid.abilities.theta, atol=0.05)


def test_one_node_is_refused():
    table = simulate("2pl", 30, 20, seed=2).table
    with pytest.raises(UsageError, match="use `joint`"):
        fit(table, estimator="laplace", options=FitOptions(nodes=1))


def test_joint_rasch_difficulties_are_not_stretched():
    """Uncorrected, ten items are too wide by 10 / 9."""
    known = simulate("rasch", standard_abilities(3000, seed=1), 10, seed=3)
    b = fit(known.table, "rasch", estimator="joint").bank.parameters["b"]
    stretch = np.polyfit(known.bank.parameters["b"], b, 1)[0]
    assert abs(stretch - 1.0) < 0.04
    assert abs(stretch * 10.0 / 9.0 - 1.0) > 0.06


def test_joint_2pl_is_close_to_the_marginal_fit():
    known = simulate("2pl", standard_abilities(200, seed=4), 60, seed=4)
    joint, marginal = (fit(known.table, estimator=by) for by in ("joint", "em"))
    assert joint.converged
    assert joint.abilities.method == "map"
    np.testing.assert_allclose(joint.abilities.theta, marginal.abilities.theta, atol=0.15)
    log_a = [np.log(one.bank.parameters["a"]) for one in (joint, marginal)]
    assert abs(float(np.mean(log_a[0] - log_a[1]))) < 0.08


def test_joint_estimates_of_extreme_agents_are_finite():
    table = simulate("2pl", 60, 45, seed=5).table
    score = table.score.copy()
    score[table.agent == 0], score[table.agent == 1], score[table.item == 2] = 0.0, 1.0, 1.0
    found = fit(replace(table, score=score), estimator="joint")
    assert np.all(np.isfinite(found.abilities.theta))
    assert np.all(np.isfinite(found.bank.x))
    assert found.abilities.theta[0] == found.abilities.theta.min()
    assert found.abilities.theta[1] == found.abilities.theta.max()


def test_an_estimator_that_a_model_does_not_have_is_refused():
    table = simulate("2pl", 20, 10, seed=1).table
    with pytest.raises(UnknownUnitError, match="Did you mean em"):
        fit(table, estimator="emm")
    foreign = sorted(set(ESTIMATORS.names()) - set(model_named("2pl").estimators))
    for name in foreign:
        with pytest.raises(UsageError, match="it can by em"):
            fit(table, estimator=name)
    assert set(model_named("2pl").estimators) <= set(ESTIMATORS.names())


@pytest.mark.parametrize(
    ("model", "trials"), [("binomial", 3), ("beta_binomial", 3), ("graded", 1), ("beta", 1)]
)
def test_estimators_serve_every_kind_of_score(model: str, trials: int):
    table = simulate(model, 60, 44, seed=1, trials=trials).table
    grid, adaptive, joint = (fit(table, model, estimator=by) for by in ("em", "laplace", "joint"))
    assert grid.converged
    assert np.diff(grid.path).min() >= -1e-8 * abs(grid.path[-1])
    assert adaptive.log_likelihood == pytest.approx(grid.log_likelihood, abs=0.05)
    assert joint.log_likelihood == pytest.approx(grid.log_likelihood, abs=6.0)
    np.testing.assert_allclose(joint.abilities.theta, grid.abilities.theta, atol=0.3)


def test_levels_that_were_never_seen_are_no_parameters():
    table = simulate("graded", 60, 20, seed=1).table
    score = np.where((table.item == 0) & (table.score == 1.0), 0.75, table.score)
    whole, less = fit(table, "graded"), fit(replace(table, score=score), "graded")
    assert np.any((table.item == 0) & (table.score == 1.0))
    assert less.n_parameters == whole.n_parameters - 1


def test_agents_told_apart_without_an_exception_have_finite_abilities():
    """Two who fail everything and one who passes everything: the sd has a weak prior."""
    wide = np.array([[0.0] * 14, [0.0] * 14, [1.0] * 14])
    table = table_of(["nop", "random", "solver"], [f"i{k:02}" for k in range(14)], wide)
    found = fit(table, "rasch")
    assert found.converged
    low, same, high = found.abilities.theta
    assert low == pytest.approx(same)
    assert 1.0 < high - low < 20.0
