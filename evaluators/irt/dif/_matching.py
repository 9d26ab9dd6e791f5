"""What agents of two groups are matched on, and strata of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Cells, Floats, Ints, ResponseTable
from evaluators.irt.dif.groups import TwoGroups
from tasks import UsageError

FEWEST_ITEMS = 3
ROUNDS = 5
"""Of purification, at most."""

Mask = npt.NDArray[np.bool_]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Compared:
    """The cells of the two groups' agents, with both sides and what agents are matched on."""

    cells: Cells
    side: Ints
    """(N,) 0 or 1."""
    theta: Floats | None
    """(N,) abilities; None: totals are matched on."""


def compared(table: ResponseTable, groups: TwoGroups, abilities: Abilities | None) -> Compared:
    """Agents of either group.

    Raises:
        UsageError: missing cells without abilities, agents without one, or too few items.
    """
    kept = np.flatnonzero(groups.side >= 0)
    cells = table.cells.of_agents(kept)
    if cells.n_items < FEWEST_ITEMS:
        raise UsageError(
            f"{cells.n_items} items are too few to match agents on; differential functioning is "
            f"one item against the others, at least {FEWEST_ITEMS} in all."
        )
    if abilities is None:
        if cells.size < cells.n_agents * cells.n_items:
            missing = cells.n_agents * cells.n_items - cells.size
            raise UsageError(
                f"{missing:,} of {cells.n_agents * cells.n_items:,} cells are missing, and totals "
                "over different items do not compare. Give abilities (of a fit, or score_agents), "
                "or keep the items that all agents saw."
            )
        return Compared(cells, groups.side[kept], None)
    if abilities.theta.ndim != 1:
        raise UsageError("Abilities of several dimensions cannot be matched on; fit `2pl`.")
    place = {agent: at for at, agent in enumerate(abilities.agents)}
    lost = [table.agents[at] for at in kept if table.agents[at] not in place]
    if lost:
        raise UsageError(
            f"{len(lost)} agents of the two groups have no ability: {', '.join(lost[:3])}. Score "
            "them, or leave them out of the groups ('')."
        )
    theta = abilities.theta[[place[table.agents[at]] for at in kept]]
    if not np.all(np.isfinite(theta)):
        raise UsageError("Some abilities are not finite; score with `eap` or `wle`.")
    return Compared(cells, groups.side[kept], theta)


def criterion(found: Compared, anchors: Mask) -> Floats:
    """(N, J) or (N, 1) what agents are matched on for each item.

    Totals are sums of scores over the anchors and the studied item (Holland and Thayer 1988:
    without it the test is biased under the Rasch model); abilities are the same for all items.
    """
    if found.theta is not None:
        return found.theta[:, None]
    wide = found.cells.wide()
    total = wide[:, anchors].sum(axis=1, keepdims=True)
    return np.where(anchors, total, total + wide)


def purified(
    compare: Callable[[Mask], Result], large: Callable[[Result], Mask], n_items: int
) -> Result:
    """Compare, leave out of the matching what differs much, and compare again until it settles.

    At least a quarter of the items stay in the matching.
    """
    anchors = np.ones(n_items, dtype=bool)
    result = compare(anchors)
    for _ in range(ROUNDS):
        clean = ~large(result)
        if np.array_equal(clean, anchors) or clean.sum() < max(FEWEST_ITEMS, n_items // 4):
            break
        anchors = clean
        result = compare(anchors)
    return result


def strata(values: Floats, count: int) -> Ints:
    """(N, J) stratum of each agent: about equal numbers of neighbouring values; ties together."""
    found = np.empty(values.shape, dtype=np.int64)
    for column, one in enumerate(values.T):
        order = np.sort(one)
        below = np.searchsorted(order, one - 1e-9, side="left")
        above = np.searchsorted(order, one + 1e-9, side="right")
        found[:, column] = np.minimum((below + above - 1) * count // (2 * len(one)), count - 1)
    return found
