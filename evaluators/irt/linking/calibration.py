"""New items on an old bank's scale, without moving a single old item.

Fixed-parameter calibration (Kim 2006, Journal of Educational Measurement 43, 355-381): agents'
abilities are known by the old items, whose parameters stay; the new items' are fitted to these
posteriors by EM, which takes the new answers into the posteriors as they come to be understood.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Cells, Dropped, Floats, ResponseTable
from evaluators.irt.scoring._matching import refuse_vector
from evaluators.irt.scoring._posterior import (
    grid_for,
    log_likelihood,
    most_trials,
    normal_prior,
    normalised,
)
from tasks import UsageError

CYCLES = 500
TOLERANCE = 1e-5
"""Largest move of a working parameter in a cycle at which EM has converged."""
NEWTON = 4
"""Fisher steps within a cycle."""
LONGEST = 1.0
"""No working parameter moves further in one Fisher step."""


@dataclass(frozen=True)
class Calibration:
    """A bank with more items."""

    bank: ItemBank
    """The old items first, exactly as they were, then the new ones."""
    new: tuple[str, ...]
    converged: bool
    cycles: int
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


def calibrate_items(
    bank: ItemBank, table: ResponseTable, *, free_population: bool = False
) -> Calibration:
    """Calibrate the items of a table that the bank does not have, on the bank's scale.

    Args:
        bank: The old items; they stay as they are.
        table: Agents that answered old and new items.
        free_population: Let the mean and sd of these agents' abilities be theirs (Kim's MWU-MEM),
            as they should be when the agents are not like those the bank was fitted on; False:
            the bank's population.

    Returns:
        The bank with the new items appended, with their covariances given the old ones. Agents
        without an old item still count, by the new ones.

    Raises:
        UsageError: nothing new, or no old item to hold the scale; scores that do not fit the
            model's layout.
    """
    refuse_vector(bank)
    known = {item: place for place, item in enumerate(bank.items)}
    new = tuple(item for item in table.items if item not in known)
    old = tuple(item for item in table.items if item in known)
    _refuse(bank, table, new, old)
    cells = table.cells
    at = {item: place for place, item in enumerate(table.items)}
    olds = cells.of_items(np.array([at[item] for item in old], dtype=np.int64))
    news = cells.of_items(np.array([at[item] for item in new], dtype=np.int64))
    answered = np.bincount(news.item, minlength=len(new)) > 0
    dropped = table.dropped
    if not answered.all():
        names = tuple(item for item, any_ in zip(new, answered, strict=True) if not any_)
        dropped = (*dropped, Dropped(0, "Nobody answered the item.", names))
        news = news.of_items(np.flatnonzero(answered))
        new = tuple(item for item, any_ in zip(new, answered, strict=True) if any_)
    found = _fitted(bank, (bank.take(bank.places(old)), olds), news, free_population)
    grown = ItemBank(
        bank.model,
        bank.layout,
        (*bank.items, *new),
        np.concatenate([bank.x, found.x]),
        np.concatenate([bank.covariance, found.covariance]),
        bank.population,
    )
    return Calibration(grown, new, found.converged, found.cycles, dropped, _notes(new, news))


@dataclass(frozen=True)
class _Fitted:
    x: Floats
    covariance: Floats
    converged: bool
    cycles: int


def _fitted(
    bank: ItemBank, held: tuple[ItemBank, Cells], news: Cells, free_population: bool
) -> _Fitted:
    model, layout = bank.model, bank.layout
    x = model.start(news, layout)
    counts = model.statistics(news, layout)
    grid = _grid(bank, held, news, x)
    fixed = log_likelihood(held[0], held[1], grid)
    prior = normal_prior(bank, grid)
    converged, cycle = False, 0
    mass = normalised(fixed + prior)
    while not converged and cycle < CYCLES:
        cycle += 1
        before = x
        expected, trials = _expected(news, counts, mass)
        for _ in range(NEWTON):
            x = x + _step(bank, x, grid, (expected, trials))
        converged = bool(np.abs(x - before).max() < TOLERANCE)
        if free_population:
            prior = _population(mass, grid)
        mass = normalised(fixed + log_likelihood(_bank_of(bank, x), news, grid) + prior)
    return _Fitted(x, _covariance(bank, x, grid, (mass, news, counts)), converged, cycle)


def _bank_of(bank: ItemBank, x: Floats) -> ItemBank:
    """The new items alone; their covariance is not known yet."""
    unknown = np.full((len(x), x.shape[1], x.shape[1]), np.nan)
    names = tuple(map(str, range(len(x))))
    return ItemBank(bank.model, bank.layout, names, x, unknown, bank.population)


def _grid(bank: ItemBank, held: tuple[ItemBank, Cells], news: Cells, x: Floats) -> Floats:
    """Fine enough for old and new answers together."""
    start = _bank_of(bank, x)
    both = ItemBank(
        bank.model,
        bank.layout,
        (*held[0].items, *start.items),
        np.concatenate([held[0].x, x]),
        np.concatenate([held[0].covariance, start.covariance]),
        bank.population,
    )
    return grid_for(both, np.concatenate([most_trials(held[1]), most_trials(news)]))


def _expected(news: Cells, counts: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """(S, J, Q) expected statistics and (J, Q) expected trials at each ability."""
    from scipy import sparse

    shape = (news.n_items, news.n_agents)

    def gathered(weights: Floats) -> Floats:
        return sparse.csr_matrix((weights, (news.item, news.agent)), shape=shape) @ mass

    return np.stack([gathered(row) for row in counts]), gathered(news.trials)


def _step(bank: ItemBank, x: Floats, grid: Floats, found: tuple[Floats, Floats]) -> Floats:
    """(J, p) one Fisher step of the penalised expected log-likelihood, kept short."""
    gradient, information = bank.model.climb(x, grid, found[0], found[1], bank.layout)
    _, pull, curvature = bank.model.log_prior(x)
    step = np.linalg.solve(information + curvature, (gradient + pull)[:, :, None])[:, :, 0]
    longest = np.abs(step).max(axis=1, keepdims=True)
    return step * np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300))


def _population(mass: Floats, grid: Floats) -> Floats:
    """(Q,) log mass of the normal that these agents' posteriors have on average."""
    weights = mass.mean(axis=0)
    mean = float(weights @ grid)
    variance = float(weights @ (grid - mean) ** 2)
    found = -0.5 * (grid - mean) ** 2 / variance
    return found - np.log(np.exp(found).sum())


def _covariance(
    bank: ItemBank, x: Floats, grid: Floats, found: tuple[Floats, Cells, Floats]
) -> Floats:
    """(J, p, p) inverse of each new item's observed information (Louis 1982), old items known."""
    mass, news, counts = found
    model, layout = bank.model, bank.layout
    gradient = model.gradient(x, grid, layout)
    _, trials = _expected(news, counts, mass)
    complete = np.einsum("jq,jqkl->jkl", trials, model.information(x, grid, layout))
    observed = complete + model.log_prior(x)[2]
    for item in range(len(x)):
        at = np.flatnonzero(news.item == item)
        score = np.einsum("sn,sqk->nqk", counts[:, at], gradient[:, item])
        weight = mass[news.agent[at]]
        mean = np.einsum("nq,nqk->nk", weight, score)
        observed[item] -= np.einsum("nq,nqk,nql->kl", weight, score, score) - mean.T @ mean
    good = np.linalg.eigvalsh(observed).min(axis=1) > 0.0
    covariance = np.full_like(observed, np.nan)
    covariance[good] = np.linalg.inv(observed[good])
    return covariance


def _refuse(
    bank: ItemBank, table: ResponseTable, new: tuple[str, ...], old: tuple[str, ...]
) -> None:
    if not new:
        raise UsageError(
            f"The bank already has all {len(table.items)} items of the table; there is nothing to "
            "calibrate. To move a bank to another scale, link them."
        )
    if not old:
        raise UsageError(
            f"None of the table's {len(table.items)} items is in the bank, so nothing holds the "
            "scale. Let the agents answer some of the bank's items too."
        )
    bank.model.layout(table.cells)


def _notes(new: tuple[str, ...], news: Cells) -> tuple[str, ...]:
    total = np.bincount(news.item, weights=news.total, minlength=len(new))
    trials = np.bincount(news.item, weights=news.trials, minlength=len(new))
    flat = [
        item
        for item, got, of in zip(new, total, trials, strict=True)
        if got <= 0.0 or got >= of
    ]  # fmt: skip
    if not flat:
        return ()
    shown = ", ".join(flat[:10]) + (", …" if len(flat) > 10 else "")
    return (
        f"{len(flat)} new items were answered alike by all; the model's weak prior places them: "
        f"{shown}.",
    )
