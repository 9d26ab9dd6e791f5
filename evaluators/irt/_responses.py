"""Responses of agents to items: long form in, one cell an (agent, item) pair out.

Missing is what is not there: a design may be sparse. A cell may hold several trials. Reading files
and run folders is `_reading`'s; what is wrong with a design is said by `_design`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ScoreKind = Literal["binary", "counts", "continuous"]
"""`binary`: one trial a cell, 0 or 1. `counts`: k successes of n trials. `continuous`: in [0, 1].
A continuous column with few distinct values may also be read as ordered categories."""


@dataclass(frozen=True)
class Covariates:
    """What is known of agents or of items beside the scores; each column as long as its names."""

    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Text columns (`llm`, `scaffold`, `date`, `family`, `preset`); '' where unknown."""
    numbers: Mapping[str, Floats] = field(default_factory=dict[str, Floats])
    """Number columns (item features); NaN where unknown."""

    def take(self, places: Ints) -> "Covariates":
        """Those of some agents or items, by place."""
        return Covariates(
            {name: tuple(column[k] for k in places) for name, column in self.labels.items()},
            {name: column[places] for name, column in self.numbers.items()},
        )


@dataclass(frozen=True)
class Dropped:
    """Rows that reading or a fit left out; never silently."""

    rows: int
    reason: str
    """A whole sentence."""
    names: tuple[str, ...] = ()
    """The agents or items concerned, where they are whole."""


@dataclass(frozen=True)
class Cells:
    """The observed (agent, item) pairs, sorted by agent, then item; each pair once."""

    agent: Ints
    """(n,) place of the agent."""
    item: Ints
    """(n,) place of the item."""
    trials: Floats
    """(n,) trials in the cell, at least 1."""
    total: Floats
    """(n,) sum of the trials' scores: the successes, where scores are 0 or 1."""
    n_agents: int
    n_items: int

    @property
    def mean(self) -> Floats:
        """(n,) mean score of each cell, in [0, 1]."""
        return self.total / self.trials

    @property
    def size(self) -> int:
        """Number of observed cells."""
        return len(self.agent)

    def wide(self) -> Floats:
        """(agents, items) mean scores, NaN where nothing was observed."""
        found = np.full((self.n_agents, self.n_items), np.nan)
        found[self.agent, self.item] = self.mean
        return found

    @cached_property
    def by_item(self) -> tuple[Ints, Ints]:
        """(n,) places of the cells by item, then agent; (J + 1,) where each item's begin there."""
        order = np.argsort(self.item, kind="stable").astype(np.int64)
        return order, np.searchsorted(self.item[order], np.arange(self.n_items + 1))

    def between(self, items: slice) -> Ints:
        """Places of the cells of a run of items, by item."""
        order, ends = self.by_item
        return order[ends[items.start] : ends[items.stop]]

    def of_items(self, places: Ints) -> "Cells":
        """The cells of some items, which are numbered anew in the order of `places`."""
        new = np.full(self.n_items, -1, dtype=np.int64)
        new[places] = np.arange(len(places))
        kept = new[self.item] >= 0
        return sorted_cells(
            self.agent[kept],
            new[self.item[kept]],
            self.trials[kept],
            self.total[kept],
            (self.n_agents, len(places)),
        )

    def of_agents(self, places: Ints) -> "Cells":
        """The cells of some agents, which are numbered anew in the order of `places`."""
        new = np.full(self.n_agents, -1, dtype=np.int64)
        new[places] = np.arange(len(places))
        kept = new[self.agent] >= 0
        return sorted_cells(
            new[self.agent[kept]],
            self.item[kept],
            self.trials[kept],
            self.total[kept],
            (len(places), self.n_items),
        )


def sorted_cells(
    agent: Ints, item: Ints, trials: Floats, total: Floats, shape: tuple[int, int]
) -> Cells:
    """Cells in their order; rows of one pair become one cell."""
    code = agent * shape[1] + item
    if code.size and np.any(np.diff(code) <= 0):
        pairs, place = np.unique(code, return_inverse=True)
        trials = np.bincount(place, weights=trials, minlength=len(pairs)).astype(float)
        total = np.bincount(place, weights=total, minlength=len(pairs)).astype(float)
        agent, item = pairs // shape[1], pairs % shape[1]
    return Cells(
        agent.astype(np.int64), item.astype(np.int64), trials.astype(float), total.astype(float),
        shape[0], shape[1],
    )  # fmt: skip


@dataclass(frozen=True)
class ResponseTable:
    """Scores in long form: one row a trial, or one row for several trials of a cell."""

    agents: tuple[str, ...]
    items: tuple[str, ...]
    agent: Ints
    """(rows,) place in `agents`."""
    item: Ints
    """(rows,) place in `items`."""
    score: Floats
    """(rows,) in [0, 1]; the mean over the row's trials."""
    trials: Floats
    """(rows,) trials that the row stands for; 1 for a single one."""
    trial: Ints
    """(rows,) number of the trial within its cell, from 1; tells repeats apart."""
    of_agents: Covariates = Covariates()
    of_items: Covariates = Covariates()
    dropped: tuple[Dropped, ...] = ()

    def rows(self, at: Ints | npt.NDArray[np.bool_]) -> "ResponseTable":
        """Some of its rows, by place or mask; agents and items keep their places."""
        return replace(
            self,
            agent=self.agent[at],
            item=self.item[at],
            score=self.score[at],
            trials=self.trials[at],
            trial=self.trial[at],
        )

    def observed(self) -> "ResponseTable":
        """The table of those agents and items alone that have rows."""
        agents, agent = np.unique(self.agent, return_inverse=True)
        items, item = np.unique(self.item, return_inverse=True)
        return replace(
            self,
            agents=tuple(self.agents[k] for k in agents),
            items=tuple(self.items[k] for k in items),
            agent=agent.astype(np.int64),
            item=item.astype(np.int64),
            of_agents=self.of_agents.take(agents),
            of_items=self.of_items.take(items),
        )

    @cached_property
    def cells(self) -> Cells:
        """One cell a pair; what estimators take."""
        shape = (len(self.agents), len(self.items))
        return sorted_cells(self.agent, self.item, self.trials, self.score * self.trials, shape)

    @cached_property
    def kind(self) -> ScoreKind:
        """Which kind of score the cells hold."""
        return score_kind(self.cells)


def score_kind(cells: Cells) -> ScoreKind:
    """Which kind of score cells hold; totals that are whole up to rounding count as successes."""
    whole = np.abs(cells.total - np.rint(cells.total)) <= 1e-9 * np.maximum(cells.trials, 1.0)
    if not np.all(whole):
        return "continuous"
    return "binary" if np.all(cells.trials == 1) else "counts"


def table_of(
    agents: Sequence[str],
    items: Sequence[str],
    wide: npt.NDArray[np.floating],
    trials: npt.NDArray[np.floating] | None = None,
) -> ResponseTable:
    """The table of a wide matrix: (agents, items) mean scores, NaN where missing.

    Args:
        agents: Row names.
        items: Column names.
        wide: (agents, items) scores in [0, 1].
        trials: (agents, items) trials of each cell; None: one each.
    """
    agent, item = np.nonzero(~np.isnan(wide))
    each = np.ones(len(agent)) if trials is None else np.asarray(trials[agent, item], dtype=float)
    return ResponseTable(
        tuple(agents),
        tuple(items),
        agent.astype(np.int64),
        item.astype(np.int64),
        np.asarray(wide[agent, item], dtype=float),
        each,
        np.ones(len(agent), dtype=np.int64),
    )
