"""Probability that the slope is negative: that better agents do worse."""

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._regression import slopes
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) Phi(-a_j / se_j)."""
    from scipy.special import ndtr

    found = slopes(evidence)
    return ndtr(-found.a / found.se)


statistic = Statistic(
    name="negative_slope",
    summary="P(a_j < 0) = Phi(-a_j / se_j), the normal approximation to the posterior of `slope`.",
    source="Lord, Applications of Item Response Theory, 1980, chapter 2",
    suspect="high",
    measure=measure,
)
