"""Rates, repeats, variance components, regret: closed forms, statsmodels, enumeration."""

import itertools
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from evaluators.stats.passes import pass_at, pass_hat, pass_hats, repeats
from evaluators.stats.proportions import clopper_pearson, wilson
from evaluators.stats.regret import cumulative, per_step
from evaluators.stats.sample import Observation, Resampling
from evaluators.stats.variance import variance_split
from tasks import UsageError

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_both_intervals_are_statsmodels(count: tuple[int, int]):
    wins, n = count
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        expected: Any = proportion_confint(wins, n, method=method)
        assert ours(wins, n) == pytest.approx(tuple(np.nan_to_num(expected)), abs=1e-9)


def test_nothing_seen_is_not_nothing():
    # The rule of three: after 100 safe actions, up to 3.6 % may be unsafe.
    assert clopper_pearson(0, 100) == (0.0, pytest.approx(1 - 0.025 ** (1 / 100)))
    assert clopper_pearson(0, 0) is None


def test_pass_at_k_by_the_papers_formula():
    assert pass_at(10, 3, 5) == pytest.approx(1 - 21 / 252)
    assert pass_hat(10, 3, 2) == pytest.approx(3 / 45)
    assert (pass_at(4, 4, 4), pass_at(4, 0, 4), pass_hat(4, 3, 4)) == (1.0, 0.0, 0.0)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_they_are_the_shares_of_all_choices_of_k(passed: list[bool], k: int):
    n = len(passed)
    if k > n:
        with pytest.raises(UsageError, match="More repeats"):
            pass_at(n, sum(passed), k)
        return
    chosen = list(itertools.combinations(passed, k))
    assert pass_at(n, sum(passed), k) == pytest.approx(np.mean([any(c) for c in chosen]))
    assert pass_hat(n, sum(passed), k) == pytest.approx(np.mean([all(c) for c in chosen]))


def test_pass_hat_of_a_run_is_the_mean_over_tasks():
    tried = {"a": [1, 1, 1], "b": [1, 0, 1], "c": [0, 0, 0, 1]}
    passed = [Observation(float(v), t, t) for t, vs in tried.items() for v in vs]
    quick = Resampling(resamples=200)
    assert repeats(passed) == 3
    found = pass_hats(passed, 2, quick)
    assert found.value == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found.clusters == 3
    assert pass_hats(passed, 1, quick).value == pytest.approx((1 + 2 / 3 + 1 / 4) / 3)


def test_balanced_components_are_those_of_restricted_likelihood():
    rng = np.random.default_rng(21)
    groups = np.repeat(np.arange(30), 5)
    values = 0.7 * rng.standard_normal(30)[groups] + 0.4 * rng.standard_normal(150)
    fitted: Any = sm.MixedLM(values, np.ones(150), groups=groups).fit(reml=True)
    found = variance_split(values.tolist(), [str(g) for g in groups])
    assert found.between == pytest.approx(float(np.squeeze(fitted.cov_re)), rel=1e-4)
    assert found.within == pytest.approx(fitted.scale, rel=1e-4)
    assert found.per_cluster == 5


def test_unbalanced_components_are_unbiased():
    rng = np.random.default_rng(22)
    sizes = [1, 1, 2, 3, 5, 8]
    names = [str(k) for k, size in enumerate(sizes) for _ in range(size)]
    groups = np.array([int(name) for name in names])
    between, within = [], []
    for _ in range(1500):
        values = 2.0 * rng.standard_normal(6)[groups] + rng.standard_normal(len(groups))
        found = variance_split(values.tolist(), names)
        assert found.between is not None
        between.append(found.between)
        within.append(found.within)
    # Truncation at 0 is rare where the true component is large.
    assert np.mean(between) == pytest.approx(4.0, rel=0.06)
    assert np.mean(within) == pytest.approx(1.0, rel=0.06)


def test_without_repeats_nothing_can_be_split():
    found = variance_split([0.1, 0.5], ["a", "b"])
    assert (found.between, found.within, found.icc) == (None, None, None)
    same = variance_split([1.0] * 4, ["a", "a", "b", "b"])
    assert (same.between, same.within, same.icc) == (0.0, 0.0, None)


def test_regret_adds_up():
    assert per_step([1.0, 0.0, 2.0], [1.0, 3.0, 1.0]).tolist() == [0.0, 3.0, -1.0]
    assert cumulative([1.0, 0.0, 2.0], [1.0, 3.0, 1.0]).tolist() == [0.0, 3.0, 2.0]
    with pytest.raises(UsageError, match="one length"):
        per_step([1.0], [1.0, 2.0])
