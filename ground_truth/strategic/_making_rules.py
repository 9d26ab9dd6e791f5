"""Simple rules of quoting for `strategic/market_making`: the floor, and the scale of the score.

Most ignore the tape, so their exact value comes from the clairvoyant graph; the look-aheads
believe exactly what the tape says, and are short-sighted instead. `best_constant` and `best_skew`
are chosen per instance, which makes a strong floor.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ground_truth.strategic import _quoting
from ground_truth.strategic._making_game import (
    BUYER,
    KINDS,
    SELLER,
    Floats,
    Game,
    Graph,
    Ints,
    clairvoyant,
    game,
    symbol,
)
from ground_truth.strategic._making_optimum import (
    NONE,
    Rule,
    Side,
    Stage,
    at_start,
    backward,
    margins,
    onward,
    tight_reach,
)
from tasks.strategic.market_making import CUSTOMERS, MakingPublic

SLOPES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Ticks per unit of inventory that `best_skew` tries."""
KEPT = 6
"""Best constant pairs that `best_skew` starts from."""


@dataclass(frozen=True)
class Book:
    """The rules of one instance by name, and those of them that read the tape."""

    blind: Mapping[str, Rule]
    reading: Mapping[str, Rule]

    def values(self, market: Game, graph: Graph) -> dict[str, float]:
        """Expected final cash of each rule from the start, as `at_start` counts it."""
        worth = _start(market, clairvoyant(market), _abreast(list(self.blind.values())))
        out = {name: float(value) for name, value in zip(self.blind, worth, strict=True)}
        return out | {n: float(_start(market, graph, rule)) for n, rule in self.reading.items()}


def book(public: MakingPublic) -> Book:
    """The rules of an instance; the last few are kept."""
    return _book(public.model_dump_json())


@lru_cache(maxsize=8)
def _book(text: str) -> Book:
    return written(game(MakingPublic.model_validate_json(text)))


def written(market: Game) -> Book:
    """The rules of a market."""
    last = len(market.offsets) - 1
    half = int(_nearest(market, np.array(market.width / 2)))
    pairs = _constants(market)
    return Book(
        blind={
            "tight": _fixed(market, 0, 0),
            "middle": _fixed(market, last // 2, last // 2),
            "wide": _fixed(market, last, last),
            "spread": _fixed(market, half, half),
            "double_spread_unwinding": _unwinding(market),
            "no_quotes": _fixed(market, NONE, NONE),
            "avellaneda_stoikov": _avellaneda_stoikov(market),
            "best_constant": _fixed(market, *pairs[0]),
            "best_skew": _best_skew(market, pairs),
        },
        reading={
            "myopic": lookahead(lambda stage: 0.0 * stage.market.inventories),
            "exit_next": lookahead(lambda stage: -stage.market.exit_cost()),
            "carry_on": lookahead(_carried),
        },
    )


def _start(market: Game, graph: Graph, rule: Rule) -> Floats:
    return at_start(market, graph, backward(market, graph, rule))


def _abreast(rules: list[Rule]) -> Rule:
    """Several rules in one pass, on a first axis."""

    def stacked(sides: list[Side]) -> Side:
        levels = np.broadcast_arrays(*(side.level for side in sides))
        sizes = np.broadcast_arrays(*(side.size for side in sides))
        return Side(np.stack(levels), np.stack(sizes))

    def rule(stage: Stage) -> tuple[Side, Side]:
        quotes = [one(stage) for one in rules]
        return stacked([bid for bid, _ in quotes]), stacked([ask for _, ask in quotes])

    return rule


def _pair(market: Game, bid: Ints, ask: Ints) -> tuple[Side, Side]:
    most = np.array(market.sizes.shape[1])
    return Side(bid, np.broadcast_to(most, bid.shape)), Side(ask, np.broadcast_to(most, ask.shape))


def _fixed(market: Game, bid: int, ask: int) -> Rule:
    return lambda stage: _pair(market, np.full((1, 1, 1), bid), np.full((1, 1, 1), ask))


def _nearest(market: Game, offset: npt.NDArray[np.floating[Any]]) -> Ints:
    return np.abs(offset[..., None] - market.offsets).argmin(axis=-1)


def _constants(market: Game) -> list[tuple[int, int]]:
    """Every constant pair of levels, none included, best first."""
    levels = np.arange(NONE, len(market.offsets))
    bid, ask = (side.reshape(-1, 1, 1, 1) for side in np.meshgrid(levels, levels, indexing="ij"))
    worth = _start(market, clairvoyant(market), lambda stage: _pair(market, bid, ask))
    order = np.argsort(-worth, kind="stable")
    return [(int(bid[k, 0, 0, 0]), int(ask[k, 0, 0, 0])) for k in order]


def _best_skew(market: Game, pairs: list[tuple[int, int]]) -> Rule:
    """The best of a few constant pairs, leaning by a few slopes against the inventory."""
    quoted = [pair for pair in pairs if NONE not in pair][:KEPT]
    tried = [(bid, ask, slope) for bid, ask in quoted for slope in SLOPES]

    def leaning(which: list[tuple[int, int, float]]) -> Rule:
        bid, ask, slope = (np.array(x).reshape(-1, 1, 1, 1) for x in zip(*which, strict=True))

        def rule(stage: Stage) -> tuple[Side, Side]:
            tilt = slope * stage.inventory
            away = (market.offsets[bid] + tilt, market.offsets[ask] - tilt)
            return _pair(market, *(_nearest(market, side) for side in away))

        return rule

    worth = _start(market, clairvoyant(market), leaning(tried))
    best = leaning([tried[int(np.argmax(worth))]])

    def only(stage: Stage) -> tuple[Side, Side]:
        bid, ask = best(stage)
        return Side(bid.level[0], bid.size[0]), Side(ask.level[0], ask.size[0])

    return only


def _unwinding(market: Game) -> Rule:
    """Twice the displayed spread, and no quote on the side that adds to the inventory."""
    level = int(_nearest(market, np.array(market.width)))

    def rule(stage: Stage) -> tuple[Side, Side]:
        q = stage.inventory[None, None, :]
        return _pair(market, np.where(q > 0, NONE, level), np.where(q < 0, NONE, level))

    return rule


def _avellaneda_stoikov(market: Game) -> Rule:
    """Closed-form quotes: g·s² is the slope of the mean holding cost, k a log-linear fit."""
    share = market.initial @ market.informed
    jumps = market.arrivals.mean(axis=0) * share * np.square(market.moves)
    variance = float(jumps.sum()) + market.noise**2 / 2
    demand = np.log(market.accept[:, 0].mean(axis=0))
    decay = -float(np.polyfit(market.offsets, demand, 1)[0])
    dealer = _quoting.Dealer(
        risk_aversion=2.0 * float(market.holding.mean()) / variance,
        volatility=math.sqrt(variance),
        fill_decay=decay,
    )

    def rule(stage: Stage) -> tuple[Side, Side]:
        half = _quoting.optimal_spread(dealer, stage.left) / 2
        centre = _quoting.reservation_price(0.0, 1.0, dealer, stage.left) * stage.inventory
        centre = centre[None, None, :]
        return _pair(market, _nearest(market, half - centre), _nearest(market, half + centre))

    return rule


def _carried(stage: Stage) -> Floats:
    """As if the inventory were held to the end."""
    market, last = stage.market, stage.session
    first = stage.left - 1 - (market.sessions - 1 - last) * market.steps
    steps = [(last, first)] + [(s, market.steps) for s in range(last + 1, market.sessions)]
    total = market.exit_cost()
    for session, count in steps:
        total = total + count * market.carry(session)
    return -total


def lookahead(then: Callable[[Stage], Floats]) -> Rule:
    """Best quotes for one step if the inventory is worth `then(stage)` (shape (q,)) after it."""

    def rule(stage: Stage) -> tuple[Side, Side]:
        market = stage.market
        value = np.repeat(then(stage)[None, None, :, None], 2, axis=-1)
        worth = onward(stage, np.zeros((1, len(CUSTOMERS)), dtype=np.int64), value)
        sizes: list[Ints] = []
        gains: list[Floats] = []
        for side in (SELLER, BUYER):
            by_size = _gains(stage, worth, side)
            sizes.append(by_size.argmax(axis=1))
            gains.append(by_size.max(axis=1))
        return _joint(market, gains, sizes)

    return rule


def _gains(stage: Stage, worth: list[Floats], side: int) -> Floats:
    """Shape (offsets, sizes, rows, nodes, q) of the stage."""
    market, where = stage.market, stage.inventory + stage.market.limit
    total = np.zeros(1)
    for kind in KINDS:
        rows = margins(market, worth, side, kind)
        gain = np.array([row[0, 0, where, 0] for row in rows])
        paid = (market.offsets + market.rebate)[:, None] * market.traded[kind]
        each = gain[None] + paid[..., None]
        chance = stage.chances[symbol(side, kind)]
        part = market.accept[side, kind][:, None, None] * each
        total = total + chance * part[:, :, None, None, :]
    return total


def _joint(market: Game, gains: list[Floats], sizes: list[Ints]) -> tuple[Side, Side]:
    """The best pair of levels by gains of shape (offsets, …), with the best size at each."""
    levels = [np.where(gain.max(axis=0) > 0, gain.argmax(axis=0), NONE) for gain in gains]
    best = sum(np.maximum(gain.max(axis=0), 0.0) for gain in gains)
    bid, ask = gains
    for j, k in enumerate(tight_reach(market)):
        if k < 0:
            continue
        worth = bid[j] + ask[: k + 1].max(axis=0) + market.stipend
        better = worth > best
        best = np.where(better, worth, best)
        levels[SELLER] = np.where(better, j, levels[SELLER])
        levels[BUYER] = np.where(better, ask[: k + 1].argmax(axis=0), levels[BUYER])
    out: list[Side] = []
    for side in (SELLER, BUYER):
        at = np.maximum(levels[side], 0)[None]
        out.append(Side(levels[side], np.take_along_axis(sizes[side], at, axis=0)[0] + 1))
    return out[SELLER], out[BUYER]
