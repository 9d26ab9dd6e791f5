"""One report that binds runs together: index in Markdown and HTML, and every artefact beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluators._pages import (
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Inline,
    Link,
    Paragraph,
    markdown,
    page,
    relative,
    said,
    shifted,
)
from evaluators.stats.sample import DEFAULT, Resampling
from evaluators.tables._cards import card, card_names
from evaluators.tables._caveats import caveats
from evaluators.tables._comparison import NAMES as COMPARISON
from evaluators.tables._comparison import comparison_blocks, comparison_pages
from evaluators.tables._deltas import Compared, compared
from evaluators.tables._forms import grid, notebook_lists, pivot
from evaluators.tables._headlines import Roads, roads
from evaluators.tables._leaderboard import NAMES as BOARD
from evaluators.tables._leaderboard import (
    PLOTS,
    board_blocks,
    board_notebooks,
    headline_blocks,
    leaderboard_files,
    picture_blocks,
    road_blocks,
    rule_blocks,
)
from evaluators.tables._plots import plots
from evaluators.tables._readings import Reading, Readings, Sat
from evaluators.tables._rows import Row, rows_of
from evaluators.tables._standings import Board, board
from evaluators.tables._table import STEM, caveat_blocks, table_files

INDEX, HTML, CARDS = "index.md", "index.html", "cards"
TITLE = "Proctor report"
LISTED = 200
"""Flags and attempts set aside that the index lists before it only counts the rest."""
_RESULTS = ("report.md", "robustness_report.md", "tool_audit.md", "failure_cases.md")


@dataclass(frozen=True)
class Asked:
    """What a report is asked to hold."""

    baseline: str | None = None
    """Whom the others are compared with, where both played; None: as the runs' configuration
    says, if it does and both are here."""
    expected: tuple[str, ...] = ()
    """Agents that should have a row."""
    resampling: Resampling = DEFAULT


@dataclass(frozen=True)
class Findings:
    """All that the runs come to."""

    read: Readings
    rows: Sequence[Row]
    board: Board
    roads: Roads
    compared: Compared | None
    notes: Sequence[str]
    plots: dict[str, bytes]


def findings(read: Readings, asked: Asked) -> Findings:
    """Compute every part of a report.

    Raises:
        UsageError: the baseline has no run here, or is alone.
    """
    rows = rows_of(read.sat, read.scales)
    found = board(read, asked.expected, asked.resampling)
    return Findings(
        read=read,
        rows=rows,
        board=found,
        roads=roads(read, found.rows, asked.resampling),
        compared=_compared(read, asked),
        notes=caveats(read),
        plots=plots(rows, found.rows),
    )


def _compared(read: Readings, asked: Asked) -> Compared | None:
    named = [asked.baseline] if asked.baseline else read.labelled("baseline_agent")
    here = len(named) == 1 and named[0] in read.agents and len(read.agents) > 1
    if asked.baseline is None and not here:
        return None
    return compared(read, read.baseline(asked.baseline), asked.resampling, common=True)


def report_files(found: Findings, base: Path) -> dict[str, bytes]:
    """All files of the report, by path relative to `base`, their folder."""
    names = card_names(found.read.agents)
    tables = (found.rows, found.board.rows)
    files = {
        **table_files(found.rows, found.notes, base),
        **leaderboard_files(found.board, found.roads, found.notes, found.plots, base),
        **{
            f"{CARDS}/{name}": card(agent, found.read, tables, found.notes, base / CARDS).encode()
            for agent, name in names.items()
        },
    }
    if found.compared is not None:
        files.update(comparison_pages(found.compared, found.notes, base))
    blocks = index_blocks(found, names, base)
    # Links to other pages stay links: the HTML holds the whole index, with its pictures.
    files[INDEX] = markdown(blocks).encode()
    files[HTML] = page(blocks, TITLE, found.plots).encode()
    return files


def stale() -> tuple[str, ...]:
    """Files that an earlier report may have left in the same folder."""
    return (*BOARD, *PLOTS, *COMPARISON)


def index_blocks(found: Findings, names: dict[str, str], base: Path) -> list[Block]:
    """The index: everything in one page, its parts in the order in which one asks for them."""
    compare = found.compared
    return [
        Heading(1, TITLE),
        said(_opening(found)),
        *caveat_blocks(found.notes),
        Heading(2, "Scores"),
        grid(found.rows, base),
        Heading(3, "Families against agents"),
        pivot(found.rows, base),
        *picture_blocks(list(found.plots), base),
        Heading(2, "Leaderboard"),
        *shifted(board_blocks(found.board, base), 1),
        *shifted(road_blocks(found.roads, base), 1),
        Heading(3, "Headline candidates"),
        *headline_blocks(found.roads.headlines),
        *shifted(rule_blocks(), 1),
        *(
            []
            if compare is None
            else [
                Heading(2, f"Compared with {compare.baseline}"),
                *shifted(comparison_blocks(compare, base), 1),
            ]
        ),
        Heading(2, "Cards"),
        Bullets(tuple((Link(agent, f"{CARDS}/{_quoted(n)}"),) for agent, n in names.items())),
        *_flagged(found.read, base),
        *_aside(found.read, base),
        *_runs(found.read.runs, base),
        *_files(found),
        *notebook_lists(found.rows, base),
        *board_notebooks(found.board, base),
    ]


def _opening(found: Findings) -> str:
    counted = [one for one in found.read.sat if one.counted]
    instances = len({one.score.instance for one in counted})
    return (
        f"{len(found.read.runs)} runs of {len(found.read.agents)} agents: {len(counted)} measured "
        f"attempts on {instances} instances. Numbers lead to the notebooks behind them."
    )


def _flagged(read: Readings, base: Path) -> list[Block]:
    """Attempts with signs of cheating, and the command that shows each again."""
    flagged = [one for one in read.sat if one.score.flags]
    if not flagged:
        return []
    lines = [(*_place(one, base), f": {' '.join(one.score.flags)}") for one in flagged[:LISTED]]
    words = "Signs, not verdicts; scores are counted as they stand. Replay an attempt to judge it."
    return [
        Heading(2, "Flagged"),
        said(words),
        Bullets(tuple(lines)),
        *_rest(len(flagged)),
    ]


def _aside(read: Readings, base: Path) -> list[Block]:
    """Attempts that stand in no mean, and why."""
    aside = [one for one in read.sat if one.score.status != "scored"]
    lines = [
        (*_place(one, base), f": {one.score.status}. {one.score.note}") for one in aside[:LISTED]
    ]
    blocks: list[Block] = [Heading(2, "Set aside"), Bullets(tuple(lines))]
    return [*blocks, *_rest(len(aside))] if aside else []


def _place(one: Sat, base: Path) -> tuple[Inline, ...]:
    where: Inline = Code(f"{one.score.instance} #{one.score.n}")
    if one.notebook is None:
        return (f"{one.score.agent}, ", where)
    return (f"{one.score.agent}, ", where, " ", Link("notebook", relative(one.notebook, base)))


def _rest(count: int) -> list[Block]:
    return [said(f"… and {count - LISTED} more.")] if count > LISTED else []


def _runs(runs: Sequence[Reading], base: Path) -> list[Block]:
    """The runs that are bound together."""
    lines: list[tuple[Inline, ...]] = []
    for one in runs:
        described = one.run
        lines.append(
            (
                Link(one.path.name, relative(one.path, base)),
                described.suite,
                described.agent,
                described.created,
                str(described.sandbox.get("tier", "-")),
                ", ".join(f"{k} {v}" for k, v in sorted(described.versions.items())),
                (described.tools_sha256 or "-")[:12],
                str(len(one.sat)),
            )
        )
    heads = ("run", "suite", "agent", "created", "kernels", "versions", "tools", "attempts")
    shown = Grid(heads, ("left",) * 7 + ("right",), tuple(lines))
    pages = [
        (Code(one.path.name), ": ", Link(name, relative(path, base)))
        for one in runs
        for name in _RESULTS
        if (path := one.path / "results" / name).is_file()
    ]
    more: list[Block] = [Paragraph(("Reports of single runs:",)), Bullets(tuple(pages))]
    return [Heading(2, "Runs"), shown, *(more if pages else [])]


def _files(found: Findings) -> list[Block]:
    """Links to the files beside the index."""
    names = [f"{STEM}.{kind}" for kind in ("md", "csv", "tex", "json")]
    names += [name for name in BOARD if name != "headline_candidates.md" or found.roads.headlines]
    if found.compared is not None:
        names += COMPARISON
    return [Heading(2, "Files"), Bullets(tuple((Link(name, _quoted(name)),) for name in names))]


def _quoted(name: str) -> str:
    return relative(name, Path())
