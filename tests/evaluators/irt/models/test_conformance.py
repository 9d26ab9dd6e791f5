"""Every model of one ability keeps the promises of `Model`: its calculus, its scale, its draws."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.irt._model import MODELS, Draw, Layout, Model, model_named
from evaluators.irt._responses import Cells, Floats, score_kind
from evaluators.irt._simulation import simulate
from tasks import UsageError

STEP = 1e-6
KINDS = {
    "binary": ([0.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
    "counts": ([0.0, 2.0, 3.0], [3.0, 3.0, 3.0]),
    "continuous": ([0.0, 0.25, 1.0], [1.0, 1.0, 1.0]),
}


def cells(total: list[float] | Floats, trials: list[float] | Floats) -> Cells:
    """One cell an agent, on one item."""
    n = len(total)
    return Cells(
        np.arange(n), np.zeros(n, dtype=np.int64), np.asarray(trials), np.asarray(total), n, 1
    )


def central(function: Callable[[Floats], Floats], x: Floats) -> Floats:
    """Central differences by the columns of x, on the last axis."""
    found = []
    for column in range(x.shape[1]):
        move = np.zeros_like(x)
        move[:, column] = STEP
        found.append((function(x + move) - function(x - move)) / (2 * STEP))
    return np.stack(found, axis=-1)


def distribution(
    model: Model, x: Floats, theta: Floats, layout: Layout, trials: int
) -> tuple[Floats, Floats, Floats]:
    """(K,) scores, (S, K) their statistics, (K, J, Q) their probabilities by the terms."""
    totals, weights = model.support(trials, layout)
    found = model.statistics(cells(totals, np.full(len(totals), float(trials))), layout)
    log = np.einsum("sk,sjq->kjq", found, model.terms(x, theta, layout))
    return totals / trials, found, np.exp(log + weights[:, None, None])


def test_gradient_is_that_of_the_terms(model: Model, x: Floats, theta: Floats, layout: Layout):
    numeric = central(lambda at: model.terms(at, theta, layout), x)
    np.testing.assert_allclose(model.gradient(x, theta, layout), numeric, atol=2e-7)


def test_slope_is_that_of_the_terms(model: Model, x: Floats, theta: Floats, layout: Layout):
    numeric = model.terms(x, theta + STEP, layout) - model.terms(x, theta - STEP, layout)
    np.testing.assert_allclose(model.slope(x, theta, layout), numeric / (2 * STEP), atol=2e-7)


def test_prior_has_its_gradient_and_curvature(model: Model, x: Floats):
    log_density, gradient, curvature = model.log_prior(x)
    assert log_density.shape == (len(x),)
    np.testing.assert_allclose(gradient, central(lambda at: model.log_prior(at)[0], x), atol=1e-7)
    numeric = central(lambda at: model.log_prior(at)[1], x)
    np.testing.assert_allclose(curvature, -numeric, atol=1e-7)


def test_report_has_its_jacobian(model: Model, x: Floats):
    def reported(at: Floats) -> Floats:
        return np.stack(list(model.report(at).values()), axis=1)

    np.testing.assert_allclose(model.report_jacobian(x), central(reported, x), atol=1e-6)


def test_probabilities_sum_to_one_and_the_mean_is_theirs(
    model: Model, x: Floats, theta: Floats, layout: Layout, trials: int
):
    score, _, chance = distribution(model, x, theta, layout, trials)
    np.testing.assert_allclose(chance.sum(axis=0), 1.0, atol=1e-5)
    expected = np.tensordot(score, chance, axes=1)
    np.testing.assert_allclose(model.mean(x, theta, layout), expected, atol=1e-5)


def test_weights_are_expected_statistics_of_one_trial(
    model: Model, x: Floats, theta: Floats, layout: Layout, trials: int
):
    _, statistics, chance = distribution(model, x, theta, layout, trials)
    expected = np.einsum("sk,kjq->sjq", statistics, chance) / trials
    np.testing.assert_allclose(model.weights(x, theta, layout), expected, rtol=1e-4, atol=1e-5)


def test_information_is_the_expected_square_of_the_score(
    model: Model, x: Floats, theta: Floats, layout: Layout, trials: int
):
    _, statistics, chance = distribution(model, x, theta, layout, trials)
    by_x = np.einsum("sk,sjqp->kjqp", statistics, model.gradient(x, theta, layout))
    by_theta = np.einsum("sk,sjq->kjq", statistics, model.slope(x, theta, layout))
    np.testing.assert_allclose(np.einsum("kjq,kjqp->jqp", chance, by_x), 0.0, atol=2e-4)
    square = np.einsum("kjq,kjqa,kjqb->jqab", chance, by_x, by_x) / trials
    np.testing.assert_allclose(model.information(x, theta, layout), square, rtol=1e-3, atol=1e-4)
    square = np.einsum("kjq,kjq->jq", chance, by_theta**2) / trials
    found = model.ability_information(x, theta, layout)
    np.testing.assert_allclose(found, square, rtol=1e-3, atol=1e-5)
    assert np.all(found > 0.0)


def test_climb_is_the_gradient_and_information_of_expected_counts(
    model: Model, x: Floats, theta: Floats, layout: Layout, trials: int
):
    drawn = simulate(model, 30, len(x), seed=4, trials=trials).table.cells
    statistics = model.statistics(drawn, layout)
    rng = np.random.default_rng(2)
    share = rng.dirichlet(np.ones(len(theta)), drawn.n_agents)
    counts = np.zeros((len(statistics), len(x), len(theta)))
    np.add.at(
        counts.transpose(1, 0, 2),
        drawn.item,
        statistics.T[:, :, None] * share[drawn.agent][:, None],
    )
    asked = np.zeros((len(x), len(theta)))
    np.add.at(asked, drawn.item, drawn.trials[:, None] * share[drawn.agent])
    gradient, information = model.climb(x, theta, counts, asked, layout)

    def value(at: Floats) -> Floats:
        return (counts * model.terms(at, theta, layout)).sum(axis=(0, 2))

    np.testing.assert_allclose(gradient, central(value, x), rtol=1e-6, atol=1e-5)
    one = model.information(x, theta, layout)
    np.testing.assert_allclose(
        information, np.einsum("jq,jqab->jab", asked, one), rtol=1e-9, atol=1e-9
    )


@settings(max_examples=25, deadline=None)
@given(slope=st.floats(0.2, 5.0), shift=st.floats(-3.0, 3.0))
def test_rescaled_items_have_the_same_scores(model: Model, slope: float, shift: float):
    trials = 5 if model.name == "beta_binomial" else 1
    x, layout = model.draw(np.random.default_rng(1), 5), model.simulated_layout(trials)
    theta = np.linspace(-3.0, 3.0, 7)
    slope = 1.0 if model.free_sd else slope
    moved = model.rescaled(x, slope, shift)
    there = slope * theta + shift
    np.testing.assert_allclose(
        model.terms(moved, there, layout), model.terms(x, theta, layout), rtol=1e-7, atol=1e-8
    )
    np.testing.assert_allclose(
        model.mean(moved, there, layout), model.mean(x, theta, layout), atol=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    spread=st.floats(0.0, 4.0),
    ability=st.lists(st.floats(-40.0, 40.0), min_size=1, max_size=5),
)
def test_far_out_nothing_overflows(model: Model, seed: int, spread: float, ability: list[float]):
    """Items and abilities far beyond any data; a warning of NumPy's would fail the test."""
    rng = np.random.default_rng(seed)
    trials = 5 if model.name == "beta_binomial" else 1
    layout, x = model.simulated_layout(trials), model.draw(rng, 4)
    x = x + rng.uniform(-spread, spread, x.shape)
    theta = np.array(ability)
    for found in (
        model.terms(x, theta, layout),
        model.gradient(x, theta, layout),
        model.slope(x, theta, layout),
        model.weights(x, theta, layout),
        model.information(x, theta, layout),
        model.ability_information(x, theta, layout),
    ):
        assert np.all(np.isfinite(found))
    mean = model.mean(x, theta, layout)
    assert np.all((mean >= 0.0) & (mean <= 1.0))
    assert np.all(np.diff(model.mean(x, np.sort(theta), layout), axis=1) >= -1e-12)


def test_drawn_scores_have_the_models_mean_and_spread(
    model: Model, x: Floats, theta: Floats, layout: Layout, trials: int
):
    n = 4_000
    score, _, chance = distribution(model, x, theta, layout, trials)
    mean = np.tensordot(score, chance, axes=1)
    variance = np.tensordot(score**2, chance, axes=1) - mean**2
    item, ability = (each.ravel() for each in np.indices(mean.shape))
    many = Draw(
        np.repeat(x[item], n, axis=0),
        np.repeat(theta[ability], n),
        np.full(n * mean.size, float(trials)),
    )
    drawn = model.sample(np.random.default_rng(8), many, layout) / trials
    drawn = drawn.reshape(*mean.shape, n)
    assert np.all(np.abs(drawn.mean(axis=-1) - mean) < 5.0 * np.sqrt(variance / n))
    np.testing.assert_allclose(drawn.var(axis=-1), variance, rtol=0.15)


def test_scores_drawn_are_of_its_kind_and_start_is_near_them(model: Model, trials: int):
    drawn = simulate(model, 400, 12, seed=3, trials=trials)
    assert score_kind(drawn.table.cells) in model.scores
    layout = model.layout(drawn.table.cells)
    x = model.start(drawn.table.cells, layout)
    assert x.shape == drawn.bank.x.shape
    np.testing.assert_array_equal(x, model.start(drawn.table.cells, layout))
    difficulty, truth = model.report(x)["b"], drawn.bank.parameters["b"]
    assert np.corrcoef(difficulty, truth)[0, 1] > 0.9
    statistics = model.statistics(drawn.table.cells, layout)
    log = np.einsum(
        "sn,sn->n", statistics, _at_cells(model, x, drawn.theta, layout, drawn.table.cells)
    )
    worse = np.einsum(
        "sn,sn->n", statistics, _at_cells(model, x[::-1], drawn.theta, layout, drawn.table.cells)
    )
    assert log.sum() > worse.sum()


def _at_cells(model: Model, x: Floats, theta: Floats, layout: Layout, at: Cells) -> Floats:
    return model.terms(x, theta, layout)[:, at.item, at.agent]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_another_kind_are_refused_with_a_model_that_takes_them(model: Model, kind: str):
    offered = cells(*KINDS[kind])
    if kind in model.scores:
        model.layout(offered)
        return
    with pytest.raises(UsageError) as refused:
        model.layout(offered)
    named = re.findall(r"`(\w+)`", str(refused.value))
    assert named
    assert all(kind in model_named(name).scores for name in named)


def test_a_model_is_found_by_the_name_that_it_gives(model: Model):
    assert model.summary.endswith(".")
    assert model_named(model.name) is model


def test_the_shelf_holds_the_models_of_one_ability():
    own = {name for name in MODELS.own() if not MODELS.find(name).vector}
    assert own >= {"rasch", "pl2", "pl3", "pl4", "graded", "binomial", "beta_binomial", "beta"}
