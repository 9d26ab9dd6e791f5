"""The leaderboard as a page and as files."""

from collections.abc import Sequence
from pathlib import Path

from evaluators._pages import (
    Block,
    Bullets,
    Grid,
    Heading,
    Inline,
    Link,
    Picture,
    Side,
    anchor,
    listed,
    markdown,
    relative,
    said,
)
from evaluators.stats.sample import Estimate
from evaluators.tables._classes import RULES
from evaluators.tables._comparison import (
    delta_grid,
    delta_json,
    json_lines,
    pair_json,
    pair_lists,
)
from evaluators.tables._forms import NONE, notebook_list, number, relative_paths
from evaluators.tables._headlines import LEAST, Headline, Roads
from evaluators.tables._plots import COSTS, SCORES
from evaluators.tables._standings import Board, Money, Standing
from evaluators.tables._table import caveat_blocks
from tasks import JSON
from tasks._record import dump

SCHEMA = 1
SUMMARY, REPORT = "leaderboard_summary.json", "leaderboard_report.md"
HEADLINES, DELTAS = "headline_candidates.md", "paired_deltas.jsonl"
NAMES = (SUMMARY, REPORT, HEADLINES, DELTAS)
PLOTS = tuple(f"{stem}.{kind}" for stem in (SCORES, COSTS) for kind in ("png", "svg"))
"""Files of a leaderboard; one that a board does not give is removed."""
UNKNOWN = "not estimated"
_PICTURES = {SCORES: "Scores with intervals, floors and ceilings", COSTS: "Cost against score"}
_COLUMNS: tuple[tuple[str, Side], ...] = (
    ("rank", "right"),
    ("agent", "left"),
    ("model", "left"),
    ("mode", "left"),
    ("class", "left"),
    ("envs", "right"),
    ("tasks", "right"),
    ("n", "right"),
    ("mean [95 %]", "right"),
    ("normalised [95 %]", "right"),
    ("floor", "right"),
    ("pass", "right"),
    ("paraphrase", "right"),
    ("drop", "right"),
    ("risk", "right"),
    ("valid", "right"),
    ("parse fail", "right"),
    ("cheat rate", "right"),
    ("cost, USD", "right"),
    ("tokens in/out", "right"),
    ("p50/p95, s", "right"),
    ("not ranked", "left"),
)
_PLAIN = frozenset({"rank", "agent", "model", "mode", "class", "floor", "not ranked"})
_ALWAYS = frozenset({"agent", "class", "n", "mean [95 %]", "normalised [95 %]", "cost, USD"})


def board_grid(rows: Sequence[Standing], targets: Sequence[str] = ()) -> Grid:
    """One line a row; `targets` are the links of its numbers ('' for none)."""
    texts = [_cells(row) for row in rows]
    shown = [
        i
        for i, (name, _) in enumerate(_COLUMNS)
        if name in _ALWAYS or any(line[i] not in ("", NONE) for line in texts)
    ]
    lines: list[tuple[Inline, ...]] = []
    for at, line in enumerate(texts):
        to = targets[at] if targets else ""
        lines.append(
            tuple(
                line[i]
                if not to or line[i] in ("", NONE) or _COLUMNS[i][0] in _PLAIN
                else Link(line[i], to)
                for i in shown
            )
        )
    return Grid(
        tuple(_COLUMNS[i][0] for i in shown), tuple(_COLUMNS[i][1] for i in shown), tuple(lines)
    )


def board_blocks(found: Board, base: Path) -> list[Block]:
    """The ranked boards, the rows beside them, who is pending, and the rows' notebooks."""
    targets = {id(row): _target(k, row, base) for k, row in enumerate(found.rows, 1)}
    blocks: list[Block] = []
    boards: dict[tuple[str, str], list[Standing]] = {}
    for row in found.rows:
        if row.ranked:
            boards.setdefault((row.track, row.exam), []).append(row)
    for (track, exam), group in boards.items():
        title = f"Track {track}, {group[0].n_tasks} instances (set {exam})"
        blocks += [Heading(2, title), board_grid(group, [targets[id(row)] for row in group])]
    rest = [row for row in found.rows if not row.ranked]
    if rest:
        grid = board_grid(rest, [targets[id(row)] for row in rest])
        blocks += [Heading(2, "Not ranked"), grid]
    if found.pending:
        lines = [f"{name}: {why}" for name, why in found.pending.items()]
        blocks += [Heading(2, "Pending"), listed(lines)]
    return blocks


def board_notebooks(found: Board, base: Path) -> list[Block]:
    """The notebooks behind each row, under the heading that its numbers lead to."""
    blocks: list[Block] = []
    for k, row in enumerate(found.rows, 1):
        if len(row.notebooks) > 1:
            blocks += [
                Heading(3, f"Agent {k}"),
                said(f"{row.agent}, stamped {row.stamp}:"),
                notebook_list(row.notebooks, base),
            ]
    return [Heading(2, "Notebooks of the agents"), *blocks] if blocks else []


def road_blocks(found: Roads, base: Path) -> list[Block]:
    """Modes of one model against each other; nothing where no model was played in two."""
    if not found.rows:
        return []
    return [
        Heading(2, "Direct, tool, reflective"),
        said("Paired deltas within one model, on what both have played."),
        delta_grid([row for row in found.rows if not row.family], "Modes"),
        *pair_lists([row for row in found.rows if not row.family], base, "Modes"),
    ]


def headline_blocks(found: Sequence[Headline]) -> list[Block]:
    """Headline candidates, a sentence each."""
    return [listed([_headline(one) for one in found])] if found else [said("None.")]


def leaderboard_blocks(
    found: Board, ways: Roads, notes: Sequence[str], plots: Sequence[str], base: Path
) -> list[Block]:
    """The whole page.

    Args:
        found: The board.
        ways: The comparisons within models.
        notes: The caveats.
        plots: Names of the plots' files in `base`.
        base: Folder of the page: links are relative to it.
    """
    return [
        *board_blocks(found, base),
        *road_blocks(ways, base),
        Heading(2, "Headline candidates"),
        *headline_blocks(ways.headlines),
        *picture_blocks(plots, base),
        *rule_blocks(),
        *board_notebooks(found, base),
        *caveat_blocks(notes),
    ]


def picture_blocks(plots: Sequence[str], base: Path) -> list[Block]:
    """The plots, each with a link to its SVG."""
    blocks: list[Block] = []
    for name in plots:
        path = Path(name)
        if path.suffix == ".png":
            vector = path.with_suffix(".svg")
            blocks.append(Picture(name, _PICTURES[path.stem]))
            link = Link(vector.name, relative(base / vector, base))
            blocks.append(Bullets((("as vectors: ", link),)))
    return [Heading(2, "Plots"), *blocks] if blocks else []


def rule_blocks() -> list[Block]:
    """By which rules rows are classed and ranked."""
    return [Heading(2, "How rows are classed"), listed(RULES)]


def leaderboard_files(
    found: Board, ways: Roads, notes: Sequence[str], plots: dict[str, bytes], base: Path
) -> dict[str, bytes]:
    """The files that `proctor leaderboard --out` saves, by name; see `leaderboard_blocks`."""
    title = Heading(1, "Leaderboard")
    page = [title, *leaderboard_blocks(found, ways, notes, list(plots), base)]
    files = {
        SUMMARY: dump(leaderboard_json(found, ways, notes, base)),
        REPORT: markdown(page).encode(),
        DELTAS: json_lines(pair_json(ways.pairs, base)),
        **plots,
    }
    if ways.headlines:
        words = said(
            f"Differences above {LEAST} whose 95 % interval excludes 0. Candidates, not findings: "
            "they are picked from many, and their intervals do not know that."
        )
        head = [Heading(1, "Headline candidates"), words]
        blocks = [*head, *headline_blocks(ways.headlines), *caveat_blocks(notes)]
        files[HEADLINES] = markdown(blocks).encode()
    return files


def leaderboard_json(
    found: Board, ways: Roads, notes: Sequence[str], base: Path | None = None
) -> dict[str, JSON]:
    """The board as one object, the pairs left out."""
    return {
        "schema": SCHEMA,
        "rows": [
            {**row.model_dump(mode="json"), "notebooks": relative_paths(row.notebooks, base)}
            for row in found.rows
        ],
        "pending": found.pending,
        "modes": [delta_json(row, base) for row in ways.rows],
        "headline_candidates": [one.model_dump(mode="json") for one in ways.headlines],
        "rules": list(RULES),
        "caveats": list(notes),
    }


def cost_text(cost: Money) -> str:
    """What attempts cost, in words that tell a guess from a bill."""
    basis = ", ".join(cost.basis)
    if cost.usd is None:
        text = UNKNOWN
    elif cost.known == "full":
        text = f"{cost.usd:.4f} ({basis})"
    else:
        text = f"at least {cost.usd:.4f} ({cost.n_known} of {cost.n}; {basis})"
    return text if not cost.set_aside_usd else f"{text} + {cost.set_aside_usd:.4f} set aside"


def spread(found: Estimate | None) -> str:
    """A number with its interval."""
    if found is None:
        return NONE
    if found.low is None or found.high is None:
        return number(found.value)
    return f"{found.value:.3f} [{found.low:.2f}, {found.high:.2f}]"


def _cells(row: Standing) -> list[str]:
    tokens = NONE if row.tokens_in is None else f"{row.tokens_in:,}/{row.tokens_out:,}"
    return [
        str(row.rank or NONE),
        row.agent,
        f"{row.provider}/{row.model}".strip("/"),
        row.mode,
        row.label,
        str(row.n_envs),
        str(row.n_tasks),
        f"{row.n}" + (f" (+{row.aside} aside)" if row.aside else ""),
        spread(row.mean_score),
        spread(row.normalised_score),
        number(row.floor),
        number(row.pass_rate),
        number(row.paraphrase_consistency),
        number(row.mean_score_drop),
        number(row.risk_violation_rate),
        number(row.validity_rate),
        number(row.parse_failure_rate),
        number(row.cheat_rate),
        cost_text(row.cost),
        tokens,
        _seconds(row),
        row.why_not,
    ]


def _seconds(row: Standing) -> str:
    if row.latency_p50_ms is None or row.latency_p95_ms is None:
        return NONE
    return f"{row.latency_p50_ms / 1000:.1f}/{row.latency_p95_ms / 1000:.1f}"


def _target(k: int, row: Standing, base: Path) -> str:
    if not row.notebooks:
        return ""
    if len(row.notebooks) == 1:
        return relative(row.notebooks[0], base)
    return f"#{anchor(f'Agent {k}')}"


def _headline(one: Headline) -> str:
    found = one.comparison
    delta = found.delta
    cost = UNKNOWN if one.cost_delta_usd is None else f"{one.cost_delta_usd:+.5f} USD an attempt"
    return (
        f"{'Preliminary: ' if one.preliminary else ''}{one.of} of {one.candidate} against "
        f"{one.baseline}: {found.candidate:.3f} against {found.baseline:.3f}, "
        f"{delta.value:+.3f} [{delta.low:+.3f}, {delta.high:+.3f}] over {found.pairs} pairs; "
        f"cost {cost}."
    )
