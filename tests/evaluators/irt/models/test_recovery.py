"""`fit` finds what was simulated: abilities nearly as well as one who knows the items.

The yardstick is the posterior mean under the true items on the same data, by plain summation over
a fine grid, which shares no code with the estimators but the models' terms.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from evaluators.irt._fit import Fit, ItemBank
from evaluators.irt._fitting import fit
from evaluators.irt._model import MODELS
from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt._simulation import Simulated, simulate, standard_abilities

TRIALS = {"binomial": 5, "beta_binomial": 5}
SHELF = [MODELS.find(name) for name in sorted(MODELS.own())]
NAMES = [model.name for model in SHELF if not model.vector and "em" in model.estimators]
"""Models of one ability that need nothing but scores."""
Z90 = 1.6449


@dataclass(frozen=True)
class Recovery:
    """Abilities of all agents of some simulated tables, beside the truth."""

    truth: Floats
    fitted: Floats
    known_items: Floats
    """Posterior means under the true items."""
    covered: Floats
    """Whether each 90 % interval holds the truth."""

    @property
    def ratio(self) -> float:
        def rmse(theta: Floats) -> float:
            return float(np.sqrt(np.mean((theta - self.truth) ** 2)))

        return rmse(self.fitted) / rmse(self.known_items)


def posterior_means(bank: ItemBank, table: ResponseTable) -> Floats:
    """(N,) under N(0, 1), on a grid of step .02."""
    theta = np.arange(-6.0, 6.0, 0.02)
    cells = table.cells
    log = np.tile(-0.5 * theta**2, (cells.n_agents, 1))
    terms = bank.model.terms(bank.x, theta, bank.layout)
    for statistic, term in zip(bank.model.statistics(cells, bank.layout), terms, strict=True):
        wide = np.zeros((cells.n_agents, cells.n_items))
        wide[cells.agent, cells.item] = statistic
        log += wide @ term
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    return weight @ theta / weight.sum(axis=1)


def simulated(name: str, n_agents: int, n_items: int, seed: int, share: float = 1.0) -> Simulated:
    theta = standard_abilities(n_agents, seed=seed)
    trials = TRIALS.get(name, 1)
    return simulate(name, theta, n_items, seed=seed, observed=share, trials=trials)


def recovered(name: str, n_agents: int, n_items: int, seeds: range) -> Recovery:
    parts = list[tuple[Floats, ...]]()
    for seed in seeds:
        drawn = simulated(name, n_agents, n_items, seed)
        found = fit(drawn.table, name)
        assert found.converged, found.reason
        ends = found.abilities.low, found.abilities.high
        covered = (ends[0] <= drawn.theta) & (drawn.theta <= ends[1])
        known = posterior_means(drawn.bank, drawn.table)
        parts.append((drawn.theta, found.abilities.theta, known, covered.astype(float)))
    return Recovery(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@pytest.mark.parametrize("name", NAMES)
def test_a_small_table_is_recovered(name: str):
    drawn = simulated(name, 100, 60, seed=1)
    found = fit(drawn.table, name)
    assert found.converged, found.reason
    assert np.all(np.diff(found.path) >= -1e-6 * np.abs(found.path[0]))
    error = found.abilities.theta - drawn.theta
    known = posterior_means(drawn.bank, drawn.table) - drawn.theta
    assert np.sqrt(np.mean(error**2)) <= 1.1 * np.sqrt(np.mean(known**2))
    covered = (found.abilities.low <= drawn.theta) & (drawn.theta <= found.abilities.high)
    assert 0.83 <= covered.mean() <= 0.97  # 90 % give or take 2.5 standard errors
    assert _items_covered(found, drawn, "b") >= 0.8  # and so of 60 items


def _items_covered(found: Fit, drawn: Simulated, parameter: str) -> float:
    error = found.bank.parameters[parameter] - drawn.bank.parameters[parameter]
    return float(np.mean(np.abs(error) <= Z90 * found.bank.standard_errors[parameter]))


@pytest.mark.parametrize("name", ["2pl", "graded", "beta"])
def test_a_sparse_table_is_recovered(name: str):
    """Each agent is asked 32 of 80 items, not the same ones."""
    drawn = simulated(name, 100, 80, seed=2, share=0.4)
    found = fit(drawn.table, name)
    error = found.abilities.theta - drawn.theta
    known = posterior_means(drawn.bank, drawn.table) - drawn.theta
    assert np.sqrt(np.mean(error**2)) <= 1.15 * np.sqrt(np.mean(known**2))


def shuffled(table: ResponseTable, rng: np.random.Generator) -> ResponseTable:
    order = rng.permutation(len(table.score))
    return ResponseTable(
        table.agents,
        table.items,
        table.agent[order],
        table.item[order],
        table.score[order],
        table.trials[order],
        table.trial[order],
    )


@pytest.mark.parametrize("name", ["3pl", "beta_binomial"])
def test_the_order_of_rows_changes_nothing(name: str):
    drawn = simulated(name, 30, 10, seed=3)
    one = fit(drawn.table, name)
    other = fit(shuffled(drawn.table, np.random.default_rng(1)), name)
    np.testing.assert_array_equal(one.bank.x, other.bank.x)
    np.testing.assert_array_equal(one.abilities.theta, other.abilities.theta)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("n_agents", "n_items", "seeds", "bound"),
    [
        pytest.param(200, 500, range(1, 3), 1.15, id="200x500"),
        pytest.param(1000, 300, range(1, 2), 1.05, id="1000x300"),
        pytest.param(20, 2000, range(1, 9), 1.05, id="20x2000"),
    ],
)
def test_large_tables_are_recovered(
    name: str, n_agents: int, n_items: int, seeds: range, bound: float
):
    found = recovered(name, n_agents, n_items, seeds)
    assert found.ratio <= bound
    agents = len(found.covered)
    chance = 0.0 if agents >= 200 else 2.0 * np.sqrt(0.9 * 0.1 / agents)
    assert 0.85 - chance <= found.covered.mean() <= 0.95 + chance
