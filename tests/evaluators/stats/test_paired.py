"""Paired comparisons: textbook values, error rates, pairing, the fall-back without pairs."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from evaluators.stats.paired import (
    Measured,
    compare,
    holm,
    mcnemar,
    measured,
    sign_flip,
    wilcoxon,
)
from evaluators.stats.sample import Resampling
from tasks import UsageError

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Crossed minus selfed maize, eighths of an inch: Fisher, *The Design of Experiments*, ch. III."""
QUICK = Resampling(resamples=400, seed=1)


def names(values: Any) -> list[str]:
    return [str(place) for place in range(len(values))]


def attempts(values: Any, repeats: int = 1, first: int = 0) -> dict[tuple[str, int], Measured]:
    return {
        (f"i{first + place}", n): Measured(float(value), value > 0.5, f"i{first + place}")
        for n in range(1, repeats + 1)
        for place, value in enumerate(values)
    }


def test_fishers_permutation_test_of_darwins_maize():
    # 863 of 32,768 sign patterns give a sum at least as large.
    exact = Resampling(resamples=40_000)
    assert sign_flip(DARWIN, names(DARWIN), exact) == pytest.approx(2 * 863 / 32_768, abs=1e-12)
    assert sign_flip(DARWIN, names(DARWIN)) == pytest.approx(2 * 863 / 32_768, abs=0.01)


def test_wilcoxons_test_of_darwins_maize():
    assert wilcoxon(np.array(DARWIN, dtype=float)) == pytest.approx(0.04126, abs=5e-6)


def test_no_difference_at_all_is_p_one():
    assert wilcoxon(np.zeros(4)) == sign_flip([0.0] * 4, names([0] * 4)) == 1.0
    assert wilcoxon(np.array([1.0])) is None


def test_rounding_is_no_difference():
    old = attempts([0.1, 0.2, 0.3, 0.4])
    new = {key: Measured(one.value + 1e-16, one.passed, one.cluster) for key, one in old.items()}
    found = compare(old, new, QUICK)
    assert (found.p, found.wilcoxon, found.delta.value) == (1.0, 1.0, 0.0)


def test_mcnemars_exact_test():
    # Of 12 discordant pairs 2 favour one: 2 (1 + 12 + 66) / 2^12.
    old = [True] * 10 + [False] * 2 + [True] * 30 + [False] * 9
    new = [False] * 10 + [True] * 2 + [True] * 30 + [False] * 9
    assert mcnemar(old, new) == pytest.approx(2 * 79 / 4096)
    assert mcnemar(old, old) == 1.0


def test_mcnemar_is_the_sign_flip_test_of_passes():
    old, new = [1.0] * 7 + [0.0] * 2 + [1.0] * 3, [0.0] * 7 + [1.0] * 2 + [1.0] * 3
    flipped = sign_flip([b - a for a, b in zip(old, new, strict=True)], names(old))
    assert flipped == pytest.approx(mcnemar([v > 0 for v in old], [v > 0 for v in new]))


def test_repeats_are_flipped_together():
    values = [0.3, 0.2, 0.5, 0.1, 0.4, 0.2]
    once = sign_flip(values, names(values))
    assert once == pytest.approx(2 / 64)
    assert sign_flip(values * 5, names(values) * 5) == pytest.approx(once)


def test_the_null_is_rejected_as_rarely_as_promised():
    rng = np.random.default_rng(6)
    rejected = 0
    for _ in range(400):
        shared = np.repeat(rng.standard_normal(9), 3)  # repeats of an instance go together
        values = shared + rng.standard_normal(27)
        rejected += sign_flip(values.tolist(), [str(k) for k in np.repeat(range(9), 3)]) <= 0.05
    assert 0.01 <= rejected / 400 <= 0.08


def test_holms_example():
    found = holm([_with(p) for p in (0.01, 0.04, 0.03, 0.005)])
    assert [one.p_holm for one in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_passes_over_what_has_no_p():
    found = holm([_with(0.04), _with(None), _with(0.03)])
    assert [one.p_holm for one in found] == [pytest.approx(0.06), None, pytest.approx(0.06)]
    assert [one.p_holm for one in holm([_with(None)])] == [None]


def _with(p: float | None) -> Any:
    one = compare(attempts([0.1, 0.2, 0.3]), attempts([0.2, 0.4, 0.3]), QUICK)
    return one.model_copy(update={"p": p})


def test_pairs_are_of_one_instance_and_repeat():
    old = attempts([0.1, 0.9, 0.5, 0.7], repeats=2)
    new = {key: Measured(one.value + 0.05, True, one.cluster) for key, one in old.items()}
    del new["i0", 2]
    new["other", 1] = Measured(0.0, False, "other")
    found = compare(old, new, QUICK)
    assert (found.paired, found.pairs, found.clusters) == (True, 7, 4)
    assert found.delta.value == pytest.approx(0.05)
    assert (found.delta.low, found.delta.high) == (pytest.approx(0.05), pytest.approx(0.05))
    assert found.p == pytest.approx(2 / 16)
    # i0 and i2 (0.5 is no pass) failed before and pass now.
    assert found.mcnemar == pytest.approx(0.5)


def test_pairing_finds_what_the_means_hide():
    rng = np.random.default_rng(8)
    hard = rng.uniform(0, 1, 40)
    found = compare(attempts(hard), attempts(hard + 0.05 + 0.02 * rng.standard_normal(40)), QUICK)
    assert found.p is not None
    assert found.p < 0.001
    assert found.delta.low is not None
    assert found.delta.low > 0.03
    apart = compare(attempts(hard), attempts(hard + 0.05, first=100), QUICK)
    assert not apart.paired
    assert apart.p is not None
    assert apart.p > 0.3


def test_without_pairs_it_is_welchs_test():
    rng = np.random.default_rng(9)
    old, new = rng.normal(0.4, 0.1, 12), rng.normal(0.5, 0.3, 20)
    found = compare(attempts(old), attempts(new, first=50), QUICK)
    expected: Any = stats.ttest_ind(new, old, equal_var=False)
    ends = expected.confidence_interval(0.95)
    assert not found.paired
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.delta.low, found.delta.high) == pytest.approx((ends.low, ends.high))
    assert (found.wilcoxon, found.mcnemar) == (None, None)


def test_too_little_is_said_to_be_too_little():
    found = compare(attempts([0.5]), attempts([0.7], first=9), QUICK)
    assert (found.p, found.delta.low) == (None, None)
    assert found.delta.value == pytest.approx(0.2)
    with pytest.raises(UsageError, match="nothing to compare"):
        compare({}, attempts([0.7]), QUICK)


def test_only_measured_attempts_of_the_instance_itself_count(make_score: Any):
    scores = [
        make_score(1, 0.5),
        make_score(2, None),
        make_score(3, None, status="error"),
        make_score(4, 0.5, variant="paraphrase"),
    ]
    found = measured(scores)
    assert [one.value for one in found.values()] == [0.5, 0.0]
    assert {one.cluster for one in found.values()} == {"1", "2"}
    assert [one.value for one in measured(scores, passed=True).values()] == [0.0, 0.0]
