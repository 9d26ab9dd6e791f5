"""The rulebook of a risk desk: what is limited, in numbers. Every name is a reference by itself.

Exposure of an instrument is x = position · price, signed. A request of size s with legs
(side d = ±1, ratio r) moves each position by d·r·s. Usages and limits, m being the drawdown
multiplier and E the equity of the turn:

    gross g       Σ_{i∈g} |x_i|                                    ≤ m · gross_g
    net g         max(L, S) - netting_g · min(L, S)                ≤ m · net_g  (L longs, S shorts)
    single name   |x_i|, each instrument                           ≤ m · single
    stress k      -Σ_i shock_ik · x_i                              ≤ m · loss_k
    joint stress  √(Σ_gh corr_gh · l_g · l_h),  l_g = Σ shock_i x_i ≤ m · loss
    margin        Σ_i rate_i · |x_i|                               ≤ share · E
    leverage      Σ_i |x_i|                                        ≤ multiple · E
    liquidity     r · s, each leg                                  ≤ participation · volume

Every usage is convex in s and, but for liquidity, a limit that is exceeded already caps the usage
at what it is, so the safe sizes of a request are an interval [0, s*].
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tasks._core import Frozen, Public

TOLERANCE = 0.005
"""Slack of a size, as a share of the requested size."""
SLOPE = 0.2
"""Relative shortfall of the right size at which a turn is worth nothing."""
PASS_ABILITY = 0.9
DRAWDOWN, NONE = "drawdown", "none"
SINGLE, JOINT, MARGIN = "single name", "joint stress", "margin"
LEVERAGE, LIQUIDITY = "leverage", "liquidity"

Side = Literal["buy", "sell"]
Section = Literal["gross", "stress", "equity", "drawdown"]


class Instrument(Frozen):
    """What can be traded."""

    name: str
    group: str
    margin: float
    """Margin rate, share of the absolute exposure."""
    volume: float
    """Daily volume, in units of size."""


class Group(Frozen):
    """Instruments that are limited together."""

    name: str
    gross: float
    net: float
    netting: float
    """Share of the smaller side that may be set off against the larger, in [0, 1]."""


class Stress(Frozen):
    """One scenario: every price moves by a stated share at once."""

    name: str
    loss: float
    """Largest loss allowed."""
    shocks: dict[str, float]
    """Relative price move by instrument."""


class Joint(Frozen):
    """Correlated stress of the groups: a norm of the groups' signed moves."""

    loss: float
    shocks: dict[str, float]
    """Size of the move by instrument (positive)."""
    correlation: dict[str, dict[str, float]]
    """By group and group; symmetric, ones on the diagonal, positive definite."""


class Tier(Frozen):
    """From this drawdown on (until the next tier) this multiplier holds."""

    drawdown: float
    multiplier: float


class Style(Frozen):
    """How the brief is written; carries no information on any answer."""

    setting: str
    voice: int
    order: tuple[Section, ...]
    separators: bool
    """Thousands separators in the prompt's numbers."""
    listed: bool
    """Data as lists of sentences instead of tables."""


class RiskPublic(Public):
    """All that a solver needs beside the observations."""

    instruments: tuple[Instrument, ...]
    groups: tuple[Group, ...]
    stresses: tuple[Stress, ...]
    single: float | None
    margin: float | None
    """Share of the equity that margin may take."""
    participation: float | None
    leverage: float | None
    joint: Joint | None
    tiers: tuple[Tier, ...]
    """Ascending drawdown; the first starts at 0 with multiplier 1, the last has multiplier 0."""
    runoff: float
    """Share of every position that expires between two turns."""
    positions: dict[str, float]
    """At the first turn, in units of size."""
    peak: float
    """High-water mark carried in; stated in `desk_notes.md` alone."""
    turns: int = Field(ge=1)
    legs: int = Field(ge=1)
    """Most legs of a request."""
    quantum: float
    """Positions are kept to a multiple of this."""
    style: Style
    notes: str
    """Text of `desk_notes.md`; `{peak}` stands for the high-water mark."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What `binding_limit` may say."""
        return (
            NONE,
            DRAWDOWN,
            *(f"gross {g.name}" for g in self.groups),
            *(f"net {g.name}" for g in self.groups),
            *(f"stress {s.name}" for s in self.stresses),
            *(label for label, limit in self.further().items() if limit is not None),
        )

    def further(self) -> Mapping[str, object | None]:
        """The limits that an instance may or may not have, by label."""
        return {
            SINGLE: self.single,
            MARGIN: self.margin,
            LIQUIDITY: self.participation,
            LEVERAGE: self.leverage,
            JOINT: self.joint,
        }
