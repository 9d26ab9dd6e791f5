"""Simple rules that trade whatever gains most at once, if it gains enough per contract.

They set the scale of an instance: twice the smallest expected regret among them, when they know
the exact probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ground_truth.strategic._prediction_beliefs import Grid, Whole
from ground_truth.strategic._prediction_values import Solution, induced, orders, positions
from tasks.strategic._prediction_public import PredictionPublic


@dataclass(frozen=True)
class Rule:
    """A hurdle that the expected gain per contract must pass, as a share of the payout."""

    hurdle: float = 0.0
    falling: bool = False
    """The hurdle falls linearly, towards 0 after the last round."""
    last: int | None = None
    """It trades in this many last rounds only; None: in all."""

    def choose(self, public: PredictionPublic, t: int, gains: Grid) -> Whole:
        """Index of the order it gives, shape (...), from gains of shape (orders, ...)."""
        left = len(public.schedule) - t
        if self.last is not None and left > self.last:
            return np.zeros(gains.shape[1:], dtype=np.int64)
        share = self.hurdle * (left / len(public.schedule) if self.falling else 1.0)
        size = np.abs(orders(public)).reshape(-1, *(1,) * (gains.ndim - 1))
        return np.argmax(gains - share * public.payout * size, axis=0)


RULES: Mapping[str, Rule] = {
    "hurdle_10": Rule(0.1),
    "falling_10": Rule(0.1, falling=True),
    "falling_20": Rule(0.2, falling=True),
    "falling_30": Rule(0.3, falling=True),
    "last_three": Rule(last=3),
}
"""The best of many such rules that were tried, in most instances."""


def gains(public: PredictionPublic, costs: Grid, belief: Grid) -> Grid:
    """What each order gains if no other follows.

    Args:
        public: The game.
        costs: Money paid, shape (positions, orders, moves).
        belief: P(first outcome), shape (nodes, moves).

    Returns:
        Shape (orders, nodes, positions, moves); minus infinity where it is refused.
    """
    held, size = positions(public), orders(public)[:, None]
    penalty = public.penalty * ((held + size) ** 2 - held**2)
    paid = np.moveaxis(costs, 1, 0) + penalty[:, :, None]
    worth = public.payout * orders(public)[:, None, None] * belief
    return worth[:, :, None, :] - paid[:, None, :, :]


def regrets(public: PredictionPublic, solution: Solution) -> dict[str, float]:
    """Expected regret (money) of each rule with exact probabilities, by exact induction."""
    offered = [
        gains(public, costs, step.belief)
        for costs, step in zip(solution.costs, solution.rounds, strict=True)
    ]
    return {name: _regret(public, solution, rule, offered) for name, rule in RULES.items()}


def _regret(
    public: PredictionPublic, solution: Solution, rule: Rule, offered: Sequence[Grid]
) -> float:
    def play(t: int, after: Grid) -> Grid:
        chosen = rule.choose(public, t, offered[t])
        size = orders(public)[chosen] // public.lot
        node, place, move = np.ogrid[tuple(slice(n) for n in chosen.shape)]
        paid = solution.costs[t][place, chosen, move]
        value = after.copy()
        for left in range(1, public.orders + 1):
            kept = np.where(size == 0, left, left - 1)
            value[:, :, left] = after[node, place + size, kept, move] - paid
        return value

    return solution.optimum - induced(public, solution.rounds, play)[1]
