"""Known defects in a copy of a table: what detectors are trained on and measured by.

Each kind mimics one way in which an item is broken; agents, margins and design stay those of the
table. Planting in your own table tells how well a diagnosis finds defects *there*.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._responses import Floats, Ints, ResponseTable
from tasks import UsageError, nearest

Rng = np.random.Generator


@dataclass(frozen=True)
class Planted:
    """A table with defects, and where they are."""

    table: ResponseTable
    kind: str
    items: tuple[str, ...]
    """The broken items, in the order of the table."""
    eligible: tuple[str, ...]
    """Items that might have been broken: mean score within the limits before planting."""


def _flipped(score: Floats, rng: Rng) -> Floats:
    return 1.0 - score


def _shuffled(score: Floats, rng: Rng) -> Floats:
    return rng.permutation(score)


def _half_shuffled(score: Floats, rng: Rng) -> Floats:
    half = rng.choice(len(score), len(score) // 2, replace=False)
    found = score.copy()
    found[half] = rng.permutation(score[half])
    return found


def _group_fails(score: Floats, rng: Rng) -> Floats:
    found = score.copy()
    found[rng.choice(len(score), round(0.4 * len(score)), replace=False)] = 0.0
    return found


def _rejecting(score: Floats, rng: Rng) -> Floats:
    return score * (rng.random(len(score)) < 0.5)


def _all_fail(score: Floats, rng: Rng) -> Floats:
    return np.zeros(len(score))


def _all_pass(score: Floats, rng: Rng) -> Floats:
    return np.ones(len(score))


KINDS: Mapping[str, Callable[[Floats, Rng], Floats]] = {
    "flipped": _flipped,
    "shuffled": _shuffled,
    "half_shuffled": _half_shuffled,
    "group_fails": _group_fails,
    "rejecting": _rejecting,
    "all_fail": _all_fail,
    "all_pass": _all_pass,
}
"""A reversed key; chance alone; chance for a random half of the agents; 40 % of the agents fail
whatever they do (a missing dependency: differential functioning); half of all successes refused
(an over-specific test); nobody passes (an impossible item); everybody does (a checker that checks
nothing)."""


def plant(
    table: ResponseTable,
    kind: str,
    *,
    seed: int,
    share: float = 0.05,
    limits: tuple[float, float] = (0.1, 0.9),
) -> Planted:
    """Break a random share of the items whose mean score is strictly within `limits`.

    Args:
        table: What to plant in; it stays as it is.
        kind: One of `KINDS`.
        seed: Of the choice of items and of the damage.
        share: Of the eligible items; at least one is broken.
        limits: On the mean score.

    Raises:
        UsageError: there is no such kind, a share outside (0, 1), or nothing eligible.
    """
    if kind not in KINDS:
        raise UsageError(f"No defect is called {kind!r}.{nearest(kind, KINDS)} See KINDS.")
    if not 0.0 < share < 1.0:
        raise UsageError(f"The share of broken items must be above 0 and below 1: {share}.")
    rng = np.random.default_rng(seed)
    cells = table.cells
    eligible = _eligible(table, limits)
    broken = np.sort(rng.choice(eligible, max(1, round(share * len(eligible))), replace=False))
    mean = cells.mean.copy()
    for place in broken:
        at = np.flatnonzero(cells.item == place)
        mean[at] = KINDS[kind](mean[at], rng)
    damaged = replace(
        table,
        agent=cells.agent,
        item=cells.item,
        score=mean,
        trials=cells.trials,
        trial=np.ones(cells.size, dtype=np.int64),
    )
    return Planted(
        damaged,
        kind,
        tuple(table.items[place] for place in broken),
        tuple(table.items[place] for place in eligible),
    )


def _eligible(table: ResponseTable, limits: tuple[float, float]) -> Ints:
    cells, size = table.cells, len(table.items)
    count = np.bincount(cells.item, minlength=size)
    total = np.bincount(cells.item, weights=cells.mean, minlength=size)
    mean = total / np.maximum(count, 1)
    found = np.flatnonzero((mean > limits[0]) & (mean < limits[1]) & (count > 0))
    if not found.size:
        raise UsageError(
            f"None of the {size} items has a mean score between {limits[0]} and {limits[1]}; "
            "widen the limits."
        )
    return found.astype(np.int64)
