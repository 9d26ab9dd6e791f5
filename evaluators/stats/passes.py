"""Whether repeated attempts pass: at least once in k, or every time in k.

With c of n attempts at a task passed, the unbiased estimates are

    pass@k = 1 - C(n - c, k) / C(n, k)    (Chen et al. 2021, arXiv 2107.03374)
    pass^k = C(c, k) / C(n, k)            (Yao et al. 2024, τ-bench, arXiv 2406.12045)

of one task; of several, their mean.
"""

import math
from collections import Counter
from collections.abc import Sequence

from evaluators.stats.bootstrap import mean_interval
from evaluators.stats.sample import DEFAULT, Estimate, Observation, Resampling
from tasks import UsageError


def pass_at(n: int, passed: int, k: int) -> float:
    """Chance that at least one of k attempts at a task passes.

    Raises:
        UsageError: not 0 ≤ passed ≤ n, or not 1 ≤ k ≤ n.
    """
    _check(n, passed, k)
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)


def pass_hat(n: int, passed: int, k: int) -> float:
    """pass^k: chance that all of k attempts at a task pass.

    Raises:
        UsageError: not 0 ≤ passed ≤ n, or not 1 ≤ k ≤ n.
    """
    _check(n, passed, k)
    return math.comb(passed, k) / math.comb(n, k)


def repeats(passed: Sequence[Observation]) -> int:
    """Attempts that every task has at least: the largest k of both."""
    return min(Counter(one.task for one in passed).values(), default=0)


def pass_hats(passed: Sequence[Observation], k: int, resampling: Resampling = DEFAULT) -> Estimate:
    """Mean pass^k over tasks, whose values are 1 (passed) or 0; the tasks are the clusters.

    Raises:
        UsageError: a task has fewer than k attempts, or there is none.
    """
    counts = Counter(one.task for one in passed)
    wins = Counter(one.task for one in passed if one.value >= 1.0)
    values = [pass_hat(n, wins[task], k) for task, n in counts.items()]
    return mean_interval(values, list(counts), resampling)


def _check(n: int, passed: int, k: int) -> None:
    if not 0 <= passed <= n or not 1 <= k <= n:
        raise UsageError(
            f"With {n} attempts of which {passed} passed, pass rates are defined for k from 1 to "
            f"{n}, not for {k}. More repeats (`--repeat`) allow a larger k."
        )
