"""The largest safe size of a request, exactly, limit by limit.

Each usage of `tasks.strategic._risk_rules` is convex in the size s and linear between the sizes at
which an exposure (or a group's net exposure) changes its sign; between these break points the size
at which a usage meets its cap is found by a straight line, and that of the joint stress (a norm)
by the larger root of a quadratic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks import Frozen
from tasks.strategic._risk_rules import JOINT, LEVERAGE, LIQUIDITY, MARGIN, SINGLE, RiskPublic, Side

Vector = npt.NDArray[np.float64]

CRUMB = 1e-9
"""Relative excess of a usage that is rounding."""
_FAR = 1e5


class Leg(Frozen):
    """One part of a request: `ratio` units per unit of size."""

    instrument: str
    side: Side
    ratio: int


@dataclass(frozen=True)
class Mark:
    """Where the book stands when a request is reviewed."""

    positions: Vector
    prices: Vector
    equity: float
    multiplier: float
    """Of the drawdown tier; 0 is the stop: no usage may rise."""


@dataclass(frozen=True)
class Sizes:
    """For each limit the largest size that it alone allows (`inf` if any)."""

    labels: tuple[str, ...]
    sizes: Vector

    @property
    def largest(self) -> float:
        """The largest safe size."""
        return float(self.sizes.min())

    def of(self, *kinds: str) -> float:
        """The largest size by the limits whose label starts with one of `kinds`."""
        chosen = [s for n, s in zip(self.labels, self.sizes, strict=True) if n.startswith(kinds)]
        return float(min(chosen, default=np.inf))

    def binding(self, slack: float) -> tuple[str, ...]:
        """Labels of the limits that allow no more than the largest safe size + slack."""
        held = self.sizes <= self.largest + slack
        return tuple(dict.fromkeys(n for n, on in zip(self.labels, held, strict=True) if on))


@dataclass(frozen=True)
class _Block:
    """Columns of the three matrices that belong to limits of one kind."""

    labels: list[str]
    sizes: Vector
    nets: Vector | None = None
    signed: Vector | None = None

    def parts(self, groups: int) -> tuple[Vector, Vector, Vector]:
        """The columns of A, B and C; what is not given is 0."""
        nets = np.zeros((groups, len(self.labels))) if self.nets is None else self.nets
        return self.sizes, nets, 0.0 * self.sizes if self.signed is None else self.signed


class Rulebook:
    """The rules of one instance as arrays over its instruments, in their listed order.

    Every piecewise linear usage is |x|·A + |x·M|·B + x·C, x the exposures and M the groups.
    """

    def __init__(self, public: RiskPublic) -> None:
        names = [i.name for i in public.instruments]
        groups, stresses = public.groups, public.stresses
        self.row = {name: row for row, name in enumerate(names)}
        self._public = public
        self._volume = np.array([i.volume for i in public.instruments])
        self._member = np.array(
            [[i.group == g.name for g in groups] for i in public.instruments], float
        )
        netting = np.array([g.netting for g in groups])
        rates = np.array([i.margin for i in public.instruments])
        shocks = np.array([[s.shocks[n] for s in stresses] for n in names])
        # max(L, S) - netting·min(L, S), by L + S = gross and |L - S| = net
        offset = self._member * 0.5 * (1.0 - netting), np.diag(0.5 * (1.0 + netting))
        blocks: list[_Block] = [
            _Block([f"gross {g.name}" for g in groups], self._member),
            _Block([f"net {g.name}" for g in groups], *offset),
            _Block([f"stress {s.name}" for s in stresses], 0.0 * shocks, None, -shocks),
        ]
        fixed = [*(g.gross for g in groups), *(g.net for g in groups), *(s.loss for s in stresses)]
        if public.single is not None:
            blocks.append(_Block([SINGLE] * len(names), np.eye(len(names))))
            fixed += [public.single] * len(names)
        if public.margin is not None:
            blocks.append(_Block([MARGIN], rates[:, None]))
        if public.leverage is not None:
            blocks.append(_Block([LEVERAGE], np.ones((len(names), 1))))
        self._labels = tuple(label for block in blocks for label in block.labels)
        self._sizes, self._nets, self._signed = (
            np.hstack([block.parts(len(groups))[k] for block in blocks]) for k in range(3)
        )
        shares = [share for share in (public.margin, public.leverage) if share is not None]
        self._fixed = np.array([*fixed, *(0.0 for _ in shares)])
        self._most = float(self._fixed.max())
        self._by_equity = np.array([*(0.0 for _ in fixed), *shares])
        if public.joint is not None:
            table, moves = public.joint.correlation, public.joint.shocks
            self._moves = self._member * np.array([moves[n] for n in names])[:, None]
            self._correlation = np.array([[table[g.name][h.name] for h in groups] for g in groups])

    def usages(self, exposures: Vector) -> Vector:
        """Usage of each piecewise linear limit; (points, instruments) → (points, limits)."""
        net = np.abs(exposures @ self._member)
        return np.abs(exposures) @ self._sizes + net @ self._nets + exposures @ self._signed

    def caps(self, equity: float, multiplier: float) -> Vector:
        """Limits in the order of `usages`; all 0 at the stop."""
        if multiplier == 0:
            return 0.0 * self._fixed
        return multiplier * self._fixed + equity * self._by_equity

    def moves(self, legs: Sequence[Leg]) -> Vector:
        """Change of every position per unit of size, shape (instruments,)."""
        change = np.zeros(len(self.row))
        for leg in legs:
            change[self.row[leg.instrument]] += leg.ratio if leg.side == "buy" else -leg.ratio
        return change

    def sizes(self, mark: Mark, legs: Sequence[Leg]) -> Sizes:
        """What each limit alone allows of a request with these legs."""
        change = self.moves(legs)
        start, slope = mark.positions * mark.prices, change * mark.prices
        labels = self._labels
        found = [self._linear(start, slope, self.caps(mark.equity, mark.multiplier))]
        if self._public.joint is not None:
            labels = (*labels, JOINT)
            limit = mark.multiplier * self._public.joint.loss
            found.append(np.array([self._norm(start, slope, limit)]))
        if self._public.participation is not None:
            labels = (*labels, LIQUIDITY)
            moved = change != 0
            room = self._public.participation * self._volume[moved] / np.abs(change[moved])
            found.append(np.array([room.min()]))
        return Sizes(labels, np.concatenate(found))

    def joint(self, exposures: Vector) -> float:
        """Usage of the joint stress, for exposures of shape (instruments,)."""
        at = exposures @ self._moves
        return float(np.sqrt(at @ self._correlation @ at))

    def _linear(self, start: Vector, slope: Vector, limits: Vector) -> Vector:
        moved = slope != 0
        net, drift = start @ self._member, slope @ self._member
        # Legs that offset each other leave a drift of rounding alone: it turns nothing.
        turns = np.abs(drift) > CRUMB * np.abs(slope).sum()
        turned = np.concatenate([-start[moved] / slope[moved], -net[turns] / drift[turns]])
        points = np.array([0.0, *sorted({t for t in turned.tolist() if t > 0})])
        extent = float(np.abs(start).sum()) + self._most
        # A point so far beyond the last break that every usage that climbs is above its cap.
        points = np.append(points, points[-1] + _FAR * extent / np.abs(slope).sum())
        usage = self.usages(start + points[:, None] * slope)
        caps = np.maximum(limits, usage[0])
        above = usage[1:] > caps + CRUMB * extent
        first, column = above.argmax(axis=0), np.arange(len(caps))
        low, high = usage[first, column], usage[first + 1, column]
        share = np.full(len(caps), np.inf)
        np.divide(caps - low, high - low, out=share, where=above.any(axis=0))
        return points[first] + np.maximum(share, 0.0) * (points[first + 1] - points[first])

    def _norm(self, start: Vector, slope: Vector, limit: float) -> float:
        """Largest s with ‖l0 + s·d‖ ≤ max(limit, ‖l0‖) in the norm of the correlation."""
        at, drift = start @ self._moves, slope @ self._moves
        square = float(drift @ self._correlation @ drift)
        mixed = float(at @ self._correlation @ drift)
        spare = max(0.0, limit**2 - float(at @ self._correlation @ at))
        if square <= 0.0:
            return float("inf")
        return max(0.0, (-mixed + np.sqrt(mixed**2 + square * spare)) / square)
