"""The mixed model against its dense definition, and against data whose truth is known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from evaluators.irt._responses import Floats
from evaluators.irt.explanatory._mixed import _Problem, mixed
from tasks import UsageError


def drawn(seed: int, n: int = 400) -> tuple[Floats, Floats, list[Floats], Floats]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5))
    labels = np.eye(30)[rng.integers(30, size=n)]
    se = rng.uniform(0.1, 0.5, n)
    truth = 1.0 + features @ rng.normal(0, 0.5, 5) + labels @ rng.normal(0, 1.0, 30)
    truth = truth + rng.normal(0, 0.7, n)
    return truth + se * rng.normal(size=n), se, [features, labels], truth


def dense_deviance(y: Floats, se: Floats, blocks: list[Floats], logs: Floats) -> float:
    """Half the restricted deviance, by its definition with the n x n covariance."""
    v = np.exp(logs)
    cov = np.diag(se**2 + v[-1]) + sum(a * z @ z.T for a, z in zip(v[:-1], blocks, strict=True))
    inverse, one = np.linalg.inv(cov), np.ones(len(y))
    middle = one @ inverse @ one
    error = y - (one @ inverse @ y) / middle
    return 0.5 * (np.linalg.slogdet(cov)[1] + np.log(middle) + error @ inverse @ error)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-3, 1), min_size=3, max_size=3), st.integers(0, 50))
def test_the_deviance_is_the_dense_one_and_its_gradient_is_exact(logs: list[float], seed: int):
    y, se, blocks, _ = drawn(seed, 60)
    widths = [b.shape[1] for b in blocks]
    problem = _Problem(y, se**2, np.column_stack(blocks), np.repeat([0, 1], widths), 2)
    at = np.array(logs)
    value, gradient = problem.deviance(at)
    assert value == pytest.approx(dense_deviance(y, se, blocks, at), rel=1e-8)

    def deviance(v: Floats) -> float:
        return problem.deviance(v)[0]

    numeric = approx_fprime(at, deviance, 1e-6)
    assert gradient == pytest.approx(numeric, abs=2e-3)


def test_variances_come_back():
    found = [mixed(*drawn(seed)[:3]) for seed in range(12)]
    assert np.mean([one.variances[1] for one in found]) == pytest.approx(1.0, rel=0.2)
    assert np.mean([one.residual for one in found]) == pytest.approx(0.49, rel=0.1)


def test_new_rows_lie_in_their_intervals():
    inside: list[Any] = []
    for seed in range(8):
        y, se, blocks, truth = drawn(seed)
        fitted = mixed(y[:300], se[:300], [b[:300] for b in blocks])
        mean, variance = fitted.predict([b[300:] for b in blocks])
        inside.append(np.abs(truth[300:] - mean) < 1.645 * np.sqrt(variance))
    assert 0.85 < np.mean(inside) < 0.95


def test_without_features_it_is_a_meta_analysis():
    rng = np.random.default_rng(1)
    se = np.full(50, 0.3)
    y = 2.0 + se * rng.normal(size=50)
    found = mixed(y, se, [])
    assert found.mean == pytest.approx(y.mean(), abs=1e-9)
    assert found.explained == 0.0


def test_a_feature_of_noise_is_shrunk_away():
    rng = np.random.default_rng(2)
    y = rng.normal(size=200)
    found = mixed(y, np.full(200, 0.1), [rng.normal(size=(200, 40))])
    assert found.explained < 0.1


@pytest.mark.parametrize(
    ("y", "message"), [([1.0, 2.0], "at least 3"), ([1.0, np.nan, 2.0], "finite")]
)
def test_what_cannot_be_regressed_is_said(y: list[float], message: str):
    with pytest.raises(UsageError, match=message):
        mixed(np.array(y), np.ones(len(y)), [])
