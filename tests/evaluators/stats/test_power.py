"""Power: textbook sample sizes, simulations, the design effect, the published plan."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluators.stats.power import Design, minimal_effect, power_of, published_width, required
from tasks import UsageError

EASY = Design(sd=1.0, correlation=0.5)
"""The standard deviation of a difference is 1."""


@pytest.mark.parametrize(
    ("effect", "paired", "n"),
    # Cohen, *Statistical Power Analysis*, table 2.4.1, and G*Power 3.
    [(0.5, True, 34), (0.2, True, 199), (0.8, True, 15), (0.5, False, 64), (0.2, False, 394)],
)
def test_cohens_sample_sizes(effect: float, paired: bool, n: int):
    design = Design(sd=1.0, paired=paired, correlation=0.5 if paired else 0.0)
    assert required(effect, design) == n
    assert power_of(effect, n, design) >= 0.8 > power_of(effect, n - 1, design)
    assert minimal_effect(n, design) <= effect


@settings(max_examples=30)
@given(st.integers(3, 2000), st.floats(0.01, 3), st.booleans())
@example(1485, 1.0, True)
def test_the_minimal_effect_has_the_asked_power(n: int, sd: float, paired: bool):
    design = Design(sd=sd, paired=paired)
    assert power_of(minimal_effect(n, design), n, design) == pytest.approx(0.8, abs=1e-3)


def test_the_plan_holds_in_a_simulation():
    rng = np.random.default_rng(12)
    design = Design(sd=0.3, correlation=0.6)
    effect = minimal_effect(50, design)
    shared = 0.3 * math.sqrt(0.6) * rng.standard_normal((2000, 50))
    own = 0.3 * math.sqrt(0.4) * rng.standard_normal((2, 2000, 50))
    found: Any = stats.ttest_rel(shared + own[0] + effect, shared + own[1], axis=1)
    assert np.mean(found.pvalue < 0.05) == pytest.approx(0.8, abs=0.03)


def test_repeats_help_as_much_as_the_design_effect_lets_them():
    rng = np.random.default_rng(13)
    design = Design(sd=1.0, paired=False, per_cluster=4, icc=0.5)
    assert design.design_effect == 2.5
    effect = minimal_effect(120, design)
    means = [
        math.sqrt(0.5) * rng.standard_normal((2000, 30, 1))
        + math.sqrt(0.5) * rng.standard_normal((2000, 30, 4))
        for _ in range(2)
    ]
    first, second = (part.mean(axis=2) for part in means)
    found: Any = stats.ttest_ind(first + effect, second, axis=1)
    assert np.mean(found.pvalue < 0.05) == pytest.approx(0.8, abs=0.03)


def test_no_correlation_within_a_cluster_wastes_nothing_but_freedom():
    alone = minimal_effect(1200, EASY)
    grouped = minimal_effect(1200, EASY.model_copy(update={"per_cluster": 4}))
    assert grouped == pytest.approx(alone, rel=0.01)
    copies = minimal_effect(1200, EASY.model_copy(update={"per_cluster": 4, "icc": 1.0}))
    assert copies == pytest.approx(minimal_effect(300, EASY), rel=1e-6)


def test_clusters_are_asked_for_whole():
    assert required(0.5, EASY.model_copy(update={"per_cluster": 3, "icc": 1.0})) == 3 * 34


@pytest.mark.parametrize(("n", "width"), [(120, 0.0894), (1800, 0.0231), (6000, 0.0127)])
def test_the_published_plan(n: int, width: float):
    assert published_width(n, 0.25) == pytest.approx(width, abs=1e-4)


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(UsageError, match="two at least"):
        minimal_effect(5, EASY.model_copy(update={"per_cluster": 3}))
    with pytest.raises(UsageError, match="above 0"):
        required(0.0, EASY)
    with pytest.raises(UsageError, match="too small"):
        required(1e-9, EASY)
    with pytest.raises(UsageError, match="at least one"):
        published_width(0, 1.0)
