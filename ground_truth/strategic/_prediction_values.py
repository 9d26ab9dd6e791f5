"""Exact value of optimal play in `strategic/prediction_markets`, and of simple rules.

State when the agent acts in round t: node n of the reports (see `_prediction_beliefs`), position
x, orders left k, sum M of the outside moves. With π(n, M) = P(first outcome) and u_t(x, a, M) the
money that an order a costs, fees included,

    W_t(n, x, k, M) = E[V_{t+1}(n', x, k, M + m) | n, M],   W_{T-1} = payout·x·π - penalty·x²,
    V_t(n, x, k, M) = max_a W_t(n, x + a, k - 1{a≠0}, M) - u_t(x, a, M),

over orders within the limits (k ≥ 1 for a ≠ 0); the expectation mixes the two outcomes with the
weights π and 1 - π. W_t is the value *after* an order, from which the regret of every action
follows. Nothing is approximated: all these sets are finite.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from ground_truth.strategic._prediction_beliefs import Grid, Round, Whole, move_chances, rounds
from tasks.strategic._prediction_public import Book, Maker, PredictionPublic

Play: TypeAlias = Callable[[int, Grid], Grid]
"""`play(t, W_t)` gives the value V_t of some way to play."""


@dataclass(frozen=True)
class Solution:
    """The solved game."""

    rounds: tuple[Round, ...]
    costs: tuple[Grid, ...]
    """Per round, shape (positions, orders, 2 t + 1): money paid; infinite if refused."""
    after: tuple[Grid, ...]
    """Per round W_t, shape (nodes, positions, orders left, 2 t + 1)."""
    optimum: float
    """Expected final wealth of optimal play from the start."""


def positions(public: PredictionPublic) -> Whole:
    """Every position within the limits, in contracts, ascending."""
    return np.arange(-public.short_limit, public.long_limit + 1, public.lot)


def orders(public: PredictionPublic) -> Whole:
    """Every order of the grid, in contracts: 0 first, then ±1 lot, ±2 lots, and so on.

    Ties go to the first of equals: the smallest order.
    """
    sizes = np.arange(public.lot, public.max_order + 1, public.lot)
    return np.array([0, *(s * sign for s in sizes for sign in (1, -1))])


def quoted(
    public: PredictionPublic, t: int, held: Whole | int, size: Whole | int, moves: Whole | int
) -> Grid:
    """Money that orders cost in round t, fees included; infinite where one is refused.

    Args:
        public: The game.
        t: The round.
        held: Positions before the orders, in contracts.
        size: The orders, in contracts.
        moves: Sums of the outside moves.

    Returns:
        In the shape to which these three broadcast.
    """
    if isinstance(public.market, Maker):
        b, net = public.market.liquidity, public.market.net
        sold = (net + held + public.flow.size * np.asarray(moves)) / b
        bought = np.asarray(size) / b
        paid = public.payout * b * (np.logaddexp(0, sold + bought) - np.logaddexp(0, sold))
    else:
        reference = np.array(public.market.reference)[np.asarray(moves) + len(public.fees) - 1]
        paid = _walked(public.market, reference, np.asarray(size))
    reached = held + np.asarray(size)
    out = (reached < -public.short_limit) | (reached > public.long_limit)
    return np.where(out, np.inf, paid + public.fees[t] * np.abs(size))


def _walked(book: Book, reference: Grid, size: Whole) -> Grid:
    """What orders pay (negative: get) in the book; infinite where it is not deep enough."""
    found = np.zeros(np.broadcast_shapes(reference.shape, size.shape))
    for levels, sign in ((book.asks, 1), (book.bids, -1)):
        left = np.maximum(sign * size, 0)
        for level in levels:
            taken = np.minimum(left, level.size)
            price = np.clip(reference + sign * level.offset, book.lowest, book.highest)
            found = found + sign * taken * price
            left = left - taken
        found = np.where(left > 0, np.inf, found)
    return found


def spent(public: PredictionPublic, t: int) -> Grid:
    """Money that each order costs in round t, shape (positions, orders, 2 t + 1); as `quoted`."""
    held, size = positions(public)[:, None, None], orders(public)[None, :, None]
    return quoted(public, t, held, size, np.arange(-t, t + 1))


def settled(public: PredictionPublic, belief: Grid) -> Grid:
    """Expected settlement, shape (nodes, positions, 1, moves), by belief (nodes, moves)."""
    held = positions(public)[:, None, None]
    return public.payout * held * belief[:, None, None, :] - public.penalty * held**2


def solve(public: PredictionPublic) -> Solution:
    """Solve the game by backward induction."""
    # Neither how it is told nor its scale is part of the game.
    return _solved(public.model_copy(update={"scale": 1.0}).model_dump_json())


@lru_cache(maxsize=24)
def _solved(game: str) -> Solution:
    """Kept for the last games (some MB each): grading asks for what was just played."""
    public = PredictionPublic.model_validate_json(game)
    steps = rounds(public)
    costs = tuple(spent(public, t) for t in range(len(steps)))
    values, optimum = induced(public, steps, lambda t, after: _best(public, costs[t], after))
    return Solution(steps, costs, values, optimum)


def induced(
    public: PredictionPublic, steps: Sequence[Round], play: Play
) -> tuple[tuple[Grid, ...], float]:
    """W of every round under some way to play, and its value at the start."""
    last = len(steps) - 1
    belief = steps[last].belief
    shape = (len(belief), len(positions(public)), public.orders + 1, belief.shape[1])
    after = [np.array(np.broadcast_to(settled(public, belief), shape))]
    value = play(last, after[0])
    for t in range(last - 1, -1, -1):
        first, second = _expected(public, steps[t + 1], value)
        belief = steps[t].belief[:, None, None, :]
        after.append(second + belief * (first - second))
        value = play(t, after[-1])
    opening = steps[0]
    chances = public.prior * opening.chances[0] + (1.0 - public.prior) * opening.chances[1]
    start = value[opening.reached[0], public.short_limit // public.lot, public.orders, 0]
    return tuple(reversed(after)), float(chances @ start)


def _expected(public: PredictionPublic, arrived: Round, value: Grid) -> tuple[Grid, Grid]:
    """Expected value before the outside trader and the next reports, given either outcome."""
    moves, width = move_chances(public.flow), value.shape[-1] - 2
    found: list[Grid] = []
    for outcome in (0, 1):
        drifted = moves[outcome, 0] * value[..., :width]
        for m in (1, 2):
            drifted += moves[outcome, m] * value[..., m : m + width]
        told = np.zeros((len(arrived.reached), *drifted.shape[1:]))
        for places, chance in zip(arrived.reached.T, arrived.chances[outcome], strict=True):
            told += chance * drifted[places]
        found.append(told)
    return found[0], found[1]


def _best(public: PredictionPublic, costs: Grid, after: Grid) -> Grid:
    """V from W: the best order of each state."""
    value, held = after.copy(), after.shape[1]
    for index, order in enumerate((orders(public) // public.lot).tolist()):
        low, high = max(0, -order), min(held, held - order)
        if order and high > low:
            other = after[:, low + order : high + order, :-1] - costs[low:high, index, None, :]
            np.maximum(value[:, low:high, 1:], other, out=value[:, low:high, 1:])
    return value
