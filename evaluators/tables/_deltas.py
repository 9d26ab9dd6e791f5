"""Paired deltas: candidate minus baseline on the same instance, seed and repeat.

An agent's attempts on an instance are numbered through its runs, oldest first, and the k-th is set
against the other's k-th. Both must have played the same instances equally often: means over
different ones differ by the instances. Attempts set aside (invalid, in error) drop their pair,
which is told. Intervals and p-values are those of `evaluators.stats.paired`, seeds as clusters;
Holm corrects over all tests that stand side by side: those over all families as one group, those of
single families and presets as another.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluators._summary import Scales
from evaluators.stats.paired import Comparison, Measured, holm, paired
from evaluators.stats.sample import DEFAULT, Resampling
from evaluators.tables._quantities import QUANTITIES
from evaluators.tables._readings import Readings, Sat
from tasks import Frozen, UsageError

Key = tuple[str, int]
"""Instance and the number of the attempt on it, from 1."""
SHOWN = 5
"""Instances that a refusal lists."""
ALPHA = 0.05


class PairedDelta(Frozen):
    """One pair: candidate minus baseline. None where either has no such number."""

    baseline: str
    candidate: str
    family: str
    preset: str
    instance: str
    seed: int
    n: int
    variant: str
    score: float | None
    normalised: float | None
    regret: float | None
    posterior_error: float | None
    validity: float | None
    risk_violation: float | None
    parse_failure: float | None
    latency_ms: float | None
    cost_usd: float | None
    baseline_notebook: str
    candidate_notebook: str


class DeltaRow(Frozen):
    """One quantity of a candidate against the baseline."""

    family: str
    """'' with an empty preset: over all of them."""
    preset: str
    baseline: str
    candidate: str
    quantity: str
    comparison: Comparison
    notebooks: tuple[str, ...] = ()
    """Of the pairs: the baseline's, then the candidate's."""


class Compared(Frozen):
    """A baseline and all who are set against it."""

    baseline: str
    rows: tuple[DeltaRow, ...]
    pairs: tuple[PairedDelta, ...]
    dropped: dict[str, int]
    """Pairs left out because an attempt was set aside, by candidate."""
    unshared: dict[str, int]
    """Attempts left out because only one of both was played, by candidate."""


@dataclass(frozen=True)
class Bench:
    """One agent's attempts by instance and number."""

    agent: str
    sat: Mapping[Key, Sat]

    def counted(self, *, variants: bool = False) -> set[Key]:
        """The keys of measured attempts."""
        return {
            key
            for key, one in self.sat.items()
            if one.counted or (variants and one.score.status == "scored")
        }

    @property
    def base(self) -> set[Key]:
        """The keys of all attempts on instances themselves."""
        return {key for key, one in self.sat.items() if not one.score.variant}


def bench(agent: str, sat: Iterable[Sat]) -> Bench:
    """Number an agent's attempts on each instance, in the order in which they are given."""
    groups: defaultdict[str, list[Sat]] = defaultdict(list)
    for one in sat:
        groups[one.score.instance].append(one)
    return Bench(
        agent,
        {(name, k): one for name, group in groups.items() for k, one in enumerate(group, 1)},
    )


def compared(
    read: Readings,
    baseline: str,
    resampling: Resampling = DEFAULT,
    *,
    common: bool = False,
) -> Compared:
    """Everybody against the baseline.

    Args:
        read: The runs of all of them.
        baseline: An agent.
        resampling: How to draw.
        common: Compare on what both have played, and tell how much that leaves out.

    Raises:
        UsageError: no such agent, nobody beside it, or (without `common`) agents that did not play
            the same instances equally often; the message names what is missing.
    """
    base = bench(baseline, read.of(baseline))
    others = [bench(name, read.of(name)) for name in read.agents if name != baseline]
    if not others:
        raise UsageError(
            f"Only runs of {baseline} were named; name runs of at least one other agent as well."
        )
    for one in others:
        if not common:
            same_plan(base, one)
    rows = [row for one in others for row in delta_rows(base, one, read.scales, resampling)]
    return Compared(
        baseline=baseline,
        rows=tuple(corrected(rows)),
        pairs=tuple(pair for one in others for pair in pairs(base, one, read.scales)),
        dropped={
            one.agent: len(base.base & one.base) - len(base.counted() & one.counted())
            for one in others
        },
        unshared={one.agent: len(base.base ^ one.base) for one in others},
    )


def same_plan(base: Bench, other: Bench) -> None:
    """Refuse two agents that did not play the same.

    Raises:
        UsageError: an instance is missing, or was played another number of times.
    """
    lacking = [
        f"{who.agent} has not played {_named(missing)}"
        for who, than in ((other, base), (base, other))
        if (missing := than.base - who.base)
    ]
    if lacking:
        raise UsageError(
            f"{other.agent} and {base.agent} cannot be paired: {'; '.join(lacking)}. Play what is "
            "missing (the same suite, --seed, --n, --preset and --repeat for both), name the runs "
            "that hold it, or say --common to compare on what both have played."
        )


def pairs(base: Bench, other: Bench, scales: Scales) -> list[PairedDelta]:
    """All pairs of measured attempts, variants too, by instance and number."""
    shared = sorted(base.counted(variants=True) & other.counted(variants=True))
    return [_pair((base, other), key, scales) for key in shared]


def delta_rows(
    base: Bench, other: Bench, scales: Scales, resampling: Resampling = DEFAULT
) -> list[DeltaRow]:
    """One row a quantity over all families, then by family and preset; not yet corrected."""
    shared = sorted(base.counted() & other.counted())
    groups: defaultdict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in shared:
        score = base.sat[key].score
        groups[score.family, score.preset].append(key)
    parts = [(("", ""), shared), *sorted(groups.items())] if shared else []
    return [
        row
        for place, keys in parts
        for row in _rows(place, (base, other), keys, scales, resampling)
    ]


def corrected(rows: Sequence[DeltaRow]) -> list[DeltaRow]:
    """The same with p-values adjusted by Holm: rows over all families, and rows of single ones."""
    found: dict[int, DeltaRow] = {}
    for whole in (True, False):
        places = [at for at, row in enumerate(rows) if (row.family == "") is whole]
        adjusted = holm([rows[at].comparison for at in places])
        for at, one in zip(places, adjusted, strict=True):
            found[at] = rows[at].model_copy(update={"comparison": one})
    return [found[at] for at in range(len(rows))]


def tells_apart(one: Comparison) -> bool:
    """Whether the interval of the difference excludes 0.

    One of no width, as a bootstrap or t gives it where all seeds agree, is believed only if the
    sign flips, which know how few seeds there are, say so too.
    """
    low, high = one.delta.low, one.delta.high
    if low is None or high is None or low <= 0.0 <= high:
        return False
    return low < high or (one.p is not None and one.p <= ALPHA)


def _rows(
    place: tuple[str, str],
    benches: tuple[Bench, Bench],
    keys: Sequence[Key],
    scales: Scales,
    resampling: Resampling,
) -> Iterator[DeltaRow]:
    for name in QUANTITIES:
        before, after = (_measured(one, keys, name, scales) for one in benches)
        both = [key for key in keys if key in before and key in after]
        if not both:
            continue
        found = paired(before, after, both, resampling)
        # Who passed has to do with the score alone.
        mcnemar = found.mcnemar if name == "score" else None
        yield DeltaRow(
            family=place[0],
            preset=place[1],
            baseline=benches[0].agent,
            candidate=benches[1].agent,
            quantity=name,
            comparison=found.model_copy(update={"mcnemar": mcnemar}),
            notebooks=tuple(
                str(path)
                for key in both
                for one in benches
                if (path := one.sat[key].notebook) is not None
            ),
        )


def _measured(one: Bench, keys: Sequence[Key], name: str, scales: Scales) -> dict[Key, Measured]:
    found: dict[Key, Measured] = {}
    for key in keys:
        sat = one.sat[key]
        value = QUANTITIES[name].value(sat, scales)
        if value is not None:
            found[key] = Measured(value, sat.score.passed, str(sat.seed))
    return found


def _pair(benches: tuple[Bench, Bench], key: Key, scales: Scales) -> PairedDelta:
    before, after = (one.sat[key] for one in benches)
    deltas: dict[str, float | None] = {}
    for name, quantity in QUANTITIES.items():
        old, new = quantity.value(before, scales), quantity.value(after, scales)
        deltas[name] = None if old is None or new is None else new - old
    score = before.score
    return PairedDelta(
        baseline=benches[0].agent,
        candidate=benches[1].agent,
        family=score.family,
        preset=score.preset,
        instance=score.instance,
        seed=before.seed,
        n=key[1],
        variant=score.variant,
        baseline_notebook=str(before.notebook or ""),
        candidate_notebook=str(after.notebook or ""),
        **deltas,
    )


def _named(missing: Iterable[Key]) -> str:
    counts = Counter(name for name, _ in missing)
    shown = [
        f"{name} ({times} times)" if times > 1 else name
        for name, times in sorted(counts.items())[:SHOWN]
    ]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
