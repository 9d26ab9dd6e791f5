"""Intervals of a rate from independent trials; both are honest at 0 and at 1.

Wilson (1927) has its level on average; Clopper and Pearson (1934) at least, so it is wider: use it
where a rate must not be flattered, as for unsafe actions.
"""

from typing import Any

from evaluators._intervals import LEVEL, Interval
from evaluators._intervals import wilson as wilson


def clopper_pearson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """The exact interval; None without trials."""
    if n == 0:
        return None
    from scipy import stats

    found: Any = stats.binomtest(successes, n).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)
