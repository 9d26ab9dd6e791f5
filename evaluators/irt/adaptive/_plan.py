"""How an adaptive test is to go: the rule, costs, content, exposure, and when to stop."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Content
from tasks import UsageError, nearest


@dataclass(frozen=True)
class Stop:
    """When a test ends: as soon as one of these holds. None: not asked for."""

    se: float | None = None
    """The posterior sd of the ability is at most this."""
    width: float | None = None
    """The 90 % interval of the full score is at most this wide; scores run from 0 to 1."""
    items: int | None = None
    """So many items were asked."""
    cost: float | None = None
    """The items asked cost this or more, or every open item would go beyond it."""
    gain: float | None = None
    """No open item is expected to lower the variance of the full score by more than this share."""


@dataclass(frozen=True)
class Plan:
    """How a test is to go. Items that a mapping does not name are an error, never a guess."""

    rule: str = "score"
    """A name on the shelf `evaluators/irt/adaptive/rules`."""
    stop: Stop = Stop()
    costs: Mapping[str, float] | None = None
    """Seconds or dollars of each item, above 0; None: all alike."""
    groups: Mapping[str, str] | None = None
    """Family, preset, … of each item; for the rule `balanced`."""
    shares: Mapping[str, float] | None = None
    """Target share of each group; None: as in the bank."""
    exposure: int = 1
    """Randomesque (Kingsbury and Zara 1989): the item is drawn from the so many best ones."""
    length: int = 40
    """Items that the test is planned for; for the rule `stratified`."""
    seed: int = 0
    """Of all that is drawn."""
    barred: frozenset[str] = field(default_factory=frozenset[str])
    """Items never to be asked."""


def costs_of(bank: ItemBank, plan: Plan) -> Floats:
    """(J,) cost of each item.

    Raises:
        UsageError: an item without a cost, or a cost that is not above 0.
    """
    if plan.costs is None:
        return np.ones(len(bank.items))
    _refuse_missing(bank, plan.costs, "cost")
    found = np.array([plan.costs[item] for item in bank.items], dtype=float)
    bad = ~((found > 0.0) & np.isfinite(found))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise UsageError(
            f"A cost must be a number above 0; {int(bad.sum())} are not, such as "
            f"{found[at]:g} for {bank.items[at]!r}."
        )
    return found


def content_of(bank: ItemBank, plan: Plan) -> Content:
    """Groups of the items and their shares, which sum to 1.

    Raises:
        UsageError: an item without a group; a share of a group without items, or below 0.
    """
    if plan.groups is None:
        return Content()
    _refuse_missing(bank, plan.groups, "group")
    groups = tuple(plan.groups[item] for item in bank.items)
    known = sorted(set(groups))
    if plan.shares is None:
        return Content(groups, {group: groups.count(group) / len(groups) for group in known})
    for group in plan.shares:
        if group not in known:
            raise UsageError(
                f"No item of the bank is in the group {group!r}.{nearest(group, known)} "
                f"There are {', '.join(known)}."
            )
    total = sum(plan.shares.values())
    if total <= 0.0 or min(plan.shares.values()) < 0.0:
        raise UsageError(f"Shares must be 0 or more, and not all 0: {dict(plan.shares)}.")
    return Content(groups, {group: share / total for group, share in plan.shares.items()})


def check_plan(plan: Plan) -> None:
    """Raise a UsageError where a number of the plan makes no sense."""
    stop = plan.stop
    for name, value in (
        ("stop.se", stop.se),
        ("stop.width", stop.width),
        ("stop.items", stop.items),
        ("stop.cost", stop.cost),
        ("stop.gain", stop.gain),
        ("exposure", plan.exposure),
        ("length", plan.length),
    ):
        if value is not None and not value > 0:
            raise UsageError(f"{name} must be above 0, not {value}.")


def _refuse_missing(bank: ItemBank, named: Mapping[str, object], what: str) -> None:
    missing = [item for item in bank.items if item not in named]
    if missing:
        raise UsageError(
            f"{len(missing)} of the bank's {len(bank.items)} items have no {what}: "
            f"{', '.join(map(repr, missing[:3]))}. Name it for every item, or bar them."
        )
