"""Item statistics against values worked out by hand, and against slower definitions of them."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from evaluators.irt._responses import Floats, ResponseTable, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.diagnostics import STATISTICS, plant, tetrachoric_matrix
from evaluators.irt.diagnostics._bivariate import digby, maximum_likelihood
from evaluators.irt.diagnostics._evidence import PairTables, evidence
from evaluators.irt.diagnostics.monotone_share import share
from evaluators.irt.diagnostics.signed_isotonic import isotonic_shares


def table(wide: Floats, trials: Floats | None = None) -> ResponseTable:
    agents, items = wide.shape
    names = [f"agent-{i:04d}" for i in range(agents)], [f"item-{j:04d}" for j in range(items)]
    return table_of(*names, wide, trials)


def measured(name: str, of: ResponseTable) -> Floats:
    return STATISTICS.find(name).measure(evidence(of))


def pair(*counts: float) -> PairTables:
    return PairTables(*(np.array([[count]]) for count in counts))


@pytest.fixture(scope="module")
def drawn() -> ResponseTable:
    return simulate("2pl", 120, 40, seed=3).table


@pytest.mark.parametrize("name", STATISTICS.names())
def test_every_statistic_is_named_and_tells_a_flipped_item(name: str, drawn: ResponseTable):
    statistic = STATISTICS.find(name)
    assert statistic.name == name
    assert statistic.summary.endswith(".")
    assert statistic.source
    kind = "shuffled" if name == "predictability" else "flipped"
    planted = plant(drawn, kind, seed=0)
    value = measured(name, planted.table) * (1.0 if statistic.suspect == "high" else -1.0)
    broken = np.isin(drawn.items, planted.items)
    assert value[broken].min() > np.median(value[~broken])


@pytest.mark.parametrize("name", STATISTICS.names())
def test_constant_and_unanswered_items_raise_no_warning(name: str, drawn: ResponseTable):
    wide = drawn.cells.wide()
    wide[:, 0], wide[:, 1], wide[:, 2] = 0.0, 1.0, np.nan
    value = measured(name, table(wide))
    assert value.shape == (40,)
    assert np.isfinite(value[3:]).all()


@pytest.mark.parametrize("name", STATISTICS.names())
def test_missing_cells_and_several_trials_move_statistics_little(name: str):
    full = simulate("2pl", 300, 30, seed=5).table
    thin = simulate("2pl", 300, 30, seed=5, observed=0.8).table
    value, thinned = measured(name, full), measured(name, thin)
    assert np.corrcoef(value, thinned)[0, 1] > 0.5
    counts = simulate("binomial", 100, 30, seed=5, trials=5).table
    assert np.isfinite(measured(name, counts)).sum() >= 25


def test_item_rest_is_the_plain_correlation(drawn: ResponseTable):
    wide = drawn.cells.wide()
    expected = [
        np.corrcoef(wide[:, j], np.delete(wide, j, axis=1).mean(axis=1))[0, 1] for j in range(40)
    ]
    np.testing.assert_allclose(measured("item_rest", drawn), expected, atol=1e-12)


def test_biserial_recovers_the_correlation_of_a_cut_normal_variable():
    rng = np.random.default_rng(1)
    theta = rng.standard_normal(20_000)
    cut = 0.6 * theta + 0.8 * rng.standard_normal(20_000) > 1.2
    fine = theta[:, None] + 0.01 * rng.standard_normal((20_000, 3))
    spread = (fine - fine.min()) / np.ptp(fine)
    wide = np.column_stack([cut.astype(float), spread])
    assert measured("biserial", table(wide))[0] == pytest.approx(0.6, abs=0.03)


def test_tetrachoric_of_median_splits_is_the_sine_of_the_quadrant():
    found = maximum_likelihood(pair(40, 10, 10, 40))[0, 0]
    assert found == pytest.approx(math.sin(2 * math.pi * (0.4 - 0.25)), abs=1e-6)
    assert maximum_likelihood(pair(25, 25, 25, 25))[0, 0] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(maximum_likelihood(pair(0, 0, 30, 20))[0, 0])


@pytest.mark.parametrize("counts", [(40, 10, 20, 30), (3, 17, 30, 50), (60, 5, 30, 5)])
def test_tetrachoric_puts_the_observed_share_into_the_quadrant(counts: tuple[int, ...]):
    from scipy.stats import multivariate_normal, norm

    both, first, second, neither = counts
    n = sum(counts)
    r = float(maximum_likelihood(pair(*counts))[0, 0])
    cuts = norm.ppf([(both + first) / n, (both + second) / n])
    normal: Any = multivariate_normal
    share_of_both = normal.cdf(cuts, cov=np.array([[1.0, r], [r, 1.0]]))
    assert share_of_both == pytest.approx(both / n, abs=1e-5)
    assert math.copysign(1, r) == math.copysign(1, both * neither - first * second)


def test_digby_is_its_formula_and_near_the_likelihood():
    odds = (40.5 * 30.5) / (10.5 * 20.5)
    expected = (odds**0.75 - 1) / (odds**0.75 + 1)
    assert digby(pair(40, 10, 20, 30))[0, 0] == pytest.approx(expected)
    assert maximum_likelihood(pair(40, 10, 20, 30))[0, 0] == pytest.approx(expected, abs=0.05)


def test_a_matrix_of_tetrachorics_follows_the_table_and_is_symmetric(drawn: ResponseTable):
    found = tetrachoric_matrix(drawn)
    np.testing.assert_allclose(found, found.T, atol=1e-9)
    near = tetrachoric_matrix(drawn, exact=False)
    assert np.abs(found - near).mean() < 0.05


def test_isotonic_share_by_hand():
    y = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    level = np.repeat(np.eye(3), 2, axis=0)
    # Means 0, 1, .5 pool to 0, .75, .75 about .5: (2 * .25 + 4 * .0625) / 1.
    np.testing.assert_allclose(isotonic_shares(y, np.ones(y.shape), level), [0.75, -0.75])
    assert share(np.repeat([0.1, 0.2, 0.3], 2), y[:, 0]) == pytest.approx(0.75)


def test_isotonic_shares_of_levels_are_those_of_pooling():
    rng = np.random.default_rng(2)
    x = rng.integers(0, 5, 80)
    y = np.clip(x / 8 + rng.normal(0, 0.3, 80), 0, 1)
    level = (x[:, None] == np.arange(5)).astype(float)
    found = isotonic_shares(y[:, None], np.ones((80, 1)), level)[0]
    assert found == pytest.approx(share(x.astype(float), y), abs=1e-9)


def test_signed_isotonic_of_binary_items_is_the_mean_signed_squared_phi(drawn: ResponseTable):
    wide = drawn.cells.wide()[:, :8]
    phi: Any = np.corrcoef(wide.T)
    np.fill_diagonal(phi, np.nan)
    np.testing.assert_allclose(
        measured("signed_isotonic", table(wide)), np.nanmean(phi * np.abs(phi), axis=1), atol=1e-9
    )


def test_predictability_is_ridge_regression_that_leaves_item_and_agent_out(drawn: ResponseTable):
    """Closed forms against refitting without the agent, at each ridge."""
    from evaluators.irt.diagnostics.predictability import RIDGES

    wide = drawn.cells.wide()[:30, :12]
    wide = wide[:, (wide.mean(axis=0) > 0.1) & (wide.mean(axis=0) < 0.9)]
    z = (wide - wide.mean(axis=0)) / wide.std(axis=0)
    n, items = z.shape
    found: list[Floats] = []
    for ridge in RIDGES:
        press = np.zeros(items)
        for j, out in itertools.product(range(items), range(n)):
            others = np.delete(z, j, axis=1)
            kernel = others @ others.T / items + 1.0 / n
            kept = np.delete(np.arange(n), out)
            inside = kernel[np.ix_(kept, kept)] + ridge * np.eye(n - 1)
            guess = kernel[out, kept] @ np.linalg.solve(inside, z[kept, j])
            press[j] += (z[out, j] - guess) ** 2
        found.append(1.0 - press / ((z * n / (n - 1)) ** 2).sum(axis=0))
    best = max(found, key=lambda value: float(np.median(value)))
    np.testing.assert_allclose(measured("predictability", table(wide)), best, atol=1e-8)


def test_slopes_are_those_of_statsmodels_where_the_prior_is_weak():
    import statsmodels.api as sm

    of = simulate("2pl", 600, 12, seed=8).table
    shown = evidence(of)
    found = measured("slope", of)
    for place in np.argsort(np.abs(shown.mean - 0.5))[:3]:
        x = sm.add_constant(shown.spared[:, place])
        oracle = sm.Logit(shown.score[:, place], x).fit(disp=0).params[1]
        assert found[place] == pytest.approx(oracle, rel=0.03)
