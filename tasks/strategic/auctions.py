"""Bid through a sale of several lots: a sequential episode against fixed and adaptive rivals.

Every lot belongs to a class: first or second price, private or common value. All rules, tables
and distributions are stated; only the draws are hidden. Amounts are whole multiples of a tick, so
the optimum is exact: backward induction over (lot, budget, mood of the reactive rivals, buyers of
the house seen so far), where the house's hidden type enters by Bayes' rule. With V that value,

    Q(bid) = E[value - price; win] - fee + E[V(next state)],    regret = max Q - Q(bid),

and ability = 1 - Σ regret / scale, clipped: no term depends on how a draw fell out.
"""

import json
from typing import Annotated

from pydantic import BaseModel, Field, create_model, field_validator

from tasks._core import JSON, BriefText, Budget, Family, Frozen, Params
from tasks.strategic._auction_prose import prompt
from tasks.strategic._auction_sale import AuctionPublic, Basis, Format, bids
from tasks.strategic._variants import EXAM_VARIANTS


class AuctionParams(Params):
    """What makes an instance hard."""

    lots: int = Field(ge=1, le=10)
    grid: int = Field(ge=6, le=30)
    """Ticks of the highest value and bid."""
    values: int = Field(ge=2, le=8)
    """Values (and, with common value, appraisals) that a lot may have."""
    classes: tuple[tuple[Format, Basis], ...] = Field(min_length=1, max_length=4)
    steady: int = Field(ge=0, le=3)
    """Rivals whose bids are drawn from one fixed distribution a class."""
    reactive: int = Field(ge=0, le=2)
    """Rivals whose bids follow the mood, which moves with the agent's wins."""
    moods: int = Field(ge=1, le=4)
    types: int = Field(ge=0, le=4)
    """Hidden types of the one rival house that sends buyers; 0: no such rival."""
    buyers: int = Field(ge=1, le=3)
    noise: float = Field(ge=0.2, le=3.0)
    """Spread of an appraisal around the common value, in steps between values."""
    tightness: float = Field(gt=0.0, le=1.0)
    """Budget as a share of the sum of the lots' mean values."""
    fee: int = Field(ge=0, le=2)
    """Ticks that every bid costs, won or lost."""


def answer(public: AuctionPublic) -> type[BaseModel]:
    """Model of one action: a bid on the grid and what the agent believes of it."""
    allowed = bids(public)
    vocabulary: dict[str, JSON] = {"enum": allowed}

    def on_grid(value: float) -> float:
        if value not in allowed:
            raise ValueError(
                f"{value:g} is not on the grid; bid 0 to pass, or a whole multiple of "
                f"{public.tick:g} up to {public.top:g}"
            )
        return value

    model: type[BaseModel] = create_model(
        "Bid",
        __base__=Frozen,
        __validators__={"grid": field_validator("bid")(on_grid)},
        bid=(
            float,
            Field(
                description=f"Your bid in {public.currency}; 0 passes.",
                json_schema_extra=vocabulary,
            ),
        ),
        win_probability=(
            Annotated[float, Field(ge=0.0, le=1.0)],
            Field(
                description="Probability that this bid wins the lot; if you pass, that a bid at "
                "the reserve price would win it."
            ),
        ),
        expected_value=(
            Annotated[float, Field(ge=0.0, le=public.top)],
            Field(
                description=f"Expected value of the lot in {public.currency}, given all you know "
                "and that the bid of `win_probability` wins. With private value: your value."
            ),
        ),
    )
    return model


def brief(public: AuctionPublic) -> BriefText:
    """Write the situation, the rules, the tables, the objective and the contract."""
    text = json.dumps(public.model_dump(mode="json", exclude={"style"}), indent=1)
    return BriefText(prompt=prompt(public), files={"instance.json": text.encode()})


_FIRST: tuple[Format, Basis] = ("first-price", "private")
_SECOND: tuple[Format, Basis] = ("second-price", "private")
_FIRST_COMMON: tuple[Format, Basis] = ("first-price", "common")
_SECOND_COMMON: tuple[Format, Basis] = ("second-price", "common")

family: Family[AuctionParams, AuctionPublic] = Family(
    version=1,
    title="Auctions",
    summary="Bid through a sale on a budget: private and common value, rivals that adapt.",
    tags=frozenset({"strategic"}),
    params=AuctionParams,
    public=AuctionPublic,
    presets={
        "easy": AuctionParams(
            lots=6,
            grid=14,
            values=4,
            classes=(_FIRST, _SECOND, _SECOND_COMMON),
            steady=2,
            reactive=0,
            moods=1,
            types=0,
            buyers=1,
            noise=0.6,
            tightness=0.22,
            fee=0,
        ),
        "medium": AuctionParams(
            lots=7,
            grid=16,
            values=4,
            classes=(_FIRST, _SECOND, _SECOND_COMMON),
            steady=1,
            reactive=1,
            moods=3,
            types=0,
            buyers=1,
            noise=0.8,
            tightness=0.25,
            fee=0,
        ),
        "hard": AuctionParams(
            lots=8,
            grid=20,
            values=5,
            classes=(_FIRST, _SECOND, _FIRST_COMMON),
            steady=1,
            reactive=1,
            moods=3,
            types=2,
            buyers=2,
            noise=1.0,
            tightness=0.22,
            fee=0,
        ),
        "expert": AuctionParams(
            lots=9,
            grid=24,
            values=5,
            classes=(_FIRST, _SECOND, _FIRST_COMMON, _SECOND_COMMON),
            steady=1,
            reactive=1,
            moods=3,
            types=3,
            buyers=2,
            noise=1.2,
            tightness=0.22,
            fee=1,
        ),
    },
    answer=answer,
    brief=brief,
    measure="regret",
    episode=True,
    budget=Budget(wall_s=2400.0, tool_calls=120),
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase"),
)
