"""The leaderboard: one row an agent and stamp over all its runs, ranked where it may be.

Means have a hierarchical bootstrap interval (`evaluators.stats.bootstrap`: seeds are drawn, within
each its tasks, within each its repeats), or Student's t over seeds where these are too few for it;
none with one seed. Money, tokens and time are the runner's and the daemon's
word and stand beside the scores. Ranks hold among clean rows of one track that played the same
instances (`exam`), by normalised score where all of them have a scale, else by mean score.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from evaluators._floors import Floor
from evaluators._intervals import mean
from evaluators._summary import Scales
from evaluators.robustness import VariantRecord, unsafe
from evaluators.robustness import metrics as robustness_metrics
from evaluators.stats.bootstrap import FEW, hierarchical_interval, mean_interval
from evaluators.stats.sample import DEFAULT, Estimate, Observation, Resampling
from evaluators.tables._classes import Label, Track, is_model, verdict
from evaluators.tables._quantities import cost_usd, latency_ms, normalised, parse_failure
from evaluators.tables._readings import Reading, Readings, Sat
from evaluators.tables._rows import notebooks
from tasks import Frozen
from tasks._record import AgentSetup, Tokens

Known = Literal["full", "partial", "none"]
"""For how many of the attempts a cost is known."""


class Money(Frozen):
    """What the model's calls of some attempts cost."""

    usd: float | None
    """Sum of what is known; None is `not estimated`, never 0."""
    known: Known
    n_known: int
    n: int
    basis: tuple[str, ...]
    """`free`, `list`, `reported`, `unknown`: see `tasks._record.CostBasis`."""
    set_aside_usd: float | None
    """Beside `usd`: attempts that stand in no mean but were paid for; None where nobody knows."""


class Standing(Frozen):
    """One row of the leaderboard."""

    rank: int | None
    """Within `track` and `exam`; None where it is not ranked."""
    agent: str
    model: str
    provider: str
    mode: str
    program: str
    label: Label
    track: Track
    stamp: str
    ranked: bool
    why_not: str
    """Why it is not ranked; '' if it is."""
    exam: str
    """Names the set of instances behind the means: equal for those who played the same."""
    sandboxes: tuple[str, ...]
    n_envs: int
    n_tasks: int
    """Instances."""
    n: int
    """Attempts in the means."""
    aside: int
    mean_score: Estimate | None
    normalised_score: Estimate | None
    floor: float | None
    """Mean floor of the attempts; None where one has no scale."""
    pass_rate: float | None
    n_variants: int
    paraphrase_consistency: float | None
    mean_score_drop: float | None
    validity_rate: float | None
    parse_failure_rate: float | None
    risk_violation_rate: float | None
    flagged: int
    cheat_rate: float | None
    cost: Money
    tokens_in: int | None
    tokens_out: int | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    n_latency: int
    """Attempts with a latency; those answered from our cache have none."""
    provider_errors: int
    notebooks: tuple[str, ...]


class Board(Frozen):
    """The leaderboard."""

    rows: tuple[Standing, ...]
    pending: dict[str, str]
    """Agents without a row, and why."""


def board(read: Readings, expected: Sequence[str] = (), resampling: Resampling = DEFAULT) -> Board:
    """Rows of all agents that were named, ranked ones first.

    Args:
        read: The runs.
        expected: Agents that should have a row: those without one are pending.
        resampling: How intervals are drawn.
    """
    groups: defaultdict[tuple[str, str], list[Sat]] = defaultdict(list)
    for one in read.sat:
        groups[one.score.agent, one.score.stamp.value].append(one)
    scales = read.scales
    rows = [_standing(key, sat, read, scales, resampling) for key, sat in groups.items()]
    return Board(rows=tuple(_ranked(rows)), pending=_pending(read, expected))


def _pending(read: Readings, expected: Iterable[str]) -> dict[str, str]:
    agents = read.agents

    def there(name: str) -> bool:
        return any(agent == name or agent.startswith((f"{name}:", f"{name}+")) for agent in agents)

    missing = {name: "no run of it was named" for name in expected if not there(name)}
    told = {name: why for name, why in read.pending.items() if name not in agents}
    return dict(sorted({**missing, **told}.items()))


def _ranked(rows: Sequence[Standing]) -> list[Standing]:
    """The rows with ranks, ranked ones first, then by track and score; equals share a rank."""
    boards: defaultdict[tuple[str, str], list[Standing]] = defaultdict(list)
    for row in rows:
        if row.ranked:
            boards[row.track, row.exam].append(row)
    found: list[Standing] = []
    for group in boards.values():
        scaled = all(row.normalised_score is not None for row in group)
        marks = [_mark(row, scaled) for row in group]
        found += [
            row.model_copy(update={"rank": 1 + sum(other > own for other in marks)})
            for row, own in zip(group, marks, strict=True)
        ]
    found += [row for row in rows if not row.ranked]
    return sorted(
        found,
        key=lambda r: (
            r.rank is None,
            r.track,
            r.exam if r.rank else "",
            r.rank or 0,
            r.label,
            -_mark(r, scaled=False),
            r.agent,
            r.stamp,
        ),
    )


def _mark(row: Standing, scaled: bool) -> float:
    estimate = row.normalised_score if scaled else row.mean_score
    return -1.0 if estimate is None else estimate.value


def _standing(
    key: tuple[str, str],
    sat: Sequence[Sat],
    read: Readings,
    scales: Scales,
    resampling: Resampling,
) -> Standing:
    plain = [one for one in sat if not one.score.variant]
    counted = [one for one in plain if one.counted]
    own = {one.run for one in plain}
    runs = [run for run in read.runs if run.path in own]
    judged = verdict(plain, sum(run.missing for run in runs))
    varied = robustness_metrics(variants_of(sat, read))
    setup = setup_of(plain)
    tokens = tokens_of(plain)
    latencies = [found for one in counted if (found := latency_ms(one)) is not None]
    flagged = sum(bool(one.score.flags) for one in counted)
    return Standing(
        rank=None,
        agent=key[0],
        model=setup.model,
        provider=setup.provider,
        mode=setup.mode,
        program=setup.program,
        label=judged.label,
        track=judged.track,
        stamp=key[1],
        ranked=judged.ranked,
        why_not=judged.why,
        exam=exam(counted),
        sandboxes=tuple(sorted({one.score.sandbox for one in plain})),
        n_envs=len({one.score.family for one in counted}),
        n_tasks=len({one.score.instance for one in counted}),
        n=len(counted),
        aside=len(plain) - len(counted),
        mean_score=_clipped(
            _estimate(counted, [one.score.ability or 0.0 for one in counted], resampling)
        ),
        normalised_score=_scaled(counted, scales, resampling),
        floor=_floor(counted, scales),
        pass_rate=_rate([one.score.passed for one in counted]),
        n_variants=varied["n_variants"],
        paraphrase_consistency=varied["paraphrase_consistency"],
        mean_score_drop=varied["mean_score_drop"],
        validity_rate=_rate([one.score.validity >= 1.0 for one in counted]),
        parse_failure_rate=_rate([parse_failure(one.score) for one in counted]),
        risk_violation_rate=_rate([unsafe(one.score) for one in counted]),
        flagged=flagged,
        cheat_rate=flagged / len(counted) if counted else None,
        cost=money(plain, _paid_again(runs)),
        tokens_in=None if tokens is None else tokens.input,
        tokens_out=None if tokens is None else tokens.output,
        latency_p50_ms=_quantile(latencies, 0.5),
        latency_p95_ms=_quantile(latencies, 0.95),
        n_latency=len(latencies),
        provider_errors=sum(one.usage.provider_errors for one in plain if one.usage is not None),
        notebooks=notebooks(counted),
    )


def exam(counted: Iterable[Sat]) -> str:
    """A short name of the set of instances that were played."""
    names = sorted({one.score.instance for one in counted})
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:8] if names else ""


def setup_of(sat: Iterable[Sat]) -> AgentSetup:
    """Who sat there: the first setup that names a model, else the first; a blank one if none."""
    setups = [one.setup for one in sat if one.setup is not None]
    return next((one for one in setups if is_model(one)), next(iter(setups), AgentSetup()))


def variants_of(sat: Iterable[Sat], read: Readings) -> list[VariantRecord]:
    """The robustness records of the variants among some attempts."""
    own: Mapping[tuple[str, str, int], Sat] = {
        (str(one.run), one.score.instance, one.score.n): one for one in sat if one.score.variant
    }
    return [
        record
        for run in read.runs
        for record in run.variants
        if (str(run.path), str(record.metadata.get("variant_instance")), record.n) in own
    ]


def _estimate(
    counted: Sequence[Sat], values: Sequence[float], resampling: Resampling
) -> Estimate | None:
    if not counted:
        return None
    seeds = [str(one.seed) for one in counted]
    if len(set(seeds)) < FEW:
        return mean_interval(values, seeds, resampling)
    sample = [
        Observation(value, seed, one.score.instance)
        for one, seed, value in zip(counted, seeds, values, strict=True)
    ]
    return hierarchical_interval(sample, resampling)


def _clipped(found: Estimate | None) -> Estimate | None:
    """A mean of scores in [0, 1], whose t interval may reach beyond."""
    if found is None or found.low is None or found.high is None:
        return found
    return found.model_copy(update={"low": max(0.0, found.low), "high": min(1.0, found.high)})


def _scaled(counted: Sequence[Sat], scales: Scales, resampling: Resampling) -> Estimate | None:
    values = [normalised(one.score, scales) for one in counted]
    known = [value for value in values if value is not None]
    return _estimate(counted, known, resampling) if len(known) == len(counted) else None


def _floor(counted: Sequence[Sat], scales: Scales) -> float | None:
    found = [scales.get((one.score.family, one.score.preset)) for one in counted]
    floors = [scale.floor for scale in found if isinstance(scale, Floor)]
    return mean(floors) if floors and len(floors) == len(counted) else None


def money(plain: Sequence[Sat], others: Sequence[float | None] = ()) -> Money:
    """What attempts cost.

    Args:
        plain: Attempts; those that are not counted go to `set_aside_usd`.
        others: Costs of attempts that were played again, None where nobody knows.
    """
    counted = [one for one in plain if one.counted]
    known = [found for one in counted if (found := cost_usd(one)) is not None]
    aside = [*others, *(cost_usd(one) for one in plain if not one.counted)]
    paid = [found for found in aside if found is not None]
    return Money(
        usd=float(np.sum(known)) if known else None,
        known="full" if known and len(known) == len(counted) else "partial" if known else "none",
        n_known=len(known),
        n=len(counted),
        basis=tuple(sorted({one.usage.cost_basis for one in counted if one.usage is not None})),
        set_aside_usd=float(np.sum(paid)) if paid else None,
    )


def _paid_again(runs: Iterable[Reading]) -> list[float | None]:
    notes = [note for run in runs for note in run.set_aside]
    return [None if note.usage is None else note.usage.cost_usd for note in notes]


def tokens_of(plain: Iterable[Sat]) -> Tokens | None:
    """Tokens of all attempts, as our proxy counted them where it did; None where nobody said."""
    found = [
        told
        for one in plain
        if one.usage is not None and (told := one.usage.metered or one.usage.tokens) is not None
    ]
    return sum(found, start=Tokens()) if found else None


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None


def _rate(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
