"""Responses of agents with several known abilities."""

from dataclasses import replace

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._model import model_named
from evaluators.irt._responses import Covariates, Floats
from evaluators.irt._simulation import Simulated, simulate_responses
from evaluators.irt.models.bifactor import drawn_groups
from evaluators.irt.models.multidimensional import drawn_slopes


def vector_abilities(n_agents: int, dimensions: int, *, seed: int) -> Floats:
    """(N, D) normal abilities of mean 0 and covariance I exactly: the scale that a fit takes."""
    drawn = np.random.default_rng(seed).standard_normal((n_agents, dimensions))
    left, _, right = np.linalg.svd(drawn - drawn.mean(axis=0), full_matrices=False)
    return left @ right * np.sqrt(n_agents)


def simulate_vector(
    n_agents: int,
    n_items: int,
    dimensions: int,
    *,
    seed: int,
    observed: float = 1.0,
    trials: int = 1,
) -> Simulated:
    """A multidimensional table: each item leans on one ability and asks a little of the others.

    Args:
        n_agents: How many agents.
        n_items: How many items.
        dimensions: How many abilities.
        seed: Of everything drawn.
        observed: Share of the items that each agent is asked.
        trials: Trials in each cell.
    """
    x = drawn_slopes(np.random.default_rng(seed), n_items, dimensions)
    return _simulated("multidimensional", x, n_agents, seed, (observed, trials))


def simulate_groups(
    n_agents: int, n_items: int, groups: int, *, seed: int, observed: float = 1.0, trials: int = 1
) -> Simulated:
    """A bifactor table; item j is of the `family` j modulo `groups`."""
    x = drawn_groups(np.random.default_rng(seed), n_items, groups)
    found = _simulated("bifactor", x, n_agents, seed, (observed, trials))
    width = len(str(groups - 1))
    families = tuple(f"family-{place % groups:0{width}d}" for place in range(n_items))
    return replace(found, table=replace(found.table, of_items=Covariates({"family": families})))


def _simulated(
    name: str, x: Floats, n_agents: int, seed: int, form: tuple[float, int]
) -> Simulated:
    model = model_named(name)
    size = x.shape[1] - 1
    theta = vector_abilities(n_agents, size, seed=seed + 1)
    width = len(str(len(x) - 1))
    bank = ItemBank(
        model,
        replace(model.simulated_layout(1), dimensions=tuple(f"{k}" for k in range(size))),
        tuple(f"item-{place:0{width}d}" for place in range(len(x))),
        x,
        np.zeros((*x.shape, size + 1)),
    )
    table = simulate_responses(bank, theta, seed=seed, observed=form[0], trials=form[1])
    return Simulated(table, bank, theta)
