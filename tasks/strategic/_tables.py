"""Numbers and tables of a brief, printed so that what is stated is exact."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Numbers = Literal["decimal", "percent", "parts"]
NUMBERS: tuple[Numbers, ...] = ("decimal", "percent", "parts")
"""How a probability may be printed."""


def number_format(style: Numbers, digits: int) -> tuple[str, Callable[[float], str]]:
    """How probabilities are printed, and a sentence that says so; exact at `digits` decimals."""
    if style == "percent":
        return "percentages", lambda p: f"{100 * p:.{digits - 2}f}%"
    if style == "parts":
        whole = 10**digits
        return f"parts in {whole:,}", lambda p: f"{round(whole * p)}"
    return "probabilities", lambda p: f"{p:.{digits}f}"


def table(corner: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A Markdown table."""
    lines = [
        f"| {corner} | {' | '.join(columns)} |",
        "|---" * (len(columns) + 1) + "|",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows),
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class Cells:
    """Values of a grid and how to print them."""

    values: Sequence[Sequence[float]]
    text: Callable[[float], str]
    transposed: bool


def grid(corner: tuple[str, str], rows: Sequence[str], columns: Sequence[str], cells: Cells) -> str:
    """A table of conditional probabilities, transposed if `cells.transposed`."""
    if cells.transposed:
        flipped = [(c, [cells.text(r[j]) for r in cells.values]) for j, c in enumerate(columns)]
        return table(f"{corner[1]} \\ {corner[0]}", rows, flipped)
    plain = [(name, [cells.text(p) for p in r]) for name, r in zip(rows, cells.values, strict=True)]
    return table(f"{corner[0]} \\ {corner[1]}", columns, plain)


def article(noun: str) -> str:
    """The noun after its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
