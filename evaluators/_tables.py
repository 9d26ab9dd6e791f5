"""The table of runs: one row per family, preset and agent."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from evaluators._core import Score
from evaluators._floors import Floor
from evaluators._scoring import read_results
from evaluators._summary import Scales, metrics
from tasks import JSON, Frozen, RecordError


class Row(Frozen):
    """One family, preset and agent, over all runs that were named."""

    family: str
    preset: str
    agent: str
    stamp: str
    n: int
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
    aside: int
    """Attempts that are invalid or in error, and in no mean."""


def rows(runs: Sequence[Path]) -> list[Row]:
    """Rows of scored runs, best first within a family and preset.

    Raises:
        RecordError: a run was not scored.
    """
    scores: list[Score] = []
    floors: dict[tuple[str, str], Floor | str] = {}
    for run in runs:
        found, summary = read_results(run)
        scores += found
        floors.update(_floors(run, summary))
    return table_rows(scores, floors)


def table_rows(scores: Sequence[Score], floors: Scales) -> list[Row]:
    """Rows of scores."""
    groups: defaultdict[tuple[str, str, str, str], list[Score]] = defaultdict(list)
    for score in (one for one in scores if not one.variant):
        groups[score.family, score.preset, score.agent, score.stamp.value].append(score)
    made = [_row(key, group, floors) for key, group in groups.items()]
    return sorted(made, key=lambda r: (r.family, r.preset, -(r.mean_score or 0.0), r.agent))


def _row(key: tuple[str, str, str, str], scores: Sequence[Score], floors: Scales) -> Row:
    counted = [score for score in scores if score.status == "scored"]
    found = metrics(counted, floors)
    low, high = found["intervals"]["mean_score"] or (None, None)
    scale = floors.get((key[0], key[1]))
    return Row(
        family=key[0],
        preset=key[1],
        agent=key[2],
        stamp=key[3],
        n=found["n"],
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
        aside=len(scores) - len(counted),
    )


def _floors(run: Path, summary: JSON) -> dict[tuple[str, str], Floor]:
    found: dict[tuple[str, str], Floor] = {}
    try:
        for name, group in summary["metrics"]["families"].items():
            for preset, part in group["presets"].items():
                if part["floor"] is not None:
                    found[name, preset] = Floor(
                        floor=part["floor"],
                        ceiling=part["ceiling"],
                        policy=part["floor_policy"],
                        policies={},
                        error=part["floor_error"],
                        seeds=0,
                    )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RecordError(
            f"{run}/results/summary.json is not what `proctor score` writes: {error!r}. Score the "
            "run again."
        ) from error
    return found


COLUMNS = (
    ("family", "left"),
    ("preset", "left"),
    ("agent", "left"),
    ("stamp", "left"),
    ("n", "right"),
    ("mean [95 %]", "right"),
    ("floor", "right"),
    ("ceiling", "right"),
    ("normalised", "right"),
    ("pass", "right"),
    ("valid", "right"),
    ("belief", "right"),
    ("decision", "right"),
    ("safety", "right"),
    ("calibration", "right"),
    ("evidence", "right"),
    ("flagged", "right"),
)


OPTIONAL = frozenset({"belief", "decision", "safety", "calibration", "evidence"})


def rich_table(found: Sequence[Row], title: str | None = None) -> Table:
    """For a terminal."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    cells = [_cells(row) for row in found]
    shown = _filled(cells)
    for name, side in (COLUMNS[i] for i in shown):
        # Folded, never cut: a narrow terminal shows every digit. A family's name stays in one.
        justify = "left" if side == "left" else "right"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name == "family")
    for row, line in zip(found, cells, strict=True):
        table.add_row(*(line[i] for i in shown), style="red" if row.flagged else None)
    return table


def markdown(found: Sequence[Row]) -> str:
    """A Markdown table."""
    names = [name for name, _ in COLUMNS]
    rules = ["---" if side == "left" else "---:" for _, side in COLUMNS]
    cells = [_cells(row) for row in found]
    shown = _filled(cells)
    lines = [[line[i] for i in shown] for line in (names, rules, *cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _filled(lines: Sequence[Sequence[str]]) -> list[int]:
    """Columns that say something of some row; axes that no family grades are left out."""
    return [
        i
        for i, (name, _) in enumerate(COLUMNS)
        if name not in OPTIONAL or any(line[i] != "-" for line in lines)
    ]


def comma_separated(found: Sequence[Row]) -> str:
    """CSV with full precision, one column per field of `Row`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(Row.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in found)
    return out.getvalue()


def _cells(row: Row) -> list[str]:
    spread = "" if row.low is None or row.high is None else f" [{row.low:.2f}, {row.high:.2f}]"
    aside = f" (+{row.aside})" if row.aside else ""
    return [
        row.family,
        row.preset,
        row.agent,
        row.stamp,
        f"{row.n}{aside}",
        _number(row.mean_score) + spread,
        _number(row.floor),
        _number(row.ceiling),
        _number(row.normalised_score),
        _number(row.pass_rate),
        _number(row.validity_rate),
        _number(row.belief),
        _number(row.decision),
        _number(row.safety),
        _number(row.calibration),
        _number(row.evidence),
        str(row.flagged),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
