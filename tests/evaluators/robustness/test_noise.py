"""A flip is told from decoding noise, and yielding from noise and from mere sensitivity."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from evaluators.robustness import TypeEffect, cases, effects
from evaluators.robustness._noise import contrast, effect, noise
from evaluators.stats.paired import holm_adjusted

BUY, SELL = {"action": "buy"}, {"action": "sell"}
N = 12


def by_type(played: list[Any]) -> dict[str, TypeEffect]:
    return {one.variant_type: one for one in effects(cases(played))}


def coin(outcome: Any, rng: np.random.Generator, seed: int, variant: str, n: int) -> Any:
    """Answers by a coin, whatever it is asked."""
    heads = rng.random() < 0.5
    return outcome(seed, variant, n=n, answer=BUY if heads else SELL, ability=0.9 if heads else 0.3)


def test_a_noisy_agent_flips_in_its_repeats_and_shows_nothing_beyond(outcome: Any):
    rng = np.random.default_rng(1)
    played = [coin(outcome, rng, seed, "", n) for seed in range(N) for n in (1, 2, 3)]
    types = ("risk_pressure", "urgency_pressure")
    played += [coin(outcome, rng, seed, kind, 1) for seed in range(N) for kind in types]
    assert noise(cases(played))["flip_rate"] > 0.3
    for one in by_type(played).values():
        assert one.flip_rate > 0.3
        assert one.verdict == "within noise"


def test_an_agent_that_yields_shows_it(outcome: Any):
    played = [outcome(seed, n=n, answer=BUY, ability=0.9) for seed in range(N) for n in (1, 2)]
    for seed in range(N):
        played += [
            outcome(seed, "risk_pressure", answer=SELL, ability=0.1, metrics={"unsafe_action": 1}),
            outcome(seed, "irrelevant_context", answer=BUY, ability=0.9),
        ]
    found = by_type(played)
    yielded, steady = found["risk_pressure"], found["irrelevant_context"]
    assert yielded.verdict == "beyond noise"
    assert yielded.excess_flip is not None
    assert yielded.excess_flip.mean == 1.0
    assert yielded.score_drop.mean == pytest.approx(0.8)
    assert yielded.unsafe_increase.mean == 1.0
    assert steady.verdict == "within noise"
    against = contrast(cases(played))
    assert against is not None
    assert (against.flip_rate, against.noise_flip_rate) == (1.0, 0.0)
    assert against.verdict == "beyond noise"


def test_yielding_shows_through_noise(outcome: Any):
    rng = np.random.default_rng(2)
    played: list[Any] = []
    for seed in range(30):
        for n in (1, 2, 3):
            steady = rng.random() < 0.8
            played.append(
                outcome(seed, n=n, answer=BUY if steady else SELL, ability=0.9 if steady else 0.1)
            )
        played.append(outcome(seed, "risk_pressure", answer=SELL, ability=0.1))
    (found,) = by_type(played).values()
    assert found.noise_flip_rate is not None
    assert found.noise_flip_rate > 0.2
    assert found.verdict == "beyond noise"


def test_an_agent_that_changes_with_any_wording_does_not_yield_to_pressure(outcome: Any):
    rng = np.random.default_rng(3)
    played: list[Any] = []
    for seed in range(30):
        played += [outcome(seed, n=n, answer=BUY, ability=0.9) for n in (1, 2)]
        played += [
            coin(outcome, rng, seed, kind, 1)
            for kind in ("irrelevant_context", "paraphrase", "risk_pressure", "urgency_pressure")
        ]
    against = contrast(cases(played))
    assert by_type(played)["risk_pressure"].verdict == "beyond noise"
    assert against is not None
    assert against.verdict == "within noise"


def test_a_flip_is_counted_against_every_repeat_of_the_base(outcome: Any):
    played = [
        outcome(1, n=1, answer=BUY),
        outcome(1, n=2, answer=BUY),
        outcome(1, n=3, answer=SELL),
        outcome(1, "paraphrase", answer=SELL),
    ]
    (found,) = by_type(played).values()
    # Pairs of repeats: BB, BS, BS. Against the base: B, B, S.
    assert found.noise_flip_rate == pytest.approx(2 / 3)
    assert found.flip_rate == pytest.approx(2 / 3)
    assert found.excess_flip is not None
    assert found.excess_flip.mean == pytest.approx(0.0)


def test_without_repeats_nothing_is_claimed(outcome: Any):
    played = [outcome(seed, answer=BUY) for seed in range(N)]
    played += [outcome(seed, "paraphrase", answer=SELL, ability=0.0) for seed in range(N)]
    (found,) = by_type(played).values()
    assert found.excess_flip is None
    assert found.noise_flip_rate is None
    assert "--repeat" in found.verdict


def test_few_instances_are_said_to_be_few(outcome: Any):
    played = [outcome(seed, n=n, answer=BUY) for seed in range(3) for n in (1, 2)]
    played += [outcome(seed, "paraphrase", answer=SELL, ability=0.0) for seed in range(3)]
    (found,) = by_type(played).values()
    # 2^-n, doubled for two tests, is at most .05 from n = 6 on.
    assert found.verdict == "too few instances to tell (3; 6 is the least)"


def test_the_control_is_what_the_pressed_base_is_measured_against(outcome: Any):
    risk = "strategic/adversarial_risk"
    played = [outcome(s, n=n, answer=BUY, ability=0.2, family=risk, safety=0.0)
              for s in range(N) for n in (1, 2)]  # fmt: skip
    played += [
        outcome(s, "control", answer=SELL, ability=1.0, family=risk, safety=1.0) for s in range(N)
    ]
    (found,) = by_type(played).values()
    assert found.score_drop.mean == pytest.approx(0.8)
    assert found.unsafe_increase.mean == pytest.approx(1.0)


@given(st.integers(1, 60))
def test_where_all_agree_the_interval_is_that_of_none_of_n(n: int):
    found = effect([0.0] * n)
    _, high = proportion_confint(0, n, alpha=0.05, method="beta")
    assert found.high == pytest.approx(high)
    assert found.low == pytest.approx(-high)
    assert found.p == 1.0


@settings(max_examples=25)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_intervals_hold_the_mean_and_stay_in_bounds(values: list[float]):
    found = effect(values)
    assert found.mean == pytest.approx(float(np.mean(values)), abs=1e-8)
    assert -1.0 - 1e-9 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= 1.0 + 1e-9
    assert 0.0 < found.p <= 1.0


def test_the_test_of_a_mean_is_exact_for_few():
    # All five signs of 2^5 must be up: the least p there is.
    assert effect([0.5, 0.4, 0.3, 0.2, 0.1]).p == pytest.approx(2**-5)
    assert effect([-0.5, -0.4, -0.3]).p == pytest.approx(1.0)
    assert (effect([0.3]).p, effect([-0.3]).p, effect([0.0]).p) == (0.5, 1.0, 1.0)


def test_the_dust_of_rounding_is_no_effect(outcome: Any):
    # The mean of three times .05 is not .05 to the last bit.
    played = [outcome(s, n=n, answer=BUY, ability=0.05) for s in range(N) for n in (1, 2, 3)]
    played += [outcome(s, "paraphrase", answer=BUY, ability=0.05) for s in range(N)]
    (found,) = by_type(played).values()
    assert (found.score_drop.mean, found.score_drop.p) == (0.0, 1.0)
    assert found.verdict == "within noise"


def test_the_test_holds_its_level_under_noise(outcome: Any):
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(30):
        played = [coin(outcome, rng, seed, "", n) for seed in range(10) for n in (1, 2)]
        played += [coin(outcome, rng, seed, "paraphrase", 1) for seed in range(10)]
        (found,) = effects(cases(played))
        hits += found.verdict == "beyond noise"
    # Binomial(30, .05) exceeds 5 with probability .003.
    assert hits <= 5


def test_holm_by_hand():
    assert holm_adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm_adjusted([]) == []
