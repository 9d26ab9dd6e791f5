"""Responses drawn from a model whose items and abilities are known: the yardstick of every fit.

One seed makes four streams (abilities, items, design, scores), so that asking for another share of
the cells changes neither who sits the test nor what is in it.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._model import Draw, Model, model_named
from evaluators.irt._responses import Floats, Ints, ResponseTable
from tasks import UsageError

CHUNK = 1 << 20
"""Cells drawn at a time; bounds memory on sparse designs of ten million cells."""


@dataclass(frozen=True)
class Simulated:
    """A table with the truth behind it."""

    table: ResponseTable
    bank: ItemBank
    """The true items; their covariance is zero, as they are known."""
    theta: Floats
    """(N,) true abilities, in the order of `table.agents`."""


def simulate(
    model: str | Model,
    n_agents: int | Floats,
    n_items: int,
    *,
    seed: int,
    observed: float = 1.0,
    trials: int = 1,
) -> Simulated:
    """Draw abilities from N(0, 1), items from the model's own `draw`, and scores from both.

    Args:
        model: A unidimensional model or its name.
        n_agents: How many agents; or their abilities (N,), as of `standard_abilities`.
        n_items: How many items.
        seed: Of everything drawn.
        observed: Share of the items that each agent is asked, at random; in (0, 1].
        trials: Trials in each cell.

    Raises:
        UsageError: no agents, no items, no trials, a share outside (0, 1], or a model of several
            abilities.
        UnknownUnitError: there is no model of that name.
    """
    chosen = model_named(model) if isinstance(model, str) else model
    if chosen.vector:
        raise UsageError(
            f"{chosen.name} gives an agent several abilities; `simulate` draws one. Simulate such "
            "tables with `evaluators.irt._vector.simulation`."
        )
    if n_items < 1 or np.size(n_agents) < 1 or (isinstance(n_agents, int) and n_agents < 1):
        raise UsageError(
            f"A simulation needs at least one agent and one item, not {n_agents!r} and {n_items}."
        )
    abilities, items = np.random.default_rng(seed).spawn(2)
    theta = abilities.standard_normal(n_agents) if isinstance(n_agents, int) else n_agents
    x = chosen.draw(items, n_items)
    bank = ItemBank(
        model=chosen,
        layout=chosen.simulated_layout(trials),
        items=tuple(_names("item", n_items)),
        x=x,
        covariance=np.zeros((n_items, x.shape[1], x.shape[1])),
    )
    table = simulate_responses(bank, theta, seed=seed, observed=observed, trials=trials)
    return Simulated(table, bank, theta)


def simulate_responses(
    bank: ItemBank, theta: Floats, *, seed: int, observed: float = 1.0, trials: int = 1
) -> ResponseTable:
    """Draw scores of agents of given abilities on given items; `simulate` with the truth chosen.

    Args:
        bank: The items.
        theta: (N,) abilities.
        seed: Of the design and the scores.
        observed: Share of the items that each agent is asked: the nearest whole number of them, at
            least one, drawn at random without replacement. In (0, 1].
        trials: Trials in each cell.

    Raises:
        UsageError: no trials, or a share outside (0, 1].
    """
    if not 0.0 < observed <= 1.0:
        raise UsageError(f"The share of cells observed must be above 0 and at most 1: {observed}.")
    if trials < 1:
        raise UsageError(f"A cell needs at least one trial, not {trials}.")
    places, scores = np.random.default_rng(seed).spawn(4)[2:]
    agent, item = _design(places, len(theta), len(bank.items), observed)
    each = np.full(len(agent), float(trials))
    total = np.empty(len(agent))
    for low in range(0, len(agent), CHUNK):
        at = slice(low, low + CHUNK)
        cells = Draw(bank.x[item[at]], theta[agent[at]], each[at])
        total[at] = bank.model.sample(scores, cells, bank.layout)
    return ResponseTable(
        agents=tuple(_names("agent", len(theta))),
        items=bank.items,
        agent=agent,
        item=item,
        score=total / each,
        trials=each,
        trial=np.ones(len(agent), dtype=np.int64),
    )


def standard_abilities(n_agents: int, *, seed: int) -> Floats:
    """(N,) normal abilities, shifted and scaled to a mean of 0 and an sd of 1 exactly.

    A fit fixes its scale by the sample at hand. Drawn abilities miss N(0, 1) by chance (the mean by
    1 / sqrt N), which any fit then takes for the scale; where the recovery of each ability is
    judged, that chance must be out of the way.

    Raises:
        UsageError: fewer than two agents have no sd.
    """
    if n_agents < 2:
        raise UsageError(f"Abilities of {n_agents} agents have no sd; ask for at least two.")
    drawn = np.random.default_rng(seed).standard_normal(n_agents)
    return (drawn - drawn.mean()) / drawn.std()


def _names(kind: str, count: int) -> list[str]:
    """Names whose alphabetical order is the order of the places."""
    width = len(str(count - 1))
    return [f"{kind}-{place:0{width}d}" for place in range(count)]


def _design(
    rng: np.random.Generator, n_agents: int, n_items: int, observed: float
) -> tuple[Ints, Ints]:
    """Places of agents and items of the observed cells, by agent, then item."""
    asked = max(1, round(observed * n_items))
    agent = np.repeat(np.arange(n_agents, dtype=np.int64), asked)
    if asked == n_items:
        return agent, np.tile(np.arange(n_items, dtype=np.int64), n_agents)
    chosen = np.empty((n_agents, asked), dtype=np.int64)
    for row in chosen:
        row[:] = rng.choice(n_items, asked, replace=False, shuffle=False)
    chosen.sort(axis=1)
    return agent, chosen.ravel()
