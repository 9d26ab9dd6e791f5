import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators import Score
from evaluators._floors import Floor
from evaluators._intervals import clustered_t, t_quantile, wilson
from evaluators._summary import metrics, published, summary
from tasks import Stamp
from tasks._record import Run

FAMILY = "strategic/bayesian_games"
SCALE = Floor(floor=0.5, ceiling=1.0, policy="prior", policies={}, error=0.01, seeds=128)
FLOORS = {(FAMILY, "easy"): SCALE, (FAMILY, "hard"): SCALE}
RUN = Run(suite="strategic", agent="tester", created="2026-01-01T00:00:00.000Z")


def score(seed: int, ability: float | None, **facts: object) -> Score:
    blank = Score(
        attempt=f"a{seed}",
        instance=f"{FAMILY}@1:easy:private:{seed}",
        family=FAMILY,
        preset="easy",
        agent="tester",
        n=1,
        stamp=Stamp.EXAM,
        sandbox="zygote",
        status="scored",
        validity=1.0,
        ability=ability,
        passed=bool(ability and ability > 0.9),
    )
    return blank.model_copy(update=facts)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_rates_have_wilsons_interval(pair: tuple[int, int]) -> None:
    # Its ends are the rates at which the observed one lies 1.96 standard errors away.
    successes, n = pair
    interval = wilson(successes, n)
    assert interval is not None
    for end in interval:
        away = abs(successes / n - end)
        assert away == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / n), abs=1e-6)


@pytest.mark.parametrize(
    ("freedom", "table"),
    [
        (1, 12.7062),
        (2, 4.30265),
        (3, 3.18245),
        (4, 2.77645),
        (5, 2.57058),
        (30, 2.04227),
        (61, 1.99962),
        (100, 1.98397),
        (1000, 1.96234),
    ],
)
def test_students_quantile_is_that_of_the_tables(freedom: int, table: float) -> None:
    assert t_quantile(freedom) == pytest.approx(table, abs=1e-5)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_means_have_students_interval_where_every_instance_is_played_once(
    values: list[float],
) -> None:
    interval = clustered_t(values, [str(i) for i in range(len(values))])
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = t_quantile(len(values) - 1) * error
    centre = float(np.mean(values))
    assert interval == pytest.approx((centre - half, centre + half), abs=1e-9)


def test_repeats_are_no_independent_evidence() -> None:
    once = clustered_t([0.2, 0.8, 0.5], ["a", "b", "c"])
    thrice = clustered_t([0.2, 0.8, 0.5] * 3, ["a", "b", "c"] * 3)
    assert thrice == pytest.approx(once)
    assert clustered_t([0.2, 0.8], ["a", "a"]) is None
    assert wilson(0, 0) is None


def test_the_normalised_score_is_on_the_scale_from_floor_to_ceiling() -> None:
    found = metrics([score(1, 0.5), score(2, 1.0)], FLOORS)
    assert found["mean_score"] == 0.75
    assert found["normalised_score"] == pytest.approx((0.75 - 0.5) / (1.0 - 0.5))
    assert metrics([score(1, 0.5)], {})["normalised_score"] is None


def test_what_was_not_measured_stands_in_no_mean() -> None:
    scores = [
        score(1, 1.0),
        score(2, None, status="error", note="it failed"),
        score(3, 0.0, status="invalid", note="never seen"),
    ]
    found = summary(RUN, scores, FLOORS, ["slug/1"])
    assert found["metrics"]["overall"]["n"] == 1
    assert found["metrics"]["overall"]["mean_score"] == 1.0
    assert found["statuses"] == {"error": 1, "invalid": 1, "scored": 1}
    assert [one["note"] for one in found["not_scored"]] == ["it failed", "never seen"]
    assert any("1 still open" in caveat for caveat in found["caveats"])


def test_an_empty_run_has_numbers_nowhere() -> None:
    found = summary(RUN, [], {}, [])
    assert found["metrics"]["overall"]["n"] == 0
    assert found["metrics"]["overall"]["mean_score"] is None
    assert found["metrics"]["families"] == {}
    assert found["ranked"] is False


def test_only_exams_are_ranked_and_no_sandbox_is_said() -> None:
    found = summary(RUN, [score(1, 1.0, stamp=Stamp.PRACTICE, sandbox="none")], FLOORS, [])
    assert found["ranked"] is False
    assert any("practice" in caveat for caveat in found["caveats"])
    assert any("without a sandbox" in caveat for caveat in found["caveats"])
    assert summary(RUN, [score(1, 1.0)], FLOORS, [])["ranked"] is True


def test_circuit_families_are_published_under_the_name_of_the_field() -> None:
    circuit = score(1, 0.5, family="interp/one_head", metrics={"iou": 0.5, "precision": 1.0})
    files = published([circuit, score(2, 1.0)])
    assert set(files) == {"circuit_evaluation_results.json"}
    task = files["circuit_evaluation_results.json"]["tasks"]["interp/one_head"]
    assert (task["n"], task["iou"], task["precision"]) == (1, 0.5, 1.0)
    assert published([score(2, 1.0)]) == {}
