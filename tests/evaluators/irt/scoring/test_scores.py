"""Predicted full scores: exact where nothing is unknown, honest intervals, norms that help."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import ResponseTable, table_of
from evaluators.irt._simulation import simulate, simulate_responses
from evaluators.irt.scoring.norms import norms_of
from evaluators.irt.scoring.scores import predict
from tasks import UsageError


def thinned(table: ResponseTable, keep: int, seed: int = 0) -> ResponseTable:
    """Each agent keeps some of its items, at random."""
    rng = np.random.default_rng(seed)
    wide = table.cells.wide()
    for row in wide:
        row[rng.permutation(len(row))[keep:]] = np.nan
    return table_of(table.agents, table.items, wide)


def named(table: ResponseTable, prefix: str) -> ResponseTable:
    return replace(table, agents=tuple(f"{prefix}{name}" for name in table.agents))


def test_what_is_known_in_full_is_what_was_observed():
    drawn = simulate("2pl", 12, 15, seed=1)
    found = predict(drawn.bank, drawn.table)
    np.testing.assert_allclose(found.score, drawn.table.cells.wide().mean(axis=1))
    np.testing.assert_allclose(found.sd, 0.0, atol=1e-7)
    np.testing.assert_allclose(found.low, found.high, atol=1e-7)


@pytest.mark.parametrize("name", ["2pl", "graded", "beta", "3pl"])
def test_intervals_hold_nine_in_ten_with_known_items(name: str):
    drawn = simulate(name, 500, 60, seed=4)
    full = drawn.table.cells.wide().mean(axis=1)
    found = predict(drawn.bank, thinned(drawn.table, 12))
    assert 0.86 < np.mean((found.low <= full) & (full <= found.high)) < 0.94
    assert np.all(found.asked == 12)
    assert abs(float(np.mean(found.score - full))) < 0.01


def test_intervals_hold_nine_in_ten_with_fitted_items():
    # Few agents to fit on: without the items' own uncertainty it would be too narrow.
    drawn = simulate("2pl", 60, 80, seed=5)
    bank = fit(drawn.table).bank
    theta = np.random.default_rng(9).standard_normal(500)
    fresh = simulate_responses(drawn.bank, theta, seed=10)
    full = fresh.cells.wide().mean(axis=1)
    found = predict(bank, thinned(fresh, 30))
    known = predict(replace(bank, covariance=np.zeros_like(bank.covariance)), thinned(fresh, 30))
    assert 0.84 < np.mean((found.low <= full) & (full <= found.high)) < 0.96
    assert np.all(found.sd > known.sd)


def test_observed_cells_are_kept_and_the_rest_expected():
    drawn = simulate("2pl", 5, 10, seed=2)
    few = thinned(drawn.table, 4)
    found = predict(drawn.bank, few)
    wide = few.cells.wide()
    seen = ~np.isnan(wide)
    np.testing.assert_array_equal(found.expected[seen], wide[seen])
    assert np.all((found.expected[~seen] > 0) & (found.expected[~seen] < 1))
    np.testing.assert_allclose(found.expected.mean(axis=1), found.score)


def test_a_wider_level_is_wider_and_bounded_by_what_was_observed():
    drawn = simulate("2pl", 20, 10, seed=2)
    few = thinned(drawn.table, 6)
    narrow, wide = (predict(drawn.bank, few, level=level) for level in (0.5, 0.999))
    assert np.all(wide.high - wide.low >= narrow.high - narrow.low)
    got = np.nansum(few.cells.wide(), axis=1)
    assert np.all(wide.low >= got / 10 - 1e-12)
    assert np.all(wide.high <= (got + 4) / 10 + 1e-12)


def test_agents_without_responses_get_the_population():
    drawn = simulate("2pl", 300, 30, seed=2)
    wide = np.full((1, 30), np.nan)
    found = predict(drawn.bank, table_of(["new"], drawn.bank.items, wide))
    assert found.score[0] == pytest.approx(drawn.table.cells.wide().mean(), abs=0.03)
    assert "new" in found.notes[0]


def bent(seed: int, n_agents: int) -> Any:
    """A world the 2PL gets wrong: a second ability rules half of the items."""
    rng = np.random.default_rng(seed)
    items = np.random.default_rng(77)
    a, b = np.exp(items.normal(0.3, 0.3, 120)), items.normal(0, 1, 120)
    theta = rng.standard_normal(n_agents)
    other = np.where(np.arange(120) % 2 == 0, 0.0, 1.0)
    log_odds = a * (theta[:, None] + np.outer(np.sin(3 * theta), other) - b)
    scores = (rng.random(log_odds.shape) < 1 / (1 + np.exp(-log_odds))).astype(float)
    return table_of(
        [f"s{seed}-{at:03d}" for at in range(n_agents)], [f"i{j:03d}" for j in range(120)], scores
    )


def test_norms_correct_what_the_model_gets_wrong():
    known, fresh = bent(1, 150), bent(2, 120)
    bank = fit(known, options=FitOptions(standard_errors=False)).bank
    norms = norms_of(bank, known)
    wide = fresh.cells.wide()
    full = wide.mean(axis=1)
    wide[:, 24::2] = np.nan
    wide[:, 25::2] = np.nan
    few = table_of(fresh.agents, fresh.items, wide)
    plain, normed = predict(bank, few), predict(bank, few, norms=norms)
    error = [float(np.mean(np.abs(found.score - full))) for found in (plain, normed)]
    assert error[1] < error[0]
    covered = np.mean((normed.low <= full) & (full <= normed.high))
    assert 0.82 < covered <= 0.98


def test_norms_do_no_harm_where_the_model_is_right():
    drawn = simulate("2pl", 120, 60, seed=6)
    theta = np.random.default_rng(3).standard_normal(200)
    fresh = named(simulate_responses(drawn.bank, theta, seed=8), "new-")
    full = fresh.cells.wide().mean(axis=1)
    few = thinned(fresh, 20)
    norms = norms_of(drawn.bank, drawn.table)
    plain, normed = predict(drawn.bank, few), predict(drawn.bank, few, norms=norms)
    error = [float(np.mean(np.abs(found.score - full))) for found in (plain, normed)]
    assert error[1] < 1.1 * error[0]


def test_norms_take_tables_with_gaps():
    drawn = simulate("2pl", 40, 20, seed=6)
    norms = norms_of(drawn.bank, thinned(drawn.table, 15))
    assert norms.scores.shape == (40, 20)
    assert not np.isnan(norms.scores).any()
    assert np.exp(norms.log_prior).sum() == pytest.approx(1.0, abs=1e-6)


def test_agents_in_the_norms_are_not_predicted():
    drawn = simulate("2pl", 12, 15, seed=1)
    norms = norms_of(drawn.bank, drawn.table)
    with pytest.raises(UsageError, match="12 of the agents to predict are in the norms"):
        predict(drawn.bank, drawn.table, norms=norms)


def test_bad_input_is_named():
    drawn = simulate("2pl", 12, 15, seed=1)
    with pytest.raises(UsageError, match="between 0 and 1"):
        predict(drawn.bank, drawn.table, level=1.0)
    with pytest.raises(UsageError, match="at least 5 agents"):
        norms_of(drawn.bank, simulate("2pl", 4, 15, seed=1).table)
    norms = norms_of(drawn.bank, drawn.table)
    with pytest.raises(UsageError, match="norms are of 15 items, the bank has 3"):
        predict(
            drawn.bank.take([0, 1, 2]),
            table_of(["x"], drawn.bank.items[:3], np.ones((1, 3))),
            norms=norms,
        )
