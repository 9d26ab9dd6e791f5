"""What one model does by different roads: direct against tool against reflective, pair by pair.

Candidate is the later in the order direct, tool, reflective; pairs are made within one model, on
what both have played. A headline candidate is a difference of score, risk violations, parse
failures or paraphrase consistency of more than 0.01 whose 95 % interval excludes 0, between exam
rows that are complete and not diagnostic; it is preliminary where an environment has 20 instances
or fewer. Paraphrase consistency is set against its best: the worst agent's on the same paraphrases.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

from evaluators.stats.paired import Comparison, Measured, paired
from evaluators.stats.sample import DEFAULT, Resampling
from evaluators.tables._caveats import FEW
from evaluators.tables._deltas import (
    Bench,
    DeltaRow,
    PairedDelta,
    bench,
    corrected,
    delta_rows,
    pairs,
    tells_apart,
)
from evaluators.tables._quantities import cost_usd
from evaluators.tables._readings import Readings
from evaluators.tables._standings import Standing, variants_of
from tasks import Frozen, InstanceId

ORDER = ("direct", "tool", "reflective")
"""Modes from the plainest; a candidate stands behind its baseline here."""
LEAST = 0.01
"""A difference must be greater to be a headline."""
PARAPHRASE = "paraphrase consistency"
_HEADLINES = {
    "score": "score",
    "risk_violation": "risk violation rate",
    "parse_failure": "parse failure rate",
}
_FIT = frozenset(
    {"strict clean", "best-valid clean", "open clean", "smoke", "rescue probe", "protocol-limited"}
)


class Headline(Frozen):
    """One difference that may be worth a sentence; a candidate, not a finding."""

    of: str
    candidate: str
    baseline: str
    comparison: Comparison
    preliminary: bool
    cost_delta_usd: float | None
    """Mean cost of an attempt, candidate minus baseline; None is not estimated."""


class Roads(Frozen):
    """All comparisons within models, and what may be told of them."""

    rows: tuple[DeltaRow, ...]
    pairs: tuple[PairedDelta, ...]
    headlines: tuple[Headline, ...]


def roads(read: Readings, rows: Sequence[Standing], resampling: Resampling = DEFAULT) -> Roads:
    """Compare the modes of every model that was played in several.

    Args:
        read: The runs.
        rows: Their leaderboard.
        resampling: How to draw.
    """
    deltas: list[DeltaRow] = []
    met: list[PairedDelta] = []
    fit: list[tuple[Bench, Bench, list[DeltaRow]]] = []
    for low, high in _couples(rows):
        base, other = (_bench(read, row) for row in (low, high))
        found = delta_rows(base, other, read.scales, resampling)
        deltas += found
        met += pairs(base, other, read.scales)
        if found and _is_fit(low) and _is_fit(high):
            fit.append((base, other, found))
    news = [one for base, other, found in fit for one in _headlines(base, other, found)]
    steady = _paraphrases(read, [row for row in rows if _is_fit(row)], resampling)
    return Roads(
        rows=tuple(corrected(deltas)),
        pairs=tuple(met),
        headlines=tuple(news + ([steady] if steady is not None else [])),
    )


def _couples(rows: Iterable[Standing]) -> list[tuple[Standing, Standing]]:
    """Baseline and candidate: one model, one stamp, another mode."""
    models: defaultdict[tuple[str, str, str], list[Standing]] = defaultdict(list)
    for row in rows:
        if row.mode in ORDER and row.model and row.label != "non-model":
            models[row.provider, row.model, row.stamp].append(row)
    return [
        (low, high)
        for _, group in sorted(models.items())
        for low, high in combinations(
            sorted(group, key=lambda r: (ORDER.index(r.mode), r.agent)), 2
        )
        if low.mode != high.mode
    ]


def _bench(read: Readings, row: Standing) -> Bench:
    own = [one for one in read.of(row.agent) if one.score.stamp.value == row.stamp]
    return bench(row.agent, own)


def _is_fit(row: Standing) -> bool:
    """Whether the row may stand in a headline: complete, an exam, in sandboxes."""
    return row.label in _FIT and row.why_not in {"", row.label}


def _headlines(base: Bench, other: Bench, rows: Sequence[DeltaRow]) -> list[Headline]:
    shared = sorted(base.counted() & other.counted())
    played: defaultdict[str, set[str]] = defaultdict(set)
    for key in shared:
        played[base.sat[key].score.family].add(key[0])
    preliminary = any(len(names) <= FEW for names in played.values())
    costs = [
        new - old
        for key in shared
        if (old := cost_usd(base.sat[key])) is not None
        and (new := cost_usd(other.sat[key])) is not None
    ]
    return [
        Headline(
            of=_HEADLINES[row.quantity],
            candidate=row.candidate,
            baseline=row.baseline,
            comparison=row.comparison,
            preliminary=preliminary,
            cost_delta_usd=sum(costs) / len(costs) if costs else None,
        )
        for row in rows
        if row.family == "" and row.quantity in _HEADLINES and notable(row.comparison)
    ]


def notable(one: Comparison) -> bool:
    """Whether the difference is above `LEAST` and its interval excludes 0."""
    return abs(one.delta.value) > LEAST and tells_apart(one)


def _paraphrases(
    read: Readings, rows: Sequence[Standing], resampling: Resampling
) -> Headline | None:
    """The agent that paraphrases move least against the one that they move most."""
    steady: dict[str, dict[tuple[str, int], Measured]] = {}
    for row in rows:
        own = [one for one in read.of(row.agent) if one.score.stamp.value == row.stamp]
        steady[row.agent] = {
            (str(one.metadata["variant_instance"]), one.n): Measured(
                float(not one.action_changed),
                not one.action_changed,
                str(one.seed),
            )
            for one in variants_of(own, read)
            if one.variant_type == "paraphrase"
        }
    ranked = sorted((r for r in rows if steady[r.agent]), key=_consistency)
    if len(ranked) < 2:
        return None
    worst, best = ranked[0].agent, ranked[-1].agent
    shared = sorted(steady[worst].keys() & steady[best].keys())
    if not shared:
        return None
    found = paired(steady[worst], steady[best], shared, resampling)
    played: defaultdict[str, set[str]] = defaultdict(set)
    for name, _ in shared:
        played[InstanceId.parse(name).family].add(name)
    if not notable(found):
        return None
    return Headline(
        of=PARAPHRASE,
        candidate=best,
        baseline=worst,
        comparison=found,
        preliminary=any(len(names) <= FEW for names in played.values()),
        cost_delta_usd=None,
    )


def _consistency(row: Standing) -> tuple[float, str]:
    return (row.paraphrase_consistency or 0.0, row.agent)
