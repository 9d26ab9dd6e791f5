"""Vector models and their quadrature, against differences and against a fine fixed grid."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluators.irt._responses import Floats
from evaluators.irt._vector.blocks import block
from evaluators.irt._vector.posterior import expected, posterior, tensor
from evaluators.irt._vector.simulation import simulate_groups, simulate_vector
from evaluators.irt._vector.testlets import reduced_posterior
from evaluators.irt._vector.units import Moments, Prior, best_units
from evaluators.irt.models._compensatory import Compensatory
from evaluators.irt.models.bifactor import model as bifactor
from evaluators.irt.models.multidimensional import model as multidimensional

STEP = 1e-6


def central(function: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Central differences by the last axis of `at`, on a new last axis."""
    found = []
    for column in range(at.shape[-1]):
        move = np.zeros_like(at)
        move[..., column] = STEP
        found.append((function(at + move) - function(at - move)) / (2 * STEP))
    return np.stack(found, axis=-1)


@pytest.mark.parametrize(
    "model", [multidimensional, bifactor], ids=["multidimensional", "bifactor"]
)
def test_a_models_derivatives_are_those_of_its_terms(model: Compensatory):
    rng = np.random.default_rng(1)
    x = model.draw(rng, 6)
    layout = model.simulated_layout(1)
    theta = rng.standard_normal((4, x.shape[1] - 1))
    terms = model.terms(x, theta, layout)
    np.testing.assert_allclose(np.exp(terms).sum(axis=0), 1.0)
    by_x = central(lambda at: model.terms(at, theta, layout), x)
    np.testing.assert_allclose(model.gradient(x, theta, layout), by_x, atol=2e-7)
    by_theta = central(lambda at: model.terms(x, at, layout), theta)
    np.testing.assert_allclose(model.slope(x, theta, layout), by_theta, atol=2e-7)
    weights, slope = model.weights(x, theta, layout), model.slope(x, theta, layout)
    information = np.einsum("sjq,sjqd,sjqe->jqde", weights, slope, slope)
    np.testing.assert_allclose(model.ability_information(x, theta, layout), information)
    reported = central(lambda at: np.stack(list(model.report(at).values()), axis=1), x)
    jacobian = model.report_jacobian(x)
    free = np.ones(x.shape, dtype=bool) if model is multidimensional else x != 0.0
    places = np.broadcast_to(free[:, None, :], jacobian.shape)
    np.testing.assert_allclose(jacobian[places], reported[places], atol=2e-6)
    again = model.rescaled(x, 2.0, 0.5)
    np.testing.assert_allclose(
        model.mean(x, theta, layout), model.mean(again, 2.0 * theta + 0.5, layout)
    )


def test_adaptive_nodes_find_the_marginal_likelihood():
    drawn = simulate_vector(30, 12, 2, seed=3, observed=0.7, trials=2)
    cells, x = drawn.table.cells, drawn.bank.x
    cube = block(cells, np.arange(2), 2)
    correlation = np.array([[1.0, 0.3], [0.3, 1.0]])
    seen = posterior(cube, x, correlation, np.zeros((30, 2)), 11)
    grid, logs = tensor(60, 2)
    grid = grid @ np.linalg.cholesky(correlation).T
    eta = x[:, :-1] @ grid.T + x[:, -1:]
    ones = cells.total[:, None] * eta[cells.item]
    ones -= cells.trials[:, None] * np.logaddexp(0.0, eta[cells.item])
    whole = np.zeros((30, len(grid)))
    np.add.at(whole, cells.agent, ones)
    whole += logs
    np.testing.assert_allclose(
        seen.log_likelihood, np.log(np.exp(whole).sum(axis=1)), atol=1e-3, rtol=0
    )
    weights = np.exp(whole) / np.exp(whole).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(seen.mean, weights @ grid, atol=2e-3)


def test_reduced_dimensions_find_what_all_of_them_would():
    drawn = simulate_groups(25, 12, 2, seed=3)
    cells, x = drawn.table.cells, drawn.bank.x
    blocks = [block(cells, np.array([0, g + 1]), 3, np.arange(g, 12, 2)) for g in range(2)]
    reduced = reduced_posterior(blocks, x, np.zeros((25, 3)), 11, 1e-6)
    whole = posterior(block(cells, np.arange(3), 3), x, np.eye(3), np.zeros((25, 3)), 11)
    np.testing.assert_allclose(reduced.log_likelihood, whole.log_likelihood, atol=1e-3)
    np.testing.assert_allclose(reduced.mean, whole.mean, atol=3e-3)
    variance = np.diagonal(whole.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(reduced.covariance, variance, atol=5e-3)


def test_the_gradient_is_that_of_the_marginal_likelihood():
    """Fisher's identity; with many nodes, so that nodes that move along do not matter."""
    drawn = simulate_vector(20, 5, 2, seed=3)
    cube, x = block(drawn.table.cells, np.arange(2), 2), drawn.bank.x

    def likelihood(at: Floats) -> float:
        return float(
            posterior(cube, at, np.eye(2), np.zeros((20, 2)), 15, 1e-8).log_likelihood.sum()
        )

    seen = posterior(cube, x, np.eye(2), np.zeros((20, 2)), 15, 1e-8)
    gradient, _ = expected(seen.parts, x)
    for item in range(2):
        for column in range(3):
            move = np.zeros_like(x)
            move[item, column] = 1e-4
            numeric = (likelihood(x + move) - likelihood(x - move)) / 2e-4
            assert gradient[item, column] == pytest.approx(numeric, abs=2e-3)


@pytest.mark.parametrize("full", [True, False])
def test_units_are_the_best_there_are(full: bool):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3)) + 0.5
    prior = Prior(np.full((40, 3), 0.3), np.diag([1.0, 2.0, 0.5]))
    found = Moments(100, np.array([0.2, -0.1]), np.array([[1.3, 0.2], [0.2, 0.7]]))

    def value(units: Floats) -> float:
        c, away = units[:2, :2], found.mean - units[:2, 2]
        back = np.linalg.inv(c)
        second = back @ (found.covariance + np.outer(away, away)) @ back.T
        expansion = -100 * np.log(np.linalg.det(c)) - 50 * np.trace(second)
        return float(expansion) + prior.log_density(x @ units)

    best = best_units(found, x, prior, np.eye(2), full)
    for row, column in [(0, 0), (1, 1), (0, 2), (1, 2), *([(0, 1), (1, 0)] if full else [])]:
        for move in (1e-3, -1e-3):
            other = best.copy()
            other[row, column] += move
            assert value(other) < value(best)
    assert full or (best[0, 1] == 0.0 and best[1, 0] == 0.0)
