"""Signed slope: how the item's log odds move with an ability that owes nothing to the item."""

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._regression import slopes
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) slope a_j; one unit of ability is one sd of the agents."""
    return slopes(evidence).a


statistic = Statistic(
    name="slope",
    summary="Logistic regression of the item on the Rasch ability without it, a ~ N(0, 9): unlike "
    "a fitted 2PL slope, which its prior keeps positive, this one may be negative.",
    source="Lord, Applications of Item Response Theory, 1980, chapter 2",
    suspect="low",
    measure=measure,
)
