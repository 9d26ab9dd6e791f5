"""Item-rest correlation: do agents that do well elsewhere do well here?"""

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence, correlations
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) correlation of the item's score with the mean score on the other items."""
    return correlations(evidence.score, evidence.seen, evidence.rest)


statistic = Statistic(
    name="item_rest",
    summary="Pearson correlation of the item with the mean score on all other answered items.",
    source="Lord and Novick, Statistical Theories of Mental Test Scores, 1968, chapter 15",
    suspect="low",
    measure=measure,
)
