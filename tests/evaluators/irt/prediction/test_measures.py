"""Measures of predictions against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.irt._responses import Floats, sorted_cells
from evaluators.irt.prediction.measures import accuracy, auc


def brute(passed: Floats, failed: Floats, p: Floats) -> float:
    won = pairs = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            weight = passed[i] * failed[j]
            pairs += weight
            won += weight * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
    return won / pairs if pairs else float("nan")


def drawn(seed: int, agents: int = 6, items: int = 7):
    rng = np.random.default_rng(seed)
    agent, item = (a.ravel() for a in np.indices((agents, items)))
    trials = rng.integers(1, 4, agent.size).astype(float)
    total = rng.binomial(trials.astype(int), 0.4).astype(float)
    cells = sorted_cells(agent, item, trials, total, (agents, items))
    return cells, np.round(rng.random(cells.size), 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_auc_is_the_share_of_pairs_in_order(seed: int):
    cells, p = drawn(seed)
    passed, failed = cells.total, cells.trials - cells.total
    found = accuracy(cells, p)
    assert found.auc == pytest.approx(brute(passed, failed, p), nan_ok=True)
    won = pairs = 0.0
    for agent in range(6):
        rows = cells.agent == agent
        weight = passed[rows].sum() * failed[rows].sum()
        if weight:
            won += weight * brute(passed[rows], failed[rows], p[rows])
            pairs += weight
    assert found.auc_within_agents == pytest.approx(won / pairs)


def test_auc_of_one_side_alone_is_not_a_number():
    assert np.isnan(auc(np.ones(3), np.zeros(3), np.arange(3.0)))


def test_losses_by_hand():
    cells = sorted_cells(
        np.array([0, 0]), np.array([0, 1]), np.array([2.0, 1.0]), np.array([1.0, 1.0]), (1, 2)
    )
    found = accuracy(cells, np.array([0.5, 0.8]))
    assert found.log_loss == pytest.approx(-(2 * np.log(0.5) + np.log(0.8)) / 3)
    assert found.brier == pytest.approx((0.25 + 0.25 + 0.04) / 3)
    assert found.rmse == pytest.approx(np.sqrt((0.0 + 0.04) / 2))
    assert found.total_mae == pytest.approx(0.1)


def test_the_truth_is_calibrated_and_an_overconfident_guess_is_not():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 20_000)
    place = np.arange(p.size)
    total = (rng.random(p.size) < p).astype(float)
    cells = sorted_cells(place // 100, place % 100, np.ones(p.size), total, (200, 100))
    assert accuracy(cells, p).calibration_error < 0.02
    bold = 1 / (1 + np.exp(-3 * np.log(p / (1 - p))))
    assert accuracy(cells, bold).calibration_error > 0.08
