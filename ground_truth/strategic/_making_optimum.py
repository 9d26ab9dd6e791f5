"""Values of optimal and of given play in `strategic/market_making`, exact by backward induction.

With W_c(q, h) = move_c · q - carry(q) + V'(node after c, q, h) the value after customer c,

    V(q, h) = Σ_c P(c) W_c(q, h) + max over quotes of gain_bid + gain_ask + stipend · [tight pair],
    gain(offset o, size s) = Σ_kind P(side, kind) accept_kind(o)
                             · E[n (o + rebate) + W(q ± n, h') - W(q, h)]

with n = min(wanted, s) and h' = h + 1 after an informed fill. At most one customer comes in a step,
so the two sides are coupled through the stipend alone. Money is relative to the mid: a constant
shift of it is worth inventory times the shift at once, and nothing later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ground_truth.strategic._making_game import (
    BUYER,
    DIRECTION,
    KINDS,
    SELLER,
    Floats,
    Game,
    Graph,
    Ints,
    symbol,
)
from tasks.strategic.market_making import CUSTOMERS

NONE = -1
"""The level of no quote."""


@dataclass(frozen=True)
class Side:
    """Quotes on one side in many states at once; arrays that broadcast to the states."""

    level: Ints
    """Index of the offset, or `NONE`."""
    size: Ints


@dataclass(frozen=True)
class Stage:
    """Where quotes are to be set: one step in many states of axes (…, rows, nodes, q)."""

    market: Game
    session: int
    left: int
    """Steps of the episode that remain, this one included."""
    belief: Floats
    """Shape (rows, nodes, regimes)."""
    inventory: Ints
    """Shape (q,)."""

    @cached_property
    def chances(self) -> list[Floats]:
        """P(customer) by symbol, each of shape (rows, nodes, 1)."""
        return [p[..., None] for p in self.market.flow(self.session, self.belief)]


Rule = Callable[[Stage], tuple[Side, Side]]
"""Sets bid and ask; may look at the market, the time, the inventory and the belief."""


def effective(market: Game, side: int, quote: Side, inventory: Ints) -> Side:
    """The quote cut to the inventory limit."""
    room = market.limit - DIRECTION[side] * inventory
    size = np.minimum(quote.size, room)
    return Side(np.where(size > 0, quote.level, NONE), np.maximum(size, 1))


def onward(stage: Stage, after: Ints, value: Floats) -> list[Floats]:
    """W by customer, each (…, rows, nodes, q, adverse fills), from the next layer's values."""
    market = stage.market
    carry = market.carry(stage.session)[:, None]
    out: list[Floats] = []
    for c in range(len(CUSTOMERS)):
        drift = {symbol(side, 1): market.moves[side] for side in (SELLER, BUYER)}.get(c, 0.0)
        worth = drift * market.inventories[:, None] - carry
        out.append(np.take(value, after[:, c], axis=-3) + worth)
    return out


def margins(market: Game, worth: list[Floats], side: int, kind: int) -> list[Floats]:
    """E[W(q ± n, h') - W(q, h)] for size = 1, 2, …; -inf where the size breaks the limit.

    Each of shape (…, q, strikes): the last count, a halted desk, sets no quotes.
    """
    here = worth[symbol(side, kind)]
    then = here[..., 1:] if kind else here[..., :-1]
    chances = market.sizes[kind]
    out: list[Floats] = []
    smaller = -here[..., :-1]
    for size, chance in enumerate(chances, start=1):
        moved = _moved(then, DIRECTION[side] * size)
        out.append(smaller + chances[size - 1 :].sum() * moved)
        smaller = smaller + chance * moved
    return out


def _moved(value: Floats, by: int) -> Floats:
    """Values at q + `by`, over the axis before the last; -inf beyond the limit."""
    out = np.full_like(value, -np.inf)
    if by > 0:
        out[..., :-by, :] = value[..., by:, :]
    else:
        out[..., -by:, :] = value[..., :by, :]
    return out


def best_gain(stage: Stage, worth: list[Floats], side: int) -> Floats:
    """Best gain by offset, over sizes; shape (offsets, …, q, strikes)."""
    market, chances = stage.market, stage.chances
    rows = [margins(market, worth, side, kind) for kind in KINDS]
    out: list[Floats] = []
    for level, offset in enumerate(market.offsets):
        weight = [chances[symbol(side, k)] * market.accept[side, k, level] for k in KINDS]
        paid = [(offset + market.rebate) * market.traded[k] for k in KINDS]
        parts = [
            [weight[k][..., None] * (rows[k][s] + paid[k][s]) for k in KINDS]
            for s in range(market.sizes.shape[1])
        ]
        out.append(np.max([uninformed + informed for uninformed, informed in parts], axis=0))
    return np.array(out)


def tight_reach(market: Game) -> list[int]:
    """By level of the bid, the farthest level of the ask that earns the stipend; -1: none does."""
    room = market.width - market.offsets + 1e-9
    return (np.searchsorted(market.offsets, room, "right") - 1).tolist()


def best_pair(market: Game, bid: Floats, ask: Floats) -> Floats:
    """Best sum of gains, with the stipend where both stand and their offsets are tight."""
    apart = np.maximum(bid.max(axis=0), 0.0) + np.maximum(ask.max(axis=0), 0.0)
    reach = tight_reach(market)
    if max(reach) < 0:
        return apart
    running = np.maximum.accumulate(ask, axis=0)
    tight = np.max([bid[j] + running[k] for j, k in enumerate(reach) if k >= 0], axis=0)
    return np.maximum(apart, tight + market.stipend)


def chosen_gain(stage: Stage, worth: list[Floats], side: int, quote: Side) -> Floats:
    """Gain of given effective quotes, 0 where there is none; shape (…, q, strikes)."""
    market, chances = stage.market, stage.chances
    total = np.zeros(1)
    for kind in KINDS:
        rows = margins(market, worth, side, kind)
        gain = rows[0]
        for size in range(2, len(rows) + 1):
            gain = np.where((quote.size == size)[..., None], rows[size - 1], gain)
        paid = (market.offsets[quote.level] + market.rebate) * market.traded[kind][quote.size - 1]
        weight = chances[symbol(side, kind)] * market.accept[side, kind][quote.level]
        total = total + weight[..., None] * (gain + paid[..., None])
    return np.where((quote.level != NONE)[..., None], total, 0.0)


def tight(market: Game, bid: Side, ask: Side) -> npt.NDArray[np.bool_]:
    """Whether both quotes stand close enough for the stipend."""
    both = (bid.level != NONE) & (ask.level != NONE)
    apart = market.offsets[bid.level] + market.offsets[ask.level]
    return both & (apart <= market.width + 1e-9)


def step_value(stage: Stage, worth: list[Floats], rule: Rule | None) -> Floats:
    """V of the layer under optimal quotes (None) or a rule's; shape (…, q, adverse fills)."""
    market = stage.market
    base = np.zeros(1)
    for chance, value in zip(stage.chances, worth, strict=True):
        base = base + chance[..., None] * value
    if rule is None:
        gains = [best_gain(stage, worth, side) for side in (SELLER, BUYER)]
        extra = best_pair(market, gains[SELLER], gains[BUYER])
    else:
        bid, ask = (
            effective(market, side, quote, stage.inventory)
            for side, quote in zip((SELLER, BUYER), rule(stage), strict=True)
        )
        extra = chosen_gain(stage, worth, SELLER, bid) + chosen_gain(stage, worth, BUYER, ask)
        extra = extra + market.stipend * tight(market, bid, ask)[..., None]
    shape = np.broadcast_shapes(base[..., :-1].shape, extra.shape)
    out = np.empty((*shape[:-1], base.shape[-1]))
    out[...] = base
    out[..., :-1] += extra
    return out


Values = tuple[tuple[Floats, ...], ...]
"""By session and step: shape (…, rows, nodes, q, adverse fills); last of a session, its end."""


def backward(market: Game, graph: Graph, rule: Rule | None = None) -> Values:
    """Values of every layer under optimal play (None) or under a rule."""
    inventory = np.arange(-market.limit, market.limit + 1)
    following = np.broadcast_to(-market.exit_cost(), (len(market.initial), len(inventory)))
    out: list[tuple[Floats, ...]] = []
    for session in reversed(range(market.sessions)):
        ends = graph.ends[session]
        end = np.zeros(1)
        for z in range(ends.shape[-1]):
            end = end + ends[:, :, z, None] * following[..., z, None, None, :]
        values = [np.repeat(end[..., None], market.strikes + 1, axis=-1)]
        for step in reversed(range(market.steps)):
            layer = graph.layers[session][step]
            left = (market.sessions - session) * market.steps - step
            stage = Stage(market, session, left, layer.belief, inventory)
            worth = onward(stage, layer.after, values[-1])
            values.append(step_value(stage, worth, rule))
        following = values[-1][..., :, 0, :, 0]
        out.append(tuple(reversed(values)))
    return tuple(reversed(out))


def at_start(market: Game, graph: Graph, values: Values) -> Floats:
    """Expected final cash, less inventory times mid at the start; batches keep their axes."""
    first = values[0][0][..., :, 0, market.start + market.limit, 0]
    return (first * graph.start).sum(axis=-1)
