"""Abilities of agents on a bank's scale: ML, MAP, WLE and EAP, without fitting the items again.

ML maximises the likelihood; MAP adds the population's log density; WLE (Warm 1989, Psychometrika
54, 427-450) adds J / (2 I) to the slope, which takes the first-order bias away and keeps extreme
scores finite; EAP is the posterior mean (Bock and Mislevy 1982).
"""

from typing import Literal, get_args

import numpy as np

from evaluators.irt._fit import Z90, Abilities, ItemBank
from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt.scoring._ascent import Added, Hill, Slopes, ascend, exactly_warm, slopes_at
from evaluators.irt.scoring._matching import Matched, Unknown, matched
from evaluators.irt.scoring._posterior import posterior
from tasks import UsageError, nearest

Method = Literal["eap", "map", "ml", "wle"]

LEVEL = 0.9
"""Of every interval."""
DROP = 0.5 * Z90 * Z90
"""By so much the log-likelihood falls to the end of a likelihood-ratio interval."""
NODES = 401
"""Of the scan; tops lie between two of them, wherever the slope changes its sign."""
FAR = 20.0
"""Population sds from the mean within which ML is sought; beyond, it is called infinite."""


def score_agents(
    bank: ItemBank,
    table: ResponseTable,
    method: Method = "eap",
    *,
    unknown: Unknown = "error",
) -> Abilities:
    """Abilities of the table's agents, new or known, in the table's order.

    Args:
        bank: Calibrated items of any unidimensional model.
        table: Responses; any part of the bank's items, missing cells left out.
        method: `eap`, `map`, `ml` or `wle`.
        unknown: What to do with items the bank does not know: an error, or drop and count them.

    Returns:
        `se` is the posterior sd (EAP), else 1 / sqrt(information) (MAP: with the population's).
        ML of all-right or all-wrong agents is infinite with an infinite se; its interval's finite
        end is the likelihood-ratio one. Agents without responses have the population's mean (EAP,
        MAP) or NaN (ML, WLE); notes name them. Items are taken as known.

    Raises:
        UsageError: no such method; items unknown to the bank; scores that do not fit the model.
    """
    if method not in get_args(Method):
        raise UsageError(
            f"There is no scoring method {method!r}.{nearest(method, get_args(Method))} "
            f"There are {', '.join(get_args(Method))}."
        )
    found = matched(bank, table, unknown)
    notes = _unasked(found, method)
    if method == "eap":
        return _expected(found, notes)
    return _maximised(found, method, notes)


def _expected(found: Matched, notes: tuple[str, ...]) -> Abilities:
    known = posterior(found.bank, found.cells)
    tail = (1.0 - LEVEL) / 2.0
    return Abilities(
        found.agents,
        known.mean,
        known.sd,
        "eap",
        known.quantile(tail),
        known.quantile(1.0 - tail),
        found.dropped,
        notes,
    )


def _maximised(found: Matched, method: Method, notes: tuple[str, ...]) -> Abilities:
    bank, cells = found.bank, found.cells
    grid = bank.population.mean + bank.population.sd * np.linspace(-FAR, FAR, NODES)
    hill = ascend(bank, cells, grid, _added(bank, method), warm=method == "wle")
    asked = np.bincount(cells.agent, minlength=cells.n_agents) > 0
    theta = hill.theta.copy()
    if method != "map":
        theta[~asked] = np.nan
    finite = np.isfinite(theta)
    information = np.zeros(len(theta))
    those = cells.of_agents(np.flatnonzero(finite))
    information[finite] = slopes_at(bank, those, theta[finite]).information
    if method == "map":
        information += bank.population.sd**-2.0
    se = np.full(len(theta), np.inf)
    sharp = finite & (information > 0.0)
    se[sharp] = 1.0 / np.sqrt(information[sharp])
    se[~asked & (method != "map")] = np.nan
    low, high = _interval(theta, se, hill, grid)
    return Abilities(
        found.agents, theta, se, method, low, high, found.dropped, notes + _infinite(found, theta)
    )


def _added(bank: ItemBank, method: Method) -> Added:
    mean, precision = bank.population.mean, bank.population.sd**-2.0

    def of_map(theta: Floats, found: Slopes) -> Floats:
        del found
        return -(theta - mean) * precision

    def of_warm(theta: Floats, found: Slopes) -> Floats:
        del theta
        return found.warm / (2.0 * np.maximum(found.information, np.finfo(float).tiny))

    def of_ml(theta: Floats, found: Slopes) -> Floats:
        del found
        return np.zeros_like(theta)

    return {"map": of_map, "wle": of_warm, "ml": of_ml}[method]


def _interval(theta: Floats, se: Floats, hill: Hill, grid: Floats) -> tuple[Floats, Floats]:
    """90 %: plus and minus 1.645 se; by the likelihood ratio where the estimate is infinite."""
    finite = np.isfinite(theta)
    with np.errstate(invalid="ignore"):
        low = np.where(finite, theta - Z90 * se, theta)
        high = np.where(finite, theta + Z90 * se, theta)
    for at in np.flatnonzero(np.isinf(theta)):
        short = hill.climb[at] - hill.climb[at].max() + DROP
        inside = np.flatnonzero(short >= 0.0)
        if theta[at] > 0:
            low[at] = grid[inside[0]]
        else:
            high[at] = grid[inside[-1]]
    return low, high


def _unasked(found: Matched, method: Method) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if found.unasked:
        has = "the population's mean" if method in {"eap", "map"} else "no estimate (NaN)"
        notes = (
            f"{len(found.unasked)} agents have no response to the bank's items and so {has}: "
            f"{_names(found.unasked)}.",
        )
    if method == "wle" and not exactly_warm(found.bank):
        notes = (
            *notes,
            f"For {found.bank.model.name} the WLE maximises likelihood times the square root of "
            "the information (Jeffreys), which is Warm's own weight in exponential families only.",
        )
    return notes


def _infinite(found: Matched, theta: Floats) -> tuple[str, ...]:
    at = np.flatnonzero(np.isinf(theta))
    if not len(at):
        return ()
    return (
        f"{len(at)} agents have no finite maximum within {FAR:g} sds (all right, or all wrong); "
        f"`wle` and `eap` are finite for them: {_names([found.agents[place] for place in at])}.",
    )


def _names(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
