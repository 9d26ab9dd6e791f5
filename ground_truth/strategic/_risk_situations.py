"""Situations of a request, and the request that puts the desk into one of them.

All are told by the sizes that the limits allow, s1 ≤ s2 ≤ … (s1 is the largest safe size), of
which the request's size R is set:

    well_inside   R < 0.85 s1                      approve
    near_limit    0.94 s1 < R < s1                 approve
    over_one      s1 < R < s2                      reduce to s1
    over_many     R > s3                           reduce to s1
    scaled_down   s1 < R < s1 without drawdown     reduce to s1
    stopped_out   the drawdown stop is on, R raises a usage: reject
    unwinding     opposite to the largest exposures, while the multiplier is low: up to s1
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ground_truth.strategic._risk_limits import Leg, Mark, Rulebook, Sizes

Situation = Literal[
    "well_inside",
    "near_limit",
    "over_one",
    "over_many",
    "scaled_down",
    "stopped_out",
    "unwinding",
]
SITUATIONS: tuple[Situation, ...] = (
    "well_inside",
    "near_limit",
    "over_one",
    "over_many",
    "scaled_down",
    "stopped_out",
    "unwinding",
)
_OVER = 1.04
"""A request over a limit is so by more than any tolerance."""
_LEAST = 0.01
"""No request moves less than this share of the gross exposure."""
_MOST = 4.0
"""No request is more than so many times what its situation needs."""


@dataclass(frozen=True)
class Measured:
    """A request in its situation."""

    legs: tuple[Leg, ...]
    size: float
    sizes: Sizes


@dataclass(frozen=True)
class _Room:
    """What is allowed of one candidate, as it is and were there no drawdown."""

    legs: tuple[Leg, ...]
    sizes: Sizes
    free: float
    """Largest safe size at multiplier 1, where the situation asks for it."""
    notional: float
    """Exposure per unit of size."""

    @property
    def steps(self) -> list[float]:
        """The three smallest different sizes (the last repeated where there are fewer)."""
        finite = sorted(s for s in self.sizes.sizes if s < math.inf)
        apart = [finite[0]]
        for size in finite:
            if size > apart[-1] * 1.02:
                apart.append(size)
        return [*apart, *[apart[-1]] * 2][:3]


def measured(
    rules: Rulebook,
    mark: Mark,
    situation: Situation,
    drawn: tuple[float, Sequence[tuple[Leg, ...]]],
) -> Measured:
    """The first candidate that can be put into the situation, else the nearest to it.

    Args:
        rules: The rulebook.
        mark: State of the book.
        situation: What is wanted.
        drawn: A uniform number in [0, 1) and the candidates.
    """
    where, candidates = drawn
    if situation == "unwinding":
        candidates = [_opposite(mark, rules, len(candidates[0]))]
    gross = sum(map(abs, mark.exposures))
    best: tuple[float, _Room] | None = None
    for legs in itertools.chain(candidates, map(_mirrored, candidates)):
        room = _room(rules, mark, legs, situation)
        fit = 1.0 if situation == "unwinding" else _fit(situation, room, gross)
        if best is None or fit > best[0]:
            best = fit, room
        if fit >= 1.0:
            break
    assert best is not None, "a turn has candidates"
    chosen = best[1]
    # Where no candidate has room left, something is asked for all the same: to be rejected.
    least = _LEAST * gross / chosen.notional
    return Measured(chosen.legs, max(least, _SIZES[situation](chosen, where)), chosen.sizes)


def _room(rules: Rulebook, mark: Mark, legs: tuple[Leg, ...], situation: Situation) -> _Room:
    sizes = rules.sizes(mark, legs)
    lifted = mark.multiplier < 1.0 and situation in ("scaled_down", "stopped_out")
    free = rules.sizes(replace(mark, multiplier=1.0), legs).largest if lifted else sizes.largest
    moved = zip(rules.moves(legs), mark.prices, strict=True)
    return _Room(legs, sizes, free, sum(abs(c * p) for c, p in moved))


def _fit(situation: Situation, room: _Room, gross: float) -> float:
    """1 or more where the candidate serves, else how nearly it does."""
    first = room.sizes.largest
    enough = room.notional * first / (0.03 * gross)
    if situation == "stopped_out":
        return float(first == 0.0 and room.free > 0.0)
    if enough < 1.0:
        return enough - 1.0
    if situation in ("well_inside", "near_limit"):
        return 1.0
    _, second, third = room.steps
    if situation == "over_one":
        return min(1.0, (second / first - 1.0) / 0.12)
    if situation == "over_many":
        return min(1.0, 3.0 * first / third)
    if situation == "scaled_down":
        return min(1.0, (room.free / first - 1.0) / 0.15)
    raise AssertionError(situation)


def _over_one(room: _Room, where: float) -> float:
    first, second, _ = room.steps
    top = min(second, _MOST * first)
    return max(first + (top - first) * (0.35 + 0.5 * where), _OVER * first)


def _over_many(room: _Room, where: float) -> float:
    return min(room.steps[2], _MOST * room.steps[0]) * (1.05 + 0.8 * where)


def _scaled_down(room: _Room, where: float) -> float:
    first, top = room.sizes.largest, min(room.free, _MOST * room.sizes.largest)
    return max(first + (top - first) * (0.4 + 0.5 * where), _OVER * first)


_SIZES: dict[Situation, Callable[[_Room, float], float]] = {
    "well_inside": lambda room, where: room.sizes.largest * (0.3 + 0.55 * where),
    "near_limit": lambda room, where: room.sizes.largest * (0.94 + 0.05 * where),
    "over_one": _over_one,
    "over_many": _over_many,
    "scaled_down": _scaled_down,
    "stopped_out": lambda room, where: room.free * (0.3 + 0.8 * where),
    "unwinding": lambda room, where: room.sizes.largest * (0.5 + 1.1 * where),
}


def _opposite(mark: Mark, rules: Rulebook, count: int) -> tuple[Leg, ...]:
    """Legs against the largest exposures."""
    exposures = dict(zip(rules.row, mark.exposures, strict=True))
    largest = sorted(exposures, key=lambda name: -abs(exposures[name]))[:count]
    return tuple(
        Leg(instrument=name, side="sell" if exposures[name] > 0 else "buy", ratio=1)
        for name in largest
    )


def _mirrored(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    return tuple(
        leg.model_copy(update={"side": "sell" if leg.side == "buy" else "buy"}) for leg in legs
    )
