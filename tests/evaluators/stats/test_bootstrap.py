"""Bootstrap intervals: the published one bit for bit, scipy's, coverage, what resampling keeps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluators.stats.bootstrap import (
    cluster_interval,
    hierarchical_interval,
    mean_interval,
    statistic_interval,
    stratified_interval,
)
from evaluators.stats.sample import Estimate, Observation, Resampling
from tasks import UsageError

QUICK = Resampling(resamples=400, seed=1)
SKEWED = np.random.default_rng(4).exponential(1.0, 40)


def alone(values: Any) -> list[str]:
    return [str(place) for place in range(len(values))]


def nested(rng: np.random.Generator, seeds: int, tasks: int, repeats: int) -> list[Observation]:
    """Values around 0 with a standard deviation of 1 on each of the three levels."""
    found: list[Observation] = []
    for seed in range(seeds):
        of_seed = rng.standard_normal()
        for task in range(tasks):
            of_task = of_seed + rng.standard_normal()
            found += [
                Observation(of_task + rng.standard_normal(), f"s{seed}", f"s{seed}t{task}")
                for _ in range(repeats)
            ]
    return found


def test_without_clusters_it_is_the_published_interval():
    # reports: 2000 resamples of the tasks, seed 20260606, linear percentiles
    rng = np.random.default_rng(20260606)
    drawn = SKEWED[rng.integers(0, 40, size=(2000, 40))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = cluster_interval(SKEWED.tolist(), alone(SKEWED))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.value == pytest.approx(SKEWED.mean(), abs=1e-12)


def test_bca_is_scipys():
    expected: Any = stats.bootstrap(
        (SKEWED,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(3)
    )
    ours = Resampling(resamples=999, seed=3)
    found = cluster_interval(SKEWED.tolist(), alone(SKEWED), ours, "bca")
    ends = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    percentile = cluster_interval(SKEWED.tolist(), alone(SKEWED), ours)
    assert percentile.high is not None
    assert found.high is not None
    assert found.high > percentile.high  # it leans toward the long tail


def test_repeats_of_one_cluster_are_no_evidence():
    once = cluster_interval(SKEWED.tolist(), alone(SKEWED), QUICK)
    thrice = cluster_interval(np.repeat(SKEWED, 3).tolist(), alone(SKEWED) * 3, QUICK)
    shuffled = cluster_interval([*SKEWED] * 3, alone(SKEWED) * 3, QUICK)
    assert (shuffled.low, shuffled.high) == pytest.approx((once.low, once.high))
    assert (thrice.n, thrice.clusters) == (120, 40)


def test_one_cluster_has_no_interval_and_equal_ones_a_point():
    one = cluster_interval([0.2, 0.4], ["a", "a"], QUICK)
    assert (one.value, one.low, one.high) == (pytest.approx(0.3), None, None)
    same = cluster_interval([1.0, 1.0, 1.0], ["a", "b", "c"], QUICK, "bca")
    assert (same.low, same.high) == (1.0, 1.0)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_nothing_and_mismatched_names_are_refused(values: list[float]):
    with pytest.raises(UsageError):
        cluster_interval(values, ["a", "b"] if values else [], QUICK)
    for interval in (hierarchical_interval, stratified_interval):
        with pytest.raises(UsageError, match="no observations"):
            interval([], QUICK)
    with pytest.raises(UsageError, match="no rows"):
        statistic_interval(lambda rows: 0.0, [], QUICK)


def test_the_spread_of_a_hierarchy_is_that_of_its_means():
    # One value a task and one task a seed: the plain bootstrap.
    sample = [Observation(value, str(i), str(i)) for i, value in enumerate(SKEWED)]
    many = Resampling(resamples=20_000, seed=2)
    found = hierarchical_interval(sample, many)
    plain = cluster_interval(SKEWED.tolist(), alone(SKEWED), many)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.02)


Interval = Callable[[list[Observation]], Estimate]


def by_hierarchy(sample: list[Observation]) -> Estimate:
    return hierarchical_interval(sample, QUICK)


def by_seed(sample: list[Observation]) -> Estimate:
    return cluster_interval([o.value for o in sample], [o.seed for o in sample], QUICK)


def by_value(sample: list[Observation]) -> Estimate:
    return cluster_interval([o.value for o in sample], alone(sample), QUICK)


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    [
        (by_hierarchy, 0.90, 0.99),
        (by_seed, 0.88, 0.97),
        # What a careless bootstrap of all values covers: far less than it claims.
        (by_value, 0.0, 0.82),
    ],
)
def test_coverage_of_a_nested_sample(interval: Interval, least: float, most: float):
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        found = interval(nested(rng, 20, 3, 2))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.0 <= found.high
    assert least <= hits / 200 <= most


def test_differences_between_strata_are_no_uncertainty():
    rng = np.random.default_rng(5)
    sample = [
        Observation(level + 0.01 * rng.standard_normal(), str(seed), f"{name}{seed}", name)
        for name, level in (("easy", 0.9), ("hard", 0.1))
        for seed in range(30)
    ]
    apart = stratified_interval(sample, QUICK)
    assert apart.value == pytest.approx(0.5, abs=0.01)
    assert apart.low is not None
    assert apart.high is not None
    assert apart.high - apart.low < 0.02
    mixed = cluster_interval([o.value for o in sample], [o.task for o in sample], QUICK)
    assert mixed.low is not None
    assert mixed.high is not None
    assert mixed.high - mixed.low > 0.15


def test_strata_weigh_by_share_or_alike():
    sample = [Observation(1.0, str(i), f"a{i}", "a") for i in range(3)]
    sample += [Observation(0.0, "0", "b0", "b")]
    assert stratified_interval(sample, QUICK).value == pytest.approx(0.75)
    assert stratified_interval(sample, QUICK, "equal").value == pytest.approx(0.5)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.integers(0, 2)), min_size=1),
    st.integers(0, 9),
)
def test_every_interval_lies_within_the_values(rows: list[tuple[float, int, int]], seed: int):
    sample = [Observation(value, f"{s}", f"{s}.{t}", f"{t}") for value, s, t in rows]
    few = Resampling(resamples=100, seed=seed)
    least, most = min(r[0] for r in rows) - 1e-9, max(r[0] for r in rows) + 1e-9
    for found in (
        hierarchical_interval(sample, few),
        cluster_interval([o.value for o in sample], [o.seed for o in sample], few),
        stratified_interval(sample, few),
    ):
        assert least <= found.value <= most
        assert (found.low is None) == (len({o.seed for o in sample}) < 2)
        if found.low is not None and found.high is not None:
            assert least <= found.low <= found.high <= most


def test_the_same_seed_gives_the_same_interval():
    sample = nested(np.random.default_rng(1), 8, 2, 2)
    assert hierarchical_interval(sample, QUICK) == hierarchical_interval(sample, QUICK)
    other = hierarchical_interval(sample, Resampling(resamples=400, seed=2))
    assert other != hierarchical_interval(sample, QUICK)


def test_any_statistic_of_rows():
    values = SKEWED
    found = statistic_interval(lambda rows: float(np.median(values[rows])), alone(values), QUICK)
    assert found.value == np.median(values)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_few_clusters_have_students_interval():
    values = [0.2, 0.5, 0.9]
    found = mean_interval(values, alone(values), QUICK)
    expected: Any = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    narrow = mean_interval(values, alone(values), Resampling(level=0.5))
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.5)
    assert (narrow.low, narrow.high) == pytest.approx((expected.low, expected.high))
    many = mean_interval(SKEWED.tolist(), alone(SKEWED), QUICK)
    assert many == cluster_interval(SKEWED.tolist(), alone(SKEWED), QUICK, "bca")
    one = mean_interval([0.5, 0.7], ["a", "a"], QUICK)
    assert (one.value, one.low, one.high) == (pytest.approx(0.6), None, None)


def test_values_that_differ_by_rounding_alone_are_the_same():
    values = [0.7 - 0.5, 0.6 - 0.4, 0.3 - 0.1, *([0.2] * 9)]
    assert len(set(values)) > 1
    found = cluster_interval(values, [str(k) for k in range(12)], method="bca")
    assert found.low == found.high == pytest.approx(0.2)
