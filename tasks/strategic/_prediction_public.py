"""What an agent may know of a `strategic/prediction_markets` instance, in numbers."""

from typing import Literal

from pydantic import Field

from tasks._core import Frozen, Public

Section = Literal["reports", "traders", "market", "limits"]


class Source(Frozen):
    """Who reports, and how reliably."""

    name: str
    hit: float
    """P(reports outcome 0 | outcome 0) where it reports by itself."""
    false_alarm: float
    """P(reports outcome 0 | outcome 1) where it reports by itself."""
    copies: int | None
    """Index of the source (one that copies nobody) that it may repeat; None: it copies nobody."""
    copying: float
    """Probability that it repeats that source's report of the same round, where there is one."""


class Flow(Frozen):
    """The outside trader who comes after every round but the last."""

    size: int
    """Contracts bought or sold."""
    informed: float
    """Probability of one who buys under outcome 0 and sells under outcome 1."""
    idle: float
    """Probability that one who is not informed does nothing; he buys or sells equally often."""


class Maker(Frozen):
    """A market maker by the logarithmic scoring rule."""

    kind: Literal["maker"] = "maker"
    liquidity: int
    """The parameter b, in contracts."""
    net: int
    """Contracts outstanding at the start (bought minus sold)."""


class Level(Frozen):
    """Contracts offered at one distance from the reference price."""

    offset: float
    """In money, > 0, increasing from level to level."""
    size: int


class Book(Frozen):
    """An order book that refills every round."""

    kind: Literal["book"] = "book"
    reference: tuple[float, ...]
    """Shape (2 T - 1,): the reference price (money) where the outside traders so far have bought
    i - (T - 1) times more often than sold, i the index."""
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    lowest: float
    highest: float
    """A price that would lie beyond is this one instead."""


class Style(Frozen):
    """How the brief is written; carries no information on the answer."""

    setting: str
    order: tuple[Section, ...]
    percent: bool
    listed: bool
    """Lists of sentences instead of tables."""
    voice: int = Field(ge=0, le=1)


class PredictionPublic(Public):
    """All that a solver needs; the same numbers that the prompt prints. Money is in `currency`."""

    event: str
    outcomes: tuple[str, str]
    """A contract pays if the first one comes true."""
    prior: float
    payout: float
    currency: str
    sources: tuple[Source, ...]
    schedule: tuple[tuple[int, ...], ...]
    """Shape (T, ·): which sources report in each round."""
    flow: Flow
    market: Maker | Book = Field(discriminator="kind")
    fees: tuple[float, ...]
    """Shape (T,): money per contract traded."""
    penalty: float
    """Money per squared contract of the final position."""
    lot: int
    max_order: int
    short_limit: int
    long_limit: int
    """The position stays in [-short_limit, long_limit], in contracts."""
    orders: int
    """Orders that are executed at most."""
    scale: float
    """The regret (money) that brings the score to 0."""
    style: Style
