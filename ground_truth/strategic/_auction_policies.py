"""Fixed rules of bidding: none plans ahead. The best of them on average is the floor.

A rule is a table of bids over all states, so that its exact value can be had by the solver, and a
player reads its bids from the same table.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial

import numpy as np

from ground_truth._core import Player, Rng
from ground_truth.strategic._auction_solver import (
    PolicyTable,
    State,
    affordable,
    outlook,
    single_lot,
)
from ground_truth.strategic._auction_tables import Board, Index, Vector, compiled
from ground_truth.strategic._auction_view import action, state_of
from tasks import JSON, Observation
from tasks.strategic._auction_sale import AuctionPublic

Rule = Callable[[Board], PolicyTable]

_LADDER = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.65, 1.8, 2.0, 2.3, 2.7, 3.2, 4.0, 6.0)
"""Weights of money among which the paced rule chooses."""

Target = Callable[[Board, int], Vector]
"""`(board, t)` → what the rule would bid for each own draw, in ticks, if it could."""


def _by_target(target: Target) -> Rule:
    """Bid a target, less if the budget does not allow it, and pass below the reserve."""

    def rule(board: Board) -> PolicyTable:
        def table(t: int, mood: int) -> Index:
            del mood
            left = np.arange(board.budget + 1)[:, None] - board.fee
            goal = np.floor(target(board, t) + 0.5).astype(np.intp)
            bid = np.minimum(np.minimum(goal, board.top), left)
            bid = np.where(bid >= board.lots[t][1], bid, 0)[:, None, :]
            return bid.repeat(board.beliefs.known[t], axis=1)

        return table

    return rule


def _estimates(board: Board, t: int) -> Vector:
    return board.classes[board.lots[t][0]].estimates


def _share(share: float) -> Rule:
    return _by_target(lambda board, t: share * _estimates(board, t))


def _fixed(amount: Callable[[Board, int], int]) -> Rule:
    return _by_target(lambda board, t: np.full(_estimates(board, t).shape, float(amount(board, t))))


def _weighing(weight: float, *, cursed: bool = False, pace: float | None = None) -> Rule:
    """The exact optimum of every lot by itself, where a unit of money counts `weight`.

    With `pace` a bid is at most that multiple of the budget left per lot left; who is `cursed`
    takes a lot for worth as much when it is won as before.
    """

    def rule(board: Board) -> PolicyTable:
        @cache
        def scores(t: int) -> Vector:
            look = outlook(board, t)
            if cursed:
                naive = look.win * _estimates(board, t)[:, None]
                look = type(look)(win=look.win, worth=naive, paid=look.paid)
            return single_lot(board, look, weight)

        def table(t: int, mood: int) -> Index:
            left = np.arange(board.budget + 1) - board.fee
            if pace is not None:
                share = pace * np.arange(board.budget + 1) / (len(board.lots) - t)
                left = np.minimum(left, np.floor(share).astype(np.intp))
            nodes = board.beliefs.known[t]
            return affordable(scores(t)[mood, :nodes], board.lots[t][1], left)

        return table

    return rule


def _paced(board: Board) -> PolicyTable:
    """Weigh money so that what is left is expected to last, as if nothing were to change."""
    looks = [outlook(board, t) for t in range(len(board.lots))]

    @cache
    def ladder(t: int) -> Index:
        """Bids at every weight and limit, shape (moods, nodes, draws, weights, limits)."""
        reserve, limits = board.lots[t][1], np.arange(board.top + 1)
        steps = [affordable(single_lot(board, looks[t], w), reserve, limits) for w in _LADDER]
        return np.moveaxis(np.stack(steps), (0, 1), (-2, -1))

    @cache
    def spending(t: int) -> Vector:
        """Expected spending from lot t on without a budget, shape (moods, nodes, weights)."""
        if t == len(board.lots):
            return np.zeros((board.moods, len(board.beliefs.counts), len(_LADDER)))
        paid = np.tensordot(board.beliefs.chances, looks[t].paid, axes=(1, 1)).swapaxes(0, 1)
        bids = ladder(t)[..., -1]
        per_bid = np.broadcast_to(paid, (*bids.shape[:-1], board.top + 1))
        spent = np.take_along_axis(per_bid, bids, -1) + board.fee * (bids > 0)
        chances = board.classes[board.lots[t][0]].chances
        return chances @ spent + spending(t + 1)

    def table(t: int, mood: int) -> Index:
        nodes = np.arange(board.beliefs.known[t])
        purse = np.arange(board.budget + 1)[:, None]
        spent = spending(t)[mood, : len(nodes), :-1]
        # The lowest weight at which the budget lasts, shape (budgets, nodes).
        step = (spent > purse[..., None]).cumprod(axis=-1).sum(axis=-1)
        limits = np.clip(purse - board.fee, 0, board.top)
        return ladder(t)[mood, nodes, :, step, limits]

    return table


def _textbook(board: Board, t: int) -> Vector:
    """Value in a second-price sale, (n - 1) / n of it in a first-price one, for n bidders."""
    shaded = board.classes[board.lots[t][0]].first_price
    return _estimates(board, t) * (board.rivals / (board.rivals + 1.0) if shaded else 1.0)


SIMPLE: Mapping[str, Rule] = {
    "paced": _paced,
    "thrift_25": _weighing(1.25),
    "thrift_50": _weighing(1.5),
}
"""The rules that come nearest to the optimum: the best of them sets an instance's scale."""

RULES: Mapping[str, Rule] = {
    **SIMPLE,
    "myopic": _weighing(1.0),
    "thrift_100": _weighing(2.0),
    "myopic_paced": _weighing(1.0, pace=1.5),
    "cursed": _weighing(1.0, cursed=True),
    "zero": _fixed(lambda board, t: 0),
    "reserve": _fixed(lambda board, t: board.lots[t][1]),
    "all_in": _fixed(lambda board, t: board.top),
    "middle": _fixed(lambda board, t: board.top // 2),
    "even_spending": _fixed(lambda board, t: board.budget // len(board.lots)),
    "truthful": _share(1.0),
    "three_quarters": _share(0.75),
    "two_thirds": _share(2.0 / 3.0),
    "half": _share(0.5),
    "shaded": _by_target(_textbook),
}
"""Every rule that is a table."""


def player(public: AuctionPublic, rule: Rule) -> Player:
    """Play a rule."""
    board = compiled(public)
    table = cache(rule(board))

    def play(seen: Observation) -> JSON:
        state = state_of(public, board, seen)
        bid = int(table(state.lot, state.mood)[state.budget, state.node, state.draw])
        return _stated(public, board, state, bid)

    return play


def _stated(public: AuctionPublic, board: Board, state: State, bid: int) -> JSON:
    return action(public, bid, 0.5, float(_estimates(board, state.lot)[state.draw]))


def _last_price(public: AuctionPublic, rng: Rng) -> Player:
    """A tick above the highest rival bid that was last seen, if the value allows it."""
    del rng
    board = compiled(public)

    def play(seen: Observation) -> JSON:
        state = state_of(public, board, seen)
        last = seen.view["last"] or {}
        highest = round((last.get("highest_rival_bid") or 0.0) / public.tick)
        goal = max(highest + 1, board.lots[state.lot][1])
        limit = min(board.top, state.budget - board.fee)
        worth = float(_estimates(board, state.lot)[state.draw])
        return _stated(public, board, state, goal if goal <= min(limit, worth) else 0)

    return play


def _random(public: AuctionPublic, rng: Rng) -> Player:
    board = compiled(public)

    def play(seen: Observation) -> JSON:
        state = state_of(public, board, seen)
        return _stated(public, board, state, any_bid(board, state, rng))

    return play


def any_bid(board: Board, state: State, rng: Rng) -> int:
    """Pass or a bid that is allowed, each with the same chance."""
    most = min(board.top, state.budget - board.fee)
    reserve = board.lots[state.lot][1]
    return int(rng.choice([0, *range(reserve, most + 1)]))


def _ruled(rule: Rule, public: AuctionPublic, rng: Rng) -> Player:
    del rng
    return player(public, rule)


POLICIES: Mapping[str, Callable[[AuctionPublic, Rng], Player]] = {
    **{name: partial(_ruled, rule) for name, rule in RULES.items()},
    "last_price": _last_price,
    "random": _random,
}
