"""The solved game of an instance, and what every pair of quotes is worth at one place in it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ground_truth.strategic._making_game import (
    BUYER,
    KINDS,
    SELLER,
    Counts,
    Floats,
    Game,
    Graph,
    game,
    hidden,
    lattice,
    symbol,
)
from ground_truth.strategic._making_optimum import (
    NONE,
    Stage,
    Values,
    at_start,
    backward,
    margins,
    onward,
)
from tasks.strategic.market_making import MakingPublic


@dataclass(frozen=True)
class Place:
    """An information state of the episode."""

    session: int
    step: int
    """Within the session, from 0."""
    last: int | None
    """The regime published last; None in the first session."""
    counts: Counts
    inventory: int
    adverse: int

    def left(self, market: Game) -> int:
        """Steps that remain, this one included."""
        return (market.sessions - self.session) * market.steps - self.step


@dataclass(frozen=True)
class Quote:
    """One side of an action: index of the offset (`NONE`: no quote) and size."""

    level: int
    size: int


NO_QUOTE = Quote(NONE, 1)


@dataclass(frozen=True)
class Table:
    """Worth of every pair of quotes at a place: quote 0 is none, then by offset and size."""

    values: Floats
    """Shape (1 + offsets · sizes, 1 + offsets · sizes): bid, ask; -inf where not admissible."""
    sizes: int

    def worth(self, bid: Quote, ask: Quote) -> float:
        """Value of these effective quotes and optimal play after them."""
        return float(self.values[self._index(bid), self._index(ask)])

    @property
    def best(self) -> tuple[Quote, Quote, float]:
        """The optimal quotes and their value."""
        bid, ask = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        return self._quote(int(bid)), self._quote(int(ask)), float(self.values[bid, ask])

    def _index(self, quote: Quote) -> int:
        return 0 if quote.level == NONE else 1 + quote.level * self.sizes + quote.size - 1

    def _quote(self, index: int) -> Quote:
        if index == 0:
            return NO_QUOTE
        level, size = divmod(index - 1, self.sizes)
        return Quote(level, size + 1)


@dataclass(frozen=True)
class Solution:
    """A game and its optimal values."""

    market: Game
    graph: Graph
    values: Values

    @property
    def optimum(self) -> float:
        """Value of optimal play from the start, in ticks relative to the mid."""
        return float(at_start(self.market, self.graph, self.values))

    def belief(self, place: Place) -> Floats:
        """The exact posterior of the regime, shape (regimes,)."""
        return self.market.belief(place.last, place.counts)

    def table(self, place: Place) -> Table:
        """What every pair of quotes is worth here."""
        market = self.market
        layer = self.graph.layers[place.session][place.step]
        row = place.last or 0
        node = lattice(market.steps)[0][place.step].index(place.counts)
        stage = Stage(
            market,
            place.session,
            place.left(market),
            layer.belief[row : row + 1, node : node + 1],
            np.arange(-market.limit, market.limit + 1),
        )
        then = self.values[place.session][place.step + 1][row : row + 1]
        worth = onward(stage, layer.after[node : node + 1], then)
        q = place.inventory + market.limit
        base = sum(
            float(p[0, 0, 0]) * float(w[0, 0, q, place.adverse])
            for p, w in zip(stage.chances, worth, strict=True)
        )
        if place.adverse == market.strikes:
            return Table(np.array([[base]]), 1)
        bid, ask = (self._gains(stage, worth, side, place) for side in (SELLER, BUYER))
        width = np.repeat(market.offsets, market.sizes.shape[1])
        close = width[:, None] + width[None, :] <= market.width + 1e-9
        values = base + bid[:, None] + ask[None, :]
        values[1:, 1:] += market.stipend * close
        return Table(values, market.sizes.shape[1])

    def _gains(self, stage: Stage, worth: list[Floats], side: int, place: Place) -> Floats:
        """Gain of every quote on a side at the place, 0 for none, -inf beyond the limit."""
        market, q = stage.market, place.inventory + stage.market.limit
        total = np.zeros((len(market.offsets), market.sizes.shape[1]))
        for kind in KINDS:
            rows = margins(market, worth, side, kind)
            gain = np.array([row[0, 0, q, place.adverse] for row in rows])
            paid = (market.offsets + market.rebate)[:, None] * market.traded[kind]
            chance = stage.chances[symbol(side, kind)][0, 0, 0] * market.accept[side, kind]
            total = total + chance[:, None] * (gain + paid)
        return np.concatenate([[0.0], total.ravel()])


def fill(market: Game, session: int, belief: Floats, side: int, quote: Quote) -> float:
    """P(the effective quote trades in a step of the session) under a belief."""
    if quote.level == NONE:
        return 0.0
    flow, accept = market.flow(session, belief), market.accept[side]
    return float(sum(float(flow[symbol(side, k)]) * float(accept[k, quote.level]) for k in KINDS))


def solved(public: MakingPublic) -> Solution:
    """Solve an instance; the last few are kept, for each is asked for again and again."""
    return _solved(public.model_dump_json())


@lru_cache(maxsize=8)
def _solved(text: str) -> Solution:
    market = game(MakingPublic.model_validate_json(text))
    graph = hidden(market)
    return Solution(market, graph, backward(market, graph))
