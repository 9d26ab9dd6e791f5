"""Closed forms of the second-price sealed-bid auction, values independent and uniform.

With n - 1 rivals drawn from U[0, v_max], a truthful bidder of value v ≤ v_max expects
∫₀^v (v - x) d(x/v_max)^(n-1) = v^n / (n · v_max^(n-1)). Welfare is the expected highest of n
values, revenue the expected second highest (Krishna, *Auction Theory*, ch. 2).
"""

from typing import Annotated, Literal

from pydantic import Field

from server.calculators._core import Calculator
from tasks import JSON, Frozen


class Arguments(Frozen):
    """One bidder's view of the auction."""

    your_value: Annotated[float, Field(ge=0)]
    n_bidders: Annotated[int, Field(ge=1, le=1_000)]
    v_max: Annotated[float, Field(gt=0)] = 1.0
    auction_type: Literal["second_price"] = "second_price"


def compute(asked: Arguments) -> dict[str, JSON]:
    """`expected_surplus` before the bids are known, `expected_welfare`, `expected_revenue`."""
    n, top = asked.n_bidders, asked.v_max
    value = min(asked.your_value, top)
    return {
        "expected_surplus": value**n / (n * top ** (n - 1)),
        "expected_welfare": top * n / (n + 1),
        "expected_revenue": top * (n - 1) / (n + 1),
    }


calculator = Calculator(
    "Expected surplus, welfare and revenue of a second-price auction, rivals U[0, v_max].",
    Arguments,
    compute,
)
