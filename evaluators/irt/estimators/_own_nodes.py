"""Likelihoods where every agent has abilities of its own to be tried, not a grid for all.

Work is over items times agents, whatever was observed: for designs as full as most are. Chunks of
items bound the memory.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.estimators._maximisation import HALVINGS, Counts, climbed
from evaluators.irt.estimators._posterior import State
from evaluators.irt.estimators._problem import Problem

CHUNK = 1 << 20
"""Statistics times items times nodes at once."""
STEPS, SMALL, LONGEST = 8, 1e-5, 1.0
"""Newton steps to a mode, the step that ends them, and the longest."""


class OwnNodes:
    """The cells of one problem, item by item."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        cells = problem.cells
        order = np.argsort(cells.item, kind="stable")
        self._agent = cells.agent[order]
        self._item = cells.item[order]
        self._trials = cells.trials[order]
        self._statistics = problem.model.statistics(cells, problem.layout)[:, order]
        self._starts = np.searchsorted(self._item, np.arange(cells.n_items + 1))

    def log_likelihoods(self, state: State, theta: Floats) -> Floats:
        """(N, K) of each agent's responses at its own K abilities."""
        found = np.zeros(theta.shape)
        for at, statistics, _ in self._chunks(theta.shape[1]):
            terms = self.problem.model.terms(state.x[at], theta.ravel(), self.problem.layout)
            shaped = terms.reshape(*statistics.shape, theta.shape[1])
            found += np.einsum("sjn,sjnk->nk", statistics, shaped, optimize=True)
        return found

    def modes(self, state: State, theta: Floats, sd: float) -> tuple[Floats, Floats]:
        """(N,) abilities of highest density under N(0, sd^2), and (N,) their precision.

        Fisher scoring from `theta`; a step that lowers the density is halved for its agent.
        """
        found, value = theta, self._density(state, theta, sd)
        higher, lower = value, np.zeros(len(theta), dtype=bool)
        for _ in range(STEPS):
            score, information = self._score(state, found, sd)
            move = np.clip(score / information, -LONGEST, LONGEST)
            if np.abs(move).max() < SMALL:
                break
            for _ in range(HALVINGS):
                higher = self._density(state, found + move, sd)
                lower = ~(higher >= value - 1e-10 * np.abs(value))
                if not np.any(lower):
                    break
                move[lower] *= 0.5
            else:
                move[lower], higher[lower] = 0.0, value[lower]
            found, value = found + move, higher
        return found, self._score(state, found, sd)[1]

    def items(self, state: State, theta: Floats, weights: Floats) -> Floats:
        """(J, p) one step of all items, agents at abilities (N, K) with weights (N, K)."""
        found = np.empty_like(state.x)
        for at, statistics, trials in self._chunks(theta.shape[1]):
            counts = (statistics[..., None] * weights).reshape(*statistics.shape[:2], -1)
            seen = (trials[..., None] * weights).reshape(len(trials), -1)
            part = Counts(theta.ravel(), counts, seen)
            found[at] = climbed(self.problem, replace(state, x=state.x[at]), part)
        return found

    def information(self, state: State, theta: Floats) -> Floats:
        """(J, p, p) Fisher information of the items, abilities (N,) taken as known."""
        found = np.empty((*state.x.shape, state.x.shape[1]))
        for at, statistics, trials in self._chunks(1):
            found[at] = self.problem.model.climb(
                state.x[at], theta, statistics, trials, self.problem.layout
            )[1]
        return found

    def _density(self, state: State, theta: Floats, sd: float) -> Floats:
        return self.log_likelihoods(state, theta[:, None])[:, 0] - 0.5 * (theta / sd) ** 2

    def _score(self, state: State, theta: Floats, sd: float) -> tuple[Floats, Floats]:
        score, information = -theta / sd**2, np.full(len(theta), sd**-2.0)
        model, layout = self.problem.model, self.problem.layout
        for at, statistics, trials in self._chunks(1):
            score += (statistics * model.slope(state.x[at], theta, layout)).sum(axis=(0, 1))
            one = model.ability_information(state.x[at], theta, layout)
            information += (trials * one).sum(axis=0)
        return score, information

    def _chunks(self, n_nodes: int) -> Iterator[tuple[slice, Floats, Floats]]:
        """Items, their (S, j, N) statistics and (j, N) trials, 0 where nothing was observed."""
        n_agents, n_items = self.problem.cells.n_agents, self.problem.cells.n_items
        size = max(1, CHUNK // (len(self._statistics) * n_agents * n_nodes))
        for low in range(0, n_items, size):
            high = min(low + size, n_items)
            cells = slice(int(self._starts[low]), int(self._starts[high]))
            place = (self._item[cells] - low, self._agent[cells])
            statistics = np.zeros((len(self._statistics), high - low, n_agents))
            statistics[:, place[0], place[1]] = self._statistics[:, cells]
            trials = np.zeros((high - low, n_agents))
            trials[place] = self._trials[cells]
            yield slice(low, high), statistics, trials
