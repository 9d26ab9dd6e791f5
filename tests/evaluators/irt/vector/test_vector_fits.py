"""Vector models: what climbs, what must come out, and what does not hang on the order of rows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._model import model_named
from evaluators.irt._responses import Covariates, Floats, ResponseTable
from evaluators.irt._simulation import Simulated, simulate, standard_abilities
from evaluators.irt._vector.options import VectorOptions
from evaluators.irt._vector.scoring import score_vectors
from evaluators.irt._vector.simulation import simulate_groups, simulate_vector

EXPLORATORY = "multidimensional"


def rmse(found: Floats, truth: Floats) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)))


def asked(**options: object) -> FitOptions:
    return FitOptions(vector=replace(VectorOptions(), **options))


def procrustes(found: Floats, truth: Floats) -> Floats:
    left, _, right = np.linalg.svd(found.T @ truth)
    return found @ (left @ right)


@pytest.fixture(scope="module")
def two() -> Simulated:
    return simulate_vector(250, 50, 2, seed=4)


@pytest.fixture(scope="module")
def fitted(two: Simulated) -> Fit:
    return fit(two.table, EXPLORATORY)


@pytest.mark.parametrize("observed", [1.0, 0.5])
@pytest.mark.parametrize("trials", [1, 4])
@pytest.mark.parametrize("estimator", ["over_agents", "over_items"])
def test_what_an_exploratory_fit_climbs_does_not_fall(observed: float, trials: int, estimator: str):
    shape = (80, 30) if estimator == "over_agents" else (40, 60)
    table = simulate_vector(*shape, 2, seed=2, observed=observed, trials=trials).table
    found = fit(table, EXPLORATORY, estimator=estimator, options=FitOptions(tolerance=1e-3))
    assert found.converged
    assert len(found.path) > 3
    assert np.diff(found.path).min() >= -1e-7 * abs(found.path[-1])


@pytest.mark.parametrize("testlet", [False, True])
def test_what_a_bifactor_fit_climbs_does_not_fall(*, testlet: bool):
    table = simulate_groups(120, 24, 3, seed=2, observed=0.8).table
    found = fit(table, "bifactor", options=asked(testlet=testlet))
    assert found.converged
    assert len(found.path) > 3
    assert np.diff(found.path).min() >= -1e-9 * abs(found.path[-1])


def test_abilities_and_slopes_are_recovered(two: Simulated, fitted: Fit):
    oracle = score_vectors(two.bank, two.table)
    best = rmse(oracle.theta, two.theta)
    assert rmse(procrustes(fitted.abilities.theta, two.theta), two.theta) <= 1.1 * best
    slopes = procrustes(fitted.bank.x[:, :-1], two.bank.x[:, :-1])
    assert rmse(slopes, two.bank.x[:, :-1]) < 0.25
    assert rmse(fitted.bank.x[:, -1], two.bank.x[:, -1]) < 0.25


def test_axes_are_those_of_a_simple_structure(two: Simulated, fitted: Fit):
    """Items were made to lean on the abilities in turn: varimax finds who leans on which."""
    slopes = fitted.bank.x[:, :-1]
    leans = np.argmax(slopes, axis=1)
    first = leans[0]
    right = np.where(np.arange(len(slopes)) % 2 == 0, first, 1 - first)
    assert np.mean(leans == right) > 0.95
    assert np.all(slopes.sum(axis=0) > 0)
    loading = slopes / np.sqrt(1.702**2 + np.sum(slopes**2, axis=1, keepdims=True))
    assert np.all(np.diff(np.sum(loading**2, axis=0)) <= 0)


def test_both_sides_integrated_tell_the_same():
    drawn = simulate_vector(60, 90, 2, seed=3)
    ways = [
        procrustes(fit(drawn.table, EXPLORATORY, estimator=name).abilities.theta, drawn.theta)
        for name in ("over_agents", "over_items")
    ]
    for place in range(2):
        assert np.corrcoef(ways[0][:, place], ways[1][:, place])[0, 1] > 0.97


@pytest.mark.parametrize("rotation", ["varimax", "oblimin", "principal"])
def test_another_order_gives_the_same_numbers(
    shuffled: Callable[[ResponseTable], ResponseTable], rotation: str
):
    table = simulate_vector(60, 20, 2, seed=8).table
    options = FitOptions(tolerance=1e-3, vector=VectorOptions(rotation=rotation))  # type: ignore[arg-type]
    one, other = (fit(data, EXPLORATORY, options=options) for data in (table, shuffled(table)))
    items = other.bank.places(one.bank.items)
    agents = [other.abilities.agents.index(name) for name in one.abilities.agents]
    np.testing.assert_array_equal(one.bank.x, other.bank.x[items])
    np.testing.assert_array_equal(one.abilities.theta, other.abilities.theta[agents])


def test_rotations_leave_the_likelihood_and_the_chances(two: Simulated, fitted: Fit):
    turned = fit(two.table, EXPLORATORY, options=asked(rotation="oblimin"))
    assert turned.log_likelihood == pytest.approx(fitted.log_likelihood, rel=1e-12)
    assert turned.bank.population.correlation is not None
    assert np.diagonal(turned.bank.population.correlation) == pytest.approx(1.0)
    ways = [one.bank.x[:, :-1] @ one.abilities.theta.T for one in (fitted, turned)]
    np.testing.assert_allclose(ways[0], ways[1], atol=1e-9)


def test_one_dimension_is_the_2pl():
    """The two differ in their priors alone, which two thousand agents outweigh."""
    drawn = simulate("2pl", standard_abilities(1500, seed=3), 25, seed=5)
    one, two = fit(drawn.table, "2pl"), fit(drawn.table, EXPLORATORY, options=asked(dimensions=1))
    a, b = one.bank.parameters["a"], one.bank.parameters["b"]
    np.testing.assert_allclose(two.bank.parameters["a1"], a, rtol=0.06, atol=0.03)
    np.testing.assert_allclose(two.bank.parameters["d"], -a * b, atol=0.06)
    np.testing.assert_allclose(two.abilities.theta[:, 0], one.abilities.theta, atol=0.05)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=5.0)
    assert two.n_parameters == one.n_parameters


def test_a_bifactor_without_specific_slopes_is_the_2pl():
    drawn = simulate("2pl", standard_abilities(800, seed=3), 24, seed=5)
    families = Covariates({"family": tuple("abcd"[place % 4] for place in range(24))})
    table = replace(drawn.table, of_items=families)
    one, both = fit(table, "2pl"), fit(table, "bifactor")
    specific = both.bank.parameters["a_specific"]
    # What is left of specific slopes is chance: it hardly moves the likelihood or the abilities.
    assert float(np.sqrt(np.mean(specific**2))) < 0.4
    assert np.corrcoef(both.abilities.theta[:, 0], one.abilities.theta)[0, 1] > 0.995
    assert both.log_likelihood - one.log_likelihood < 30.0


def test_a_bifactor_fit_recovers_general_and_specific_abilities():
    drawn = simulate_groups(400, 48, 3, seed=6)
    found = fit(drawn.table, "bifactor")
    best = score_vectors(drawn.bank, drawn.table).theta
    for place in range(4):
        at = slice(place, place + 1)
        reached = rmse(found.abilities.theta[:, at], drawn.theta[:, at])
        assert reached <= 1.1 * rmse(best[:, at], drawn.theta[:, at])
    inside = (found.abilities.low < drawn.theta) & (drawn.theta < found.abilities.high)
    assert 0.85 <= float(inside.mean()) <= 0.95
    assert found.bank.layout.dimensions == ("general", "family-0", "family-1", "family-2")


def test_a_testlet_keeps_its_slopes_in_proportion():
    drawn = simulate_groups(200, 24, 3, seed=6)
    found = fit(drawn.table, "bifactor", options=asked(testlet=True))
    ratio = found.bank.parameters["a_specific"] / found.bank.parameters["a"]
    for group in range(3):
        np.testing.assert_allclose(ratio[group::3], ratio[group], rtol=1e-9)
    assert found.n_parameters == 2 * 24 + 3


def test_a_pattern_keeps_its_zeros_and_finds_the_correlation():
    rng = np.random.default_rng(3)
    model = model_named(EXPLORATORY)
    assert model.vector
    z = rng.standard_normal((500, 2))
    theta = np.column_stack([z[:, 0], 0.6 * z[:, 0] + 0.8 * z[:, 1]])
    drawn = simulate_vector(500, 40, 2, seed=9)
    x = drawn.bank.x.copy()
    x[0::2, 1], x[1::2, 0] = 0.0, 0.0
    bank = replace(drawn.bank, x=x)
    from evaluators.irt._simulation import simulate_responses

    table = simulate_responses(bank, theta, seed=9)
    pattern = {name: ["even" if place % 2 == 0 else "odd"] for place, name in enumerate(bank.items)}
    found = fit(table, EXPLORATORY, options=asked(pattern=pattern, correlated=True))
    assert found.converged
    assert found.bank.layout.dimensions == ("even", "odd")
    assert np.all(found.bank.x[0::2, 1] == 0.0)
    assert np.all(found.bank.x[1::2, 0] == 0.0)
    assert np.all(found.bank.standard_errors["a1"][1::2] == 0.0)
    assert found.bank.population.correlation is not None
    assert found.bank.population.correlation[0, 1] == pytest.approx(0.6, abs=0.1)
    assert rmse(found.bank.x, x) < 0.25


@pytest.mark.slow
def test_standard_errors_of_items_are_those_of_repetition():
    """z of (estimate - truth) over many items has an sd of about 1."""
    squares: list[Floats] = []
    for seed in (12, 21):
        drawn = simulate_groups(600, 40, 2, seed=seed)
        found = fit(drawn.table, "bifactor")
        truth = found.bank.model.report(drawn.bank.x)
        for name in ("a", "a_specific", "d"):
            z = (found.bank.parameters[name] - truth[name]) / found.bank.standard_errors[name]
            squares.append(z**2)
    assert 0.8 < float(np.sqrt(np.mean(squares))) < 1.25


@pytest.mark.slow
def test_abilities_are_recovered_at_200_by_500():
    drawn = simulate_vector(200, 500, 2, seed=1)
    found = fit(drawn.table, EXPLORATORY)
    best = rmse(score_vectors(drawn.bank, drawn.table).theta, drawn.theta)
    reached = procrustes(found.abilities.theta, drawn.theta)
    assert rmse(reached, drawn.theta) <= 1.15 * best
    turn = np.linalg.lstsq(found.abilities.theta, reached, rcond=None)[0]
    se = found.abilities.se @ (np.abs(turn) > 0.7)
    assert 0.85 <= float(np.mean(np.abs(reached - drawn.theta) < 1.645 * se)) <= 0.95


def test_a_bank_scores_agents_as_the_fit_did(two: Simulated):
    found = fit(two.table, EXPLORATORY, options=asked(nodes=5))
    again = score_vectors(found.bank, two.table)
    np.testing.assert_allclose(again.theta, found.abilities.theta, atol=0.01)
    np.testing.assert_allclose(again.se, found.abilities.se, atol=0.01)
    chances = found.bank.mean(found.abilities.theta[:7])
    assert chances.shape == (50, 7)
    assert found.bank.information(found.abilities.theta[:7]).shape == (50, 7, 2, 2)
