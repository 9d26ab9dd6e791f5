"""G-theory: how much of a score is the agent, the item, both together, and the run.

A score of agent p on item i in trial r is

    x_pir = mu + p + i + (pi) + e,     variances s_p, s_i, s_pi, s_e                 (all random)

(Brennan, *Generalizability Theory*, 2001). Components are estimated by Henderson's (1953) method I,
*Biometrics* 9, 226-252: the uncorrected sums of squares T of cells, agents, items and the mean are
set equal to their expectations, which any pattern of missing cells and repeats has:

    E T_x = N mu² + sum over components c of s_c * sum_levels (sum_sublevels n²) / n.

In a balanced design this is the analysis of variance. s_e is the mean square within cells. Where no
cell has two trials, interaction and run cannot be told apart: s_pi then holds both.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Cells, Floats, Ints, ResponseTable, score_kind
from tasks import UsageError


@dataclass(frozen=True)
class Components:
    """Variance components of single trials."""

    agent: float
    item: float
    interaction: float
    """Agent by item; with `run` None, what runs add is in it."""
    run: float | None
    """Between trials of one agent on one item; None: no cell has two."""
    mean: float
    agents: int
    items: int
    trials: float
    """Mean number in a cell."""
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Variance of a single trial's score of a random agent on a random item."""
        return self.agent + self.item + self.interaction + (self.run or 0.0)


@dataclass(frozen=True)
class Generalizability:
    """How well mean scores over a design tell agents apart."""

    items: int
    repeats: int
    relative_se: float
    """Of an agent's mean score, compared with others on the same items."""
    absolute_se: float
    """As an estimate of its mean over all items of this kind."""
    g: float
    """s_p / (s_p + relative error variance)."""
    phi: float
    """s_p / (s_p + absolute error variance)."""


def components(table: ResponseTable) -> Components:
    """Variance components of a table, crossed agents by items with any repeats.

    Raises:
        UsageError: fewer than two agents or items, no agent with two items, or several trials of
            scores that are no passes and that came without their single values.
    """
    cells = table.cells
    if cells.n_agents < 2 or cells.n_items < 2 or cells.size <= cells.n_agents:
        raise UsageError(
            f"Variance components need at least 2 agents and 2 items, and agents that saw several: "
            f"here are {cells.n_agents} agents, {cells.n_items} items and {cells.size} cells."
        )
    within = _within(table)
    sizes = cells.trials
    total = float(sizes.sum())
    mean = float(cells.total.sum()) / total
    left, right = _equations(cells, mean, within)
    # Scores are centred: the square of the mean drops out, but for the error of the mean itself.
    agent, item, interaction = np.linalg.solve(left, right).tolist()
    notes = _notes(agent, item, interaction)
    if within is None:
        notes = (
            *notes,
            "No cell has two trials: what runs add cannot be told from agent by item.",
        )
    return Components(
        max(agent, 0.0), max(item, 0.0), max(interaction, 0.0), within, mean,
        cells.n_agents, cells.n_items, total / cells.size, notes,
    )  # fmt: skip


def _within(table: ResponseTable) -> float | None:
    """Mean square between trials of a cell; None where no cell has two.

    Raises:
        UsageError: a row stands for several trials whose single scores are unknown.
    """
    from evaluators.stats.variance import mean_squares

    code = table.agent * len(table.items) + table.item
    if np.any(table.trials > 1):
        if score_kind(table.cells) == "continuous":
            row = int(np.flatnonzero(table.trials > 1)[0])
            raise UsageError(
                f"Row {row + 1} ({table.agents[table.agent[row]]} on "
                f"{table.items[table.item[row]]}) is the mean of {table.trials[row]:g} trials with "
                "scores other than 0 and 1: their spread is lost. Give one row a trial."
            )
        passed = np.rint(table.score * table.trials)
        values = np.repeat([1.0, 0.0], len(code))
        found = mean_squares(
            values, np.concatenate([code, code]), np.concatenate([passed, table.trials - passed])
        )
    else:
        found = mean_squares(table.score, code)
    return found.within


def _equations(cells: Cells, mean: float, within: float | None) -> tuple[Floats, Floats]:
    """Henderson's equations for agent, item and interaction, the run's component known."""
    sizes, off = cells.trials, cells.total - cells.trials * mean
    count = float(sizes.sum())
    error = within or 0.0
    by_agent, by_item = _sums(cells.agent, sizes, off), _sums(cells.item, sizes, off)
    squares = float(np.sum(off**2 / sizes)), by_agent[1], by_item[1]
    share_agent = float(np.sum(_ratio(cells.agent, sizes**2, sizes)))
    share_item = float(np.sum(_ratio(cells.item, sizes**2, sizes)))
    # Of the correction for the mean: (sum over levels of n²) / N for each component.
    of_mean = np.array(
        [
            float(np.sum(by_agent[2] ** 2)) / count,
            float(np.sum(by_item[2] ** 2)) / count,
            float(np.sum(sizes**2)) / count,
        ]
    )
    left = np.array(
        [[count, count, count], [count, share_agent, share_agent], [share_item, count, share_item]]
    )
    right = np.array(
        [
            squares[0] - error * (cells.size - 1),
            squares[1] - error * (by_agent[0] - 1),
            squares[2] - error * (by_item[0] - 1),
        ]
    )
    return left - of_mean, right


def _sums(place: Ints, sizes: Floats, off: Floats) -> tuple[int, float, Floats]:
    """Number of levels seen, sum of squared level sums over level sizes, and the sizes."""
    size = np.bincount(place, sizes).astype(float)
    seen = size > 0
    sums = np.bincount(place, off)
    return int(seen.sum()), float(np.sum(sums[seen] ** 2 / size[seen])), size[seen]


def _ratio(place: Ints, upper: Floats, lower: Floats) -> Floats:
    over, under = np.bincount(place, upper), np.bincount(place, lower)
    return over[under > 0] / under[under > 0]


def _notes(agent: float, item: float, interaction: float) -> tuple[str, ...]:
    named = (("agents", agent), ("items", item), ("agent by item", interaction))
    return tuple(
        f"The estimated component of {name} was {value:.4g}, below 0; it is set to 0."
        for name, value in named
        if value < 0
    )


def generalizability(found: Components, items: int, repeats: int = 1) -> Generalizability:
    """Errors and coefficients of mean scores over a design.

    Args:
        found: Of `components`.
        items: Of each agent, drawn at random from items of this kind.
        repeats: Trials of each.

    Raises:
        UsageError: no items or repeats; or other repeats than one where runs were never repeated.
    """
    if items < 1 or repeats < 1:
        raise UsageError(f"A design has at least 1 item and 1 repeat, not {items} and {repeats}.")
    if found.run is None and repeats > 1:
        raise UsageError(
            "No cell of this table has two trials, so nothing is known of what repeats would "
            "bring. Run some items twice, or ask for repeats=1."
        )
    relative = (found.interaction + (found.run or 0.0) / repeats) / items
    absolute = relative + found.item / items

    def share(error: float) -> float:
        return found.agent / (found.agent + error) if found.agent + error > 0 else 0.0

    return Generalizability(
        items, repeats, relative**0.5, absolute**0.5, share(relative), share(absolute)
    )
