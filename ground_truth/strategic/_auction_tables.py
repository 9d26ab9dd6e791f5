"""A sale in whole ticks: who bids what with which probability, and what one bid then brings.

Independent rivals: P(highest rival bid ≤ m | value v) = ∏_r F_r(m | v), per mood and buyer. With
common value, P(v | own appraisal) weighs the products, which carries the winner's curse.
"""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tasks.strategic._auction_sale import AuctionPublic, Habit, LotClass

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ClassTables:
    """What a lot of one class may bring; axes: mood h, buyer c, own draw x, highest bid m."""

    first_price: bool
    common: bool
    chances: Vector
    """P(own draw), shape (x,): a value, or an appraisal with common value."""
    estimates: Vector
    """E[value | own draw], shape (x,), in ticks."""
    odds: Vector
    """P(highest rival bid = m | x), shape (h, c, x or 1, m); m = 0 is no bid."""
    worth: Vector
    """E[value · 1{highest rival bid = m} | x], shape (h, c, x, m)."""


@dataclass(frozen=True)
class Beliefs:
    """What may be known of the house: how often each of its buyers was seen."""

    counts: tuple[tuple[int, ...], ...]
    """Ascending in their sum."""
    after: Index
    """Node after one more sight of buyer c, shape (nodes, buyers); -1 past the last lot."""
    known: tuple[int, ...]
    """Number of nodes that may be reached before lot t."""
    chances: Vector
    """P(next buyer | counts), shape (nodes, buyers)."""


@dataclass(frozen=True)
class Board:
    """A sale compiled for solving: amounts are whole ticks."""

    top: int
    budget: int
    fee: int
    tie: float
    rise: int
    fall: int
    start: int
    moods: int
    rivals: int
    classes: tuple[ClassTables, ...]
    lots: tuple[tuple[int, int], ...]
    """Class and reserve of each lot."""
    beliefs: Beliefs


def ticks(public: AuctionPublic, amount: float) -> int:
    """An amount of money as a whole number of ticks."""
    return round(amount / public.tick)


def compiled(public: AuctionPublic) -> Board:
    """Compile the public half of a sale (kept for the last few: every world and player asks)."""
    game = public.model_copy(update={"scale": 0.0})
    return _compiled(game)  # pyright: ignore[reportArgumentType] - frozen models have a hash


@lru_cache(maxsize=16)
def _compiled(public: AuctionPublic) -> Board:
    mood = public.mood
    return Board(
        top=ticks(public, public.top),
        budget=ticks(public, public.budget),
        fee=ticks(public, public.fee),
        tie=public.tie,
        rise=mood.rise if mood else 0,
        fall=mood.fall if mood else 0,
        start=mood.start if mood else 0,
        moods=public.levels,
        rivals=len(public.rivals),
        classes=tuple(_class_tables(public, k) for k in range(len(public.classes))),
        lots=tuple((lot.lot_class, ticks(public, lot.reserve)) for lot in public.lots),
        beliefs=_beliefs(public),
    )


def bid_chances(public: AuctionPublic, lot_class: LotClass, habit: Habit) -> Vector:
    """P(bid | value), shape (values, top + 1); one row, the same for every value, if private."""
    size = ticks(public, public.top) + 1
    if lot_class.basis == "private":
        row = np.zeros((1, size))
        row[0, 0] = habit.no_bid
        for band in habit.bands:
            low, high = ticks(public, band.low), ticks(public, band.high)
            row[0, low : high + 1] += band.chance / (high - low + 1)
        return row
    named = np.zeros((len(lot_class.appraisals), size))
    for appraisal, amount in enumerate(habit.by_appraisal):
        named[appraisal, ticks(public, amount)] = 1.0
    return np.array(lot_class.readings) @ named


def _class_tables(public: AuctionPublic, index: int) -> ClassTables:
    lot_class = public.classes[index]
    values = np.array([ticks(public, value) for value in lot_class.values], dtype=np.float64)
    prior = np.array(lot_class.chances)
    highest = np.stack(
        [
            np.stack([_highest(public, index, h, c) for c in range(_buyers(public))])
            for h in range(public.levels)
        ]
    )
    if lot_class.basis == "private":
        worth = highest * values[:, None]
        chances, estimates = prior, values
    else:
        joint = prior[:, None] * np.array(lot_class.readings)
        chances = joint.sum(axis=0)
        given = (joint / chances).T
        worth = (given * values) @ highest
        highest = given @ highest
        estimates = given @ values
    return ClassTables(
        first_price=lot_class.format == "first-price",
        common=lot_class.basis == "common",
        chances=chances,
        estimates=estimates,
        odds=highest,
        worth=worth,
    )


def _buyers(public: AuctionPublic) -> int:
    return 1 if public.house is None else len(public.house.buyers)


def _highest(public: AuctionPublic, index: int, mood: int, buyer: int) -> Vector:
    """P(highest rival bid | value) in one mood, with one buyer; shape (values or 1, bids)."""
    level = {"steady": 0, "reactive": mood, "house": buyer}
    lot_class = public.classes[index]
    rows = 1 if lot_class.basis == "private" else len(lot_class.values)
    product = np.ones((rows, ticks(public, public.top) + 1))
    for rival in public.rivals:
        habit = rival.habits[index][level[rival.role]]
        product = product * bid_chances(public, lot_class, habit).cumsum(axis=1)
    return np.diff(product, axis=1, prepend=0.0)


def _beliefs(public: AuctionPublic) -> Beliefs:
    lots, house = len(public.lots), public.house
    if house is None:
        nodes = [(0,)]
        return Beliefs((nodes[0],), np.zeros((1, 1), dtype=np.intp), (1,) * (lots + 1), _one())
    size = len(house.buyers)
    every = itertools.product(range(lots + 1), repeat=size)
    nodes = sorted((n for n in every if sum(n) <= lots), key=lambda n: (sum(n), n))
    place = {node: i for i, node in enumerate(nodes)}
    after = np.full((len(nodes), size), -1, dtype=np.intp)
    for (i, node), buyer in itertools.product(enumerate(nodes), range(size)):
        more = tuple(count + (j == buyer) for j, count in enumerate(node))
        after[i, buyer] = place.get(more, -1)
    sends = np.array(house.sends)
    weights = np.log(np.array(house.prior)) + np.array(nodes) @ np.log(sends).T
    posterior = np.exp(weights - weights.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    known = tuple(math.comb(t + size, size) for t in range(lots + 1))
    return Beliefs(tuple(nodes), after, known, posterior @ sends)


def _one() -> Vector:
    return np.ones((1, 1))
