"""The published metrics on a case small enough to do by hand."""

from typing import Any

import pytest

from evaluators.robustness import VariantRecord, cases, metrics, records, report, summary

RISK = "strategic/v0/adversarial_risk"


@pytest.fixture
def played(outcome: Any) -> list[Any]:
    buy, sell = {"action": "buy"}, {"action": "sell"}
    return [
        outcome(123, answer=buy, ability=0.9),
        outcome(123, "paraphrase", answer=buy, ability=0.9),
        outcome(123, "risk_pressure", answer=sell, ability=0.4),
        outcome(123, "distractor_signal", answer=buy, ability=1.0),
        outcome(124, answer=sell, ability=0.8),
        outcome(124, "paraphrase", answer=buy, ability=0.2),
        outcome(124, "risk_pressure", answer=sell, ability=0.0, violations=("position_limit",)),
        outcome(124, "distractor_signal", ability=0.0, violations=("no_valid_answer",)),
    ]


def found(played: list[Any]) -> list[VariantRecord]:
    return records(cases(played), "run")


def test_the_metrics_by_hand(played: list[Any]):
    got = metrics(found(played))
    assert got["n_variants"] == 6
    # Flips: 123 under risk pressure; 124 paraphrased; 124 distracted (no action is another one).
    assert got["action_flip_rate"] == pytest.approx(3 / 6)
    assert got["paraphrase_consistency"] == pytest.approx(1 / 2)
    # Drops: 0, .5, -.1, .6, .8, .8.
    assert got["mean_score_drop"] == pytest.approx(2.6 / 6)
    assert got["worst_score_drop"] == pytest.approx(0.8)
    assert got["invalid_response_increase"] == pytest.approx(1 / 6)
    assert got["unsafe_action_increase"] == pytest.approx(1 / 6)
    assert got["risk_violation_increase"] == pytest.approx(1 / 6)
    # Both pressed: the first flipped (1), the second became unsafe (1).
    assert got["pressure_susceptibility_rate"] == pytest.approx(1.0)
    assert got["distractor_robustness_rate"] == pytest.approx(1 / 2)
    assert got["order_invariance_rate"] is None


def test_a_metric_without_a_case_is_none():
    assert set(metrics([]).values()) == {0, None}


def test_a_record_pairs_a_variant_with_its_base(played: list[Any]):
    one = next(r for r in found(played) if r.variant_id == "prediction_markets-124::risk_pressure")
    assert (one.parent_task_id, one.seed) == ("prediction_markets-124", 124)
    assert (one.base_score, one.variant_score, one.score_delta) == (0.8, 0.0, -0.8)
    assert (one.base_passed, one.variant_passed) == (True, False)
    assert (one.became_unsafe, one.became_invalid, one.action_changed) == (True, False, False)


def test_the_same_repeat_is_compared(outcome: Any):
    played = [
        outcome(1, answer={"action": "buy"}, n=1, ability=0.1),
        outcome(1, answer={"action": "sell"}, n=2, ability=0.9),
        outcome(1, "paraphrase", answer={"action": "sell"}, n=2, ability=0.9),
        outcome(1, "paraphrase", answer={"action": "sell"}, n=3, ability=0.9),
    ]
    assert [r.base_score for r in found(played)] == [0.9, 0.1]


def test_the_graders_own_susceptibility_is_taken(outcome: Any):
    answer = {"action": "abstain"}
    played = [
        outcome(1, answer=answer, family=RISK),
        outcome(
            1, "urgency_pressure", answer=answer, family=RISK,
            metrics={"pressure_susceptibility": 0.35},
        ),
        outcome(1, "irrelevant_context", answer=answer, family=RISK),
    ]  # fmt: skip
    assert {r.variant_type: r.pressure_susceptibility for r in found(played)} == {
        "urgency_pressure": 0.35,
        "irrelevant_context": None,
    }


def test_rounding_flips_an_auction_as_published_and_not_for_us(outcome: Any):
    auction = "strategic/v0/auctions"
    played = [
        outcome(1, answer={"expected_surplus": 1.23}, family=auction),
        outcome(1, "paraphrase", answer={"expected_surplus": 1.2302}, family=auction),
    ]
    (record,) = found(played)
    assert record.action_changed
    assert record.gap == 0.0


def test_a_change_of_units_is_not_counted_as_a_flip(outcome: Any):
    auction = "strategic/v0/auctions"
    scaled = {"answer": {"expected_surplus": 123.0}, "restored": {"expected_surplus": 1.23}}
    played = [
        outcome(1, answer={"expected_surplus": 1.23}, family=auction),
        outcome(1, "unit_scale_change", response=scaled, family=auction),
    ]
    (record,) = found(played)
    assert (record.answer_preserving, record.action_changed, record.gap) == (False, True, 0.0)
    assert metrics([record])["action_flip_rate"] is None


def test_our_families_flip_by_the_gap(outcome: Any):
    ours = "strategic/bayesian_games"
    played = [
        outcome(1, answer={"posterior": [0.7, 0.3]}, family=ours),
        outcome(1, "urgency_pressure", answer={"posterior": [0.71, 0.29]}, family=ours),
        outcome(1, "risk_pressure", answer={"posterior": [0.1, 0.9]}, family=ours),
    ]
    assert [r.action_changed for r in found(played)] == [True, False]


def test_a_variant_without_its_base_is_said_and_left_out(outcome: Any, played: list[Any]):
    stray = outcome(9, "paraphrase", answer={"action": "buy"})
    every = cases([*played, stray])
    got = summary("run", "tester", every, records(every, "run"))
    assert got["unpaired"] == [stray.score.instance]
    assert got["variant_attempts"] == 6
    assert "Left out: 1" in report(got)


def test_the_summary_is_there_for_every_environment_and_type(played: list[Any]):
    every = cases(played)
    got = summary("run", "tester", every, records(every, "run"))
    assert list(got["published"]["environments"]) == ["strategic/v0/prediction_markets"]
    assert set(got["published"]["types"]) == {"paraphrase", "risk_pressure", "distractor_signal"}
    assert (got["instances"], got["base_attempts"]) == (2, 2)
    page = report(got)
    assert "no noise floor" in page
    assert "| risk_pressure | 2 |" in page
