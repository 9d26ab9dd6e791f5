"""What every item statistic is computed from, each piece once: wide scores, rest scores, abilities.

Abilities are those of a Rasch model by penalised joint maximum likelihood (theta and b ~ N(0, 9)):
good enough where an item is one of dozens, defined for sparse designs and extreme rows, and the
same for every table, so that what was learnt of the statistics on one table holds on another.
A fractional score enters likelihoods as that share of a success (quasi-likelihood).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.models._sigmoid import expit
from tasks import UsageError

LARGEST = 50_000_000
"""Cells of the wide matrix that are still held densely."""
VARIANCE = 9.0
"""Prior variance of abilities and difficulties, on the logit scale."""
ENOUGH = 3
"""Successes, and failures, that an item needs before its statistics say anything."""
BLOCK = 4_000_000
"""Entries of one block of a pairwise matrix."""


@dataclass(frozen=True)
class Rasch:
    """A Rasch calibration of agents and items."""

    theta: Floats
    """(N,) abilities in logits."""
    b: Floats
    """(J,) difficulties in logits."""


@dataclass(frozen=True)
class Evidence:
    """One table, wide; agents and items in the order of their names, whatever the table's was."""

    agents: tuple[str, ...]
    items: tuple[str, ...]
    score: Floats
    """(N, J) mean score of the cell, 0 where nothing was observed."""
    seen: Floats
    """(N, J) 1 where the cell was observed, else 0."""
    trials: Floats
    """(N, J) trials in the cell, 0 where nothing was observed."""
    places: Ints
    """(J,) place of each item in the table."""

    @cached_property
    def count(self) -> Floats:
        """(J,) agents that answered the item."""
        return self.seen.sum(axis=0)

    @cached_property
    def mean(self) -> Floats:
        """(J,) mean score of the item; NaN where nobody answered it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.score.sum(axis=0) / self.count

    @cached_property
    def judged(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(J,) whether the item has at least three successes and three failures' worth of score."""
        passed = self.score.sum(axis=0)
        return (passed >= ENOUGH) & (self.count - passed >= ENOUGH)

    @cached_property
    def binary(self) -> bool:
        """Whether every cell's score is 0 or 1."""
        return bool(np.all((self.score == 0.0) | (self.score == 1.0)))

    @cached_property
    def passed(self) -> Floats:
        """(N, J) 1 where at least half of the cell's score was had: what 2 x 2 tables count."""
        return self.score if self.binary else ((self.score >= 0.5) * self.seen).astype(float)

    @cached_property
    def total(self) -> Floats:
        """(N, 1) mean score of the agent on what it answered."""
        return self.score.sum(axis=1, keepdims=True) / np.maximum(
            self.seen.sum(axis=1, keepdims=True), 1.0
        )

    @cached_property
    def rest(self) -> Floats:
        """(N, J) mean score of the agent on the other items that it answered."""
        others = self.seen.sum(axis=1, keepdims=True) - self.seen
        return (self.score.sum(axis=1, keepdims=True) - self.score) / np.maximum(others, 1.0)

    @cached_property
    def rasch(self) -> Rasch:
        """Abilities and difficulties (penalised joint maximum likelihood, Newton in turns)."""
        theta, b = np.zeros(len(self.agents)), np.zeros(len(self.items))
        for _ in range(40):
            residual, weight = self._residual(theta, b)
            step = _newton(-residual.sum(axis=0), weight.sum(axis=0), b)
            b = b + step
            residual, weight = self._residual(theta, b)
            other = _newton(residual.sum(axis=1), weight.sum(axis=1), theta)
            theta = theta + other
            # The likelihood does not see a common shift; left to the steps, it creeps.
            shift = (theta.sum() + b.sum()) / (len(theta) + len(b))
            theta, b = theta - shift, b - shift
            if max(np.abs(step).max(), np.abs(other).max()) < 1e-4:
                break
        return Rasch(theta, b)

    def _residual(self, theta: Floats, b: Floats) -> tuple[Floats, Floats]:
        chance = expit(theta[:, None] - b)
        return self.trials * (self.score - chance), self.trials * chance * (1.0 - chance)

    @cached_property
    def expected(self) -> Floats:
        """(N, J) what the Rasch calibration expects of each cell."""
        return expit(self.rasch.theta[:, None] - self.rasch.b)

    @cached_property
    def spared(self) -> Floats:
        """(N, J) ability of the agent without the item (one Newton step), mean 0 and sd 1."""
        theta = self.rasch.theta
        residual, weight = self._residual(theta, self.rasch.b)
        information = weight.sum(axis=1, keepdims=True) + 1.0 / VARIANCE
        spread = max(float(theta.std()), 1e-9)
        without = theta[:, None] - residual / (information - weight)
        return (without - theta.mean()) / spread

    def blocks(self) -> Iterator[slice]:
        """Stretches of items such that a block x items matrix stays small."""
        size = max(1, BLOCK // max(len(self.items), 1))
        for low in range(0, len(self.items), size):
            yield slice(low, min(low + size, len(self.items)))

    def tables(self, rows: slice) -> "PairTables":
        """2 x 2 tables of the items `rows` with all items, over agents that answered both."""
        seen, passed = self.seen[:, rows].T, self.passed[:, rows].T
        both = passed @ self.passed
        first, second, count = passed @ self.seen, seen @ self.passed, seen @ self.seen
        return PairTables(both, first - both, second - both, count - first - second + both)


@dataclass(frozen=True)
class PairTables:
    """(block, J) counts of agents by what they did on the block's item and on the other one."""

    both: Floats
    first: Floats
    """Passed the block's item and not the other."""
    second: Floats
    neither: Floats


def evidence(table: ResponseTable) -> Evidence:
    """What statistics are computed from.

    Raises:
        UsageError: fewer than three agents or items, scores outside [0, 1], or too large a matrix.
    """
    _refuse(table)
    agents = np.array(sorted(range(len(table.agents)), key=table.agents.__getitem__))
    items = np.array(sorted(range(len(table.items)), key=table.items.__getitem__))
    cells = table.cells.of_agents(agents).of_items(items)
    score, trials = np.zeros((2, cells.n_agents, cells.n_items))
    score[cells.agent, cells.item] = cells.mean
    trials[cells.agent, cells.item] = cells.trials
    return Evidence(
        tuple(table.agents[place] for place in agents),
        tuple(table.items[place] for place in items),
        score,
        (trials > 0).astype(float),
        trials,
        items.astype(np.int64),
    )


def _refuse(table: ResponseTable) -> None:
    n_agents, n_items = len(table.agents), len(table.items)
    if n_agents < 3 or n_items < 3:
        raise UsageError(
            f"A diagnosis compares items over agents and needs at least 3 of both; the table has "
            f"{n_agents} agents and {n_items} items. Add runs of other agents."
        )
    if n_agents * n_items > LARGEST:
        raise UsageError(
            f"{n_agents} agents x {n_items} items are {n_agents * n_items:,} cells; a diagnosis "
            f"holds at most {LARGEST:,}. Diagnose parts of the items, or fewer agents."
        )
    wrong = np.flatnonzero(~((table.score >= 0.0) & (table.score <= 1.0)))
    if wrong.size:
        named = ", ".join(
            f"{table.agents[table.agent[row]]} on {table.items[table.item[row]]}: "
            f"{table.score[row]}"
            for row in wrong[:3]
        )
        raise UsageError(
            f"{wrong.size} scores are no numbers in [0, 1] (rows {wrong[:3].tolist()}: {named}). "
            "Rescale them, or leave missing cells out."
        )


def _newton(gradient: Floats, weight: Floats, now: Floats) -> Floats:
    step = (gradient - now / VARIANCE) / (weight + 1.0 / VARIANCE)
    return np.clip(step, -1.0, 1.0)


def correlations(values: Floats, seen: Floats, others: Floats) -> Floats:
    """(J,) Pearson correlation of each pair of columns over its seen rows; NaN where constant.

    Args:
        values: (N, J).
        seen: (N, J) 1 where the row counts.
        others: (N, J), or (N, 1) for one column against all.
    """
    count = np.maximum(seen.sum(axis=0), 1.0)
    first = (values - (values * seen).sum(axis=0) / count) * seen
    second = (others - (others * seen).sum(axis=0) / count) * seen
    norm = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (first * second).sum(axis=0) / norm
    return np.where(norm > 1e-12 * count, found, np.nan)
