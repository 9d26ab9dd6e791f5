"""Loevinger's H by hand and by brute force, its standard errors, item selection, orderings."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluators.irt._responses import Floats, ResponseTable, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.diagnostics import (
    STATISTICS,
    invariant_ordering,
    loevinger,
    monotonicity,
    select_items,
)
from evaluators.irt.diagnostics._evidence import evidence
from tasks import UsageError


def table(wide: Floats) -> ResponseTable:
    agents, items = wide.shape
    return table_of([f"a{i:03d}" for i in range(agents)], [f"i{j:03d}" for j in range(items)], wide)


def brute(wide: Floats) -> tuple[Floats, float]:
    """H_j and H by counting Guttman errors pair by pair."""
    p, size = wide.mean(axis=0), wide.shape[1]
    observed, expected = np.zeros((2, size, size))
    for j, k in itertools.permutations(range(size), 2):
        easy, hard = (j, k) if p[j] >= p[k] else (k, j)
        observed[j, k] = ((wide[:, easy] == 0) & (wide[:, hard] == 1)).mean()
        expected[j, k] = (1 - p[easy]) * p[hard]
    return 1 - observed.sum(1) / expected.sum(1), 1 - observed.sum() / expected.sum()


def test_coefficients_by_hand():
    # Items A, B, C with 3, 2, 1 of 4 successes; the one Guttman error is agent 4's (A failed, B
    # passed): E_AB = .25 * .5, E_AC = .25 * .25, E_BC = .5 * .25.
    found = loevinger(table(np.array([[1.0, 1, 1], [1, 0, 0], [1, 0, 0], [0, 1, 0]])))
    np.testing.assert_allclose(found.pairs[0, 1:], [1 - 0.25 / 0.125, 1.0])
    np.testing.assert_allclose(found.each, [1 - 0.25 / 0.1875, 1 - 0.25 / 0.25, 1.0], atol=1e-12)
    assert found.whole == pytest.approx(1 - 0.25 / 0.3125)


def test_a_perfect_guttman_scale_has_h_of_one():
    found = loevinger(table(np.tril(np.ones((6, 5)), -1)))
    np.testing.assert_allclose(found.each, 1.0)
    assert (found.whole, found.whole_se) == (pytest.approx(1.0), pytest.approx(0.0))


SHAPES = st.tuples(st.integers(6, 20), st.integers(3, 7))


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.int8, st.tuples(st.integers(6, 20), st.integers(3, 7)), elements=st.integers(0, 1)
    )
)
def test_h_is_at_most_one_and_that_of_counting(answers: Floats):
    wide = answers.astype(float)
    statistic = STATISTICS.find("scalability").measure(evidence(table(wide)))
    found = loevinger(table(wide))
    varies = (wide.mean(axis=0) > 0) & (wide.mean(axis=0) < 1)
    np.testing.assert_allclose(found.each, statistic, atol=1e-9)
    assert np.all(found.each[~np.isnan(found.each)] <= 1 + 1e-9)
    if varies.sum() == wide.shape[1]:
        each, whole = brute(wide)
        np.testing.assert_allclose(found.each, each, atol=1e-9)
        assert found.whole == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize("observed", [1.0, 0.7])
def test_standard_errors_are_those_of_the_influences(observed: float):
    """Each agent's influence by leaving out one of its twenty copies."""
    wide = simulate("2pl", 60, 6, seed=1, observed=observed).table.cells.wide()
    found, copies = loevinger(table(wide)), np.repeat(wide, 20, axis=0)
    each, whole = np.zeros((60, 6)), np.zeros(60)
    for agent in range(60):
        one = loevinger(table(np.delete(copies, 20 * agent, axis=0)))
        each[agent], whole[agent] = one.each - found.each, one.whole - found.whole
    np.testing.assert_allclose(found.each_se, np.sqrt(((20 * each) ** 2).sum(axis=0)), rtol=0.02)
    assert found.whole_se == pytest.approx(np.sqrt(((20 * whole) ** 2).sum()), rel=0.02)


def drawn(chance: Floats, seed: int) -> Floats:
    return (np.random.default_rng(seed).random(chance.shape) < chance).astype(float)


def logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def test_selection_parts_two_scales_and_leaves_noise_over():
    theta = np.random.default_rng(4).standard_normal((800, 2))
    b = np.linspace(-1, 1, 6)
    chance = [logistic(3 * (theta[:, [d]] - b)) for d in (0, 1)]
    wide = drawn(np.column_stack([*chance, np.full((800, 2), 0.5)]), 5)
    scales = {frozenset(scale) for scale in select_items(table(wide))}
    assert scales == {frozenset(f"i{j:03d}" for j in range(k, k + 6)) for k in (0, 6)}
    assert select_items(table(drawn(np.full((200, 6), 0.5), 6))) == []
    with pytest.raises(UsageError, match="lower bound"):
        select_items(table(wide), lower=1.5)


def test_a_falling_item_breaks_monotonicity_and_crossing_items_the_order():
    theta = np.random.default_rng(6).standard_normal((1000, 1))
    wide = drawn(logistic(np.array([1.5] * 10 + [-1.5]) * theta), 7)
    found = monotonicity(table(wide))
    assert found.z[10] > 5
    assert found.z[:10].max() < 3
    rasch = drawn(logistic(theta - np.linspace(-2, 2, 8)), 8)
    crossing = drawn(logistic(np.array([0.2, 4.0]) * (theta - 0.3)), 9)
    assert invariant_ordering(table(rasch)).z.max() < 3.5
    assert invariant_ordering(table(np.column_stack([rasch, crossing]))).z[8:].min() > 3.5
    with pytest.raises(UsageError, match="at least 2"):
        monotonicity(table(wide), groups=1)
