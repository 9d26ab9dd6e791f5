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


def clustered_t(values: Sequence[float], clusters: Sequence[str]) -> Interval:
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
    half = t_quantile(len(names) - 1) * math.sqrt(variance)
    return (centre - half, centre + half)


def t_quantile(freedom: int) -> float:
    """The t for which a Student variable of `freedom` degrees lies in [-t, t] with 95 %."""
    low, high = 0.0, 13.0  # the widest, for one degree, is 12.71
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < LEVEL else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| <= t), the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 for nothing."""
    return math.fsum(values) / len(values) if values else 0.0
