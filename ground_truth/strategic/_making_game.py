"""The market of `strategic/market_making` in numbers: arrays in ticks, beliefs, information nodes.

Regimes are constant within a session and the tape tells the kind of every customer, so all that
the tape says of the regime is in four counts (a multinomial likelihood):

    P(z | tape) ∝ P(z | last published) · Π_side φ_side(z)^informed · (1 - φ_side(z))^uninformed.

A `Graph` lists these information nodes by session and step. The clairvoyant graph, in which the
regime is known, gives the value of every rule that ignores the tape, at a fraction of the size.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from tasks.strategic.market_making import CUSTOMERS, MakingPublic

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SELLER, BUYER = 0, 1
DIRECTION = (1, -1)
"""What a fill does to the inventory, by side: a seller's hits the bid."""
KINDS = (0, 1)
"""Uninformed, informed."""
Counts = tuple[int, int, int, int]
"""Of the symbols `CUSTOMERS[1:]` on this session's tape."""


def symbol(side: int, kind: int) -> int:
    """Index in `CUSTOMERS` of a customer."""
    return 1 + 2 * side + kind


@dataclass(frozen=True)
class Game:
    """A market; money in ticks per unit of inventory."""

    initial: Floats
    """Shape (regimes,)."""
    transition: Floats
    """Shape (regimes, regimes): P(next | last)."""
    informed: Floats
    """Shape (regimes, sides): P(informed | regime, side)."""
    arrivals: Floats
    """Shape (sessions, sides)."""
    holding: Floats
    """Shape (sessions,)."""
    offsets: Floats
    accept: Floats
    """Shape (sides, kinds, offsets)."""
    sizes: Floats
    """Shape (kinds, largest size): P(wanted size = 1, 2, …)."""
    moves: tuple[float, float]
    """Of the mid after an informed customer, by side."""
    steps: int
    start: int
    limit: int
    strikes: int
    noise: float
    rebate: float
    stipend: float
    width: float
    borrow: float
    liquidation: float

    @property
    def inventories(self) -> Floats:
        """Shape (2 limit + 1,): every inventory in order."""
        return np.arange(-self.limit, self.limit + 1, dtype=float)

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return len(self.holding)

    @cached_property
    def traded(self) -> Floats:
        """Shape (kinds, largest size): E min(wanted, size) for size = 1, 2, …."""
        tail = 1.0 - np.cumsum(self.sizes, axis=1) + self.sizes
        return np.cumsum(tail, axis=1)

    def carry(self, session: int) -> Floats:
        """Cost of holding each inventory over a step."""
        q = self.inventories
        return self.holding[session] * q**2 + self.borrow * np.maximum(-q, 0.0)

    def exit_cost(self) -> Floats:
        """Cost of closing out each inventory at the end."""
        return self.liquidation * np.abs(self.inventories)

    def prior(self, last: int | None) -> Floats:
        """Of a session's regime, given the regime published before it."""
        return self.initial if last is None else self.transition[last]

    def likelihood(self, counts: npt.NDArray[np.int64]) -> Floats:
        """Shape (nodes, regimes) of counts (nodes, 4): of the kinds, given how many came."""
        out = np.ones((len(counts), len(self.initial)))
        for side, kind in itertools.product((SELLER, BUYER), KINDS):
            share = self.informed[:, side] if kind else 1.0 - self.informed[:, side]
            out = out * share[None, :] ** counts[:, symbol(side, kind) - 1, None]
        return out

    def belief(self, last: int | None, counts: Counts) -> Floats:
        """The exact posterior of the session's regime, shape (regimes,)."""
        return normal(self.prior(last) * self.likelihood(np.array([counts]))[0])

    def flow(self, session: int, belief: Floats) -> list[Floats]:
        """P(symbol) in one step for each of `CUSTOMERS`; each of the shape of the beliefs."""
        seller, buyer = (float(x) for x in self.arrivals[session])
        out = [np.full(belief.shape[:-1], 1.0 - seller - buyer)]
        for side in (SELLER, BUYER):
            share = belief @ self.informed[:, side]
            out += [self.arrivals[session, side] * (1.0 - share)]
            out += [self.arrivals[session, side] * share]
        return out


def normal(weights: Floats) -> Floats:
    """Weights over the last axis made to sum to 1."""
    return weights / weights.sum(axis=-1, keepdims=True)


def game(public: MakingPublic) -> Game:
    """The numbers of an instance in ticks.

    Stated amounts are hundredths; dividing whole numbers once gives the same bits in every unit.
    """

    def ticks(amount: float) -> float:
        return round(100 * amount) / (100 * public.tick)

    return Game(
        initial=np.array(public.initial),
        transition=np.array(public.transition),
        informed=np.array([(r.informed_sellers, r.informed_buyers) for r in public.regimes]),
        arrivals=np.array([(s.sellers, s.buyers) for s in public.sessions]),
        holding=np.array([ticks(s.holding) for s in public.sessions]),
        offsets=np.array([ticks(offset) for offset in public.offsets]),
        accept=np.array([(a.uninformed, a.informed) for a in (public.bid, public.ask)]),
        sizes=np.array([public.size_uninformed, public.size_informed]),
        moves=(-ticks(public.move_down), ticks(public.move_up)),
        steps=public.steps,
        start=public.inventory,
        limit=public.limit,
        strikes=public.strikes,
        noise=ticks(public.noise),
        rebate=ticks(public.rebate),
        stipend=ticks(public.stipend),
        width=ticks(public.width),
        borrow=ticks(public.borrow),
        liquidation=ticks(public.liquidation),
    )


@dataclass(frozen=True)
class Layer:
    """The information nodes before one step: rows are what was published, columns the counts."""

    belief: Floats
    """Shape (rows, nodes, regimes)."""
    after: Ints
    """Shape (nodes, symbols): node of the next layer."""


@dataclass(frozen=True)
class Graph:
    """All that can be known, step by step."""

    layers: tuple[tuple[Layer, ...], ...]
    """By session and step."""
    ends: tuple[Floats, ...]
    """By session, shape (rows, nodes, rows of the next session): where the next one starts."""
    start: Floats
    """Shape (rows of the first session,): chances of the start."""


@lru_cache(maxsize=8)
def lattice(steps: int) -> tuple[tuple[tuple[Counts, ...], ...], tuple[Ints, ...]]:
    """Counts that `steps` steps can show, layer by layer, and the node that each symbol leads to.

    Layer t holds the C(t + 4, 4) counts of sum at most t.
    """
    layers = tuple(
        tuple(c for c in itertools.product(range(t + 1), repeat=4) if sum(c) <= t)
        for t in range(steps + 1)
    )
    after: list[Ints] = []
    for here, there in itertools.pairwise(layers):
        index = {counts: i for i, counts in enumerate(there)}
        rows = [[index[seen(counts, s)] for s in range(len(CUSTOMERS))] for counts in here]
        after.append(np.array(rows, dtype=np.int64))
    return layers, tuple(after)  # pyright: ignore[reportReturnType] - product gives 4-tuples


def seen(counts: tuple[int, ...], symbol_: int) -> tuple[int, ...]:
    """The counts after one more symbol of the tape."""
    return tuple(n + (i + 1 == symbol_) for i, n in enumerate(counts))


def hidden(market: Game) -> Graph:
    """What a desk may know: it reads the tape."""
    counts, after = lattice(market.steps)
    likelihood = [market.likelihood(np.array(layer)) for layer in counts]
    layers: list[tuple[Layer, ...]] = []
    ends: list[Floats] = []
    for session in range(market.sessions):
        prior = market.transition if session else market.initial[None, :]
        beliefs = [normal(prior[:, None, :] * row[None, :, :]) for row in likelihood]
        layers.append(tuple(Layer(b, a) for b, a in zip(beliefs[:-1], after, strict=True)))
        ends.append(beliefs[-1])
    return Graph(tuple(layers), tuple(ends), np.ones(1))


def clairvoyant(market: Game) -> Graph:
    """What an oracle of the regimes would know: rows are the session's regime, one node each."""
    regimes = len(market.initial)
    layer = Layer(np.eye(regimes)[:, None, :], np.zeros((1, len(CUSTOMERS)), dtype=np.int64))
    layers = ((layer,) * market.steps,) * market.sessions
    return Graph(layers, (market.transition[:, None, :],) * market.sessions, market.initial)
