"""Drift: which shared items changed between two versions of a benchmark.

After linking, an unchanged item has the same place on both scales. Robust z compares each item's
shift with the median shift in units of the interquartile range (Huynh and Meyer 2010, Practical
Assessment 15); items beyond the cut are taken out of the link, which is made anew, until none is
left out or comes back (purification). What drift does to the scale is the difference between the
links by all anchors and by those that stayed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Floats
from evaluators.irt.linking._anchors import Anchors, anchors_of, places_of
from evaluators.irt.linking.links import Link, Method, fixed_slopes, link, linked, move_bank
from tasks import UsageError

CUT = 2.7
"""Robust z beyond which an item has drifted: .7 % of a normal's (Huynh and Meyer's 2.7)."""
IQR = 1.3489795003921634
"""Interquartile range of a standard normal."""
ROUNDS = 20
NEGLIGIBLE = 1e-6
"""Differences below it are rounding, whatever the spread of the rest."""
FEWEST = 3


@dataclass(frozen=True)
class DriftedItem:
    """One item that moved."""

    item: str
    difficulty: float
    """New minus old, on the old scale, in abilities; above 0 it became harder."""
    log_slope: float
    """Log of new over old slope, on the old scale; 0 for models without slopes."""
    z_difficulty: float
    """Robust z."""
    z_log_slope: float
    score: float
    """Mean expected score of the old population, new minus old."""


@dataclass(frozen=True)
class Drift:
    """What changed between two versions."""

    link: Link
    """By the items that stayed."""
    naive: Link
    """By all shared items."""
    moved: tuple[DriftedItem, ...]
    """The largest change of the expected score first."""
    rounds: int
    settled: bool
    """Whether purification came to rest."""

    @property
    def words(self) -> tuple[str, ...]:
        """In sentences."""
        n_all = len(self.naive.anchors)
        if not self.moved:
            first = f"None of the {n_all} shared items has drifted."
        else:
            first = (
                f"{len(self.moved)} of {n_all} shared items have drifted: "
                + "; ".join(_words(item) for item in self.moved[:10])
                + ("; …" if len(self.moved) > 10 else "")
                + "."
            )
        change = (
            f"Without them the link is {self.link.slope:.3g} theta {self.link.shift:+.3g} "
            f"instead of {self.naive.slope:.3g} theta {self.naive.shift:+.3g}."
        )
        unsettled = "" if self.settled else f"Purification did not settle in {ROUNDS} rounds."
        return tuple(filter(None, (first, change if self.moved else "", unsettled)))


def drift(
    new: ItemBank,
    old: ItemBank,
    *,
    method: Method = "stocking_lord",
    cut: float = CUT,
    anchors: tuple[str, ...] | None = None,
) -> Drift:
    """Which shared items changed between two versions, each with its own bank.

    Args:
        new: Fitted on responses to the new version.
        old: Fitted on responses to the old one; its scale is used.
        method: Of linking.
        cut: Robust z beyond which an item has drifted.
        anchors: Shared items to look at; None: all.

    Raises:
        UsageError: fewer than three shared items, or a cut that is not above 0; see `link`.
    """
    if not cut > 0.0:
        raise UsageError(f"The cut must be above 0, not {cut:g}.")
    shared = anchors_of(new, old, anchors)
    if len(shared.items) < FEWEST:
        raise UsageError(
            f"Drift needs at least {FEWEST} shared items to tell who moved; "
            f"there are {len(shared.items)}."
        )
    stays = np.ones(len(shared.items), dtype=bool)
    seen, rounds, settled = {stays.tobytes()}, 0, False
    while not settled and rounds < ROUNDS:
        rounds += 1
        by = linked(_some(shared, stays), method)
        change = _changes(shared, by)
        z = np.stack([_robust_z(column, stays) for column in change])
        now = np.abs(z).max(axis=0) <= cut
        if now.sum() < 2:
            break
        settled = bool(np.array_equal(now, stays))
        # A cycle would go round for ever: what has left then stays out.
        stays = now & stays if now.tobytes() in seen else now
        seen.add(stays.tobytes())
    by = linked(_some(shared, stays), method)
    change = _changes(shared, by)
    z = np.stack([_robust_z(column, stays) for column in change])
    moved = _moved(shared, by, (change, z), ~stays)
    return Drift(by, link(new, old, method, anchors=shared.items), moved, rounds, settled)


def _some(shared: Anchors, kept: npt.NDArray[np.bool_]) -> Anchors:
    places = np.flatnonzero(kept)
    items = tuple(shared.items[at] for at in places)
    return Anchors(items, shared.new.take(places), shared.old.take(places))


def _changes(shared: Anchors, by: Link) -> Floats:
    """(2, J) change of difficulty and of log slope, on the old scale."""
    new, old = places_of(move_bank(shared.new, by)), places_of(shared.old)
    slope = np.zeros_like(new.slope)
    if not fixed_slopes(shared.new):
        slope = np.log(new.slope / old.slope)
    return np.stack([new.difficulty - old.difficulty, slope])


def _robust_z(change: Floats, stays: npt.NDArray[np.bool_]) -> Floats:
    low, middle, high = np.quantile(change[stays], [0.25, 0.5, 0.75])
    spread = max(float(high - low) / IQR, NEGLIGIBLE)
    return (change - middle) / spread


def _moved(
    shared: Anchors,
    by: Link,
    found: tuple[Floats, Floats],
    left: npt.NDArray[np.bool_],
) -> tuple[DriftedItem, ...]:
    change, z = found
    z_nodes = np.linspace(-4.0, 4.0, 81)
    weights = np.exp(-0.5 * z_nodes**2) / np.exp(-0.5 * z_nodes**2).sum()
    theta = shared.old.population.mean + shared.old.population.sd * z_nodes
    score = (move_bank(shared.new, by).mean(theta) - shared.old.mean(theta)) @ weights
    items = [
        DriftedItem(
            shared.items[at],
            *map(float, (change[0, at], change[1, at], z[0, at], z[1, at], score[at])),
        )
        for at in np.flatnonzero(left)
    ]
    return tuple(sorted(items, key=lambda one: (-abs(one.score), one.item)))


def _words(item: DriftedItem) -> str:
    way = "harder" if item.score < 0 else "easier"
    return f"{item.item} became {way} by {abs(item.score) * 100:.1f} points"
