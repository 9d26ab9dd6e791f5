"""Loevinger's H_j: Guttman errors of the item against what independence would make."""

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._guttman import item_sums
from evaluators.irt.diagnostics._statistic import Statistic


def measure(evidence: Evidence) -> Floats:
    """(J,) H_j = sum over k of cov_jk / sum over k of the largest cov_jk that the margins allow."""
    sums = item_sums(evidence)
    return sums.coefficient


statistic = Statistic(
    name="scalability",
    summary="H_j = 1 - observed / expected Guttman errors with all other items, = sum cov / sum "
    "of the largest covariance at these margins; .3 / .4 / .5 weak / medium / strong.",
    source="Mokken, A Theory and Procedure of Scale Analysis, 1971, section 4.3",
    suspect="low",
    measure=measure,
)
