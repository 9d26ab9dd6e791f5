import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import MEASURES, Marks, Measure
from evaluators._floors import SEEDS, estimate
from evaluators._score import mark
from evaluators.measures.posterior import TOLERANCE, measure
from ground_truth.keys import PosteriorKey
from tasks import EvaluatorError

KEY = PosteriorKey(posterior=(0.7, 0.2, 0.1))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
BREAKING = st.fixed_dictionaries(
    {"posterior": st.lists(JSON_VALUES | st.just(10**400), min_size=3, max_size=3)}
)


@given(JSON_VALUES | BREAKING)
def test_the_posterior_measure_never_raises_and_stays_in_range(answer: Any) -> None:
    marks = measure.score(answer, KEY)
    assert 0.0 <= marks.ability <= 1.0
    assert all(math.isfinite(value) for value in marks.metrics.values())
    assert not marks.passed or marks.ability >= 1.0 - TOLERANCE - 1e-6


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_no_answer_beats_the_key(answer: list[float]) -> None:
    best = measure.score({"posterior": list(KEY.posterior)}, KEY)
    assert best.ability == 1.0
    assert best.passed
    assert measure.score({"posterior": answer}, KEY).ability <= best.ability


def test_the_published_rule_and_names() -> None:
    marks = measure.score({"posterior": [0.65, 0.25, 0.1]}, KEY)
    assert marks.ability == pytest.approx(0.95)
    assert marks.passed
    assert not measure.score({"posterior": [0.64, 0.26, 0.1]}, KEY).passed
    assert marks.metrics == pytest.approx(
        {
            "posterior_tv_error": 0.05,
            "posterior_l1_error": 0.1,
            "posterior_max_error": 0.05,
            "answer_sum": 1.0,
        }
    )
    assert set(marks.metrics) == set(measure.metrics)
    assert marks.axes == pytest.approx({"belief": 0.95})


@pytest.mark.parametrize("name", MEASURES.names())
def test_every_measure_names_its_metrics_and_its_key(name: str) -> None:
    found = MEASURES.find(name)
    assert found.metrics
    assert found.key.__module__.startswith("ground_truth")


@pytest.mark.parametrize("ability", [math.nan, math.inf, -0.1, 1.1])
def test_a_measure_out_of_range_is_an_evaluators_failure(ability: float) -> None:
    broken = Measure(key=PosteriorKey, score=lambda answer, key: Marks(ability, False), metrics={})
    with pytest.raises(EvaluatorError, match="outside"):
        mark(broken, None, KEY)


def test_a_measure_that_raises_is_an_evaluators_failure() -> None:
    def fails(answer: Any, key: Any) -> Marks:
        raise ZeroDivisionError("by zero")

    with pytest.raises(EvaluatorError, match="ZeroDivisionError"):
        mark(Measure(key=PosteriorKey, score=fails, metrics={}), None, KEY)


def test_a_floor_is_the_best_policys_mean_and_the_scale_runs_from_0_to_1() -> None:
    scale = estimate("strategic/bayesian_games", "easy", seeds=24)
    assert scale.floor == max(scale.policies.values()) == scale.policies[scale.policy]
    assert scale.normalised(scale.floor) == 0.0
    assert scale.normalised(scale.ceiling) == 1.0
    assert scale.normalised(0.0) < 0.0
    assert scale == estimate("strategic/bayesian_games", "easy", seeds=24)
    assert SEEDS >= 100
