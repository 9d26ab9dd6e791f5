"""EM: it climbs, it stops where it says, and its numbers do not hang on the grid or on names."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import ResponseTable
from evaluators.irt._simulation import simulate

TIGHT = FitOptions(tolerance=1e-6)


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("observed", [1.0, 0.6, 0.1])
@pytest.mark.parametrize("model", ["rasch", "2pl", "3pl"])
def test_the_penalised_likelihood_never_falls(model: str, observed: float, *, accelerate: bool):
    table = simulate(model, 120, 60, seed=4, observed=observed).table
    found = fit(table, model, options=FitOptions(accelerate=accelerate, standard_errors=False))
    assert found.converged
    assert len(found.path) > 3
    assert np.diff(found.path).min() >= -1e-8 * abs(found.path[-1])


@pytest.mark.parametrize("priors", [True, False])
def test_few_items_climb_too(priors: bool):
    table = simulate("2pl", 400, 6, seed=1).table
    found = fit(table, options=FitOptions(priors=priors))
    assert found.converged
    assert np.diff(found.path).min() >= -1e-8 * abs(found.path[-1])


def test_acceleration_reaches_the_same_place_in_fewer_steps():
    table = simulate("2pl", 500, 6, seed=2).table
    fast, slow = (fit(table, options=replace(TIGHT, accelerate=on)) for on in (True, False))
    assert len(fast.path) < len(slow.path)
    np.testing.assert_allclose(fast.bank.x, slow.bank.x, atol=1e-3)


@pytest.mark.parametrize(("model", "n_agents", "n_items"), [("2pl", 60, 300), ("rasch", 200, 15)])
def test_a_grid_twice_as_dense_changes_nothing(model: str, n_agents: int, n_items: int):
    table = simulate(model, n_agents, n_items, seed=3).table
    once, twice = (fit(table, model, options=replace(TIGHT, density=k)) for k in (1.0, 2.0))
    assert len(twice.grid) > 1.5 * len(once.grid)
    np.testing.assert_allclose(once.abilities.theta, twice.abilities.theta, atol=1e-4)
    np.testing.assert_allclose(once.abilities.se, twice.abilities.se, atol=1e-4)
    np.testing.assert_allclose(once.bank.x, twice.bank.x, atol=1e-3)
    assert once.log_likelihood == pytest.approx(twice.log_likelihood, abs=1e-3)


def test_the_grid_follows_agents_of_unlike_sharpness():
    """All items for one agent, a handful for others: its likelihood is that of a fine grid."""
    table = simulate("2pl", 80, 400, seed=6).table
    rng = np.random.default_rng(0)
    keep = (table.agent == 0) | (rng.random(len(table.agent)) < 0.05)
    thin = _rows(table, keep)
    once, dense = (fit(thin, options=FitOptions(density=k)) for k in (1.0, 4.0))
    assert once.abilities.se[0] < 0.4 * np.median(once.abilities.se)
    assert once.log_likelihood == pytest.approx(dense.log_likelihood, abs=1e-3)
    np.testing.assert_allclose(once.abilities.theta, dense.abilities.theta, atol=1e-3)


def test_equal_totals_have_equal_rasch_abilities():
    table = simulate("rasch", 300, 12, seed=5).table
    theta = fit(table, "rasch").abilities.theta
    total = np.bincount(table.cells.agent, weights=table.cells.total)
    for one in np.unique(total):
        assert np.ptp(theta[total == one]) < 1e-9
    order = [theta[total == one][0] for one in np.unique(total)]
    assert np.all(np.diff(order) > 0)


def test_unequal_slopes_tell_equal_totals_apart():
    table = simulate("2pl", 300, 12, seed=5).table
    theta = fit(table).abilities.theta
    total = np.bincount(table.cells.agent, weights=table.cells.total)
    assert np.ptp(theta[total == 6]) > 0.1


@pytest.mark.parametrize("model", ["rasch", "2pl"])
def test_flipped_scores_flip_the_scale(model: str):
    table = simulate(model, 150, 40, seed=7).table
    found = fit(table, model, options=TIGHT)
    flipped = fit(replace(table, score=1.0 - table.score), model, options=TIGHT)
    np.testing.assert_allclose(found.abilities.theta, -flipped.abilities.theta, atol=1e-4)
    for name, sign in (("b", -1.0), ("a", 1.0)):
        if name in found.bank.parameters:
            np.testing.assert_allclose(
                found.bank.parameters[name], sign * flipped.bank.parameters[name], rtol=1e-3,
                atol=1e-3,
            )  # fmt: skip


def test_rows_in_another_order_give_the_same_numbers():
    table = simulate("2pl", 60, 40, seed=8, observed=0.7).table
    rng = np.random.default_rng(1)
    agents, items = rng.permutation(60), rng.permutation(40)
    rows = rng.permutation(len(table.agent))
    to_agent, to_item = np.argsort(agents), np.argsort(items)
    mixed = ResponseTable(
        agents=tuple(table.agents[k] for k in agents),
        items=tuple(table.items[k] for k in items),
        agent=to_agent[table.agent][rows],
        item=to_item[table.item][rows],
        score=table.score[rows],
        trials=table.trials[rows],
        trial=table.trial[rows],
    )
    one, other = fit(_rows(table, np.ones(len(rows), dtype=bool))), fit(mixed)
    assert _named(one) == _named(other)


def test_an_agent_twice_counts_twice():
    """Relabelled copies: the likelihood doubles, slopes and difficulties stay."""
    table = simulate("2pl", 100, 10, seed=9).table
    options = FitOptions(priors=False, tolerance=1e-5)
    one = fit(table, options=options)
    twice = ResponseTable(
        agents=(*table.agents, *(f"copy of {name}" for name in table.agents)),
        items=table.items,
        agent=np.concatenate([table.agent, table.agent + 100]),
        item=np.tile(table.item, 2),
        score=np.tile(table.score, 2),
        trials=np.tile(table.trials, 2),
        trial=np.tile(table.trial, 2),
    )
    both = fit(twice, options=options)
    assert both.log_likelihood == pytest.approx(2.0 * one.log_likelihood, rel=1e-7)
    np.testing.assert_allclose(both.bank.x, one.bank.x, atol=1e-3)


def test_trials_count_as_so_many_cells():
    """k of n successes weigh as n answers, k of them right."""
    table = simulate("2pl", 80, 15, seed=10, trials=3).table
    found = fit(table, options=TIGHT)
    total = np.rint(table.score * table.trials).astype(int)
    each = np.repeat(np.arange(len(total)), 3)
    right = (np.arange(3 * len(total)) % 3) < total[each]
    single = ResponseTable(
        table.agents, table.items, table.agent[each], table.item[each], right.astype(float),
        np.ones(len(each)), np.arange(len(each)) % 3 + 1,
    )  # fmt: skip
    np.testing.assert_allclose(fit(single, options=TIGHT).bank.x, found.bank.x, atol=1e-6)


def test_a_spent_limit_is_no_convergence():
    found = fit(simulate("2pl", 100, 20, seed=1).table, options=FitOptions(max_iterations=2))
    assert not found.converged
    assert "limit of 2" in found.reason


def test_errors_may_be_left_out():
    options = FitOptions(standard_errors=False)
    found = fit(simulate("2pl", 50, 20, seed=1).table, options=options)
    assert np.all(np.isnan(found.bank.covariance))
    assert np.all(np.isfinite(found.abilities.se))


def _rows(table: ResponseTable, keep: np.ndarray) -> ResponseTable:
    return replace(
        table,
        agent=table.agent[keep],
        item=table.item[keep],
        score=table.score[keep],
        trials=table.trials[keep],
        trial=table.trial[keep],
    )


def _named(found: Fit) -> dict[str, list[float]]:
    named = {
        name: [theta, se]
        for name, theta, se in zip(
            found.abilities.agents,
            found.abilities.theta.tolist(),
            found.abilities.se.tolist(),
            strict=True,
        )
    }
    for place, item in enumerate(found.bank.items):
        named[item] = [
            *found.bank.x[place].tolist(),
            *found.bank.covariance[place].ravel().tolist(),
        ]
    return named
