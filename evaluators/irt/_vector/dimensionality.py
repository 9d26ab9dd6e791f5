"""How many abilities a table tells apart: by how well what was left out is foretold.

Eigenvalues of correlations of yes-no answers find a "difficulty" factor where there is none, and
likelihoods of what was fitted always favour more abilities. Cells that the fit has not seen do not:
abilities that are not there cost there more than they bring.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import fit
from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt._vector.options import MOST, VectorOptions
from evaluators.irt._vector.scoring import bank_posterior
from evaluators.irt.estimators._problem import FitOptions
from evaluators.irt.models._sigmoid import log_expit
from tasks import UsageError


@dataclass(frozen=True)
class Dimensionality:
    """Held-out log-likelihoods of exploratory fits."""

    dimensions: tuple[int, ...]
    """1, 2, …"""
    held_out: Floats
    """(len(dimensions),) mean log-likelihood of a held-out trial."""
    gain: Floats
    """(len(dimensions),) log-likelihood of all held-out cells over that of one dimension less; the
    first is NaN."""
    gain_se: Floats
    """Its standard error, over agents."""
    n_held_out: int
    """Cells held out."""
    chosen: int
    """The fewest for which no more dimensions gain over a standard error."""


def dimensionality(
    table: ResponseTable, *, most: int = 4, share: float = 0.15, seed: int = 0
) -> Dimensionality:
    """Compare exploratory fits of 1 to `most` abilities on cells that they have not seen.

    Args:
        table: Scores of 0 or 1, or counts of successes.
        most: The largest number of abilities tried.
        share: Of the cells, held out at random.
        seed: Of which.

    Raises:
        UsageError: `most` or `share` out of range, or a table that cannot be fitted.
    """
    if not 1 <= most <= MOST or not 0.0 < share <= 0.5:
        raise UsageError(
            f"Dimensionality asks for 1 to {MOST} abilities and a share of cells above 0 and at "
            f"most .5, not {most} and {share}."
        )
    held = _held_out(table, share, seed)
    seen = table.rows(np.flatnonzero(~held))
    tested = table.rows(np.flatnonzero(held))
    scores = [_per_agent(_fitted(seen, count), seen, tested) for count in range(1, most + 1)]
    gain, doubt = np.full(most, np.nan), np.full(most, np.nan)
    for place in range(1, most):
        gain[place], doubt[place] = _difference(scores[place], scores[place - 1])
    return Dimensionality(
        dimensions=tuple(range(1, most + 1)),
        held_out=np.array([score.sum() for score in scores]) / tested.trials.sum(),
        gain=gain,
        gain_se=doubt,
        n_held_out=int(held.sum()),
        chosen=_fewest(scores),
    )


def _held_out(table: ResponseTable, share: float, seed: int) -> np.ndarray:
    """(rows,) those of the cells held out; agents and items keep most of theirs.

    Drawn in the order of names, so that the order of rows does not matter.
    """
    agents = np.argsort(np.argsort(np.array(table.agents)))[table.agent]
    items = np.argsort(np.argsort(np.array(table.items)))[table.item]
    code = agents * len(table.items) + items
    cells, place = np.unique(code, return_inverse=True)
    count = max(1, round(share * len(cells)))
    chosen = np.zeros(len(cells), dtype=bool)
    chosen[np.random.default_rng(seed).permutation(len(cells))[:count]] = True
    return chosen[place]


def _fitted(table: ResponseTable, count: int) -> Fit:
    # Abilities that are not there are determined by nothing: a fit would look for them for long.
    vector = VectorOptions(dimensions=count, nodes=3)
    options = FitOptions(tolerance=1e-2, max_iterations=100, vector=vector)
    return fit(table, "multidimensional", options=options)


def _per_agent(found: Fit, seen: ResponseTable, tested: ResponseTable) -> Floats:
    """(N,) held-out log-likelihood of each agent, integrated over its posterior.

    Agents and items that the fit has not seen at all tell nothing and are left out.
    """
    known = {name: place for place, name in enumerate(found.bank.items)}
    to_item = np.array([known.get(name, -1) for name in seen.items], dtype=np.int64)
    cells = seen.cells
    onto = replace(cells, item=to_item[cells.item], n_items=len(known))
    part = bank_posterior(found.bank, onto).parts[0]
    asked = tested.cells
    place = to_item[asked.item]
    kept = place >= 0
    x, agent = found.bank.x[place[kept]], asked.agent[kept]
    eta = np.einsum("nkd,nd->nk", part.nodes[agent], x[:, :-1]) + x[:, -1:]
    total, trials = asked.total[kept][:, None], asked.trials[kept][:, None]
    logs = total * log_expit(eta) + (trials - total) * log_expit(-eta)
    top = logs.max(axis=1, keepdims=True)
    ones = np.log(np.sum(part.weights[agent] * np.exp(logs - top), axis=1)) + top[:, 0]
    return np.bincount(agent, weights=ones, minlength=asked.n_agents).astype(np.float64)


def _difference(more: Floats, fewer: Floats) -> tuple[float, float]:
    """Sum over agents and its standard error."""
    rest = more - fewer
    return float(rest.sum()), float(np.sqrt(len(rest)) * rest.std(ddof=1))


def _fewest(scores: list[Floats]) -> int:
    for place, score in enumerate(scores):
        gains = [_difference(later, score) for later in scores[place + 1 :]]
        if all(gain <= doubt for gain, doubt in gains):
            return place + 1
    return len(scores)
