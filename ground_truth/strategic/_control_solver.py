"""Exact solution of `strategic/information_control`: value iteration over convex functions.

With two regimes the belief is one number b = P(second regime), and every value function is the
upper envelope of finitely many lines in b (Smallwood and Sondik 1973). Sums over observations and
maxima over actions keep that form, so that no grid and no approximation is needed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tasks.strategic._control_game import BUY, OPERATE, ControlPublic, Mode, Source

GRID = np.linspace(0.0, 1.0, 33)
FLAT = 1e-13
"""Difference of slopes, as a share of the largest value, that is rounding."""
FEW = 24
"""Lines for which a bound is not worth its time."""
Lines = npt.NDArray[np.float64]
"""Shape (lines, 2): values at b = 0 and b = 1; an upper envelope sorted by slope."""


SLACK = 1e-10
"""Height, as a share of the largest value, below which a line is not told from its neighbours.

Purchases commute, so that rounding would keep thousands of copies of one line. Every backup loses
at most this much: over an episode, less than a hundred-millionth of its value.
"""


def envelope(lines: Lines) -> Lines:
    """The lines that are highest somewhere on [0, 1], sorted by slope; shape (kept, 2)."""
    return _thinned(_highest(_candidates(lines)), SLACK * float(np.abs(lines).max()))


def _candidates(lines: Lines) -> Lines:
    """Leave out most of the lines that are highest nowhere, by a bound from below.

    Between two neighbours of a grid the lines that are highest there bound the envelope from
    below; a line that is no higher than both at the grid points and at their crossing is out.
    """
    if len(lines) < FEW:
        return lines
    slope = lines[:, 1] - lines[:, 0]
    on_grid = lines[:, :1] + slope[:, None] * GRID
    top = on_grid.argmax(axis=0)
    left, right = top[:-1], top[1:]
    apart = slope[right] - slope[left]
    flat = apart <= 0.0
    cross = (lines[left, 0] - lines[right, 0]) / np.where(flat, 1.0, apart)
    cross = np.where(flat, GRID[1:], np.clip(cross, GRID[:-1], GRID[1:]))
    height = lines[left, 0] + cross * slope[left]
    on_cross = lines[:, :1] + slope[:, None] * cross
    higher = (on_cross > height).any(axis=1)
    higher[top] = True
    return lines[higher]


def _thinned(lines: Lines, slack: float) -> Lines:
    """Drop lines that rise above both neighbours by less than `slack`, never two in a row."""
    if len(lines) < 3:
        return lines
    before, here, after = lines[:-2], lines[1:-1], lines[2:]
    slopes = (after[:, 1] - after[:, 0]) - (before[:, 1] - before[:, 0])
    at = (before[:, 0] - after[:, 0]) / slopes
    rise = here[:, 0] + at * (here[:, 1] - here[:, 0])
    rise -= before[:, 0] + at * (before[:, 1] - before[:, 0])
    keep = np.ones(len(lines), dtype=bool)
    for index in np.flatnonzero(rise < slack).tolist():
        # `keep[index]` is its left neighbour: one that is gone lost as much already.
        keep[index + 1] = not keep[index]
    return lines[keep]


def _highest(lines: Lines) -> Lines:
    order = np.lexsort((lines[:, 0], lines[:, 1] - lines[:, 0]))
    flat = FLAT * float(np.abs(lines).max())
    kept: list[tuple[float, float]] = []
    cuts: list[float] = []
    for low, high in lines[order].tolist():
        if kept and high - low - (kept[-1][1] - kept[-1][0]) < flat:
            # Parallel but for rounding: the higher one stays.
            if low <= kept[-1][0]:
                continue
            kept.pop()
            if cuts:
                cuts.pop()
        while kept:
            cut = _crossing(kept[-1], (low, high))
            if cut > (cuts[-1] if cuts else 0.0):
                break
            kept.pop()
            if cuts:
                cuts.pop()
        else:
            kept.append((low, high))
            continue
        if cut < 1.0:
            kept.append((low, high))
            cuts.append(cut)
    return np.array(kept)


def _crossing(flat: tuple[float, float], steep: tuple[float, float]) -> float:
    """Where the steeper line overtakes the flatter one."""
    return (flat[0] - steep[0]) / ((steep[1] - steep[0]) - (flat[1] - flat[0]))


def added(one: Lines, other: Lines) -> Lines:
    """The sum of two envelopes, again an envelope."""
    cuts, more = _cuts(one), _cuts(other)
    edges = np.unique(np.concatenate(([0.0], cuts, more, [1.0])))
    middles = (edges[:-1] + edges[1:]) / 2
    total = one[np.searchsorted(cuts, middles)] + other[np.searchsorted(more, middles)]
    slope = total[:, 1] - total[:, 0]
    # Where both bend at one point but for rounding, a piece may come twice.
    return total[np.append(True, np.diff(slope) > FLAT * np.abs(total).max())]


def _cuts(lines: Lines) -> npt.NDArray[np.float64]:
    slope = lines[:, 1] - lines[:, 0]
    return (lines[:-1, 0] - lines[1:, 0]) / np.diff(slope)


def at(lines: Lines, belief: float) -> float:
    """Value of an envelope at a belief."""
    return float((lines[:, 0] + belief * (lines[:, 1] - lines[:, 0])).max())


@dataclass(frozen=True)
class State:
    """What a player knows, and all that the future depends on."""

    round: int
    """From 0."""
    mode: int
    """The mode in force."""
    reports: int
    """Reports that may still be bought in all."""
    left: int
    """Reports that may still be bought in this round."""
    belief: float
    """P(second regime) in this round."""


class Solution:
    """Value functions of one game, by round, mode in force and reports left."""

    def __init__(self, game: ControlPublic) -> None:
        self.game = game
        self._operate: dict[tuple[int, int, int], Lines] = {}
        """(round, mode, reports) → payoff of operating `mode` and optimal play after it, before
        the cost of switching."""
        self._enter: dict[tuple[int, int, int, int], Lines] = {}
        """(round, mode in force, reports, left) → optimal value."""
        self._buy: dict[tuple[int, int, int, int, int], Lines] = {}
        for number in reversed(range(game.rounds)):
            self._solve(number)

    @property
    def optimum(self) -> float:
        """Expected total of optimal play."""
        return self.value(start(self.game))

    def value(self, state: State) -> float:
        """Expected total of optimal play from a state; 0 when the episode is over."""
        if state.round == self.game.rounds:
            return 0.0
        place = (state.round, state.mode, state.reports, min(state.left, state.reports))
        return at(self._enter[place], state.belief)

    def options(self, state: State) -> dict[str, float]:
        """Expected total of each allowed action followed by optimal play."""
        game, found = self.game, dict[str, float]()
        left = min(state.left, state.reports)
        for index, source in enumerate(game.sources if left else ()):
            lines = self._buy[state.round, state.mode, state.reports, left, index]
            found[BUY + source.name] = at(lines, state.belief) - source.price
        for index, mode in enumerate(game.modes):
            after = at(self._operate[state.round, index, state.reports], state.belief)
            found[OPERATE + mode.name] = after - game.switching[state.mode][index]
        return found

    def _solve(self, number: int) -> None:
        game = self.game
        for reports in range(game.reports + 1):
            for index, mode in enumerate(game.modes):
                self._operate[number, index, reports] = self._operated(number, index, mode, reports)
            for mode in range(len(game.modes)):
                for left in range(min(game.per_round, reports) + 1):
                    place = (number, mode, reports, left)
                    self._enter[place] = self._entered(place)

    def _operated(self, number: int, index: int, mode: Mode, reports: int) -> Lines:
        first, second = self.game.phases[self.game.plan[number]].change
        moves = np.array([[1.0 - first, first], [second, 1.0 - second]])
        after = (
            np.zeros((1, 2))
            if number == self.game.rounds - 1
            else self._enter[number + 1, index, reports, min(self.game.per_round, reports)]
        )
        moved = after @ moves.T
        good = np.array(mode.success)
        total = added(envelope(moved * good), envelope(moved * (1.0 - good)))
        return total + good * mode.gain - (1.0 - good) * mode.loss

    def _entered(self, place: tuple[int, int, int, int]) -> Lines:
        number, mode, reports, left = place
        options = [
            self._operate[number, other, reports] - self.game.switching[mode][other]
            for other in range(len(self.game.modes))
        ]
        for index, source in enumerate(self.game.sources if left else ()):
            bought = self._bought(source, self._enter[number, mode, reports - 1, left - 1])
            self._buy[number, mode, reports, left, index] = bought
            options.append(bought - source.price)
        return envelope(np.concatenate(options))

    def _bought(self, source: Source, after: Lines) -> Lines:
        total = np.zeros((1, 2))
        for chance in np.array(source.rates).T:
            total = added(total, envelope(after * chance))
        return total


def solved(game: ControlPublic) -> Solution:
    """The solution of a game; computed once while its instance is in use."""
    # The scale of the score is no part of the game, and is known only once that is solved.
    return _solved(game.model_copy(update={"scale": 0.0}).model_dump_json())


@lru_cache(maxsize=64)
def _solved(game: str) -> Solution:
    return Solution(ControlPublic.model_validate_json(game))


def start(game: ControlPublic) -> State:
    """Before the first action."""
    return State(0, game.start, game.reports, game.per_round, game.prior)


def after_reading(game: ControlPublic, state: State, source: int, reading: int) -> State:
    """The state after a report was bought and read."""
    rates = game.sources[source].rates
    belief = _updated(state.belief, rates[0][reading], rates[1][reading])
    return State(state.round, state.mode, state.reports - 1, state.left - 1, belief)


def after_outcome(game: ControlPublic, state: State, mode: int, *, success: bool) -> State:
    """The state at the start of the next round."""
    good = game.modes[mode].success
    chances = good if success else (1.0 - good[0], 1.0 - good[1])
    belief = _updated(state.belief, *chances)
    first, second = game.phases[game.plan[state.round]].change
    moved = belief * (1.0 - second) + (1.0 - belief) * first
    return State(state.round + 1, mode, state.reports, game.per_round, moved)


def _updated(belief: float, first: float, second: float) -> float:
    """Bayes' rule."""
    weight = belief * second
    return weight / (weight + (1.0 - belief) * first)


def constant_value(game: ControlPublic, mode: int) -> float:
    """Expected total of operating one mode in every round, without a report."""
    belief, total = game.prior, -game.switching[game.start][mode]
    played = game.modes[mode]
    for phase in game.plan:
        good = (1.0 - belief) * played.success[0] + belief * played.success[1]
        total += good * played.gain - (1.0 - good) * played.loss
        first, second = game.phases[phase].change
        belief = belief * (1.0 - second) + (1.0 - belief) * first
    return total - (len(game.plan) - 1) * game.switching[mode][mode]
