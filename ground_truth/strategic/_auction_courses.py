"""Sampled courses of a sale: what fixed rules score on it, by its public half alone.

The exact expectation of a rule's regret comes of the solver; the ability, 1 - regret / scale
clipped to [0, 1], is no sum over the lots, so its expectation is estimated from courses. A buyer
is drawn from what the past tells of it, which in law is as good as a hidden type.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ground_truth._core import Rng
from ground_truth.strategic._auction_solver import Places, PolicyTable, Solution
from ground_truth.strategic._auction_tables import Board, Index, Vector


def abilities(
    solution: Solution, rules: Mapping[str, PolicyTable], scale: float, rng: Rng, courses: int
) -> dict[str, float]:
    """Mean ability of each rule on courses drawn anew; `scale` in ticks.

    All rules meet the same random numbers, so that they differ by their bids.
    """
    board = solution.board
    tables = list(rules.values())
    regret = np.zeros((len(tables), courses))
    mood, node = np.full(regret.shape, board.start), np.zeros(regret.shape, dtype=np.intp)
    budget = np.full(regret.shape, board.budget)
    for t, (index, _) in enumerate(board.lots):
        uniforms = np.broadcast_to(rng.random((4, 1, courses)), (4, *regret.shape))
        draw = _drawn(board.classes[index].chances, uniforms[0])
        at = Places(*(one.reshape(-1) for one in (mood, node, budget, draw)))
        bid = np.concatenate([_bids(table, t, at, rows) for table, rows in _rows(tables, courses)])
        worths = solution.worths_at(t, at)
        lost = worths.max(axis=1) - worths[np.arange(len(bid)), bid]
        regret += lost.reshape(regret.shape)
        moved = _after(board, t, at, bid, uniforms[1:].reshape(3, -1))
        mood, node, budget = (one.reshape(regret.shape) for one in moved)
    means = np.clip(1.0 - regret / scale, 0.0, 1.0).mean(axis=1)
    return dict(zip(rules, means.tolist(), strict=True))


def _rows(tables: Sequence[PolicyTable], courses: int) -> list[tuple[PolicyTable, slice]]:
    return [(table, slice(i * courses, (i + 1) * courses)) for i, table in enumerate(tables)]


def _bids(table: PolicyTable, t: int, at: Places, rows: slice) -> Index:
    """What a rule bids in its rows of the states."""
    mood, node, budget, draw = (one[rows] for one in (at.mood, at.node, at.budget, at.draw))
    bids = np.zeros(len(mood), dtype=np.intp)
    for level in np.unique(mood).tolist():
        here = mood == level
        bids[here] = table(t, level)[budget[here], node[here], draw[here]]
    return bids


def _drawn(chances: Vector, uniforms: Vector) -> Index:
    """Inverse of the distribution function, along the last axis of `chances`."""
    reached = chances.cumsum(axis=-1)
    return (uniforms[..., None] * reached[..., -1:] >= reached).sum(axis=-1)


def _after(
    board: Board, t: int, at: Places, bid: Index, uniforms: Vector
) -> tuple[Index, Index, Index]:
    """Mood, node and budget after the bids; uniform numbers for buyer, highest bid and tie."""
    index, reserve = board.lots[t]
    table = board.classes[index]
    buyer = _drawn(board.beliefs.chances[at.node], uniforms[0])
    row = np.minimum(at.draw, table.odds.shape[2] - 1)
    highest = _drawn(table.odds[at.mood, buyer, row], uniforms[1])
    won = (bid > 0) & ((bid > highest) | ((bid == highest) & (uniforms[2] < board.tie)))
    price = bid if table.first_price else np.maximum(reserve, highest)
    return (
        np.clip(at.mood + np.where(won, board.rise, -board.fall), 0, board.moods - 1),
        np.where(bid > 0, board.beliefs.after[at.node, buyer], at.node),
        at.budget - np.where(bid > 0, board.fee, 0) - np.where(won, price, 0),
    )
