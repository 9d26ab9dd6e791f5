"""Agents whose answers do not fit, with the items that make them odd, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import ResponseTable
from evaluators.irt.fit_statistics._cells import Matched, matched
from evaluators.irt.fit_statistics.mean_squares import mean_squares
from evaluators.irt.person_fit.lz import cell_curves, person_fit

SHOWN = 5
"""Items that are named on either side."""


@dataclass(frozen=True)
class OddItem:
    """An answer that the model did not expect."""

    item: str
    score: float
    expected: float


@dataclass(frozen=True)
class OddAgent:
    """One agent and its surprises."""

    agent: str
    lz_star: float
    q: float
    infit: float
    outfit: float
    passed: tuple[OddItem, ...]
    """Against expectation, most surprising first."""
    failed: tuple[OddItem, ...]
    text: str


def odd_agents(
    table: ResponseTable, bank: ItemBank, abilities: Abilities, *, level: float = 0.05
) -> tuple[OddAgent, ...]:
    """Agents whose lz* is too low (q below `level`), oddest first.

    Raises:
        UsageError: as `person_fit`.
    """
    fit = person_fit(table, bank, abilities)
    squares = mean_squares(table, bank, abilities).agents
    found = matched(table, bank, abilities)
    chance, _ = cell_curves(found)
    order = np.argsort(fit.lz_star, kind="stable")
    odd = [at for at in order.tolist() if fit.q[at] < level]
    result: list[OddAgent] = []
    for at in odd:
        rows = np.flatnonzero(found.cells.agent == at)
        off = found.cells.mean[rows] - chance[rows]
        by_surprise = rows[np.argsort(-np.abs(off), kind="stable")]
        passed = _surprises(found, chance.tolist(), by_surprise.tolist(), passed=True)
        failed = _surprises(found, chance.tolist(), by_surprise.tolist(), passed=False)
        result.append(
            OddAgent(
                fit.agents[at], float(fit.lz_star[at]), float(fit.q[at]),
                float(squares.infit[at]), float(squares.outfit[at]), passed, failed,
                _text(fit.agents[at], float(fit.lz_star[at]), passed, failed),
            )
        )  # fmt: skip
    return tuple(result)


def _surprises(
    found: Matched, chance: Sequence[float], rows: Sequence[int], *, passed: bool
) -> tuple[OddItem, ...]:
    """The most surprising passes (below even chances), or failures (above)."""
    cells = found.cells
    items: list[OddItem] = []
    for row in rows:
        score, expected = float(cells.total[row] / cells.trials[row]), chance[row]
        if (score > 0.5 > expected) if passed else (score < 0.5 < expected):
            items.append(OddItem(found.items[cells.item[row]], score, expected))
        if len(items) == SHOWN:
            break
    return tuple(items)


def _text(agent: str, lz_star: float, passed: Sequence[OddItem], failed: Sequence[OddItem]) -> str:
    def listed(items: Sequence[OddItem]) -> str:
        return ", ".join(f"{one.item} (chance {one.expected:.0%})" for one in items[:3])

    parts = [
        f"{what} {listed(items)}"
        for what, items in (("passed", passed), ("failed", failed))
        if items
    ]
    return f"{agent} (lz* {lz_star:.1f}) " + (" but ".join(parts) or "answers oddly") + "."
