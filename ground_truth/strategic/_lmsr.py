"""The logarithmic market scoring rule: an automated market maker for event contracts.

Source: R. Hanson, "Combinatorial information market design", Information Systems Frontiers 5
(2003) 107-119. With q_i shares of outcome i sold so far (each pays 1 if i happens) and the
liquidity parameter b > 0 (money),

    cost   C(q) = b·ln Σ_i exp(q_i/b),     price of i = ∂C/∂q_i = exp(q_i/b) / Σ_j exp(q_j/b);

a trade d costs C(q + d) - C(q), and the maker's loss is bounded by b·ln n.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, logit, logsumexp, softmax

Vector: TypeAlias = npt.NDArray[np.float64]
Shares: TypeAlias = Sequence[float] | Vector
"""Shape (outcomes,): shares sold of each outcome."""


def cost(shares: Shares, liquidity: float) -> float:
    """C(q): what all trades so far have paid in, plus C(0) = b·ln n.

    Raises:
        ValueError: `liquidity` is not positive, or there are fewer than two outcomes.
    """
    return liquidity * _log_sum(_scaled(shares, liquidity))


def prices(shares: Shares, liquidity: float) -> Vector:
    """Instantaneous prices, shape (outcomes,): positive, they sum to 1.

    Raises:
        ValueError: as for `cost`.
    """
    return softmax(_scaled(shares, liquidity))


def trade_cost(shares: Shares, trade: Shares, liquidity: float) -> float:
    """What buying `trade` (shape (outcomes,), negative = selling) costs from the state `shares`.

    Raises:
        ValueError: as for `cost`, or the shapes differ.
    """
    before, bought = np.asarray(shares, dtype=float), np.asarray(trade, dtype=float)
    if before.shape != bought.shape:
        raise ValueError(f"a trade has one number per outcome: {bought.shape} for {before.shape}")
    # b·ln Σ exp(ln price + d/b): no difference of two large numbers.
    log_prices: Vector = log_softmax(_scaled(before, liquidity))
    return liquidity * _log_sum(log_prices + _scaled(bought, liquidity))


def shares_to_price(price: float, target: float, liquidity: float) -> float:
    """Shares of one of two outcomes to buy (negative: sell) that move its price to `target`.

    Raises:
        ValueError: a price is not inside (0, 1), or `liquidity` is not positive.
    """
    _positive(liquidity)
    if not (0.0 < price < 1.0 and 0.0 < target < 1.0):
        raise ValueError(f"prices of two outcomes lie inside (0, 1), got {price} and {target}")
    return liquidity * float(logit(target) - logit(price))


def worst_loss(outcomes: int, liquidity: float) -> float:
    """The market maker's largest possible loss from a uniform start, b·ln n, in money.

    Raises:
        ValueError: as for `cost`.
    """
    return liquidity * math.log(len(_scaled([0.0] * outcomes, liquidity)))


def _log_sum(exponents: Vector) -> float:
    return float(cast("np.float64", logsumexp(exponents)))


def _scaled(shares: Shares, liquidity: float) -> Vector:
    _positive(liquidity)
    vector = np.asarray(shares, dtype=float)
    if vector.ndim != 1 or len(vector) < 2:
        raise ValueError(f"a market has two outcomes or more, got shares of shape {vector.shape}")
    return vector / liquidity


def _positive(liquidity: float) -> None:
    if not (liquidity > 0 and math.isfinite(liquidity)):
        raise ValueError(f"liquidity must be positive and finite, got {liquidity}")
