"""`fit`: from a response table to calibrated items and abilities.

Agents and items are put in the order of their names before anything is computed, so that the same
data in another row order give the same numbers; results are in the order of the table again.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._design import design, refuse_unfit
from evaluators.irt._fit import Z90, Abilities, Fit, ItemBank
from evaluators.irt._model import Model, model_named
from evaluators.irt._responses import Cells, Dropped, Floats, Ints, ResponseTable, sorted_cells
from evaluators.irt.estimators._problem import ESTIMATORS, Estimate, Estimator, Problem
from evaluators.irt.estimators._problem import FitOptions as FitOptions
from tasks import UsageError


def fit(
    table: ResponseTable,
    model: str | Model = "2pl",
    *,
    estimator: str | None = None,
    options: FitOptions = FitOptions(),  # noqa: B008 - frozen
) -> Fit:
    """Fit a model to a response table.

    Items that all agents answered alike are kept: weak priors place them, `notes` name them, and
    with `FitOptions(priors=False)`, which leaves nothing to place them by, they are left out and
    counted in `dropped`. Agents and items without any response are left out, and counted too.

    Args:
        table: The responses.
        model: A model or its name (`rasch`, `2pl`, …).
        estimator: `em`, `laplace` or `joint`; None for the model's own first choice.
        options: How to go about it.

    Raises:
        UsageError: scores that are no numbers in [0, 1] or not of the model's kind; fewer than two
            agents or items; nothing that varies; an estimator that does not fit the model.
        UnknownUnitError: there is no such model or estimator; names the nearest.
    """
    chosen = model_named(model) if isinstance(model, str) else model
    by = _estimator(chosen, estimator)
    refuse_bad_scores(table)
    kept = _kept(table, options)
    refuse_unfit(kept.table)
    cells = kept.cells()
    problem = Problem(
        chosen,
        chosen.layout(cells),
        cells,
        options,
        of_agents=kept.table.of_agents.take(kept.agents),
        of_items=kept.table.of_items.take(kept.items),
    )
    if chosen.vector:
        from evaluators.irt._vector.results import planned_problem

        problem = planned_problem(problem, kept.table, kept.items)
    return _reported(kept, problem, by[1].estimate(problem), by[0])


def _estimator(model: Model, name: str | None) -> tuple[str, Estimator]:
    word = (name or model.estimators[0]).strip().lower()
    found = ESTIMATORS.find(word)
    if word not in model.estimators:
        raise UsageError(
            f"The model {model.name} cannot be fitted by {word!r}; it can by "
            f"{', '.join(model.estimators)}."
        )
    return word, found


def refuse_bad_scores(table: ResponseTable) -> None:
    """Raise unless scores are numbers in [0, 1] and trials whole numbers of at least 1.

    Raises:
        UsageError: names the first few rows that are not.
    """
    good = (table.score >= 0.0) & (table.score <= 1.0)
    good &= (table.trials >= 1.0) & np.isfinite(table.trials)
    if np.all(good):
        return
    bad = np.flatnonzero(~good)
    shown = "; ".join(
        f"agent {table.agents[table.agent[row]]!r} on item {table.items[table.item[row]]!r}: score "
        f"{table.score[row]:g} of {table.trials[row]:g} trials"
        for row in bad[:3]
    )
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    raise UsageError(
        f"{len(bad)} of {len(good)} rows have a score outside [0, 1], none at all (NaN), or less "
        f"than one trial: {shown}{more}. Divide scores by their maximum; leave a row out where "
        "there is no score: a missing pair is missing by design."
    )


@dataclass(frozen=True)
class _Kept:
    """What of a table goes into the fit."""

    table: ResponseTable
    """Only agents and items that are in it."""
    agents: Ints
    """(N,) places in `table`, by name."""
    items: Ints
    """(J,) likewise."""
    dropped: tuple[Dropped, ...]

    def cells(self) -> Cells:
        """The cells, agents and items by name."""
        found = self.table.cells
        if _ascending(self.agents) and _ascending(self.items):
            return found
        agent, item = _inverse(self.agents)[found.agent], _inverse(self.items)[found.item]
        order = np.lexsort((item, agent))
        return sorted_cells(
            agent[order],
            item[order],
            found.trials[order],
            found.total[order],
            (found.n_agents, found.n_items),
        )


def _kept(table: ResponseTable, options: FitOptions) -> _Kept:
    cells, dropped = table.cells, list[Dropped]()
    agents = np.bincount(cells.agent, minlength=cells.n_agents) > 0
    items = np.bincount(cells.item, minlength=cells.n_items) > 0
    for seen, names, what in ((agents, table.agents, "agent"), (items, table.items, "item")):
        if not np.all(seen):
            gone = tuple(names[place] for place in np.flatnonzero(~seen))
            dropped.append(Dropped(0, f"No response: {len(gone)} {what}(s) left out.", gone))
    if not options.priors:
        constant = items & (_spread(cells) == 0.0)
        if np.any(constant):
            gone = tuple(table.items[place] for place in np.flatnonzero(constant))
            rows = int(constant[table.item].sum())
            reason = "Every agent has the same score: without priors nothing places such an item."
            dropped.append(Dropped(rows, reason, gone))
            items &= ~constant
            agents &= np.bincount(cells.agent[items[cells.item]], minlength=cells.n_agents) > 0
    whole = np.all(agents) and np.all(items)
    taken = table if whole else table.rows(agents[table.agent] & items[table.item]).observed()
    return _Kept(taken, _by_name(taken.agents), _by_name(taken.items), tuple(dropped))


def _spread(cells: Cells) -> Floats:
    """(J,) highest less lowest mean score of each item."""
    low, high = np.full(cells.n_items, np.inf), np.full(cells.n_items, -np.inf)
    np.minimum.at(low, cells.item, cells.mean)
    np.maximum.at(high, cells.item, cells.mean)
    return high - low


def _by_name(names: tuple[str, ...]) -> Ints:
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)


def _ascending(order: Ints) -> bool:
    return bool(np.all(np.diff(order) > 0))


def _inverse(order: Ints) -> Ints:
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place


def _reported(kept: _Kept, problem: Problem, found: Estimate, estimator: str) -> Fit:
    to_item, to_agent = _inverse(kept.items), _inverse(kept.agents)
    theta, se = found.theta[to_agent], found.se[to_agent]
    bank = ItemBank(
        model=problem.model,
        layout=problem.layout,
        items=kept.table.items,
        x=found.x[to_item],
        covariance=found.covariance[to_item],
        population=found.population,
    )
    remarks = tuple(remark.text for remark in design(kept.table).remarks)
    free = found.n_parameters or problem.model.free_parameters(found.x)
    return Fit(
        bank=bank,
        abilities=Abilities(
            agents=kept.table.agents,
            theta=theta,
            se=se,
            method=found.method,
            low=theta - Z90 * se,
            high=theta + Z90 * se,
        ),
        log_likelihood=found.log_likelihood,
        path=found.path,
        n_parameters=free + int(problem.model.free_sd),
        n_cells=problem.cells.size,
        estimator=estimator,
        converged=found.converged,
        reason=found.reason,
        grid=found.grid,
        dropped=(*kept.table.dropped, *kept.dropped),
        notes=(*remarks, *found.notes),
    )
