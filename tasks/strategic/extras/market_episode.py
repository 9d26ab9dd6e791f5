"""A market maker quotes around a mid price that moves as a Brownian motion, step after step.

The rules and the grade are those of the published simulator (MimirBench,
`environments/market_making/simulator.py`), which none of its configurations reaches; the limits,
which it leaves to the caller, are ours.
"""

from typing import Annotated

from pydantic import BaseModel, Field

from tasks._core import BriefText, Budget, Family, Frozen, Params, Public

PNL_SCALE = 100.0
"""Money: a profit of this much scores ½ + ½ tanh 1."""

Price = Annotated[float, Field(ge=-1e6, le=1e6)]


class EpisodeParams(Params):
    """Length and scale of the game; the defaults are the published ones."""

    steps: int = Field(default=100, ge=1, le=1_000)
    start: float = Field(default=100.0, gt=0.0, le=1e4)
    volatility: float = Field(default=1.0, gt=0.0, le=100.0)
    """Standard deviation of the mid price's change in one step, in money."""
    position_limit: float = Field(default=25.0, gt=0.0, le=1e3)
    loss_limit: float = Field(default=100.0, gt=0.0, le=1e6)


class EpisodePublic(Public):
    """The game without its path."""

    steps: int
    start: float
    volatility: float
    position_limit: float
    """Units: largest absolute inventory; also the bounds of the inventory."""
    loss_limit: float
    """Money: largest loss at the end."""
    size_limit: float
    """Units: largest size of one quote."""


class EpisodeQuote(Frozen):
    """One action: what is quoted until the next mid price is known."""

    bid: Price | None = Field(description="Price at which you buy; null: you do not bid.")
    ask: Price | None = Field(description="Price at which you sell; null: you do not offer.")
    size: float = Field(gt=0.0, description="Units on each side that is quoted.")


def action(public: EpisodePublic) -> type[BaseModel]:
    """Model of one action: a quote whose size is within the limit."""

    class BoundedQuote(EpisodeQuote):
        """A quote; see the brief."""

        size: float = Field(
            gt=0.0, le=public.size_limit, description="Units on each side that is quoted."
        )

    return BoundedQuote


def brief(public: EpisodePublic) -> BriefText:
    """The rules, the grade and the limits in full."""
    limit, size = public.position_limit, public.size_limit
    return BriefText(
        prompt=f"""\
You make a market in one instrument for {public.steps} steps.

## Rules

The mid price starts at {public.start:g}. In every step it changes by a normal number of mean 0 and
standard deviation {public.volatility:g}, independent of everything else. Before each change you
quote a `bid`, an `ask` and a `size` (above 0, at most {size:g}); null on a side quotes nothing
there. Then the next mid price is known:

- if it is at or below your bid, you buy `size` units at your bid;
- else, if it is at or above your ask, you sell `size` units at your ask.

You begin with no cash and no inventory, and may run up either sign of both. What you see after each
step: the step, the mid price, your inventory, your cash, your profit (cash + inventory · mid) and
which side was filled; the reward is the change of the profit.

## What is scored

With P the profit after the last step, the score is ½ + ½ tanh(P / {PNL_SCALE:g}); a profit of 0 or
more passes. The score is 0 and nothing passes if the inventory was ever above {limit:g} or below
-{limit:g}, or if P is below -{public.loss_limit:g}. If you stop before the end, nothing is quoted
from there on.

Beside the score stands what your quotes gave away on average, whatever the path: the expected
distance between the price of a fill and the mid price after it, times the size. It is 0 for one who
never quotes, and nobody can expect a profit above 0.

## How to play

Each call of `act` takes one action, for example `{{"bid": 98.5, "ask": 101.5, "size": 1}}`.
"""
    )


family: Family[EpisodeParams, EpisodePublic] = Family(
    version=1,
    title="Market-making episode (published extra)",
    summary="Quote around a Brownian mid price for 100 steps; the profit is scored.",
    tags=frozenset({"extras"}),
    params=EpisodeParams,
    public=EpisodePublic,
    presets={"published": EpisodeParams()},
    answer=action,
    brief=brief,
    measure="regret",
    notebook=False,
    episode=True,
    budget=Budget(wall_s=1800.0, tool_calls=400),
    open_keys=True,
)
