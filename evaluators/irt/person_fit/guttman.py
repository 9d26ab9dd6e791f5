"""Guttman errors and caution indices: failing what is easy while passing what is hard.

No model is needed: items are ordered by their observed share of passes, and a cell may be missing.

    G = pairs (easier failed, harder passed), G* = G / (r (n - r))           (normed, in [0, 1])
    C = 1 - cov(y, p) / cov(perfect, p)                              (Sato's caution index, 1975)
    MCI = (sum p over the r easiest - sum y p) / (that - sum p over the r hardest)
                                                              (Harnisch and Linn 1981, in [0, 1])

over an agent's n items of easiness p, r of them passed; *perfect* passes the r easiest. Pairs of
equally easy items are no errors. G* and MCI above .3 deserve a look.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evaluators.irt._responses import Floats, ResponseTable, score_kind
from tasks import UsageError


@dataclass(frozen=True)
class GuttmanErrors:
    """Of each agent; NaN where all or none of its items passed."""

    agents: tuple[str, ...]
    errors: Floats
    normed: Floats
    caution: Floats
    modified_caution: Floats


def guttman_errors(table: ResponseTable) -> GuttmanErrors:
    """Errors and caution indices of every agent.

    Raises:
        UsageError: scores other than 0 or 1 of one trial, or fewer than two items.
    """
    cells = table.cells
    if score_kind(cells) != "binary" or cells.n_items < 2:
        raise UsageError(
            "Guttman errors are of items that are passed or failed, at least two: here are "
            f"{cells.n_items} with {score_kind(cells)} scores. lz*, infit and outfit take counts."
        )
    seen = np.bincount(cells.item, minlength=cells.n_items)
    easiness = np.bincount(cells.item, cells.total, cells.n_items) / np.maximum(seen, 1)
    ends = np.searchsorted(cells.agent, np.arange(cells.n_agents + 1)).tolist()
    rows = [
        _of_agent(cells.total[low:high], easiness[cells.item[low:high]])
        for low, high in pairwise(ends)
    ]
    columns = np.array(rows).reshape(cells.n_agents, 4).T
    return GuttmanErrors(table.agents, *columns)


def _of_agent(passed: Floats, easiness: Floats) -> tuple[float, float, float, float]:
    size, right = len(passed), int(passed.sum())
    if right in {0, size}:
        return np.nan, np.nan, np.nan, np.nan
    order = np.argsort(-easiness, kind="stable")
    passed, easiness = passed[order], easiness[order]
    failed_before = np.concatenate([[0.0], np.cumsum(1.0 - passed)])
    # Strictly easier items end where those of an item's own easiness begin.
    starts = np.searchsorted(-easiness, -easiness - 1e-12, side="left")
    errors = float(np.sum(passed * failed_before[starts]))
    best, worst = float(easiness[:right].sum()), float(easiness[size - right :].sum())
    own, mean = float(passed @ easiness), float(easiness.mean()) * right
    flat = best - worst < 1e-12
    return (
        errors,
        errors / (right * (size - right)),
        np.nan if flat else 1.0 - (own - mean) / (best - mean),
        np.nan if flat else (best - own) / (best - worst),
    )
