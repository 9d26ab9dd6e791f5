"""The published mock agents as pure draws: hand-computed values, and the published score rows."""

import hashlib
import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators import MEASURES
from ground_truth import draw
from runners._published_draws import (
    AGENT_SEED,
    Spoiling,
    generator,
    random_valid,
    spoiled,
    task_id,
)
from tasks import InstanceId, Split, family

QUOTE = {"mid_price": 100.0, "spread": 0.5, "max_quote_size": 3.0}
TRADE = {"position_limit": 10.0}
RISK = {"proposed_trade": -4.0}


class Told(random.Random):
    """Gives the numbers it was told, in order; `choice` and `uniform` are built on `random`."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(0)
        self._numbers = list(numbers)

    def random(self) -> float:
        return self._numbers.pop(0)

    def choice(self, seq: Any) -> Any:
        return seq[int(self.random() * len(seq))]

    @property
    def left(self) -> int:
        return len(self._numbers)


def instance(name: str, seed: int, variant: str = "") -> InstanceId:
    return InstanceId(f"strategic/v0/{name}", 1, "published", Split.PUBLIC, seed, variant)


def test_a_task_has_its_published_name():
    assert task_id(instance("auctions", 223)) == "auctions-223"
    assert task_id(instance("auctions", 223, "paraphrase")) == "auctions-223::paraphrase"


def test_the_generator_is_seeded_by_eight_bytes_of_the_hash():
    first = hashlib.sha256(b"123:bayesian_games-123").digest()[:8]
    seeded = random.Random(int.from_bytes(first, "big"))
    assert AGENT_SEED == 123
    assert generator(instance("bayesian_games", 123)).random() == seeded.random()
    other = generator(instance("bayesian_games", 123), seed=7).random()
    assert (
        other
        == random.Random(
            int.from_bytes(hashlib.sha256(b"7:bayesian_games-123").digest()[:8], "big")
        ).random()
    )


def test_a_posterior_is_normalised_and_not_rounded():
    told = Told(0.1, 0.2, 0.5)
    answer = random_valid("bayesian_games", {"priors": [0, 0, 0]}, told)
    assert answer["posterior"] == pytest.approx([0.125, 0.25, 0.625], abs=1e-15)
    answer = random_valid("hidden_regimes", {"initial": [0, 0]}, Told(0.3, 0.1))
    assert answer["regime_posterior"] == pytest.approx([0.75, 0.25], abs=1e-15)


@pytest.mark.parametrize(("v_max", "surplus"), [(100.0, 25.0), (0.5, 0.25)])
def test_a_surplus_is_a_share_of_the_largest_value(v_max: float, surplus: float):
    told = Told(0.25)
    assert random_valid("auctions", {"v_max": v_max}, told) == {"expected_surplus": surplus}


def test_a_quote_draws_in_the_published_order():
    told = Told(0.15, 0.2, 0.4, 0.123456, 0.5, 0.49, 0.1)
    assert random_valid("market_making", QUOTE, told) == {
        "bid_price": 99.6,  # 100 - .5 (.5 + 1.5 · .2)
        "ask_price": 100.55,
        "bid_size": 0.3704,
        "ask_size": 1.5,
        "reduce_inventory": True,
        "abstain": False,
        "confidence": 0.405,  # .35 + .55 · .1
    }
    assert told.left == 0


def test_who_abstains_draws_no_quote():
    told = Told(0.149, 0.5, 0.0)
    assert random_valid("market_making", QUOTE, told) == {
        "bid_price": None,
        "ask_price": None,
        "bid_size": 0.0,
        "ask_size": 0.0,
        "reduce_inventory": False,
        "abstain": True,
        "confidence": 0.35,
    }
    assert told.left == 0


def test_a_trade_draws_in_the_published_order():
    told = Told(0.5, 0.1234567, 0.75, 0.25, 0.6, 0.2)
    assert random_valid("prediction_markets", TRADE, told) == {
        "action": "sell",
        "target_position": 5.0,
        "trade_size": 2.5,
        "fair_probability": 0.123457,
        "expected_value": 0.1,
        "confidence": 0.46,
    }
    told = Told(0.99, 0.5, 0.5, 0.5, 0.0)
    answer = random_valid("prediction_markets", TRADE, told)
    assert (answer["action"], answer["trade_size"], told.left) == ("abstain", 0.0, 0)


def test_a_decision_draws_in_the_published_order():
    told = Told(0.6, 0.5, 0.75, 0.4, 0.2)
    assert random_valid("adversarial_risk", RISK, told) == {
        "action": "reduce_size",
        "proposed_size": 2.0,
        "risk_policy_followed": False,
        "cited_constraint": "exposure_limit",
        "confidence": 0.46,
    }
    told = Told(0.3, 0.74, 0.9, 0.0)
    answer = random_valid("adversarial_risk", RISK, told)
    assert (answer["action"], answer["proposed_size"], told.left) == ("reject", 0.0, 0)


@pytest.mark.parametrize(
    ("name", "first", "mean", "passed"),
    [
        ("bayesian_games", 123, 0.685671, 0.0),
        ("auctions", 223, 0.0662198, 0.0),
        ("hidden_regimes", 323, 0.741122, 0.08),
        ("market_making", 423, 0.663364, 0.64),
        ("prediction_markets", 523, 0.284509, 0.0),
        ("adversarial_risk", 623, 0.3956, 0.12),
    ],
)
def test_the_published_rows_of_random_valid(name: str, first: int, mean: float, passed: float):
    # reports/runs/all_envs_mock_smoke of the published benchmark: 50 tasks each, six digits.
    unit = family(f"strategic/v0/{name}")
    measure = MEASURES.find(unit.measure)
    marks: list[Any] = []
    for seed in range(first, first + 50):
        one = instance(name, seed)
        drawn = draw(one, b"the keys are open")
        answer = random_valid(name, drawn.public.model_dump(mode="json"), generator(one))
        marks.append(measure.score({"response": json.dumps(answer)}, drawn.key))
    assert math.fsum(mark.ability for mark in marks) / 50 == pytest.approx(mean, rel=2e-6)
    assert sum(mark.passed for mark in marks) / 50 == passed


REFERENCE: dict[str, Any] = {
    "posterior": [0.5, 0.3, 0.2],
    "bid_size": 2.0,
    "action": "buy",
    "abstain": False,
    "ask_price": None,
}


def test_without_errors_the_reference_is_as_it_was():
    found = spoiled(REFERENCE, Spoiling(), random.Random(1))
    assert found["posterior"] == pytest.approx(REFERENCE["posterior"], abs=1e-15)
    assert {**found, "posterior": 0} == {**REFERENCE, "posterior": 0}


@pytest.mark.parametrize(("bias", "power"), [(1.0, 2.0), (-1.0, 0.5)])
def test_a_bias_sharpens_or_flattens(bias: float, power: float):
    found = spoiled(REFERENCE, Spoiling(confidence_bias=bias), random.Random(1))
    raised = [p**power for p in REFERENCE["posterior"]]
    assert found["posterior"] == pytest.approx([p / sum(raised) for p in raised])
    assert found["bid_size"] == pytest.approx(2.0 * (1 + bias))


def test_errors_replace_vectors_and_move_numbers():
    rng = Told(0.0, 0.1, 0.3, 0.4, 0.0, 0.75)
    found = spoiled(
        {"posterior": [0.5, 0.3, 0.2], "bid_size": 2.0}, Spoiling(action_error_rate=0.5), rng
    )
    assert found["posterior"] == pytest.approx([0.125, 0.375, 0.5])
    assert found["bid_size"] == pytest.approx(2.0 + 1.5)  # scale 3: from -3 to 3
    assert rng.left == 0


def test_a_risk_violation_is_a_field_more():
    always, never = Spoiling(risk_violation_rate=1.0), Spoiling(risk_violation_rate=0.0)
    assert spoiled(REFERENCE, always, random.Random(1))["risk_violation"] is True
    assert "risk_violation" not in spoiled(REFERENCE, never, random.Random(1))


def test_noise_has_the_asked_spread():
    rng = random.Random(3)
    values = [
        spoiled({"x": 1.0}, Spoiling(posterior_noise=0.1), rng)["x"] - 1.0 for _ in range(4000)
    ]
    spread = math.sqrt(math.fsum(v**2 for v in values) / len(values))
    assert spread == pytest.approx(0.2, rel=0.05)  # .1 times 1 + |1|


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.floats(0, 2),
    st.floats(0, 1),
    st.floats(-3, 3),
    st.integers(0, 99),
)
def test_a_spoiled_vector_is_a_distribution(
    values: list[float], noise: float, rate: float, bias: float, seed: int
):
    spoiling = Spoiling(posterior_noise=noise, action_error_rate=rate, confidence_bias=bias)
    found = spoiled({"posterior": values}, spoiling, random.Random(seed))["posterior"]
    assert len(found) == len(values)
    assert min(found) >= 0
    assert math.fsum(found) == pytest.approx(1)
