"""The types of `strategic/hidden_regimes`: what makes it hard, and what of it an agent may know."""

from typing import Literal

from pydantic import Field

from tasks._core import Frozen, Params, Public
from tasks.strategic._tables import Numbers

TOLERANCE = 0.05
"""Largest gap of every graded quantity that passes."""
SUM_SLACK = 1e-3
"""How far from 1 the sum of a stated distribution may lie."""
BELIEF, DECISION, CALIBRATION = 0.4, 0.35, 0.25
"""Weights of the axes in the ability."""
CHOICE, VALUE = 0.7, 0.3
"""Weights of the chosen plan and of its stated value in the decision axis."""

Section = Literal["regimes", "sensors", "plans"]
Voice = Literal["account", "protocol"]


class RegimesParams(Params):
    """What makes an instance hard."""

    regimes: int = Field(ge=2, le=6)
    steps: int = Field(ge=4, le=60)
    sensors: int = Field(ge=1, le=4)
    symbols: int = Field(ge=2, le=5)
    evidence: float = Field(gt=0.0, le=3.0)
    """Spread of the log reading rates between regimes: strength of one reading."""
    coverage: float = Field(gt=0.0, le=1.0)
    """Probability that a sensor is scheduled at a step."""
    ages: int = Field(ge=1, le=6)
    """Ages with a leaving probability of their own; 1 is a plain Markov chain."""
    loss: float = Field(ge=0.0, le=0.8)
    """Largest probability, over regimes, that a scheduled reading is lost."""
    lag: int = Field(ge=0, le=4)
    """Steps by which the first sensor shows the past."""
    delay: int = Field(ge=0, le=6)
    """Longest delay of the last sensor, whose speed depends on the regime; 0 is no delay."""
    dial: int = Field(ge=0, le=6)
    """Steps after which the second-to-last sensor's symbols move on by one; 0 is never."""
    windows: int = Field(ge=0, le=5)
    """Windows of which only a bin of one count is known."""
    pushes: int = Field(ge=0, le=5)
    """Scheduled interventions before the last step; if any, one more follows in the horizon."""
    horizon: int = Field(ge=2, le=10)
    plans: int = Field(ge=2, le=6)
    digits: int = Field(ge=2, le=4)
    """Decimals of every stated probability; the stated numbers are exact."""


class Sensor(Frozen):
    """One instrument. A reading of step t is about the regime at t - lag."""

    name: str
    rates: tuple[tuple[float, ...], ...]
    """Shape (regimes, symbols): P(symbol | regime), given that it is not lost."""
    lost: tuple[float, ...]
    """Shape (regimes,): P(lost | regime); empty if it loses nothing."""
    lag: int = 0
    dial: int = 0
    """At step t the symbol x is shown as symbol (x + (t - 1) // dial) mod symbols; 0: as x."""
    delay: tuple[tuple[float, ...], ...] = ()
    """Shape (regimes, delays): P(it comes in d steps later | regime); empty if at once."""


class Reading(Frozen):
    """What one sensor showed. Index of a symbol, or `len(symbols)` for lost, or None: pending."""

    sensor: int
    step: int
    """Step at which it was scheduled, from 1."""
    shown: int | None
    after: int | None = None
    """Steps after which it came in; None for a sensor without delays, and while pending."""


class Window(Frozen):
    """The number of marked steps among first..last, both included, lies in low..high."""

    first: int
    last: int
    low: int
    high: int


class Plan(Frozen):
    """What may be done over the horizon."""

    name: str
    fee: float
    """Paid once, in `currency`."""
    pay: tuple[float, ...]
    """Shape (regimes,): received at every step of the horizon while the plan runs."""
    ends: int | None
    """The plan ends after the first step of the horizon in this regime; None: never early."""
    pushes: bool
    """Choosing it adds an intervention at the end of the last step."""


class Style(Frozen):
    """How the brief is written; carries no information on the answer."""

    setting: str
    order: tuple[Section, ...]
    numbers: Numbers
    transposed: bool
    listed: bool
    """The record as a list of sentences instead of a table."""
    voice: Voice


class RegimesPublic(Public):
    """All that a solver needs; the same numbers that the prompt prints."""

    regimes: tuple[str, ...]
    initial: tuple[float, ...]
    leave: tuple[tuple[float, ...], ...]
    """Shape (regimes, ages): P(it ends after this step | regime, age); last: this age or more."""
    jump: tuple[tuple[float, ...], ...]
    """Shape (regimes, regimes), zero diagonal: P(next | regime, it ends)."""
    push: tuple[tuple[float, ...], ...]
    """Shape (regimes, regimes): P(next | regime, intervention); empty where there is none."""
    pushes: tuple[int, ...]
    """Steps at whose end an intervention takes place, in the horizon too."""
    symbols: tuple[str, ...]
    sensors: tuple[Sensor, ...]
    readings: tuple[Reading, ...]
    marks: tuple[float, ...]
    """Shape (regimes,): P(a step is marked | regime); empty without windows."""
    windows: tuple[Window, ...]
    steps: int
    """The present step T."""
    earlier: int
    """The past step that is asked for."""
    target: int
    """The regime whose first arrival is forecast."""
    horizon: int
    plans: tuple[Plan, ...]
    currency: str
    digits: int
    style: Style
