"""Two agents on the same instances: the difference of their means, and whether it is chance.

Values are paired by instance and repeat; differences are summed by cluster, which is what the
tests flip and rank. The *sign-flip* test is the one to quote (exact for few clusters; under the
null either agent might have got either value); Wilcoxon's signed ranks and McNemar's test of passed
against failed stand beside it, as the field reports them. Holm (1979) corrects for several.
Fewer than two pairs: Welch's t test of the clusters' means, without pairing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators._core import Score
from evaluators.stats.bootstrap import DUST, mean_interval
from evaluators.stats.sample import (
    DEFAULT,
    Estimate,
    Resampling,
    Vector,
    cluster_means,
    cluster_sums,
)
from tasks import Frozen, InstanceId, UsageError

Key = tuple[str, int]
"""Instance and repeat."""


@dataclass(frozen=True)
class Measured:
    """One attempt of one agent."""

    value: float
    passed: bool
    cluster: str
    """The seed: what was drawn together."""


class Comparison(Frozen):
    """Candidate minus baseline."""

    paired: bool
    pairs: int
    clusters: int
    baseline: float
    candidate: float
    delta: Estimate
    p: float | None
    """Two-sided: sign flips where paired, else Welch's; None where there is too little to test."""
    wilcoxon: float | None = None
    mcnemar: float | None = None
    p_holm: float | None = None
    """`p` corrected for all comparisons made at once."""


def measured(scores: Sequence[Score], *, passed: bool = False) -> dict[Key, Measured]:
    """Abilities of measured attempts (or whether they passed); variants are left out."""
    return {
        (score.instance, score.n): Measured(
            float(score.passed) if passed else score.ability or 0.0,
            score.passed,
            str(InstanceId.parse(score.instance).seed),
        )
        for score in scores
        if score.status == "scored" and not score.variant
    }


def compare(
    baseline: Mapping[Key, Measured],
    candidate: Mapping[Key, Measured],
    resampling: Resampling = DEFAULT,
) -> Comparison:
    """Compare on what both have done; on all, without pairing, if that are fewer than two.

    Raises:
        UsageError: one of them has no attempt.
    """
    if not baseline or not candidate:
        raise UsageError(
            "One of the two has no measured attempt here; there is nothing to compare."
        )
    shared = [key for key in baseline if key in candidate]
    if len({baseline[key].cluster for key in shared}) < 2:
        return _unpaired(list(baseline.values()), list(candidate.values()), resampling)
    return paired(baseline, candidate, shared, resampling)


def paired(
    baseline: Mapping[Key, Measured],
    candidate: Mapping[Key, Measured],
    shared: Sequence[Key],
    resampling: Resampling = DEFAULT,
) -> Comparison:
    """Compare on `shared` alone; with fewer than two clusters there is neither interval nor p.

    Raises:
        UsageError: nothing is shared.
    """
    before, after = [baseline[key] for key in shared], [candidate[key] for key in shared]
    clusters = [one.cluster for one in before]
    differences = [_settled(new.value - old.value) for old, new in zip(before, after, strict=True)]
    delta = mean_interval(differences, clusters, resampling)
    enough = delta.clusters > 1
    return Comparison(
        paired=True,
        pairs=len(shared),
        clusters=delta.clusters,
        baseline=float(np.mean([one.value for one in before])),
        candidate=float(np.mean([one.value for one in after])),
        delta=delta,
        p=sign_flip(differences, clusters, resampling) if enough else None,
        wilcoxon=wilcoxon(cluster_means(differences, clusters)),
        mcnemar=mcnemar(_first(baseline, shared), _first(candidate, shared)) if enough else None,
    )


def _settled(difference: float) -> float:
    # Rounding has a sign, and signs are what is flipped and ranked.
    return 0.0 if abs(difference) < DUST else difference


def _first(attempts: Mapping[Key, Measured], shared: Sequence[Key]) -> list[bool]:
    """Whether the first shared repeat of each instance passed, in the order of the instances."""
    first: dict[str, Key] = {}
    for key in sorted(shared):
        first.setdefault(key[0], key)
    return [attempts[key].passed for key in first.values()]


def _unpaired(
    baseline: Sequence[Measured], candidate: Sequence[Measured], resampling: Resampling
) -> Comparison:
    before, after = _by_cluster(baseline), _by_cluster(candidate)
    means = float(before.mean()), float(after.mean())
    low = high = p = None
    if len(before) > 1 and len(after) > 1 and (np.ptp(before) > 0 or np.ptp(after) > 0):
        from scipy import stats

        found: Any = stats.ttest_ind(after, before, equal_var=False)
        ends = found.confidence_interval(resampling.level)
        low, high, p = float(ends.low), float(ends.high), float(found.pvalue)
    delta = Estimate(
        value=means[1] - means[0],
        low=low,
        high=high,
        n=len(baseline) + len(candidate),
        clusters=len(before) + len(after),
        method="Welch's t of clusters' means, unpaired",
    )
    return Comparison(
        paired=False,
        pairs=0,
        clusters=delta.clusters,
        baseline=means[0],
        candidate=means[1],
        delta=delta,
        p=p,
    )


def _by_cluster(attempts: Sequence[Measured]) -> Vector:
    return cluster_means([one.value for one in attempts], [one.cluster for one in attempts])


def sign_flip(
    differences: Sequence[float], clusters: Sequence[str], resampling: Resampling = DEFAULT
) -> float:
    """Two-sided p of the mean difference when each cluster's sign is a fair coin's.

    Exact where there are no more sign patterns than resamples; else by as many random ones.

    Raises:
        UsageError: no differences, or not one cluster's name a difference.
    """
    sums, _ = cluster_sums(differences, clusters)
    if not np.any(sums):
        return 1.0
    from scipy import stats

    def total(drawn: Any, axis: int = -1) -> Any:
        return drawn.sum(axis=axis)

    found: Any = stats.permutation_test(
        (sums,),
        total,
        permutation_type="samples",
        vectorized=True,
        n_resamples=max(resampling.resamples, 9_999),
        rng=resampling.rng(),
    )
    return float(found.pvalue)


def wilcoxon(differences: Vector) -> float | None:
    """Two-sided p of the signed ranks; zeros are dropped, and if all are, it is 1."""
    if len(differences) < 2:
        return None
    if not np.any(differences):
        return 1.0
    from scipy import stats

    found: Any = stats.wilcoxon(differences)
    return float(found.pvalue)


def mcnemar(baseline: Sequence[bool], candidate: Sequence[bool]) -> float:
    """Exact two-sided p of McNemar's test: which of the two passed where only one did."""
    from statsmodels.stats import contingency_tables

    table = np.zeros((2, 2))
    for old, new in zip(baseline, candidate, strict=True):
        table[int(old), int(new)] += 1
    found: Any = contingency_tables.mcnemar(table, exact=True)
    return float(found.pvalue)


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same, each with `p_holm`: corrected for all of them that have a p at all."""
    tested = [place for place, one in enumerate(comparisons) if one.p is not None]
    corrected = dict(
        zip(tested, holm_adjusted([one.p for one in comparisons if one.p is not None]), strict=True)
    )
    return [
        one.model_copy(update={"p_holm": corrected[place]}) if place in corrected else one
        for place, one in enumerate(comparisons)
    ]


def holm_adjusted(values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values."""
    if not values:
        return []
    from statsmodels.stats import multitest

    found: Any = multitest.multipletests(list(values), method="holm")
    return [float(p) for p in found[1]]
