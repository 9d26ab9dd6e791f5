"""Point-biserial correlation: the item against the whole score, itself included."""

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence, correlations
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) correlation of the item's score with the agent's mean score."""
    return correlations(evidence.score, evidence.seen, evidence.total)


statistic = Statistic(
    name="point_biserial",
    summary="Pearson correlation of the item with the mean score on all answered items, itself "
    "among them (so it flatters short tests).",
    source="Lord and Novick, Statistical Theories of Mental Test Scores, 1968, chapter 15",
    suspect="low",
    measure=measure,
)
