"""A paired comparison as a page and as files."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evaluators._pages import (
    Block,
    Code,
    Grid,
    Heading,
    Inline,
    Link,
    Paragraph,
    Side,
    anchor,
    listed,
    markdown,
    said,
)
from evaluators.tables._deltas import Compared, DeltaRow, PairedDelta, tells_apart
from evaluators.tables._forms import NONE, notebook_list, relative_paths
from evaluators.tables._quantities import QUANTITIES
from evaluators.tables._table import caveat_blocks
from tasks import JSON
from tasks._record import dump

SCHEMA = 1
SUMMARY, REPORT, PAIRS = "comparison_summary.json", "comparison_report.md", "paired_results.jsonl"
NAMES = (SUMMARY, REPORT, PAIRS)


_HEADS: tuple[tuple[str, Side], ...] = (
    ("family", "left"),
    ("preset", "left"),
    ("candidate", "left"),
    ("baseline", "left"),
    ("of", "left"),
    ("pairs", "right"),
    ("candidate's", "right"),
    ("baseline's", "right"),
    ("delta [95 %]", "right"),
    ("p", "right"),
    ("p (Holm)", "right"),
    ("candidate is", "left"),
)


def delta_grid(rows: Sequence[DeltaRow], prefix: str = "") -> Grid:
    """One line a quantity; with `prefix`, its numbers lead to the list of its notebooks."""
    places = _places(rows, prefix)
    lines = [
        _delta_line(row, f"#{anchor(places[_key(row)])}" if prefix and row.notebooks else "")
        for row in rows
    ]
    heads, sides = zip(*_HEADS, strict=True)
    return Grid(heads, sides, tuple(lines))


def _delta_line(row: DeltaRow, to: str) -> tuple[Inline, ...]:
    one, digits = row.comparison, QUANTITIES[row.quantity].digits
    numbers = (
        str(one.pairs),
        f"{one.candidate:.{digits}f}",
        f"{one.baseline:.{digits}f}",
        _spread(row, digits),
        _p(one.p),
        _p(one.p_holm),
    )
    return (
        row.family or "all",
        row.preset or "all",
        row.candidate,
        row.baseline,
        QUANTITIES[row.quantity].title,
        *(Link(text, to) if to and text != NONE else text for text in numbers),
        told(row),
    )


def comparison_blocks(found: Compared, base: Path) -> list[Block]:
    """What the comparison says, and the notebooks of its pairs."""
    blocks: list[Block] = [
        said(
            f"Paired deltas against {found.baseline}: candidate minus baseline on the same "
            "instance, seed and repeat. Intervals are 95 % bootstrap intervals over seeds "
            "(Student's t below ten seeds; none below two), p is that of sign flips, adjusted by "
            "Holm over the rows of all families and over those of single families."
        )
    ]
    blocks += [listed(lines)] if (lines := left_out(found)) else []
    return [*blocks, delta_grid(found.rows, "Pairs"), *pair_lists(found.rows, base, "Pairs")]


def left_out(found: Compared) -> list[str]:
    """What stands in no delta, a sentence each."""
    lines = [
        f"{count} pairs with {name} are left out: an attempt was invalid or in error."
        for name, count in found.dropped.items()
        if count
    ]
    return lines + [
        f"{count} attempts are left out that {name} or {found.baseline} did not play."
        for name, count in found.unshared.items()
        if count
    ]


def pair_lists(rows: Sequence[DeltaRow], base: Path, prefix: str) -> list[Block]:
    """The notebooks of the pairs under the headings that the deltas lead to, each list once."""
    lists: dict[_Key, tuple[str, ...]] = {}
    for row in rows:
        # A quantity that only some attempts have leads to the pairs of all.
        lists[_key(row)] = max(lists.get(_key(row), ()), row.notebooks, key=len)
    blocks: list[Block] = [Heading(2, "Notebooks of the pairs")] if any(lists.values()) else []
    for key, place in _places(rows, prefix).items():
        if lists[key]:
            family, preset, baseline, candidate = key
            whose = f"{family}:{preset}" if family else "all"
            words = (Code(whose), f" played by {baseline} and {candidate}, pair by pair:")
            blocks += [Heading(3, place), Paragraph(words), notebook_list(lists[key], base)]
    return blocks


def comparison_pages(found: Compared, notes: Sequence[str], base: Path) -> dict[str, bytes]:
    """The files that `proctor compare --out` saves, by name."""
    title = Heading(1, f"Compared with {found.baseline}")
    blocks = [title, *comparison_blocks(found, base), *caveat_blocks(notes)]
    return {
        SUMMARY: dump(comparison_json(found, notes, base)),
        REPORT: markdown(blocks).encode(),
        PAIRS: json_lines(pair_json(found.pairs, base)),
    }


def comparison_json(
    found: Compared, notes: Sequence[str], base: Path | None = None
) -> dict[str, JSON]:
    """The comparison as one object, the pairs left out."""
    return {
        "schema": SCHEMA,
        "baseline": found.baseline,
        "rows": [delta_json(row, base) for row in found.rows],
        "pairs": len(found.pairs),
        "dropped": found.dropped,
        "unshared": found.unshared,
        "caveats": list(notes),
    }


def delta_json(row: DeltaRow, base: Path | None) -> dict[str, JSON]:
    """One row as an object."""
    whole = row.model_dump(mode="json")
    return {**whole, "notebooks": relative_paths(row.notebooks, base)}


def pair_json(pairs: Iterable[PairedDelta], base: Path | None) -> list[dict[str, JSON]]:
    """Pairs as objects."""
    found: list[dict[str, JSON]] = []
    for pair in pairs:
        names = [name for name in (pair.baseline_notebook, pair.candidate_notebook) if name]
        places = dict(zip(names, relative_paths(names, base), strict=True))
        whole = pair.model_dump(mode="json")
        for key in ("baseline_notebook", "candidate_notebook"):
            whole[key] = places.get(whole[key], "")
        found.append(whole)
    return found


def json_lines(rows: Iterable[Mapping[str, JSON]]) -> bytes:
    """One object a line."""
    return "".join(
        json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    ).encode()


def told(row: DeltaRow) -> str:
    """Which way the delta points, as far as its interval allows to say."""
    if not tells_apart(row.comparison):
        return "not told apart"
    return (
        "better" if (row.comparison.delta.value > 0.0) is QUANTITIES[row.quantity].up else "worse"
    )


_Key = tuple[str, str, str, str]


def _key(row: DeltaRow) -> _Key:
    return row.family, row.preset, row.baseline, row.candidate


def _places(rows: Sequence[DeltaRow], prefix: str) -> dict[_Key, str]:
    """The heading under which the notebooks of a row's pairs are listed."""
    keys = dict.fromkeys(_key(row) for row in rows)
    return {key: f"{prefix} {k}" for k, key in enumerate(keys, 1)}


def _spread(row: DeltaRow, digits: int) -> str:
    delta = row.comparison.delta
    shown = f"{delta.value:+.{digits}f}"
    if delta.low is None or delta.high is None:
        return shown
    return f"{shown} [{delta.low:+.{digits}f}, {delta.high:+.{digits}f}]"


def _p(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"
