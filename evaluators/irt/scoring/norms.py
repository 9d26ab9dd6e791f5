"""What known agents teach about a new one, beyond the bank: a norm group.

A model with one ability is never quite right, and two of its errors are seen in agents that have
been asked everything: abilities are not normal (leaderboards bunch), and the full score that a
handful of items foretells is off in a way that hangs on the items asked and on the pattern of
answers. `norms_of` keeps both: a smoothed distribution of abilities as the prior, and the known
agents' responses, from which `predict` learns, for the very items that a new agent was asked, how
their full scores differ from what the bank foretold for them (kriging, as in gp-IRT of Polo et
al. 2024, tinyBenchmarks, but on residuals of the prediction and for any choice of items).
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt.scoring._matching import Unknown, matched, statistics
from evaluators.irt.scoring._posterior import (
    grid_for,
    most_trials,
    normal_prior,
    posterior,
)
from tasks import UsageError

WIDTH = 0.3
"""Kernel of the ability distribution, in population sds."""
NORMAL_SHARE = 0.1
"""Of the population's normal density in the prior, so that nobody is impossible."""
BY_SCORE = 0.1
"""Variance of the error that goes with the foretold score; the rest has 1."""
BY_ANSWERS = 1.4
"""Variance of the error that goes with the pattern of answers."""
SCORE_WIDTH = 0.15
"""Kernel width over foretold scores (0 to 1)."""
ANSWER_WIDTH = 0.15
"""Kernel width over the mean absolute difference of answers."""
SLIP = 0.06
"""Chance that an outcome comes about without regard to the ability, in the likelihood of agents
that are judged by norms: one accident must not count for more than all other items."""
FEWEST = 5


@dataclass(frozen=True)
class Norms:
    """Known agents on the items of one bank; N of them."""

    items: tuple[str, ...]
    agents: tuple[str, ...]
    scores: Floats
    """(N, J) mean scores; what was not observed is expected."""
    counts: Floats
    """(S, N, J) the model's statistics; 0 where nothing was observed."""
    grid: Floats
    """(Q,) abilities."""
    log_prior: Floats
    """(Q,) log mass of the smoothed abilities."""

    @property
    def full(self) -> Floats:
        """(N,) full scores."""
        return self.scores.mean(axis=1)


@dataclass(frozen=True)
class Correction:
    """How far known agents' full scores were from what the bank foretold, carried to a new one."""

    shift: float
    """To be added to the foretold full score."""
    sd: float
    """Of the full score around the corrected one."""


@dataclass(frozen=True)
class Foretold:
    """The norm agents, each foretold from the same k items."""

    guess: Floats
    """(N,) full scores as foretold."""
    error: Floats
    """(N,) true minus foretold."""
    sd: Floats
    """(N,) of the foretold, by the model."""
    answers: Floats
    """(N, k) mean scores on the items."""


def norms_of(bank: ItemBank, table: ResponseTable, *, unknown: Unknown = "error") -> Norms:
    """The norm group of agents whose responses are known: as a rule those the bank was fitted on.

    Args:
        bank: The items.
        table: Their responses; best to all items. Agents without any are left out.
        unknown: What to do with items the bank does not know: an error, or leave them out.

    Raises:
        UsageError: fewer than five agents with responses; see `score_agents` for the rest.
    """
    found = matched(bank, table, unknown)
    asked = np.flatnonzero(np.bincount(found.cells.agent, minlength=len(found.agents)))
    if len(asked) < FEWEST:
        raise UsageError(
            f"A norm group needs at least {FEWEST} agents with responses; there are {len(asked)}. "
            "Predict without norms."
        )
    cells = found.cells.of_agents(asked)
    grid = grid_for(bank, most_trials(cells))
    known = posterior(bank, cells, grid)
    scores = known.weights @ bank.mean(grid).T
    scores[cells.agent, cells.item] = cells.mean
    held = statistics(bank, cells)
    counts = np.zeros((len(held), *scores.shape))
    counts[:, cells.agent, cells.item] = held
    return Norms(
        bank.items,
        tuple(found.agents[at] for at in asked),
        scores,
        counts,
        grid,
        np.log(_smoothed(bank, grid, known.weights.mean(axis=0))),
    )


def check_norms(bank: ItemBank, norms: Norms) -> None:
    """Raise a UsageError where norms are of other items."""
    if norms.items != bank.items:
        raise UsageError(
            f"The norms are of {len(norms.items)} items, the bank has {len(bank.items)}, and they "
            "are not the same in the same order. Make them by norms_of(bank, table)."
        )


def krige(known: Foretold, answers: Floats, foretold: float, sd: float) -> Correction:
    """What the norm agents say of a new agent with these answers.

    The errors of the norm agents' predictions, each in units of the sd that the model gives it, are
    kriged over the predicted scores and the answers; the new agent's error is what comes out, in
    its own units. The kriging variance, scaled by the errors themselves, is the new agent's.

    Args:
        known: The norm agents, each foretold from the same items.
        answers: (k,) the new agent's mean scores there.
        foretold: The bank's prediction of its full score.
        sd: The model's own sd of it.
    """
    n_asked = max(len(answers), 1)
    kernel = BY_SCORE * _near(known.guess[:, None] - known.guess, SCORE_WIDTH)
    # Mean absolute differences, one item at a time: (N, N, k) would not fit for large groups.
    apart = np.zeros_like(kernel)
    for column in known.answers.T:
        apart += np.abs(column[:, None] - column)
    kernel += BY_ANSWERS * np.exp(-apart / (ANSWER_WIDTH * n_asked))
    kernel[np.diag_indices_from(kernel)] += 1.0
    new = BY_SCORE * _near(known.guess - foretold, SCORE_WIDTH)
    distance = np.abs(known.answers - answers).sum(axis=1) / n_asked
    new += BY_ANSWERS * np.exp(-distance / ANSWER_WIDTH)
    sure = known.sd > 0.0
    error = np.where(sure, known.error, 0.0) / np.where(sure, known.sd, 1.0)
    solved = np.linalg.solve(kernel, np.column_stack([error, new]))
    scale = max(float(error @ solved[:, 0]) / len(new), 0.0)
    left = BY_SCORE + BY_ANSWERS + 1.0 - float(new @ solved[:, 1])
    return Correction(sd * float(new @ solved[:, 0]), sd * float(np.sqrt(scale * max(left, 0.0))))


def _near(difference: Floats, width: float) -> Floats:
    return np.exp(-0.5 * (difference / width) ** 2)


def _smoothed(bank: ItemBank, grid: Floats, mass: Floats) -> Floats:
    step = grid[1] - grid[0]
    width = WIDTH * bank.population.sd
    reach = int(np.ceil(5.0 * width / step))
    kernel = _near(np.arange(-reach, reach + 1) * step, width)
    smooth = np.convolve(mass, kernel / kernel.sum(), mode="full")[reach : reach + len(mass)]
    smooth /= smooth.sum()
    return (1.0 - NORMAL_SHARE) * smooth + NORMAL_SHARE * np.exp(normal_prior(bank, grid))
