"""Predicted full scores: what an agent would get on all items of a bank, from those it was asked.

Observed cells are kept as observed; the rest is expected under the posterior of the ability. The
interval holds the ability's posterior, the chance of the unseen cells and the items' own
uncertainty; with norms, the errors seen in known agents instead of the model's own word.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Dropped, Floats, Ints, ResponseTable
from evaluators.irt.scoring._curves import Curves, curves_of
from evaluators.irt.scoring._matching import Unknown, matched, statistics
from evaluators.irt.scoring._posterior import Posterior, log_likelihood, most_trials, normalised
from evaluators.irt.scoring.norms import Foretold, Norms, krige
from tasks import UsageError

LEVEL = 0.9
STEP = 1e-4
"""Of numerical derivatives by the items' working parameters."""


@dataclass(frozen=True)
class Predictions:
    """Full scores of N agents on the J items of a bank, in the table's order."""

    agents: tuple[str, ...]
    items: tuple[str, ...]
    score: Floats
    """(N,) predicted mean score over all items, in [0, 1]."""
    sd: Floats
    """(N,)"""
    low: Floats
    """(N,) lower end of the interval, in [0, 1]."""
    high: Floats
    """(N,) upper end."""
    level: float
    """Chance that the interval holds the full score."""
    asked: Ints
    """(N,) items that were observed."""
    expected: Floats
    """(N, J) expected scores by the bank; observed cells hold what was observed."""
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


def predict(
    bank: ItemBank,
    table: ResponseTable,
    *,
    norms: Norms | None = None,
    level: float = LEVEL,
    unknown: Unknown = "error",
) -> Predictions:
    """Predict the full score of every agent of the table.

    Args:
        bank: Calibrated items; the full score is the mean over all of them.
        table: What was observed, of any part of the items.
        norms: Known agents (`norms_of`), whose abilities are the prior and whose prediction errors
            correct the new one's; never the agents that are predicted. None: the model alone.
        level: Of the interval.
        unknown: What to do with items the bank does not know: an error, or drop and count them.

    Raises:
        UsageError: a level outside (0, 1); norms of another bank; agents that are themselves in
            the norms; see `score_agents` for the rest.
    """
    if not 0.0 < level < 1.0:
        raise UsageError(f"The interval's level must be between 0 and 1, not {level:g}.")
    found = matched(bank, table, unknown)
    if norms is not None:
        refuse_known(found.agents, norms)
    cells = found.cells
    curves = curves_of(bank, norms, most_trials(cells))
    if norms is None:
        mass = normalised(log_likelihood(bank, cells, curves.grid) + curves.log_prior)
    else:
        mass = _by_curves(curves, cells)
    expected = mass @ curves.means.T
    expected[cells.agent, cells.item] = cells.mean
    score = expected.mean(axis=1)
    if norms is None:
        sd = np.sqrt(_variance(curves, cells, Posterior(curves.grid, mass)))
    else:
        score, sd = _normed(curves, norms, cells, Posterior(curves.grid, mass))
    reach = NormalDist().inv_cdf((1.0 + level) / 2.0) * sd
    floor, ceiling = _bounds(cells)
    score = np.clip(score, floor, ceiling)
    return Predictions(
        found.agents,
        bank.items,
        score,
        sd,
        np.clip(score - reach, floor, ceiling),
        np.clip(score + reach, floor, ceiling),
        level,
        np.bincount(cells.agent, minlength=cells.n_agents).astype(np.int64),
        expected,
        found.dropped,
        _notes(found.unasked),
    )


def foretold(curves: Curves, norms: Norms, asked: Ints) -> Foretold:
    """The norm agents as the bank foretells their full scores from some items alone."""
    likelihood = curves.log_likelihood(norms.counts[:, :, asked], asked)
    mass = normalised(likelihood + curves.log_prior)
    middle, sd = unseen_total(curves, mass, asked)
    answers = norms.scores[:, asked]
    guess = (answers.sum(axis=1) + middle) / len(norms.items)
    return Foretold(guess, norms.full - guess, sd / len(norms.items), answers)


def unseen_total(curves: Curves, mass: Floats, asked: Ints) -> tuple[Floats, Floats]:
    """(N,) mean and (N,) sd of the sum over the items not asked, by posteriors (N, Q)."""
    total = curves.sums[0] - curves.means[asked].sum(axis=0)
    chance = curves.sums[1] - curves.noise[asked].sum(axis=0)
    middle = mass @ total
    variance = np.einsum("nq,nq->n", mass, (total - middle[:, None]) ** 2) + mass @ chance
    return middle, np.sqrt(np.maximum(variance, 0.0))


def _by_curves(curves: Curves, cells: Cells) -> Floats:
    """(N, Q) posteriors with the curves' own (robust) terms."""
    from scipy import sparse

    found = np.zeros((cells.n_agents, len(curves.grid)))
    shape = (cells.n_agents, cells.n_items)
    for row, term in zip(statistics(curves.bank, cells), curves.terms, strict=True):
        found += sparse.csr_matrix((row, (cells.agent, cells.item)), shape=shape) @ term
    return normalised(found + curves.log_prior)


def _normed(curves: Curves, norms: Norms, cells: Cells, held: Posterior) -> tuple[Floats, Floats]:
    """Scores corrected by the norms, and their sds; agents asked alike share the work."""
    found, sd = np.zeros((2, cells.n_agents))
    ends = np.searchsorted(cells.agent, np.arange(cells.n_agents + 1))
    known = dict[bytes, Foretold]()
    for agent in range(cells.n_agents):
        at = slice(ends[agent], ends[agent + 1])
        asked, answers = cells.item[at], cells.mean[at]
        middle, spread = unseen_total(curves, held.weights[agent : agent + 1], asked)
        found[agent] = (answers.sum() + middle[0]) / cells.n_items
        if len(asked) == cells.n_items:
            continue
        key = asked.tobytes()
        if key not in known:
            known[key] = foretold(curves, norms, asked)
        fix = krige(known[key], answers, found[agent], float(spread[0]) / cells.n_items)
        found[agent] += fix.shift
        sd[agent] = fix.sd
    return found, sd


def _variance(curves: Curves, cells: Cells, known: Posterior) -> Floats:
    """(N,) of the full score: ability, chance of the unseen, items."""
    seen = np.zeros((cells.n_agents, cells.n_items))
    seen[cells.agent, cells.item] = 1.0
    total = (1.0 - seen) @ curves.means
    middle = np.einsum("nq,nq->n", known.weights, total)
    ability = np.einsum("nq,nq->n", known.weights, (total - middle[:, None]) ** 2)
    chance = np.einsum("nq,nq->n", known.weights, (1.0 - seen) @ curves.noise)
    return (ability + chance + _of_items(curves.bank, known.mean, seen, cells)) / cells.n_items**2


def _of_items(bank: ItemBank, theta: Floats, seen: Floats, cells: Cells) -> Floats:
    """(N,) variance that the items' standard errors add to the total of the unseen.

    An unseen item errs by its own curve; a seen one through the ability it led to, which moves by
    the cross information of ability and item over the total information (implicit function).
    Items whose covariance is not known (NaN) are taken as known.
    """
    covariance = np.where(np.isnan(bank.covariance), 0.0, bank.covariance)
    if not covariance.any():
        return np.zeros(len(theta))
    model, layout = bank.model, bank.layout
    slope = (bank.mean(theta + STEP) - bank.mean(theta - STEP)) / (2.0 * STEP)
    trials = np.zeros_like(seen)
    trials[cells.agent, cells.item] = cells.trials
    precision = (trials.T * bank.information(theta)).sum(axis=0) + bank.population.sd**-2.0
    moved = ((1.0 - seen).T * slope).sum(axis=0) / precision
    by_item = _mean_gradient(bank, theta) * (1.0 - seen).T[:, :, None]
    weight = model.weights(bank.x, theta, layout) * model.slope(bank.x, theta, layout)
    cross = np.einsum("sjq,sjqk->jqk", weight, model.gradient(bank.x, theta, layout))
    by_item -= (trials * moved[:, None]).T[:, :, None] * cross
    return np.einsum("jqk,jkl,jql->q", by_item, covariance, by_item, optimize=True)


def _mean_gradient(bank: ItemBank, theta: Floats) -> Floats:
    """(J, Q, p) of expected scores by working parameters, by central differences."""
    columns: list[Floats] = []
    for at in range(bank.x.shape[1]):
        move = np.zeros(bank.x.shape[1])
        move[at] = STEP
        up = bank.model.mean(bank.x + move, theta, bank.layout)
        down = bank.model.mean(bank.x - move, theta, bank.layout)
        columns.append((up - down) / (2.0 * STEP))
    return np.stack(columns, axis=-1)


def _bounds(cells: Cells) -> tuple[Floats, Floats]:
    """What a full score can be at least and at most, given what was observed."""
    got = np.bincount(cells.agent, weights=cells.mean, minlength=cells.n_agents)
    asked = np.bincount(cells.agent, minlength=cells.n_agents)
    return got / cells.n_items, (got + cells.n_items - asked) / cells.n_items


def refuse_known(agents: tuple[str, ...], norms: Norms) -> None:
    """Raise a UsageError where agents to be predicted are in the norms: a leak."""
    both = sorted(set(agents) & set(norms.agents))
    if both:
        raise UsageError(
            f"{len(both)} of the agents to predict are in the norms, which know their answers: "
            f"{', '.join(map(repr, both[:3]))}. Predict new agents, or make norms without these."
        )


def _notes(unasked: tuple[str, ...]) -> tuple[str, ...]:
    if not unasked:
        return ()
    shown = ", ".join(unasked[:10]) + (", …" if len(unasked) > 10 else "")
    return (
        f"{len(unasked)} agents have no response to the bank's items; their prediction is the "
        f"population's: {shown}.",
    )
