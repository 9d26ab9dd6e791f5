"""Numbers that a brief states exactly, and draws from them."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ground_truth._core import Rng

Vector = npt.NDArray[np.float64]
T = TypeVar("T")


def stated(weights: Vector | Sequence[float], digits: int) -> list[float]:
    """Round to `digits` decimals with each entry at least one unit and the exact sum 1."""
    whole = 10**digits
    share = np.asarray(weights, dtype=float)
    exact = share / share.sum() * (whole - len(share))
    units = np.floor(exact).astype(int)
    most = np.argsort(units - exact, kind="stable")[: whole - len(share) - int(units.sum())]
    units[most] += 1
    return [(int(u) + 1) / whole for u in units]


def pick(chances: Sequence[float], uniform: float) -> int:
    """Index drawn with the given probabilities by one uniform number in [0, 1)."""
    reached = 0.0
    for index, chance in enumerate(chances):
        reached += chance
        if uniform < reached:
            return index
    # Rounding left a crumb above the sum: it belongs to the last index that can occur.
    return max(index for index, chance in enumerate(chances) if chance > 0)


def some(pool: tuple[str, ...], count: int, rng: Rng) -> tuple[str, ...]:
    """`count` different entries of `pool` in random order."""
    return tuple(pool[i] for i in rng.permutation(len(pool))[:count])


def other(present: T, pool: Sequence[T], rng: Rng) -> T:
    """An entry of `pool` that is not the present one."""
    rest = [one for one in pool if one != present]
    return rest[int(rng.integers(len(rest)))]


def taken(row: Sequence[T], order: Sequence[int]) -> tuple[T, ...]:
    """Entries of `row` in the given order; an empty row stays empty."""
    return tuple(row[i] for i in order) if row else ()


def inverse(order: Sequence[int]) -> list[int]:
    """The order that undoes `order`."""
    return [order.index(i) for i in range(len(order))]
