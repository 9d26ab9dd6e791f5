"""What grades an answer to `strategic/hidden_regimes`, and how far an answer is from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ground_truth._core import Key
from tasks import JSON
from tasks.strategic._regimes_model import BELIEF, CALIBRATION, CHOICE, DECISION, TOLERANCE, VALUE

_ROUNDING = 1e-9
"""A gap exactly at the tolerance passes whatever the order of its sum."""


@dataclass(frozen=True)
class Gaps:
    """Distance of an answer from the truth, by what was asked; each 0 at best, 1 at worst."""

    now: float
    """Total variation distance."""
    earlier: float
    """Total variation distance."""
    passage: float
    """√(½ Σ (p - q)²): root of half the expected Brier score above that of the exact forecast."""
    regret: float
    """(best - chosen) / (best - mean of the plans), at most 1."""
    value: float
    """|stated value - that of the best plan| / (best - mean of the plans), at most 1."""

    @property
    def belief(self) -> float:
        """The belief axis, in [0, 1]."""
        return 1.0 - (self.now + self.earlier) / 2.0

    @property
    def decision(self) -> float:
        """The decision axis, in [0, 1]."""
        return 1.0 - CHOICE * self.regret - VALUE * self.value

    @property
    def calibration(self) -> float:
        """The calibration axis, in [0, 1]."""
        return 1.0 - self.passage

    @property
    def ability(self) -> float:
        """The weighted axes, as the brief states them."""
        whole = BELIEF * self.belief + DECISION * self.decision + CALIBRATION * self.calibration
        return min(1.0, max(0.0, whole))

    @property
    def passes(self) -> bool:
        """Every gap is within the tolerance."""
        gaps = (self.now, self.earlier, self.passage, self.regret, self.value)
        return max(gaps) <= TOLERANCE + _ROUNDING


class RegimesKey(Key):
    """The exact posteriors, the exact forecast and the expected pay-off of every plan."""

    posterior: tuple[float, ...]
    """Shape (regimes,): at the present step."""
    smoothed: tuple[float, ...]
    """Shape (regimes,): at the earlier step."""
    arrival: tuple[float, ...]
    """Shape (horizon + 1,)."""
    payoffs: dict[str, float]
    """Expected pay-off of each plan, by name."""

    @property
    def best(self) -> str:
        """The plan of the highest expected pay-off."""
        return max(self.payoffs, key=lambda name: self.payoffs[name])

    @property
    def scale(self) -> float:
        """Best minus mean expected pay-off of the plans; positive."""
        values = list(self.payoffs.values())
        return max(values) - math.fsum(values) / len(values)

    def gaps(self, answer: JSON) -> Gaps:
        """Compare an answer that the family's model has accepted."""
        top = self.payoffs[self.best]
        apart = [p - q for p, q in zip(answer["passage"], self.arrival, strict=True)]
        return Gaps(
            now=distance(answer["now"], self.posterior),
            earlier=distance(answer["earlier"], self.smoothed),
            passage=min(1.0, math.sqrt(0.5 * math.fsum(gap * gap for gap in apart))),
            regret=min(1.0, (top - self.payoffs[answer["action"]]) / self.scale),
            value=min(1.0, abs(answer["value"] - top) / self.scale),
        )


def distance(given: Sequence[float], exact: Sequence[float]) -> float:
    """Total variation distance of two distributions of one length."""
    return min(1.0, 0.5 * math.fsum(abs(p - q) for p, q in zip(given, exact, strict=True)))
