"""Trading a yes-or-no claim over several rounds, against a market maker or an order book.

The outcome o ∈ {0: the first named, 1: the second} is fixed from the start, P(o = 0) = prior. Each
round t = 0 … T-1: the sources of `schedule[t]` report; the agent trades and states P(o = 0); after
every round but the last one outside trader moves the market by -1, 0 or +1 times `flow.size`,
informed with probability `flow.informed`. A source that copies repeats, with a stated chance, what
another one reported in the same round. Fees are charged per contract, only so many orders are
executed, and the position is bounded and (quadratically) penalised at settlement.

The market maker is Hanson's logarithmic scoring rule (own trades move its price for good); the
order book has a reference price that follows the outside traders alone, and refills every round
(own trades walk up its levels). Value and score: `ground_truth.strategic.prediction_markets`.
"""

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BaseModel, Field, create_model

from tasks._core import Budget, Family, Frozen, Params
from tasks.strategic import _prediction_prose as prose
from tasks.strategic._prediction_public import PredictionPublic
from tasks.strategic._variants import EXAM_VARIANTS


class PredictionParams(Params):
    """What makes an instance hard."""

    rounds: int = Field(ge=3, le=10)
    sources: int = Field(ge=1, le=3)
    """Sources that report by themselves; one of them reports in each round."""
    copiers: int = Field(ge=0, le=1)
    """A further source that often repeats one of those."""
    clarity: float = Field(gt=0.5, lt=1.0)
    """Mean probability that a report names the true outcome."""
    informed: float = Field(gt=0.0, lt=0.9)
    """About the share of informed outside traders."""
    flow: int = Field(ge=1, le=10)
    """Lots that an outside trader buys or sells."""
    liquidity: int = Field(ge=2, le=60)
    """About the market's liquidity parameter in lots; small is a market that moves fast."""
    orders: int = Field(ge=1, le=5)
    position: int = Field(ge=2, le=12)
    """About the position limit in lots."""
    order: int = Field(ge=1, le=8)
    """Largest order in lots."""
    fee: float = Field(ge=0.0, le=0.2)
    """Median fee per contract, as a share of what a contract pays."""
    penalty: float = Field(ge=0.0, le=0.2)
    """Cost of a final position of one lot, per contract and as a share of what it pays."""
    venues: tuple[Literal["maker", "book"], ...] = Field(min_length=1)


def answer(public: PredictionPublic) -> type[BaseModel]:
    """Model of one action: an order and the probability of the first outcome."""
    return _action(public.lot, public.max_order, public.outcomes[0])


@lru_cache(maxsize=64)
def _action(lot: int, most: int, first: str) -> type[BaseModel]:
    # Asked for at every step of an episode; making a model takes longer than all the rest of one.
    order = Field(
        strict=True,
        ge=-most,
        le=most,
        multiple_of=lot,
        description=f"Contracts to buy (> 0) or sell (< 0), a multiple of {lot}; 0 passes.",
    )
    chance = Field(
        ge=0.0,
        le=1.0,
        description=f"P({first}) given all that was seen up to this round.",
    )
    model: type[BaseModel] = create_model(
        "MarketAction",
        __base__=Frozen,
        trade=(Annotated[int, order], ...),
        probability=(Annotated[float, chance], ...),
    )
    return model


family: Family[PredictionParams, PredictionPublic] = Family(
    version=1,
    title="Prediction markets",
    summary="Trade a claim over several rounds on reports and on what the market's moves tell.",
    tags=frozenset({"strategic"}),
    params=PredictionParams,
    public=PredictionPublic,
    presets={
        "easy": PredictionParams(
            rounds=5,
            sources=1,
            copiers=0,
            clarity=0.75,
            informed=0.4,
            flow=4,
            liquidity=8,
            orders=1,
            position=6,
            order=4,
            fee=0.02,
            penalty=0.0,
            venues=("maker",),
        ),
        "medium": PredictionParams(
            rounds=6,
            sources=2,
            copiers=0,
            clarity=0.72,
            informed=0.4,
            flow=4,
            liquidity=8,
            orders=2,
            position=6,
            order=4,
            fee=0.02,
            penalty=0.01,
            venues=("maker", "book"),
        ),
        "hard": PredictionParams(
            rounds=7,
            sources=2,
            copiers=1,
            clarity=0.7,
            informed=0.45,
            flow=4,
            liquidity=8,
            orders=2,
            position=6,
            order=5,
            fee=0.03,
            penalty=0.015,
            venues=("maker", "book"),
        ),
        "expert": PredictionParams(
            rounds=8,
            sources=3,
            copiers=1,
            clarity=0.68,
            informed=0.5,
            flow=5,
            liquidity=10,
            orders=3,
            position=6,
            order=5,
            fee=0.03,
            penalty=0.02,
            venues=("maker", "book"),
        ),
    },
    answer=answer,
    brief=prose.brief,
    measure="regret",
    episode=True,
    budget=Budget(wall_s=1800.0, tool_calls=120),
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase"),
)
