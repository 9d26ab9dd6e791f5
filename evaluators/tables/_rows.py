"""Rows of the comparison table: one family, preset and agent, over all runs that were named."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from evaluators._core import Score
from evaluators._floors import Floor
from evaluators._summary import Scales, metrics
from evaluators.tables._readings import Sat, read_runs
from tasks import Frozen

Key = tuple[str, str, str, str]
"""Family, preset, agent, stamp."""


class Row(Frozen):
    """One family, preset and agent, over all runs that were named."""

    family: str
    preset: str
    agent: str
    stamp: str
    n: int
    """Attempts in the means."""
    instances: int
    mean_score: float | None
    low: float | None
    high: float | None
    """Ends of the mean's 95 % interval; None where there are fewer than two instances."""
    floor: float | None
    ceiling: float | None
    normalised_score: float | None
    pass_rate: float | None
    validity_rate: float | None
    belief: float | None
    decision: float | None
    safety: float | None
    calibration: float | None
    """Axes that the family grades apart from ability, in [0, 1]; 1 is perfect."""
    evidence: float | None
    flagged: int
    cheat_rate: float | None
    """Share of the `n` attempts that are flagged; they are counted as they stand."""
    aside: int
    """Attempts that are invalid or in error, and in no mean."""
    invalid: int
    """Of these: the server never saw the agent, its record was changed, its provider failed."""
    notebooks: tuple[str, ...] = ()
    """Paths of the notebooks behind the row, those set aside left out."""


def rows(runs: Sequence[Path]) -> list[Row]:
    """Rows of scored runs, best first within a family and preset.

    Raises:
        UsageError: none of them is a run.
        RecordError: a run was not scored.
    """
    read = read_runs(runs)
    return rows_of(read.sat, read.scales)


def rows_of(sat: Iterable[Sat], scales: Scales) -> list[Row]:
    """Rows of attempts, variants left out; best first within a family and preset."""
    groups: defaultdict[Key, list[Sat]] = defaultdict(list)
    for one in (one for one in sat if not one.score.variant):
        groups[key_of(one.score)].append(one)
    made = [_row(key, group, scales) for key, group in groups.items()]
    return sorted(
        made, key=lambda r: (r.family, r.preset, -(r.mean_score or 0.0), r.agent, r.stamp)
    )


def key_of(score: Score) -> Key:
    """The row that a score stands in."""
    return score.family, score.preset, score.agent, score.stamp.value


def _row(key: Key, sat: Sequence[Sat], scales: Scales) -> Row:
    counted = [one for one in sat if one.counted]
    found = metrics([one.score for one in counted], scales)
    low, high = found["intervals"]["mean_score"] or (None, None)
    scale = scales.get((key[0], key[1]))
    return Row(
        family=key[0],
        preset=key[1],
        agent=key[2],
        stamp=key[3],
        n=found["n"],
        instances=found["instances"],
        mean_score=found["mean_score"],
        low=low,
        high=high,
        floor=scale.floor if isinstance(scale, Floor) else None,
        ceiling=scale.ceiling if isinstance(scale, Floor) else None,
        normalised_score=found["normalised_score"],
        pass_rate=found["pass_rate"],
        validity_rate=found["validity_rate"],
        belief=found["axes"]["belief"],
        decision=found["axes"]["decision"],
        safety=found["safety"],
        calibration=found["axes"]["calibration"],
        evidence=found["evidence"],
        flagged=found["flagged"],
        cheat_rate=found["flagged"] / found["n"] if found["n"] else None,
        aside=len(sat) - len(counted),
        invalid=sum(one.score.status == "invalid" for one in sat),
        notebooks=notebooks(counted),
    )


def notebooks(sat: Iterable[Sat]) -> tuple[str, ...]:
    """Paths of the saved notebooks of some attempts, in the order of run, instance and repeat."""
    return tuple(str(path) for one in sat if (path := one.notebook) is not None)
