"""Terms times statistics are the log densities that SciPy knows, up to a constant of the score."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from evaluators.irt._model import Layout, model_named
from evaluators.irt._responses import Cells, Floats, table_of
from evaluators.irt._simulation import simulate, simulate_responses
from tasks import UsageError

THETA = np.array([-1.3, -0.2, 0.4, 1.9])


def found(name: str, x: Floats, score: Floats, trials: Floats, layout: Layout) -> Floats:
    """(n, Q) log density of scores of item i by agent i at each ability, less that at the first."""
    model, n = model_named(name), len(score)
    at = np.arange(n)
    cells = Cells(at, at, trials, score * trials, n, n)
    statistics = model.statistics(cells, layout)
    log = np.einsum("sn,snq->nq", statistics, model.terms(x, THETA, layout))
    return log - log[:, :1]


def known(density: Callable[[Floats], Floats]) -> Floats:
    """(n, Q) the same of a density as a function of one ability."""
    log = np.stack([density(np.array(one)) for one in THETA], axis=1)
    return log - log[:, :1]


def curve(x: Floats, theta: Floats) -> Floats:
    """2PL by SciPy's logistic distribution: difficulty its location, 1 / a its scale."""
    a = np.exp(x[:, 0])
    return stats.logistic.cdf(theta, loc=-x[:, 1] / a, scale=1 / a)


@pytest.mark.parametrize("name", ["rasch", "2pl", "3pl", "4pl"])
def test_one_trial_is_bernoulli(name: str):
    model = model_named(name)
    x = model.draw(np.random.default_rng(1), 6)
    reported = {"a": np.ones(6), "c": np.zeros(6), "d": np.ones(6), **model.report(x)}
    score = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 1.0])

    def density(theta: Floats) -> Floats:
        rise = stats.logistic.cdf(theta, loc=reported["b"], scale=1 / reported["a"])
        return stats.bernoulli.logpmf(score, reported["c"] + (reported["d"] - reported["c"]) * rise)

    np.testing.assert_allclose(found(name, x, score, np.ones(6), Layout()), known(density))


def test_counts_are_binomial():
    x = model_named("binomial").draw(np.random.default_rng(2), 5)
    k, n = np.array([0.0, 2.0, 3.0, 7.0, 9.0]), np.array([4.0, 3.0, 6.0, 7.0, 20.0])
    np.testing.assert_allclose(
        found("binomial", x, k / n, n, Layout()),
        known(lambda theta: stats.binom.logpmf(k, n, curve(x, theta))),
    )


@pytest.mark.parametrize("rho", [1e-9, 0.01, 0.2, 0.9])
def test_overdispersed_counts_are_beta_binomial(rho: float):
    x = model_named("beta_binomial").draw(np.random.default_rng(3), 5)
    x[:, 2] = np.log(rho / (1 - rho))
    k, n = np.array([0.0, 2.0, 3.0, 7.0, 5.0]), np.array([4.0, 3.0, 7.0, 7.0, 20.0])
    layout = Layout(levels=np.unique(n))
    phi = (1 - rho) / rho

    def density(theta: Floats) -> Floats:
        mu = curve(x, theta)
        if rho < 1e-6:  # SciPy's log-gamma differences have no digits left; the limit is binomial
            return stats.binom.logpmf(k, n, mu)
        return stats.betabinom.logpmf(k, n, mu * phi, (1 - mu) * phi)

    np.testing.assert_allclose(
        found("beta_binomial", x, k / n, n, layout), known(density), rtol=1e-6, atol=1e-7
    )


def test_continuous_scores_are_beta_with_zeros_and_ones_apart():
    x = model_named("beta").draw(np.random.default_rng(4), 6)
    score = np.array([0.0, 1.0, 0.5, 0.03, 0.97, 1e-6])
    a, d, phi = np.exp(x[:, 0]), x[:, 1], np.exp(x[:, 2])
    k0, k1 = x[:, 3], x[:, 3] + np.exp(x[:, 4])

    def density(theta: Floats) -> Floats:
        eta = a * theta + d
        mu = stats.logistic.cdf(eta)
        zero, one = stats.logistic.cdf(k0 - eta), stats.logistic.cdf(eta - k1)
        inner = stats.beta.logpdf(np.clip(score, 1e-9, 1 - 1e-9), mu * phi, (1 - mu) * phi)
        inner = inner + np.log(1 - zero - one)
        return np.where(score == 0, np.log(zero), np.where(score == 1, np.log(one), inner))

    np.testing.assert_allclose(
        found("beta", x, score, np.ones(6), Layout()), known(density), atol=2e-4
    )


def test_zeros_are_not_read_as_small_scores():
    """Clamped to 1e-7, a zero would weigh as ten zeros do, and more with phi."""
    model = model_named("beta")
    x = np.array([[0.0, 0.0, 3.0, -3.0, np.log(6.0)]])
    cells = Cells(
        np.arange(2), np.zeros(2, dtype=np.int64), np.ones(2), np.array([0.0, 1e-7]), 2, 1
    )
    log = np.einsum(
        "sn,sq->nq", model.statistics(cells, Layout()), model.terms(x, THETA, Layout())[:, 0]
    )
    zero, tiny = np.ptp(log, axis=1)
    assert zero <= np.ptp(THETA)
    assert tiny > 10.0 * zero


def test_ordered_categories_are_differences_of_logistics():
    x = model_named("graded").draw(np.random.default_rng(5), 5)
    layout = Layout(levels=np.linspace(0.0, 1.0, 5))
    score = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    reported = model_named("graded").report(x)
    thresholds = np.stack([reported[f"b{level}"] for level in range(1, 5)], axis=1)
    np.testing.assert_allclose(reported["b"], thresholds.mean(axis=1))

    def density(theta: Floats) -> Floats:
        reached = stats.logistic.cdf((theta - thresholds) * reported["a"][:, None])
        steps = np.column_stack([np.ones(5), reached, np.zeros(5)])
        return np.log(np.diag(steps[:, :-1] - steps[:, 1:]))

    np.testing.assert_allclose(found("graded", x, score, np.ones(5), layout), known(density))


def graded_table() -> tuple[Cells, Layout]:
    """Items with levels {0, 1}, {0, .5, 1}, {.25, .5}, {.5} alone and {0} alone."""
    wide = np.array(
        [
            [0.0, 0.0, 0.25, 0.5, 0.0],
            [1.0, 0.5, 0.5, 0.5, 0.0],
            [1.0, 1.0, 0.5, np.nan, 0.0],
        ]
    )
    cells = table_of("abc", "vwxyz", wide).cells
    return cells, model_named("graded").layout(cells)


def test_an_item_does_without_the_levels_that_it_never_showed():
    model = model_named("graded")
    cells, layout = graded_table()
    np.testing.assert_array_equal(layout.levels, [0.0, 0.25, 0.5, 1.0])
    x = model.start(cells, layout)
    chance = model.weights(x, THETA, layout)
    np.testing.assert_allclose(chance.sum(axis=0), 1.0)
    used = chance.max(axis=2) > 1e-6
    seen = [[0, 3], [0, 2, 3], [1, 2], [1, 2], [0, 1]]  # a constant item keeps one neighbour
    assert [list(np.flatnonzero(item)) for item in used.T] == seen
    step = 1e-6
    for column in range(x.shape[1]):
        up, down = x.copy(), x.copy()
        up[:, column] += step
        down[:, column] -= step
        numeric = (model.terms(up, THETA, layout) - model.terms(down, THETA, layout)) / (2 * step)
        np.testing.assert_allclose(
            model.gradient(x, THETA, layout)[..., column], numeric, atol=1e-7
        )
    assert np.isfinite(model.log_prior(x)[0]).all()
    missing = np.isnan(np.stack([model.report(x)[f"b{level}"] for level in (1, 2, 3)]))
    np.testing.assert_array_equal(missing.sum(axis=0), [2, 1, 2, 2, 2])
    moved = model.rescaled(x, 2.0, -0.7)
    np.testing.assert_allclose(
        model.mean(moved, 2.0 * THETA - 0.7, layout), model.mean(x, THETA, layout)
    )


def test_a_two_level_item_of_graded_is_a_2pl():
    graded, logistic = model_named("graded"), model_named("2pl")
    cells, layout = graded_table()
    x = graded.start(cells, layout)[:1]
    line = np.array([[x[0, 0], -x[0, 3]]])
    np.testing.assert_allclose(graded.mean(x, THETA, layout), logistic.mean(line, THETA, Layout()))


def test_scores_that_a_layout_does_not_know_are_named():
    graded, counts = model_named("graded"), model_named("beta_binomial")
    cells, layout = graded_table()
    strange = Cells(cells.agent[:1], cells.item[:1], np.ones(1), np.array([0.4]), 3, 5)
    with pytest.raises(UsageError, match=r"0\.4.*none of this fit's levels"):
        graded.statistics(strange, layout)
    known = simulate("beta_binomial", 4, 3, seed=1, trials=5)
    other = simulate_responses(known.bank, known.theta, seed=1, trials=2)
    with pytest.raises(UsageError, match="2 trials; this fit knows 5"):
        counts.statistics(other.cells, known.bank.layout)


def test_too_many_levels_are_continuous():
    wide = np.linspace(0.0, 1.0, 40).reshape(8, 5)
    cells = table_of("abcdefgh", "vwxyz", wide).cells
    with pytest.raises(UsageError, match=r"40 here.*`beta`"):
        model_named("graded").layout(cells)
