"""Published form: what does a truthful bidder expect to gain in a second-price auction?"""

from typing import Literal

from tasks._core import Family, Public
from tasks.strategic.v0._form import About, PublishedParams, published


class AuctionPublic(Public):
    """One bidder's view, independent private values uniform on [0, v_max] (money)."""

    n_bidders: int
    v_max: float
    your_value: float
    auction_type: Literal["second_price"] = "second_price"


def text(public: AuctionPublic) -> str:
    """The prompt; money to six significant digits."""
    return (
        f"An item is sold to the highest of {public.n_bidders} sealed bids, at the price of the "
        "second-highest bid. You are one of the bidders. Each bidder knows his own value for the "
        "item; the values were drawn independently of one another, uniformly between 0 and "
        f"{public.v_max:g}. Yours is {public.your_value:g}.\n\n"
        "You bid your value, which is the best that you can do, and so do the others. What surplus "
        "(value minus payment, 0 for a loser) do you expect before the bids are opened?\n\n"
        "Give a JSON object with the key `expected_surplus`: one number."
    )


family: Family[PublishedParams, AuctionPublic] = published(
    "auctions",
    100,
    AuctionPublic,
    text,
    "v0_surplus",
    About(
        title="Auctions (published form)",
        summary="Expected surplus of truthful bidding in a second-price auction.",
        calculators=("auction_solver", "ev_calculator"),
        relations=("unit_scale_change",),
    ),
)
