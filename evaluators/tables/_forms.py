"""The comparison table in its forms: for a terminal, Markdown, CSV, LaTeX, JSON; and as a pivot."""

import csv
import io
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from evaluators._pages import (
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Inline,
    Link,
    Paragraph,
    Side,
    anchor,
    flat,
    relative,
)
from evaluators.tables._rows import Row
from tasks import JSON

COLUMNS: tuple[tuple[str, Side], ...] = (
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
    ("cheat rate", "right"),
    ("aside", "right"),
)
OPTIONAL = frozenset({"belief", "decision", "safety", "calibration", "evidence"})
OWN = frozenset({"family", "preset", "agent", "stamp", "floor", "ceiling", "aside"})
"""Columns that no attempt of the row gave; their cells lead nowhere."""
NONE = "-"


def grid(found: Sequence[Row], base: Path | None) -> Grid:
    """One line a row; with `base`, the page's folder, its cells lead to the row's notebooks."""
    lines = [cells(row) for row in found]
    shown = _filled(lines)
    return Grid(
        heads=tuple(COLUMNS[i][0] for i in shown),
        sides=tuple(COLUMNS[i][1] for i in shown),
        lines=tuple(
            tuple(_linked(COLUMNS[i][0], line[i], target(k, row, base)) for i in shown)
            for k, (row, line) in enumerate(zip(found, lines, strict=True), 1)
        ),
    )


def pivot(found: Sequence[Row], base: Path | None) -> Grid:
    """Families against agents: the mean, its interval and n; floor and ceiling beside them."""
    places = {(row.family, row.preset): row for row in found}
    names = list(dict.fromkeys(sorted(map(column, found))))
    cell = {(row.family, row.preset, column(row)): (k, row) for k, row in enumerate(found, 1)}
    lines: list[tuple[Inline, ...]] = []
    for (family, preset), row in sorted(places.items()):
        line: list[Inline] = [family, preset, number(row.floor), number(row.ceiling)]
        for name in names:
            if (family, preset, name) not in cell:
                line.append(NONE)
                continue
            k, one = cell[family, preset, name]
            flagged = f", {one.flagged} flagged" if one.flagged else ""
            text = f"{_mean(one)} (n {one.n}{flagged})"
            line.append(_linked("", text, target(k, one, base)))
        lines.append(tuple(line))
    heads = ("family", "preset", "floor", "ceiling", *names)
    right: list[Side] = ["right"] * (len(heads) - 2)
    return Grid(heads, ("left", "left", *right), tuple(lines))


def column(row: Row) -> str:
    """An agent as the pivot's head names it: with the stamp, unless it sat an exam."""
    return row.agent if row.stamp == "exam" else f"{row.agent} ({row.stamp})"


def target(k: int, row: Row, base: Path | None) -> str:
    """Where the cells of row `k` lead: its notebook, or the list of them; '' for nowhere."""
    if base is None or not row.notebooks:
        return ""
    if len(row.notebooks) == 1:
        return relative(row.notebooks[0], base)
    return f"#{anchor(f'Row {k}')}"


def notebook_lists(found: Sequence[Row], base: Path) -> list[Block]:
    """The notebooks behind each row, under the heading that its cells lead to."""
    blocks: list[Block] = []
    for k, row in enumerate(found, 1):
        if len(row.notebooks) > 1:
            blocks += [
                Heading(3, f"Row {k}"),
                Paragraph((Code(f"{row.family}:{row.preset}"), f" played by {row.agent}:")),
                notebook_list(row.notebooks, base),
            ]
    return [Heading(2, "Notebooks"), *blocks] if blocks else []


def notebook_list(paths: Sequence[str], base: Path) -> Bullets:
    """A list of links to notebooks."""
    return Bullets(tuple((Link(Path(path).name, relative(path, base)),) for path in paths))


def rich_grid(shown: Grid, red: Collection[int] = ()) -> Table:
    """A grid for a terminal, the lines `red` in red; links are left out."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, side in zip(shown.heads, shown.sides, strict=True):
        # Folded, never cut: a narrow terminal shows every digit. A family's name stays in one.
        table.add_column(Text(name), justify=side, overflow="fold", no_wrap=name == "family")
    for at, line in enumerate(shown.lines):
        style = "red" if at in red else None
        table.add_row(*(Text(flat(text_of(cell))) for cell in line), style=style)
    return table


def flagged(found: Sequence[Row]) -> list[int]:
    """Places of the rows with signs of cheating."""
    return [at for at, row in enumerate(found) if row.flagged]


def latex(shown: Grid, caption: str, notes: Sequence[str] = ()) -> str:
    """A grid as a LaTeX table in booktabs style, its caveats as comments."""
    from tabulate import tabulate

    body = tabulate(
        [[flat(text_of(cell)) for cell in line] for line in shown.lines],
        headers=[*shown.heads],
        tablefmt="latex_booktabs",
        disable_numparse=True,
        colalign=shown.sides if shown.lines else None,
    )
    told = "".join(f"% note: {flat(note)}\n" for note in notes)
    return f"% {flat(caption)}; needs \\usepackage{{booktabs}}\n{told}{body}\n"


def comma_separated(found: Sequence[Row], base: Path | None = None) -> str:
    """CSV with full precision, one column per field of `Row`; notebooks are joined by semicolons.

    With `base`, the folder of the file, their paths are relative to it.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(Row.model_fields), lineterminator="\n")
    writer.writeheader()
    for row in as_json(found, base):
        # A spreadsheet would run a name that begins like a formula.
        safe = {
            key: f"'{v}" if str(v)[:1] in "=+@" and isinstance(v, str) else v
            for key, v in row.items()
        }
        writer.writerow({**safe, "notebooks": ";".join(row["notebooks"])})
    return out.getvalue()


def as_json(found: Sequence[Row], base: Path | None = None) -> list[dict[str, JSON]]:
    """The rows as objects; with `base`, notebooks are named relative to it."""
    return [
        {**row.model_dump(mode="json"), "notebooks": relative_paths(row.notebooks, base)}
        for row in found
    ]


def relative_paths(paths: Sequence[str], base: Path | None) -> list[str]:
    """Paths as one reads them from `base`; as they are without one."""
    return [path if base is None else os.path.relpath(path, base) for path in paths]


def cells(row: Row) -> list[str]:
    """The row's texts, one a column of `COLUMNS`."""
    aside = row.aside - row.invalid
    parts = [f"{row.invalid} invalid"] if row.invalid else []
    parts += [f"{aside} in error"] if aside else []
    return [
        row.family,
        row.preset,
        row.agent,
        row.stamp,
        str(row.n),
        _mean(row),
        number(row.floor),
        number(row.ceiling),
        number(row.normalised_score),
        number(row.pass_rate),
        number(row.validity_rate),
        number(row.belief),
        number(row.decision),
        number(row.safety),
        number(row.calibration),
        number(row.evidence),
        str(row.flagged),
        number(row.cheat_rate),
        ", ".join(parts) or "0",
    ]


def number(value: float | None) -> str:
    """Three digits; a hyphen for nothing."""
    return NONE if value is None else f"{value:.3f}"


def text_of(part: Inline) -> str:
    """What an inline shows."""
    return part if isinstance(part, str) else part.text


def _mean(row: Row) -> str:
    spread = "" if row.low is None or row.high is None else f" [{row.low:.2f}, {row.high:.2f}]"
    return number(row.mean_score) + spread


def _linked(head: str, text: str, to: str) -> Inline:
    return Link(text, to) if to and text != NONE and head not in OWN else text


def _filled(lines: Sequence[Sequence[str]]) -> list[int]:
    """Columns that say something of some row; axes that no family grades are left out."""
    return [
        i
        for i, (name, _) in enumerate(COLUMNS)
        if name not in OPTIONAL or any(line[i] != NONE for line in lines)
    ]
