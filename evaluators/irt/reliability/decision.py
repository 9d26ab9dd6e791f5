"""D-study: how many items, and how often each, for a wanted standard error.

For every number of repeats the fewest items follow from the error variances of `generalizability`;
the cheapest pair wins. A benchmark may be all there is of its kind: with `universe` its J items are
the whole, a sample of n of them errs by the items' and the interaction's variance only as far as
it is one (finite population: times 1 - n / J), and running all J leaves only what runs add.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluators.irt.reliability.generalizability import Components
from tasks import UsageError

MOST_REPEATS = 64


@dataclass(frozen=True)
class Cost:
    """What a design costs, in any unit."""

    item: float = 0.0
    """Once for each item of an agent (setting it up)."""
    run: float = 1.0
    """For each trial."""


@dataclass(frozen=True)
class Design:
    """One answer."""

    items: int
    repeats: int
    se: float
    cost: float


@dataclass(frozen=True)
class Decision:
    """The cheapest design for a standard error."""

    wanted: float
    best: Design
    others: tuple[Design, ...]
    """The cheapest for each other number of repeats, by repeats."""
    text: str


def decide(
    found: Components,
    se: float,
    *,
    kind: Literal["relative", "absolute"] = "relative",
    cost: Cost = Cost(),
    universe: int | None = None,
) -> Decision:
    """The cheapest numbers of items and repeats for a standard error of an agent's mean score.

    Args:
        found: Of `components`.
        se: Wanted, above 0, in points of the score (0 to 1).
        kind: `relative` compares agents on the same items; `absolute` estimates the mean over all
            items.
        cost: Of an item and of a trial.
        universe: Number of items that there are; None: as many as wanted.

    Raises:
        UsageError: an error that is not above 0, costs that are not, or an error that the whole
            universe cannot reach.
    """
    if not se > 0 or cost.run <= 0 or cost.item < 0 or (universe is not None and universe < 1):
        raise UsageError(
            f"A standard error above 0, a cost of a run above 0 and one of an item from 0 on are "
            f"needed, and a universe of at least 1 item: got {se}, {cost.run}, {cost.item}, "
            f"{universe}."
        )
    most = 1 if found.run is None else MOST_REPEATS
    sampled = found.interaction + (found.item if kind == "absolute" else 0.0)
    designs: list[Design] = []
    for repeats in range(1, most + 1):
        items = _items(sampled, (found.run or 0.0) / repeats, se, universe)
        if items is not None:
            error = _error(sampled, (found.run or 0.0) / repeats, items, universe)
            price = items * (cost.item + repeats * cost.run)
            designs.append(Design(items, repeats, float(np.sqrt(error)), price))
    if not designs:
        floor = _error(sampled, (found.run or 0.0) / most, universe or 1, universe) ** 0.5
        raise UsageError(
            f"All {universe} items, {most} times each, still leave a standard error of {floor:.4f};"
            f" {se:g} needs more items of this kind."
        )
    best = min(designs, key=lambda one: (one.cost, one.repeats))
    others = tuple(one for one in designs if one is not best)
    return Decision(se, best, others, _text(found, best, kind, universe))


def _error(sampled: float, run: float, items: int, universe: int | None) -> float:
    left = 1.0 if universe is None else 1.0 - items / universe
    return (sampled * left + run) / items


def _items(sampled: float, run: float, se: float, universe: int | None) -> int | None:
    """Fewest items whose error variance is at most se²; None where the universe has too few."""
    # (sampled (1 - n / J) + run) / n <= se²  <=>  n >= (sampled + run) / (se² + sampled / J)
    needed = (sampled + run) / (se**2 + (sampled / universe if universe is not None else 0.0))
    items = max(1, int(np.ceil(needed - 1e-9)))
    return items if universe is None or items <= universe else None


def _text(found: Components, best: Design, kind: str, universe: int | None) -> str:
    times = "once" if best.repeats == 1 else f"{best.repeats} times"
    of = f" of the {universe}" if universe is not None else ""
    what = (
        "differences between agents on the same items" if kind == "relative"
        else "an agent's mean over all items of this kind"
    )  # fmt: skip
    share = found.agent / found.total if found.total > 0 else 0.0
    return (
        f"{best.items} items{of}, each run {times}, give mean scores a standard error of "
        f"{best.se:.3f} for {what}, at a cost of {best.cost:g}. Of the variance of a single trial "
        f"{share:.0%} is the agent's."
    )
