"""What is told of scored runs: one run with its intervals, several beside the first of them."""

from collections.abc import Mapping, Sequence

from evaluators._core import Score
from evaluators._intervals import Interval, clustered_t, wilson
from evaluators.stats.bootstrap import hierarchical_interval, mean_interval, stratified_interval
from evaluators.stats.paired import Comparison, compare, holm, measured
from evaluators.stats.passes import pass_at, pass_hats, repeats
from evaluators.stats.proportions import clopper_pearson
from evaluators.stats.sample import DEFAULT, Estimate, Observation, Resampling, observations
from evaluators.stats.variance import Split, variance_split
from tasks import Frozen, UsageError

MAX_K = 8
"""Largest k of pass^k that is told."""


class Group(Frozen):
    """One family and preset of one run."""

    family: str
    preset: str
    n: int
    instances: int
    mean: Estimate
    """Of the abilities, over instances."""
    t_interval: Interval
    """Of the same mean by Student's t."""
    pass_rate: float
    wilson: Interval
    clopper_pearson: Interval
    """Both count attempts as independent, which repeats of an instance are not."""
    pass_hat: dict[int, Estimate]
    """pass^k by k, up to the repeats of the run."""
    pass_at: dict[int, float]
    """pass@k by k."""
    variance: Split
    """Between instances and between repeats."""


class RunStatistics(Frozen):
    """One run."""

    suite: str
    agent: str
    n: int
    seeds: int
    hierarchical: Estimate
    """Mean ability; seeds, then tasks, then repeats are drawn."""
    stratified: Estimate
    """Mean ability; the same within each family and preset, which stay as they are."""
    macro: Estimate
    """As `stratified`, each family and preset weighing the same."""
    groups: tuple[Group, ...]


class Row(Frozen):
    """A candidate against the baseline in one family and preset; in all of them, if both are ''."""

    family: str
    preset: str
    candidate: str
    comparison: Comparison


def run_statistics(
    suite: str, agent: str, scores: Sequence[Score], resampling: Resampling = DEFAULT
) -> RunStatistics:
    """Sum up a run.

    Raises:
        UsageError: it has no measured attempt.
    """
    sample = observations(scores)
    if not sample:
        raise UsageError(f"The run of {agent} on {suite} has no measured attempt: no statistics.")
    return RunStatistics(
        suite=suite,
        agent=agent,
        n=len(sample),
        seeds=len({one.seed for one in sample}),
        hierarchical=hierarchical_interval(sample, resampling),
        stratified=stratified_interval(sample, resampling),
        macro=stratified_interval(sample, resampling, "equal"),
        groups=tuple(_group(*key, part, resampling) for key, part in _by_preset(scores).items()),
    )


def _group(family: str, preset: str, scores: Sequence[Score], resampling: Resampling) -> Group:
    values = observations(scores)
    passed = observations(scores, passed=True)
    numbers, tasks = [one.value for one in values], [one.task for one in values]
    wins = sum(one.value >= 1.0 for one in passed)
    depth = min(repeats(passed), MAX_K)
    return Group(
        family=family,
        preset=preset,
        n=len(values),
        instances=len(set(tasks)),
        mean=mean_interval(numbers, tasks, resampling),
        t_interval=clustered_t(numbers, tasks),
        pass_rate=wins / len(passed),
        wilson=wilson(wins, len(passed)),
        clopper_pearson=clopper_pearson(wins, len(passed)),
        pass_hat={k: pass_hats(passed, k, resampling) for k in range(1, depth + 1)},
        pass_at={k: _pass_at(passed, k) for k in range(1, depth + 1)},
        variance=variance_split(numbers, tasks),
    )


def _pass_at(passed: Sequence[Observation], k: int) -> float:
    tried: dict[str, list[float]] = {}
    for one in passed:
        tried.setdefault(one.task, []).append(one.value)
    rates = [pass_at(len(tries), int(sum(tries)), k) for tries in tried.values()]
    return sum(rates) / len(rates)


def comparisons(
    baseline: Sequence[Score],
    candidates: Mapping[str, Sequence[Score]],
    resampling: Resampling = DEFAULT,
    *,
    passed: bool = False,
) -> list[Row]:
    """Every candidate against the baseline, by family and preset, then over all of them.

    Holm's correction is over all rows of a family and preset; the rows over all families stand
    apart, as the one question asked first.

    Raises:
        UsageError: no family and preset was measured in the baseline and a candidate.
    """
    own = _by_preset(baseline)
    parts: list[Row] = []
    totals: list[Row] = []
    for name, scores in candidates.items():
        shared = {key: part for key, part in _by_preset(scores).items() if key in own}
        if not shared:
            raise UsageError(
                f"{name} and the baseline have no family and preset in common "
                f"({_named(_by_preset(scores))} against {_named(own)})."
            )
        for key, part in shared.items():
            parts.append(_row(*key, name, (own[key], part), resampling, passed))
        both = (
            [score for key in shared for score in own[key]],
            [score for part in shared.values() for score in part],
        )
        totals.append(_row("", "", name, both, resampling, passed))
    corrected = holm([row.comparison for row in parts])
    return [
        *(
            row.model_copy(update={"comparison": one})
            for row, one in zip(parts, corrected, strict=True)
        ),
        *totals,
    ]


def _row(
    family: str,
    preset: str,
    name: str,
    scores: tuple[Sequence[Score], Sequence[Score]],
    resampling: Resampling,
    passed: bool,
) -> Row:
    before, after = (measured(part, passed=passed) for part in scores)
    found = compare(before, after, resampling)
    return Row(family=family, preset=preset, candidate=name, comparison=found)


def _by_preset(scores: Sequence[Score]) -> dict[tuple[str, str], list[Score]]:
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        if score.status == "scored" and not score.variant:
            groups.setdefault((score.family, score.preset), []).append(score)
    return dict(sorted(groups.items()))


def _named(groups: Mapping[tuple[str, str], object]) -> str:
    return ", ".join(f"{family}:{preset}" for family, preset in groups) or "nothing measured"
