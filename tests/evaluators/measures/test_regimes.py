import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.measures.regimes import measure
from ground_truth.strategic._regimes_key import RegimesKey

KEY = RegimesKey(
    posterior=(0.7, 0.3),
    smoothed=(0.5, 0.5),
    arrival=(0.2, 0.3, 0.5),
    payoffs={"a": 100.0, "b": 60.0, "c": -40.0},
)
BEST = {
    "now": [0.7, 0.3],
    "earlier": [0.5, 0.5],
    "passage": [0.2, 0.3, 0.5],
    "action": "a",
    "value": 100.0,
}


def test_the_exact_answer_is_the_ceiling_on_every_axis() -> None:
    marks = measure.score(BEST, KEY)
    assert marks.ability == 1.0
    assert marks.passed
    assert marks.axes == {"belief": 1.0, "decision": 1.0, "calibration": 1.0}
    assert set(marks.metrics) == set(measure.metrics)


def test_each_part_is_scored_as_the_brief_says() -> None:
    """The scale is best minus mean: 100 - 40 = 60."""
    answer = {**BEST, "now": [0.5, 0.5], "earlier": [0.4, 0.6], "action": "b", "value": 88.0}
    answer["passage"] = [0.5, 0.3, 0.2]
    marks = measure.score(answer, KEY)
    assert marks.axes["belief"] == pytest.approx(1 - (0.2 + 0.1) / 2)
    assert marks.axes["decision"] == pytest.approx(1 - 0.7 * 40 / 60 - 0.3 * 12 / 60)
    assert marks.axes["calibration"] == pytest.approx(1 - math.sqrt(0.5 * (0.09 + 0.09)))
    assert marks.ability == pytest.approx(
        0.4 * marks.axes["belief"]
        + 0.35 * marks.axes["decision"]
        + 0.25 * marks.axes["calibration"]
    )
    assert not marks.passed


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({"now": [0.65, 0.35]}, True),
        ({"now": [0.64, 0.36]}, False),
        ({"earlier": [0.45, 0.55]}, True),
        ({"earlier": [0.44, 0.56]}, False),
        ({"passage": [0.25, 0.25, 0.5]}, True),
        ({"passage": [0.26, 0.24, 0.5]}, False),
        ({"value": 97.0}, True),
        ({"value": 96.9}, False),
        ({"action": "b"}, False),
    ],
)
def test_it_passes_within_the_tolerance_of_every_part(
    change: dict[str, object], passes: bool
) -> None:
    assert measure.score({**BEST, **change}, KEY).passed is passes


simplex = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)


@given(simplex, simplex, simplex, st.sampled_from("abc"), st.floats(-1e12, 1e12))
def test_no_answer_beats_the_key_and_all_are_in_range(
    now: list[int], earlier: list[int], passage: list[int], action: str, value: float
) -> None:
    answer = {
        "now": [n / sum(now) for n in now][:2],
        "earlier": [n / sum(earlier) for n in earlier][:2],
        "passage": [n / sum(passage) for n in passage],
        "action": action,
        "value": value,
    }
    marks = measure.score(answer, KEY)
    assert 0.0 <= marks.ability <= 1.0
    assert all(0.0 <= axis <= 1.0 for axis in marks.axes.values())
    assert all(math.isfinite(metric) for metric in marks.metrics.values())
