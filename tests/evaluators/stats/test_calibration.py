"""Calibration: hand-computed scores, properness, intervals, what abstaining buys."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.stats.calibration import (
    brier,
    calibration,
    ece,
    log_score,
    reliability,
    risk_coverage,
)
from evaluators.stats.sample import Resampling
from tasks import UsageError

STATED = [0.95, 0.91, 0.35, 0.31, 0.1, 1.0, 0.0]
HAPPENED = [True, False, True, False, False, True, False]
QUICK = Resampling(resamples=200, seed=1)
ROWS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


def test_the_calibration_error_by_hand():
    # Bins: [.9, 1]: .95, .91, 1 with 2 of 3; [.3, .4): .35, .31 with 1 of 2; .1 and 0 alone.
    gaps = [3 * abs(2 / 3 - 2.86 / 3), 2 * abs(0.5 - 0.33), 0.1, 0.0]
    assert ece(STATED, HAPPENED) == pytest.approx(sum(gaps) / 7)


def test_scores_by_hand():
    assert brier([0.8, 0.4], [True, True]) == pytest.approx((0.04 + 0.36) / 2)
    assert log_score([0.8, 0.4], [True, False]) == pytest.approx(-math.log(0.8 * 0.6) / 2)
    assert math.isfinite(log_score([0.0], [True]))


def test_bins_hold_their_lower_edge():
    bins = reliability([0.1, 0.2, 0.35, 0.5, 1.0], [True] * 5)
    assert [one.n for one in bins] == [0, 1, 1, 1, 0, 1, 0, 0, 0, 1]
    assert bins[0].stated is None
    assert (bins[9].stated, bins[9].happened) == (1.0, 1.0)
    assert (bins[3].low, bins[3].high) == pytest.approx((0.3, 0.4))


@given(ROWS)
def test_the_error_is_that_of_its_bins(rows: list[tuple[float, bool]]):
    stated, happened = [p for p, _ in rows], [y for _, y in rows]
    gaps = [
        one.n * abs(one.stated - one.happened)
        for one in reliability(stated, happened)
        if one.stated is not None and one.happened is not None
    ]
    assert ece(stated, happened) == pytest.approx(sum(gaps) / len(rows), abs=1e-12)


@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98))
def test_both_scores_are_proper(true: float, said: float):
    def expected(score: float, other: float) -> float:
        return true * score + (1 - true) * other

    for score in (brier, log_score):
        honest = expected(score([true], [True]), score([true], [False]))
        assert honest <= expected(score([said], [True]), score([said], [False])) + 1e-12


def test_an_honest_forecaster_is_calibrated_and_an_overconfident_one_is_not():
    rng = np.random.default_rng(2)
    true = rng.uniform(0, 1, 4000)
    happened = (rng.uniform(0, 1, 4000) < true).tolist()
    honest = calibration(true.tolist(), happened, resampling=QUICK)
    sharp = np.clip(true * 1.5 - 0.25, 0, 1)
    bold = calibration(sharp.tolist(), happened, resampling=QUICK)
    assert honest.ece.value < 0.03
    assert bold.ece.low is not None
    assert bold.ece.low > 0.05
    assert honest.brier.low is not None
    assert honest.brier.high is not None
    assert honest.brier.low < 1 / 6 < honest.brier.high  # E p (1 - p), p uniform
    assert honest.log_score.value == pytest.approx(0.5, abs=0.02)  # uniform: 1/2 nat


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(3)
    stated = np.repeat(rng.uniform(0, 1, 40), 10)
    happened = np.repeat(rng.uniform(0, 1, 40) < 0.5, 10)
    rows = (stated.tolist(), happened.tolist())
    alone = calibration(*rows, resampling=QUICK).brier
    grouped = calibration(*rows, [str(k // 10) for k in range(400)], QUICK).brier
    assert grouped.clusters == 40
    assert _width(grouped) > 2 * _width(alone)


def _width(found: object) -> float:
    low, high = getattr(found, "low", None), getattr(found, "high", None)
    assert low is not None
    assert high is not None
    return high - low


def test_abstaining_buys_accuracy():
    curve = risk_coverage([0.9, 0.8, 0.8, 0.2], [True, True, False, False])
    assert [(p.threshold, p.coverage) for p in curve] == [(0.9, 0.25), (0.8, 0.75), (0.2, 1.0)]
    assert [p.risk for p in curve] == pytest.approx([0.0, 1 / 3, 0.5])
    found = calibration([0.9, 0.8, 0.8, 0.2], [True, True, False, False], resampling=QUICK)
    assert found.area == pytest.approx(0.5 * (1 / 3) + 0.25 * 0.5)


@given(ROWS)
def test_all_are_answered_in_the_end(rows: list[tuple[float, bool]]):
    curve = risk_coverage([p for p, _ in rows], [y for _, y in rows])
    assert curve[-1].coverage == 1.0
    assert curve[-1].risk == pytest.approx(1 - np.mean([y for _, y in rows]))
    assert [p.threshold for p in curve] == sorted({p for p, _ in rows}, reverse=True)


@pytest.mark.parametrize(
    ("stated", "happened"), [([], []), ([0.5], []), ([1.2], [True]), ([math.nan], [True])]
)
def test_what_is_no_forecast_is_refused(stated: list[float], happened: list[bool]):
    with pytest.raises(UsageError):
        calibration(stated, happened, resampling=QUICK)
