"""What an instance of `strategic/information_control` is: its parameters and its public half."""

from typing import Annotated, Literal

from pydantic import Field

from tasks._core import Frozen, Params, Public
from tasks.strategic._tables import Numbers

Section = Literal["regimes", "modes", "sources"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
BUY, OPERATE = "buy:", "operate:"


class ControlParams(Params):
    """What makes an instance hard."""

    rounds: int = Field(ge=2, le=20)
    modes: int = Field(ge=2, le=5)
    sources: int = Field(ge=1, le=5)
    readings: int = Field(ge=2, le=4)
    """Most readings that a source tells apart."""
    reports: int = Field(ge=1, le=6)
    """Reports that may be bought in all."""
    per_round: int = Field(ge=1, le=2)
    phases: int = Field(ge=1, le=3)
    """Kinds of round that differ in how the regime changes."""
    change: float = Field(gt=0.0, le=0.5)
    """Mean probability that the regime changes between two rounds."""
    evidence: float = Field(gt=0.0, le=3.0)
    """Spread of the log likelihoods of readings: strength of one report."""
    outcome: float = Field(ge=0.0, le=1.0)
    """How much more likely a success is in a mode's own regime."""
    price: float = Field(gt=0.0)
    """Mean price of a report, in units of a typical gain."""
    switching: float = Field(ge=0.0)
    """Mean cost of a change of mode, in units of a typical gain."""
    digits: int = Field(ge=2, le=4)
    """Decimals of every stated probability; the stated numbers are exact."""


class Mode(Frozen):
    """What can be operated."""

    name: str
    success: tuple[float, float]
    """P(success | regime)."""
    gain: float
    loss: float


class Source(Frozen):
    """Where reports are bought."""

    name: str
    price: float
    readings: tuple[str, ...]
    rates: tuple[tuple[float, ...], tuple[float, ...]]
    """Shape (2, readings): P(reading | regime)."""


class Phase(Frozen):
    """A kind of round."""

    name: str
    change: tuple[float, float]
    """P(first → second regime), P(second → first) at the end of such a round."""


class ControlStyle(Frozen):
    """How the brief is written; carries no information on the regime."""

    setting: str
    order: tuple[Section, ...]
    numbers: Numbers


class ControlPublic(Public):
    """The whole game but its draws."""

    rounds: int
    regimes: tuple[str, str]
    prior: float
    """P(second regime) in round 1."""
    phases: tuple[Phase, ...]
    plan: tuple[int, ...]
    """Shape (rounds,): index of each round's phase."""
    outcomes: tuple[str, str]
    """What a success and a failure are called."""
    modes: tuple[Mode, ...]
    switching: tuple[tuple[float, ...], ...]
    """Shape (modes, modes): cost of operating the column after the row."""
    start: int
    sources: tuple[Source, ...]
    reports: int
    per_round: int
    scale: float
    """The regret that brings the ability to 0, in the units of the game."""
    digits: int
    style: ControlStyle
