"""Linking: known lines are found again, what was fixed stays fixed, what moved is named."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.linking.calibration import calibrate_items
from evaluators.irt.linking.drift import drift
from evaluators.irt.linking.links import Link, link, move_abilities, move_bank
from evaluators.irt.scoring.abilities import score_agents
from tasks import UsageError

METHODS: list[Any] = ["mean_sigma", "mean_mean", "haebara", "stocking_lord"]
MODELS = ["2pl", "3pl", "4pl", "graded", "binomial", "beta"]


def on_another_scale(bank: ItemBank, slope: float, shift: float) -> ItemBank:
    """The same items as a fit would give them whose scale is (theta - shift) / slope."""
    return replace(bank, x=bank.model.rescaled(bank.x, 1.0 / slope, -shift / slope))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_a_known_line_is_found_exactly(name: str, method: Any):
    old = simulate(name, 5, 30, seed=4).bank
    found = link(on_another_scale(old, 1.3, -0.6), old, method)
    assert (found.slope, found.shift) == pytest.approx((1.3, -0.6), abs=1e-5)
    assert found.distance < 1e-5
    assert "1.3" in found.words


@pytest.mark.parametrize("method", METHODS)
def test_rasch_can_only_be_shifted(method: Any):
    old = simulate("rasch", 5, 20, seed=4).bank
    found = link(on_another_scale(old, 1.0, 0.4), old, method)
    assert (found.slope, found.shift) == pytest.approx((1.0, 0.4), abs=1e-6)


def test_curve_methods_agree_with_moments_on_noisy_items():
    rng = np.random.default_rng(3)
    old = simulate("2pl", 5, 200, seed=4).bank
    new = on_another_scale(old, 0.8, 0.3)
    new = replace(new, x=new.x + 0.05 * rng.standard_normal(new.x.shape))
    lines = [link(new, old, method) for method in METHODS]
    assert [one.slope for one in lines] == pytest.approx([0.8] * 4, abs=0.03)
    assert [one.shift for one in lines] == pytest.approx([0.3] * 4, abs=0.03)


def test_a_moved_bank_says_the_same_of_moved_abilities():
    bank = simulate("2pl", 5, 20, seed=1).bank
    bank = replace(bank, covariance=np.tile(np.diag([0.04, 0.09]), (20, 1, 1)))
    by = Link(1.7, -0.4, "mean_sigma", bank.items, 0.0)
    moved = move_bank(bank, by)
    theta = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(moved.mean(1.7 * theta - 0.4), bank.mean(theta), atol=1e-12)
    assert (moved.population.mean, moved.population.sd) == pytest.approx((-0.4, 1.7))
    np.testing.assert_allclose(moved.parameters["b"], 1.7 * bank.parameters["b"] - 0.4)
    np.testing.assert_allclose(
        moved.standard_errors["b"], 1.7 * bank.standard_errors["b"], rtol=1e-6
    )
    np.testing.assert_allclose(
        moved.standard_errors["a"], bank.standard_errors["a"] / 1.7, rtol=1e-6
    )


def test_moved_abilities_stretch_with_their_errors():
    one = np.array([1.0])
    held = Abilities(("a",), one, 0.2 * one, "eap", 0.7 * one, 1.3 * one)
    moved = move_abilities(held, Link(2.0, 1.0, "x", (), 0.0))
    assert (moved.theta[0], moved.se[0]) == pytest.approx((3.0, 0.4))
    assert (moved.low[0], moved.high[0]) == pytest.approx((2.4, 3.6))


def test_scoring_does_not_care_for_the_scale():
    drawn = simulate("2pl", 30, 40, seed=2)
    by = Link(0.5, 2.0, "x", (), 0.0)
    there = score_agents(move_bank(drawn.bank, by), drawn.table)
    here = move_abilities(score_agents(drawn.bank, drawn.table), by)
    np.testing.assert_allclose(there.theta, here.theta, atol=1e-9)
    np.testing.assert_allclose(there.low, here.low, atol=1e-9)


def test_banks_that_cannot_be_linked_say_why():
    two, rasch = simulate("2pl", 3, 5, seed=1).bank, simulate("rasch", 3, 5, seed=1).bank
    with pytest.raises(UsageError, match="different models"):
        link(two, rasch)
    with pytest.raises(UsageError, match="share 1 of 5"):
        link(two, replace(two, items=("item-0", "b", "c", "d", "e")))
    with pytest.raises(UsageError, match="Did you mean haebara"):
        link(two, two, "haebarra")  # type: ignore[arg-type]
    level = replace(two, x=np.tile(two.x[:1], (5, 1)))
    with pytest.raises(UsageError, match="equally difficult"):
        link(level, two, "mean_sigma")


def calibrated(name: str, n_agents: int = 300) -> tuple[Any, Any]:
    drawn = simulate(name, n_agents, 60, seed=8)
    return drawn, calibrate_items(drawn.bank.take(np.arange(40)), drawn.table)


@pytest.mark.parametrize("name", ["rasch", "2pl", "graded"])
def test_new_items_land_on_the_old_scale_and_old_ones_stay(name: str):
    drawn, found = calibrated(name)
    assert found.converged
    assert found.bank.items == drawn.bank.items
    np.testing.assert_array_equal(found.bank.x[:40], drawn.bank.x[:40])
    np.testing.assert_array_equal(found.bank.covariance[:40], drawn.bank.covariance[:40])
    theta = np.linspace(-1.5, 1.5, 7)
    apart = found.bank.mean(theta)[40:] - drawn.bank.mean(theta)[40:]
    assert np.sqrt(np.mean(apart**2)) < 0.05


def test_standard_errors_of_calibrated_items_are_honest():
    drawn, found = calibrated("2pl")
    z = (found.bank.x[40:] - drawn.bank.x[40:]) / np.sqrt(
        np.diagonal(found.bank.covariance[40:], axis1=1, axis2=2)
    )
    # 40 values about N(0, 1): 3.5 sds around an rms of 1 (sd 1 / sqrt(2 * 40)).
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.4


def test_agents_of_another_population_need_a_free_one():
    drawn = simulate("2pl", np.random.default_rng(1).normal(1.2, 0.7, 300), 30, seed=8)
    old = drawn.bank.take(np.arange(10))
    truth = drawn.bank.parameters["b"][10:]
    bias = [
        # The median: b of an item with hardly any slope may be anywhere.
        abs(float(np.median(found.bank.parameters["b"][10:] - truth)))
        for found in (
            calibrate_items(old, drawn.table),
            calibrate_items(old, drawn.table, free_population=True),
        )
    ]
    assert bias[1] < 0.1 < bias[0]


def test_calibration_says_what_it_cannot_do():
    drawn = simulate("2pl", 20, 6, seed=1)
    with pytest.raises(UsageError, match="already has all 6 items"):
        calibrate_items(drawn.bank, drawn.table)
    strange = replace(drawn.table, items=tuple("abcdef"))
    with pytest.raises(UsageError, match="nothing holds the"):
        calibrate_items(drawn.bank, strange)


def test_items_answered_by_nobody_or_alike_are_named():
    wide = np.tile([1.0, 0.0, 1.0, np.nan, 1.0], (6, 1))
    wide[:3, 0] = 0.0
    bank = simulate("2pl", 3, 5, seed=1).bank.take([0, 1, 2])
    table = table_of(list("uvwxyz"), ["item-0", "item-1", "item-2", "unseen", "easy"], wide)
    found = calibrate_items(bank, table)
    assert found.new == ("easy",)
    assert found.dropped[-1].names == ("unseen",)
    assert "easy" in found.notes[0]


def test_items_that_moved_are_found_and_left_out_of_the_link():
    old = simulate("2pl", 5, 40, seed=6).bank
    changed = old.x.copy()
    a = np.exp(changed[:, 0])
    changed[3, 1] += 1.5 * a[3]
    changed[17, 1] -= 1.0 * a[17]
    rng = np.random.default_rng(2)
    changed += 0.02 * rng.standard_normal(changed.shape)
    new = on_another_scale(replace(old, x=changed), 1.2, 0.5)
    found = drift(new, old, cut=6.0)
    assert {one.item for one in found.moved[:2]} == {"item-03", "item-17"}
    assert len(found.moved) <= 4
    by_name = {one.item: one for one in found.moved}
    assert by_name["item-03"].difficulty == pytest.approx(-1.5, abs=0.1)
    assert by_name["item-17"].difficulty == pytest.approx(1.0, abs=0.1)
    assert (found.link.slope, found.link.shift) == pytest.approx((1.2, 0.5), abs=0.02)
    assert found.settled
    assert abs(found.link.shift - 0.5) < abs(found.naive.shift - 0.5)
    assert "item-03 became easier" in found.words[0]


def test_identical_versions_have_not_drifted():
    old = simulate("2pl", 5, 12, seed=6).bank
    found = drift(on_another_scale(old, 0.9, 0.1), old)
    assert found.moved == ()
    assert found.words == ("None of the 12 shared items has drifted.",)


def test_drift_needs_three_items_and_a_cut():
    old = simulate("2pl", 5, 2, seed=6).bank
    with pytest.raises(UsageError, match="at least 3 shared items"):
        drift(old, old)
    with pytest.raises(UsageError, match="above 0"):
        drift(old, old, cut=0.0)
