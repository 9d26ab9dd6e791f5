"""Exact optimum of a sale by backward induction, and exact values of fixed policies.

State before lot t: budget b, mood h, sights n of the house's buyers. The own draw x (a value or an
appraisal) is seen, then a bid is made. If it loses or nothing is bid, the mood falls; if it wins,
the mood rises and the price leaves the budget; whoever bids sees the buyer. Values in ticks.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from ground_truth.strategic._auction_tables import Board, Index, Vector, compiled
from tasks.strategic._auction_sale import AuctionPublic

_CLOSE = 1e-9
"""Ticks below which a difference of two values is rounding."""

PolicyTable = Callable[[int, int], Index]
"""`(t, mood)` → bid in ticks, shape (budgets, nodes, own draws); 0 passes."""


@dataclass(frozen=True)
class Outlook:
    """What each bid a = 0..top on one lot brings by itself; axes as in `ClassTables`, m → a."""

    win: Vector
    """P(win), shape (h, c, x or 1, a)."""
    worth: Vector
    """E[value · 1{win}], shape (h, c, x, a)."""
    paid: Vector
    """E[price · 1{win}], shape (h, c, x or 1, a)."""


@dataclass(frozen=True)
class State:
    """What is known before a bid: lot, mood, node of the sights, ticks left, own draw."""

    lot: int
    mood: int
    node: int
    budget: int
    draw: int


@dataclass(frozen=True)
class Places:
    """States of one lot side by side, shape (states,) each."""

    mood: Index
    node: Index
    budget: Index
    draw: Index


class Solution:
    """The optimum of one sale. Build it with `solved`."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._outlooks = [outlook(board, t) for t in range(len(board.lots))]
        self._values = self._induction(None)

    @property
    def optimum(self) -> float:
        """Expected surplus of optimal play from the start, in ticks."""
        return float(self._values[0][self.board.start, self.board.budget, 0])

    def outlook(self, lot: int) -> Outlook:
        """What each bid on a lot brings by itself."""
        return self._outlooks[lot]

    def worths(self, state: State) -> Vector:
        """Q of every bid at a state, shape (top + 1,); -inf where it may not be made."""
        here = (state.mood, state.node, state.budget, state.draw)
        return self.worths_at(state.lot, Places(*(np.array([one]) for one in here)))[0]

    def worths_at(self, lot: int, at: "Places") -> Vector:
        """Q of every bid at some states of one lot, shape (states, top + 1)."""
        board, look, after = self.board, self._outlooks[lot], self._values[lot + 1]
        index, reserve = board.lots[lot]
        table, weights = board.classes[index], board.beliefs.chances[at.node]
        seen, row = board.beliefs.after[at.node], np.minimum(at.draw, look.win.shape[2] - 1)
        up = np.minimum(board.moods - 1, at.mood + board.rise)
        down = np.maximum(0, at.mood - board.fall)
        left = at.budget - board.fee
        rest = left[:, None] - np.maximum(np.arange(board.top + 1), reserve)
        # The value after, by buyer: where nothing is paid, and where a bid is the price.
        lost = after[down[:, None], np.maximum(left, 0)[:, None], seen]
        won = after[up[:, None, None], np.maximum(rest, 0)[:, None, :], seen[:, :, None]]
        win, odds = look.win[at.mood, :, row], table.odds[at.mood, :, row] * won
        future = win * won if table.first_price else below(odds) + board.tie * odds
        gain = look.worth[at.mood, :, at.draw] - look.paid[at.mood, :, row] - board.fee
        worths = np.einsum("sc,scb->sb", weights, gain + future + (1.0 - win) * lost[..., None])
        worths[rest < 0] = -np.inf
        worths[:, 1:reserve] = -np.inf
        worths[:, 0] = after[down, at.budget, at.node]
        return worths

    def best(self, state: State) -> int:
        """The lowest optimal bid at a state."""
        worths = self.worths(state)
        return int(np.argmax(worths >= worths.max() - _CLOSE))

    def value_of(self, policy: PolicyTable) -> float:
        """Expected surplus of a policy from the start, in ticks."""
        values = self._induction(policy)
        return float(values[0][self.board.start, self.board.budget, 0])

    def chance(self, state: State, bid: int) -> tuple[float, float]:
        """P(win) and E[value | win] of a bid; the second is NaN where the bid cannot win."""
        look, weights = self._outlooks[state.lot], self.board.beliefs.chances[state.node]
        row = min(state.draw, look.win.shape[2] - 1)
        win = float(weights @ look.win[state.mood, :, row, bid])
        worth = float(weights @ look.worth[state.mood, :, state.draw, bid])
        return win, worth / win if win > 0 else math.nan

    def price(self, state: State, bid: int) -> float:
        """E[price | win] of a bid, in ticks; NaN where it cannot win."""
        look, weights = self._outlooks[state.lot], self.board.beliefs.chances[state.node]
        row = min(state.draw, look.win.shape[2] - 1)
        win = float(weights @ look.win[state.mood, :, row, bid])
        return float(weights @ look.paid[state.mood, :, row, bid]) / win if win > 0 else math.nan

    def _induction(self, policy: PolicyTable | None) -> list[Vector]:
        """Value before each lot, optimal if no policy is given; (moods, budget + 1, nodes)."""
        board = self.board
        last = len(board.lots)
        values = [np.zeros((board.moods, board.budget + 1, board.beliefs.known[last]))]
        for t in reversed(range(last)):
            chances = board.classes[board.lots[t][0]].chances
            reached = self._optimal if policy is None else partial(self._followed, policy)
            rows = [reached(t, mood, values[-1]) @ chances for mood in range(board.moods)]
            values.append(np.stack(rows))
        return values[::-1]

    def _optimal(self, t: int, mood: int, after: Vector) -> Vector:
        """Value of the best bid given the own draw, shape (budgets, nodes, draws)."""
        nodes = np.arange(self.board.beliefs.known[t])
        draws = len(self.board.classes[self.board.lots[t][0]].chances)
        best = self._passed(t, mood, nodes, after)[..., None].repeat(draws, axis=-1)
        for _, least, worth in self._offers(t, mood, nodes, after):
            np.maximum(best[least:], worth, out=best[least:])
        return best

    def _followed(self, policy: PolicyTable, t: int, mood: int, after: Vector) -> Vector:
        """Value of a policy's bid given the own draw, shape (budgets, nodes, draws)."""
        nodes, bids = np.arange(self.board.beliefs.known[t]), policy(t, mood)
        value = self._passed(t, mood, nodes, after)[..., None].repeat(bids.shape[-1], axis=-1)
        for bid, least, worth in self._offers(t, mood, nodes, after):
            np.copyto(value[least:], worth, where=bids[least:] == bid)
        return value

    def _passed(self, t: int, mood: int, nodes: Index, after: Vector) -> Vector:
        """Value of passing, shape (budgets, nodes): nothing is paid, nobody is seen."""
        del t
        return after[max(0, mood - self.board.fall)][:, nodes]

    def _offers(
        self, t: int, mood: int, nodes: Index, after: Vector
    ) -> Iterator[tuple[int, int, Vector]]:
        """Every bid, the least budget that allows it, and its value from that budget upwards.

        The value has shape (budgets from the least, nodes, draws); it holds until the next step.
        """
        board, look = self.board, self._outlooks[t]
        index, reserve = board.lots[t]
        table, weights = board.classes[index], board.beliefs.chances[nodes]
        seen = board.beliefs.after[nodes]
        up, down = min(board.moods - 1, mood + board.rise), max(0, mood - board.fall)
        # P(buyer) times the value after, shape (budgets, nodes, buyers).
        won, lost = (after[level][:, seen] * weights for level in (up, down))
        gain = np.moveaxis((look.worth - look.paid)[mood], -1, 0) - board.fee
        win, odds = look.win[mood].transpose(2, 0, 1), table.odds[mood].transpose(2, 0, 1)
        whole = board.budget + 1
        # Second price: value after a win over the highest rival bids below this one.
        beaten = mixed(won[: max(0, whole - board.fee - reserve)], odds[:reserve].sum(axis=0))
        for bid in range(reserve, min(board.top, board.budget - board.fee) + 1):
            least = bid + board.fee
            worth = mixed(lost[bid : whole - board.fee], 1.0 - win[bid])
            if table.first_price:
                worth += mixed(won[: whole - least], win[bid])
            else:
                tied = mixed(won[: whole - least], odds[bid])
                worth += beaten + board.tie * tied
                beaten = (beaten + tied)[1:]
            yield bid, least, worth + weights @ gain[bid]


def mixed(values: Vector, shares: Vector) -> Vector:
    """Weigh the buyers' values (…, buyers) by `shares` (buyers, draws) to (…, draws)."""
    return (values.reshape(-1, values.shape[-1]) @ shares).reshape(*values.shape[:-1], -1)


def below(terms: Vector) -> Vector:
    """Sum over all bids below each, along the last axis."""
    return terms.cumsum(axis=-1) - terms


def outlook(board: Board, lot: int) -> Outlook:
    """What each bid on a lot brings by itself, from the tables of its class."""
    index, reserve = board.lots[lot]
    table = board.classes[index]
    price = np.maximum(np.arange(board.top + 1), reserve)
    win = below(table.odds) + board.tie * table.odds
    worth = below(table.worth) + board.tie * table.worth
    if table.first_price:
        paid = win * price
    else:
        paid = below(table.odds * price) + board.tie * table.odds * price
    return Outlook(win=win, worth=worth, paid=paid)


def solved(public: AuctionPublic) -> Solution:
    """The optimum of a sale (kept for the last few sales: a sale is judged many times over)."""
    game = public.model_copy(update={"scale": 0.0})
    return _solved(game)  # pyright: ignore[reportArgumentType] - frozen models have a hash


@lru_cache(maxsize=16)
def _solved(public: AuctionPublic) -> Solution:
    return Solution(compiled(public))


def single_lot(board: Board, look: Outlook, weight: float = 1.0) -> Vector:
    """Surplus of one lot by itself where money counts `weight`.

    Shape (moods, nodes, draws, bids); the node is what is known of the house.
    """
    per_buyer = look.worth - weight * look.paid - board.fee
    per_buyer[..., 0] = 0.0
    return np.tensordot(board.beliefs.chances, per_buyer, axes=(1, 1)).swapaxes(0, 1)


def affordable(scores: Vector, reserve: int, spendable: Index) -> Index:
    """Best bid among 0 and those from the reserve to each limit.

    `scores` has shape (…, bids); the result has shape (limits, …), the lowest of equals.
    """
    masked = scores.copy()
    masked[..., 1:reserve] = -np.inf
    best = np.maximum.accumulate(masked, axis=-1)
    fresh = np.concatenate(
        [np.ones((*best.shape[:-1], 1), dtype=bool), best[..., 1:] > best[..., :-1] + _CLOSE],
        axis=-1,
    )
    bids = np.where(fresh, np.arange(best.shape[-1]), 0)
    chosen = np.maximum.accumulate(bids, axis=-1)
    limits = np.clip(spendable, 0, best.shape[-1] - 1)
    return np.moveaxis(chosen[..., limits], -1, 0)
