"""The largest safe size of a request, exactly, limit by limit.

Each usage of `tasks.strategic._risk_rules` but the joint stress has the form

    f(s) = c + b s + Σ_j w_j |x_j + a_j s|,   w_j ≥ 0,

convex and linear between the break points -x_j / a_j (the net usage too, as max(L, S) - n min(L, S)
= (1 - n)/2 (L + S) + (1 + n)/2 |L - S|). Its largest s with f(s) ≤ cap is found by walking from
break point to break point; that of the joint stress, a norm, is the larger root of a quadratic.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from tasks import Frozen
from tasks.strategic._risk_rules import JOINT, LEVERAGE, LIQUIDITY, MARGIN, SINGLE, RiskPublic, Side

CRUMB = 1e-12
"""A slope below this share of what it is summed from is rounding."""

Term = tuple[float, float, float]
"""(w, x, a) of w |x + a s|."""


class Leg(Frozen):
    """One part of a request: `ratio` units per unit of size."""

    instrument: str
    side: Side
    ratio: int


@dataclass(frozen=True)
class Mark:
    """Where the book stands when a request is reviewed."""

    positions: Sequence[float]
    prices: Sequence[float]
    equity: float
    multiplier: float
    """Of the drawdown tier; 0 is the stop: no usage may rise."""

    @property
    def exposures(self) -> list[float]:
        """Position times price, signed."""
        return [float(q * p) for q, p in zip(self.positions, self.prices, strict=True)]


@dataclass(frozen=True)
class Sizes:
    """For each limit the largest size that it alone allows (`inf` if any)."""

    labels: tuple[str, ...]
    sizes: tuple[float, ...]

    @property
    def largest(self) -> float:
        """The largest safe size."""
        return min(self.sizes)

    def of(self, *kinds: str) -> float:
        """The largest size by the limits whose label starts with one of `kinds`."""
        chosen = [s for n, s in zip(self.labels, self.sizes, strict=True) if n.startswith(kinds)]
        return min(chosen, default=math.inf)

    def binding(self, slack: float) -> tuple[str, ...]:
        """Labels of the limits that allow no more than the largest safe size + slack."""
        most = self.largest + slack
        held = [n for n, size in zip(self.labels, self.sizes, strict=True) if size <= most]
        return tuple(dict.fromkeys(held))


@dataclass(frozen=True)
class _Limit:
    """One limit whose usage is piecewise linear in the exposures x.

    Usage = Σ weights_i |x_i| + offset |Σ x_i over the weighted| + Σ signed_i x_i.
    """

    label: str
    fixed: float
    """Limit that the drawdown multiplier scales."""
    share: float = 0.0
    """Limit as a multiple of the equity."""
    weights: tuple[tuple[int, float], ...] = ()
    offset: float = 0.0
    signed: tuple[tuple[int, float], ...] = ()

    def usage(self, exposures: Sequence[float]) -> float:
        """Usage at these exposures."""
        used = sum(w * abs(exposures[i]) for i, w in self.weights)
        if self.offset:
            used += self.offset * abs(sum(exposures[i] for i, _ in self.weights))
        return used + sum(c * exposures[i] for i, c in self.signed)

    def allowed(self, start: Sequence[float], slope: Sequence[float], limit: float) -> float:
        """Largest s at which the usage of start + s · slope is within max(limit, usage at 0)."""
        terms = [(w, start[i], slope[i]) for i, w in self.weights if slope[i]]
        if self.offset and terms:
            net = sum(start[i] for i, _ in self.weights)
            terms.append((self.offset, net, sum(a for _, _, a in terms)))
        tilt = sum(c * slope[i] for i, c in self.signed)
        if not terms and not tilt:
            return math.inf
        used = self.usage(start)
        return _walk(terms, tilt, max(limit, used) - used)


def _walk(terms: Sequence[Term], tilt: float, room: float) -> float:
    """Largest s at which tilt · s + Σ w (|x + a s| - |x|) ≤ room, for room ≥ 0."""
    slope, scale = tilt, abs(tilt)
    breaks: list[tuple[float, float]] = []
    for w, x, a in terms:
        scale += w * abs(a)
        # An exposure that the size takes through zero counts down first, and up after it.
        falls = x * a < 0
        slope += -w * abs(a) if falls else w * abs(a)
        if falls:
            breaks.append((-x / a, 2.0 * w * abs(a)))
    at = 0.0
    for point, bend in sorted(breaks):
        if slope > CRUMB * scale and slope * (point - at) > room:
            break
        room -= slope * (point - at)
        at, slope = point, slope + bend
    return at + max(0.0, room) / slope if slope > CRUMB * scale else math.inf


class Rulebook:
    """The rules of one instance, ready to be asked; instruments in their listed order."""

    def __init__(self, public: RiskPublic) -> None:
        names = [i.name for i in public.instruments]
        self.row = {name: row for row, name in enumerate(names)}
        self._public = public
        self._members = {
            g.name: [row for row, i in enumerate(public.instruments) if i.group == g.name]
            for g in public.groups
        }
        table = {} if public.joint is None else public.joint.correlation
        self._correlation = [[table[g][h] for h in self._members] for g in self._members if table]
        self.limits = (*self._of_groups(), *self._of_stresses(), *self._of_book())
        """The piecewise linear ones: gross, net, stress in the listed order, then the others."""

    def _of_groups(self) -> list[_Limit]:
        groups, members = self._public.groups, self._members
        gross = [
            _Limit(f"gross {g.name}", g.gross, weights=tuple((i, 1.0) for i in members[g.name]))
            for g in groups
        ]
        net = [
            _Limit(
                f"net {g.name}",
                g.net,
                weights=tuple((i, 0.5 * (1.0 - g.netting)) for i in members[g.name]),
                offset=0.5 * (1.0 + g.netting),
            )
            for g in groups
        ]
        return [*gross, *net]

    def _of_stresses(self) -> list[_Limit]:
        return [
            _Limit(
                f"stress {s.name}",
                s.loss,
                signed=tuple((i, -s.shocks[name]) for name, i in self.row.items()),
            )
            for s in self._public.stresses
        ]

    def _of_book(self) -> list[_Limit]:
        public, limits = self._public, list[_Limit]()
        if public.single is not None:
            limits += [
                _Limit(SINGLE, public.single, weights=((i, 1.0),)) for i in self.row.values()
            ]
        if public.margin is not None:
            rates = tuple((i, one.margin) for i, one in enumerate(public.instruments))
            limits.append(_Limit(MARGIN, 0.0, public.margin, rates))
        if public.leverage is not None:
            every = tuple((i, 1.0) for i in self.row.values())
            limits.append(_Limit(LEVERAGE, 0.0, public.leverage, every))
        return limits

    def moves(self, legs: Sequence[Leg]) -> list[float]:
        """Change of every position per unit of size."""
        change = [0.0] * len(self.row)
        for leg in legs:
            change[self.row[leg.instrument]] += leg.ratio if leg.side == "buy" else -leg.ratio
        return change

    def sizes(self, mark: Mark, legs: Sequence[Leg]) -> Sizes:
        """What each limit alone allows of a request with these legs."""
        public, change = self._public, self.moves(legs)
        start = mark.exposures
        slope = [float(c * p) for c, p in zip(change, mark.prices, strict=True)]
        equity = mark.equity if mark.multiplier > 0 else 0.0
        labels = [limit.label for limit in self.limits]
        sizes = [
            one.allowed(start, slope, mark.multiplier * one.fixed + equity * one.share)
            for one in self.limits
        ]
        if public.joint is not None:
            labels.append(JOINT)
            sizes.append(self._norm(start, slope, mark.multiplier * public.joint.loss))
        if public.participation is not None:
            labels.append(LIQUIDITY)
            volumes = zip(change, public.instruments, strict=True)
            sizes.append(min(public.participation * i.volume / abs(c) for c, i in volumes if c))
        return Sizes(tuple(labels), tuple(sizes))

    def joint(self, exposures: Sequence[float]) -> float:
        """Usage of the joint stress."""
        at = self._grouped(exposures)
        return math.sqrt(self._product(at, at))

    def _norm(self, start: Sequence[float], slope: Sequence[float], limit: float) -> float:
        """Largest s with ‖l + s d‖ ≤ max(limit, ‖l‖) in the norm of the correlation."""
        at, drift = self._grouped(start), self._grouped(slope)
        square, mixed = self._product(drift, drift), self._product(at, drift)
        if square <= 0.0:
            return math.inf
        spare = max(0.0, limit**2 - self._product(at, at))
        return max(0.0, (-mixed + math.sqrt(mixed**2 + square * spare)) / square)

    def _grouped(self, exposures: Sequence[float]) -> list[float]:
        """Σ move · exposure by group."""
        joint = self._public.joint
        assert joint is not None, "asked for with a joint stress alone"
        moves = [joint.shocks[name] * exposures[i] for name, i in self.row.items()]
        return [sum(moves[i] for i in members) for members in self._members.values()]

    def _product(self, one: Sequence[float], other: Sequence[float]) -> float:
        return sum(
            a * sum(map(operator.mul, row, other))
            for a, row in zip(one, self._correlation, strict=True)
        )
