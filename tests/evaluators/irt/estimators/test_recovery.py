"""Simulated data: abilities as good as with the true items, and intervals that hold what they say.

Abilities are drawn, then given mean 0 and sd 1 in the sample, which is the metric that a fit fixes
(drawn ones miss it by 1 / sqrt N by chance, more than an ability's own error where items are many).
Estimates are put on the true metric by their mean and sd, and set against posterior means under the
true items on the same responses, which are not linked.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import fit
from evaluators.irt._responses import Floats
from evaluators.irt._simulation import Simulated, simulate, standard_abilities
from evaluators.irt.estimators._posterior import Posteriors, State
from evaluators.irt.estimators._problem import Problem


@dataclass(frozen=True)
class Recovery:
    error: float
    """RMSE of linked abilities."""
    best: float
    """That of posterior means with the true items."""
    covered: float
    """Share of abilities within their 90 % intervals."""
    items_covered: float
    """Share of item difficulties within 90 % intervals."""


def recovery(model: str, n_agents: int, n_items: int, seed: int) -> Recovery:
    truth = simulate(model, standard_abilities(n_agents, seed=seed), n_items, seed=seed + 50)
    found = fit(truth.table, model)
    assert found.converged
    unit = 1.0 / found.abilities.theta.std()
    off = (found.abilities.theta - found.abilities.theta.mean()) * unit - truth.theta
    return Recovery(
        error=_rms(off),
        best=_rms(_with_true_items(truth) - truth.theta),
        covered=float(np.mean(np.abs(off) <= 1.645 * unit * found.abilities.se)),
        items_covered=_items_covered(truth, found),
    )


def _rms(of: Floats) -> float:
    return float(np.sqrt(np.mean(of**2)))


def _with_true_items(truth: Simulated) -> Floats:
    bank, cells = truth.bank, truth.table.cells
    state = State(bank.x, 1.0)
    return Posteriors(Problem(bank.model, bank.layout, cells), state).expect(state).mean


def _items_covered(truth: Simulated, found: Fit) -> float:
    off = found.bank.parameters["b"] - truth.bank.parameters["b"]
    return float(np.mean(np.abs(off) <= 1.645 * found.bank.standard_errors["b"]))


@pytest.mark.parametrize("model", ["rasch", "2pl"])
@pytest.mark.parametrize(
    ("n_agents", "n_items", "limit", "seeds"),
    [(200, 500, 1.15, (1,)), (20, 2000, 1.05, (1, 2, 3)), (300, 60, 1.05, (1,))],
)
def test_abilities_are_as_good_as_with_the_true_items(
    model: str, n_agents: int, n_items: int, limit: float, seeds: tuple[int, ...]
):
    found = [recovery(model, n_agents, n_items, seed) for seed in seeds]
    error, best = (_rms(np.array([getattr(one, k) for one in found])) for k in ("error", "best"))
    assert error <= limit * best
    assert 0.82 <= np.mean([one.covered for one in found]) <= 0.98
    assert 0.85 <= np.mean([one.items_covered for one in found]) <= 0.96


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["rasch", "2pl"])
@pytest.mark.parametrize(
    ("n_agents", "n_items", "limit", "seeds"),
    [(200, 500, 1.15, 5), (1000, 300, 1.05, 3), (20, 2000, 1.05, 15)],
)
def test_abilities_over_many_seeds(
    model: str, n_agents: int, n_items: int, limit: float, seeds: int
):
    found = [recovery(model, n_agents, n_items, seed) for seed in range(seeds)]
    error, best = (_rms(np.array([getattr(one, k) for one in found])) for k in ("error", "best"))
    covered = float(np.mean([one.covered for one in found]))
    items = float(np.mean([one.items_covered for one in found]))
    print(  # noqa: T201 - figures for the record, with -s
        f"{model} {n_agents} x {n_items}, {seeds} seeds: RMSE {error:.4f}, with true items "
        f"{best:.4f}, ratio {error / best:.3f}; covered: theta {covered:.3f}, b {items:.3f}"
    )
    assert error <= limit * best
    assert 0.85 <= covered <= 0.95
    assert 0.85 <= items <= 0.95


def test_slopes_that_are_steep_everywhere_leave_the_scale_alone():
    """The prior on slopes is of how they differ: abilities have sd 1 however steep items are."""
    truth = simulate("2pl", standard_abilities(100, seed=1), 300, seed=2)
    steep = truth.bank.model.rescaled(truth.bank.x, 1.0 / 3.0, 0.0)
    wide = (
        np.random.default_rng(3).random((100, 300))
        < truth.bank.model.mean(steep, truth.theta, truth.bank.layout).T
    )
    score = wide.astype(float).ravel()
    found = fit(replace(truth.table, score=score))
    assert found.abilities.theta.std() == pytest.approx(1.0, abs=0.03)
    assert abs(found.abilities.theta.mean()) < 0.03
    ratio = np.median(found.bank.parameters["a"] / truth.bank.parameters["a"])
    assert ratio == pytest.approx(3.0, rel=0.15)
