"""Optimal quotes of a risk-averse dealer in closed form.

Source: M. Avellaneda and S. Stoikov, "High-frequency trading in a limit order book", Quantitative
Finance 8 (2008) 217-224. The mid price is an arithmetic Brownian motion of volatility s, the
dealer has exponential utility of risk aversion g, and a quote at distance d from the mid is
filled at the rate A·exp(-k·d). To first order in the inventory the optimal quotes lie at

    reservation price ± half the spread,
    reservation price = mid - q·g·s²·t,
    spread            = g·s²·t + (2/g)·ln(1 + g/k),

with inventory q (units, signed), risk aversion g, volatility s and time t to the horizon.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Dealer:
    """What the closed form needs to know of dealer and market."""

    risk_aversion: float
    """g > 0, per unit of money."""
    volatility: float
    """s >= 0, money per square root of time."""
    fill_decay: float
    """k > 0: the fill rate falls as exp(-k·distance), per unit of money."""

    def __post_init__(self) -> None:
        sound = self.risk_aversion > 0 and self.fill_decay > 0 and self.volatility >= 0
        if not sound or not math.isfinite(self.risk_aversion + self.fill_decay + self.volatility):
            raise ValueError(
                "a dealer needs finite risk_aversion > 0, fill_decay > 0 and volatility >= 0, "
                f"got {self.risk_aversion}, {self.fill_decay} and {self.volatility}"
            )


def reservation_price(mid: float, inventory: float, dealer: Dealer, time_left: float) -> float:
    """The price at which the dealer is indifferent to one unit more.

    Raises:
        ValueError: `time_left` is negative.
    """
    return mid - inventory * _variance_cost(dealer, time_left)


def optimal_spread(dealer: Dealer, time_left: float) -> float:
    """Distance between the optimal ask and the optimal bid, in money.

    Raises:
        ValueError: `time_left` is negative.
    """
    gamma = dealer.risk_aversion
    # log1p keeps the risk-neutral limit 2/k exact for tiny gamma.
    return _variance_cost(dealer, time_left) + 2.0 / gamma * math.log1p(gamma / dealer.fill_decay)


def _variance_cost(dealer: Dealer, time_left: float) -> float:
    if not time_left >= 0:
        raise ValueError(f"time_left must not be negative, got {time_left}")
    return dealer.risk_aversion * dealer.volatility**2 * time_left
