"""What a sale consists of: lots and their classes, rivals and how they bid."""

from typing import Literal

from pydantic import Field

from tasks._core import Frozen, Public

PASS_MARK = 0.95
"""Ability from which an episode counts as passed."""
WIN_SPREAD = 0.25
"""Error of `win_probability` that scores 0."""

Format = Literal["first-price", "second-price"]
Basis = Literal["private", "common"]
Role = Literal["steady", "reactive", "house"]
Section = Literal["classes", "lots", "rivals"]


class LotClass(Frozen):
    """Lots of one kind: how they are sold and where their value comes from."""

    name: str
    format: Format
    basis: Basis
    values: tuple[float, ...]
    """Ascending; with private value the agent's own, else the one value to whoever wins."""
    chances: tuple[float, ...]
    """P(value), shape (values,)."""
    appraisals: tuple[float, ...] = ()
    """Common value only: what a bidder may read off its own appraisal."""
    readings: tuple[tuple[float, ...], ...] = ()
    """P(appraisal | value), shape (values, appraisals)."""

    @property
    def spread(self) -> float:
        """A quarter of the range of values: the error of `expected_value` that scores 0."""
        return (self.values[-1] - self.values[0]) / 4.0


class Lot(Frozen):
    """One lot of the sale; lots come in the listed order."""

    name: str
    lot_class: int
    """Index of its class."""
    reserve: float


class Band(Frozen):
    """With probability `chance` the bid is uniform over the multiples of the tick in a range."""

    chance: float
    low: float
    high: float


class Habit(Frozen):
    """How a rival bids on lots of one class, at one level."""

    no_bid: float = 0.0
    """Private value: probability of no bid; the bands have the rest."""
    bands: tuple[Band, ...] = ()
    by_appraisal: tuple[float, ...] = ()
    """Common value: the bid for each appraisal that the rival may read; 0 is no bid."""


class Rival(Frozen):
    """Another bidder."""

    name: str
    role: Role
    habits: tuple[tuple[Habit, ...], ...]
    """Shape (classes, levels): one level (steady), one a mood (reactive), one a buyer (house)."""


class Mood(Frozen):
    """The level of every reactive rival: it rises when the agent wins, else it falls."""

    names: tuple[str, ...]
    start: int
    rise: int = Field(ge=1)
    fall: int = Field(ge=1)


class House(Frozen):
    """What is known of the house: its type is drawn once, its buyer anew for every lot."""

    types: tuple[str, ...]
    prior: tuple[float, ...]
    buyers: tuple[str, ...]
    sends: tuple[tuple[float, ...], ...]
    """P(buyer | type), shape (types, buyers)."""


class Style(Frozen):
    """How the brief is written; carries no information on the answer."""

    setting: str
    voice: Literal["plain", "formal"]
    order: tuple[Section, ...]
    percent: bool


class AuctionPublic(Public):
    """All that a solver needs; the same numbers that the prompt prints."""

    currency: str
    tick: float
    """Every bid, value and price is a whole multiple of it."""
    top: float
    """The highest bid."""
    budget: float
    fee: float
    tie: float
    """Probability that the agent wins where its bid equals the highest rival bid."""
    classes: tuple[LotClass, ...]
    lots: tuple[Lot, ...]
    rivals: tuple[Rival, ...]
    mood: Mood | None
    house: House | None
    scale: float
    """Regret that brings the score to 0."""
    style: Style

    @property
    def levels(self) -> int:
        """Number of moods."""
        return 1 if self.mood is None else len(self.mood.names)


def bids(public: AuctionPublic) -> list[float]:
    """Every amount that may be bid, in ascending order; the first, 0, means to pass."""
    return [public.tick * k for k in range(round(public.top / public.tick) + 1)]
