"""Means and rates with 95 % intervals.

Rates: Wilson's score interval. Means: Student's t with the variance clustered by instance, so that
repeats of one instance do not pass for independent evidence (with one attempt per instance it is
the usual t interval). Needs two instances; else there is no interval, which is said as None.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

LEVEL = 0.95
_Z = 1.959963984540054

Interval = tuple[float, float] | None


def wilson(successes: int, n: int) -> Interval:
    """Interval of a rate; None without data."""
    if n == 0:
        return None
    p = successes / n
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return (max(0.0, middle - half), min(1.0, middle + half))


def clustered_t(values: Sequence[float], clusters: Sequence[str], level: float = LEVEL) -> Interval:
    """Interval of the mean of `values`; `clusters[i]` names the instance of value i."""
    names = set(clusters)
    if len(names) < 2:
        return None
    centre = mean(values)
    deviations: defaultdict[str, float] = defaultdict(float)
    for value, name in zip(values, clusters, strict=True):
        deviations[name] += value - centre
    variance = math.fsum(d**2 for d in deviations.values()) / len(values) ** 2
    variance *= len(names) / (len(names) - 1)
    half = t_quantile(len(names) - 1, level) * math.sqrt(variance)
    return (centre - half, centre + half)


def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """The t for which a Student variable of `freedom` degrees lies in [-t, t] with `level`."""
    from scipy.special import stdtrit  # only who asks for an interval pays for its import

    return float(stdtrit(freedom, (1 + level) / 2))


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 for nothing."""
    return math.fsum(values) / len(values) if values else 0.0
