"""The comparison table as a page and as files."""

from collections.abc import Sequence
from pathlib import Path

from evaluators._pages import Block, Heading, listed, markdown, said
from evaluators.tables._forms import (
    as_json,
    comma_separated,
    grid,
    latex,
    notebook_lists,
    pivot,
)
from evaluators.tables._rows import Row
from tasks._record import dump

STEM = "comparison_table"
SCHEMA = 1


def table_blocks(
    found: Sequence[Row], notes: Sequence[str], base: Path, *, by_family: bool = False
) -> list[Block]:
    """The grid, the notebooks that its cells lead to, the caveats.

    Args:
        found: The rows.
        notes: The caveats.
        base: Folder of the page: links are relative to it.
        by_family: Families against agents, not a line a row.
    """
    shown = pivot(found, base) if by_family else grid(found, base)
    return [shown, *notebook_lists(found, base), *caveat_blocks(notes)]


def caveat_blocks(notes: Sequence[str]) -> list[Block]:
    """The caveats under their heading."""
    return [Heading(2, "Caveats"), listed(notes) if notes else said("None.")]


def table_files(found: Sequence[Row], notes: Sequence[str], base: Path) -> dict[str, bytes]:
    """The files that `proctor table --out` saves, by name; links are relative to `base`."""
    pivoted: list[Block] = [Heading(2, "Families against agents"), pivot(found, base)]
    blocks = [
        Heading(1, "Comparison"),
        grid(found, base),
        *pivoted,
        *notebook_lists(found, base),
        *caveat_blocks(notes),
    ]
    tex = latex(grid(found, None), "Proctor: comparison table", notes)
    tex += latex(pivot(found, None), "Proctor: families against agents")
    value = {"schema": SCHEMA, "rows": as_json(found, base), "caveats": list(notes)}
    return {
        f"{STEM}.md": markdown(blocks).encode(),
        f"{STEM}.csv": comma_separated(found, base).encode(),
        f"{STEM}.tex": tex.encode(),
        f"{STEM}.json": dump(value),
    }
