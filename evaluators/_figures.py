"""Figures of matplotlib without pyplot's global state; the same figure gives the same bytes."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from evaluators._replay import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FileKind = Literal["png", "svg", "pdf"]
LONGEST = 48
"""Characters of a name in a figure."""
INK, FLAGGED, GROUND, CALM = "#1f4e79", "#d62728", "#8a6d3b", "#4a7f4a"
"""Colours: what is shown, what is wrong with it, what it stands on, what is as it should be."""


def blank_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches, that no window and no global list knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_files(
    stem: str, figure: "Figure", kinds: Sequence[FileKind] = ("png", "svg")
) -> dict[str, bytes]:
    """The figure as files, by name (`stem.png`, `stem.svg`)."""
    import matplotlib

    undated: dict[FileKind, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None},
        "pdf": {"CreationDate": None},
    }
    found: dict[str, bytes] = {}
    for kind in kinds:
        out = io.BytesIO()
        # Without a salt of its own the SVG's ids would be drawn anew each time.
        with matplotlib.rc_context({"svg.hashsalt": stem}):
            figure.savefig(out, format=kind, dpi=120, metadata=undated[kind])
        found[f"{stem}.{kind}"] = out.getvalue()
    return found


def shown_name(text: str, longest: int = LONGEST) -> str:
    """A name as a figure shows it: a dollar would begin a formula, and odd signs lack a glyph."""
    plain = " ".join(clean(text).split()).encode("latin-1", "replace").decode("latin-1")
    cut = plain if len(plain) <= longest else f"{plain[:longest]}..."
    return cut.replace("$", r"\$")
