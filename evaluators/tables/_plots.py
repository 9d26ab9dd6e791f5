"""Plots of tables: scores with intervals and floors, cost against score; PNG and SVG.

Drawn on figures of their own, without pyplot's global state; the same rows give the same bytes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evaluators._figures import CALM, FLAGGED, GROUND, INK, blank_figure, figure_files, shown_name
from evaluators.tables._rows import Row
from evaluators.tables._standings import Standing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORES, COSTS = "scores", "cost_vs_score"


def plots(rows: Sequence[Row], standings: Sequence[Standing]) -> dict[str, bytes]:
    """The plots that the rows allow, by file name (`scores.png`, `scores.svg`, …).

    Args:
        rows: Of the comparison table; those without a mean are left out.
        standings: Of the leaderboard; those without a known cost are left out of the second plot,
            which is not drawn where nobody's cost is known.
    """
    files: dict[str, bytes] = {}
    measured = [row for row in rows if row.mean_score is not None]
    if measured:
        files.update(figure_files(SCORES, _scores(measured)))
    priced = [row for row in standings if row.cost.known == "full" and row.mean_score is not None]
    if priced:
        files.update(figure_files(COSTS, _costs(priced)))
    return files


def _scores(rows: Sequence[Row]) -> "Figure":
    """One panel a family and preset; a line an agent, red where flagged; floor and ceiling."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.family, row.preset), []).append(row)
    figure, panels = _panels([len(group) for group in groups.values()])
    for panel, ((family, preset), group) in zip(panels, sorted(groups.items()), strict=True):
        places = range(len(group), 0, -1)
        for place, row in zip(places, group, strict=True):
            mean, color = row.mean_score or 0.0, FLAGGED if row.flagged else INK
            panel.plot([mean], [place], "o", color=color, markersize=5)
            if row.low is not None and row.high is not None:
                panel.plot([row.low, row.high], [place, place], "-", color=color)
        if group[0].floor is not None and group[0].ceiling is not None:
            panel.axvline(group[0].floor, color=GROUND, linestyle="--", label="floor")
            panel.axvline(group[0].ceiling, color=CALM, linestyle=":", label="ceiling")
            # Above the panel: inside it would cover somebody's score.
            panel.legend(
                loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=7, frameon=False
            )
        panel.set_yticks(list(places), [shown_name(f"{row.agent}  n {row.n}") for row in group])
        panel.set_ylim(0.4, len(group) + 0.6)
        panel.set_xlim(-0.03, 1.03)
        panel.set_title(shown_name(f"{family} · {preset}"), loc="left", fontsize=9)
        panel.grid(axis="x", alpha=0.3)
    panels[-1].set_xlabel("mean score, 95 % interval")
    return figure


def _costs(rows: Sequence[Standing]) -> "Figure":
    """Cost of an attempt against the mean score; free ones stand at 0."""
    figure, (panel,) = _panels([8])
    places = [(row.cost.usd or 0.0) / max(1, row.cost.n_known) for row in rows]
    for row, x in zip(rows, places, strict=True):
        score = row.mean_score
        assert score is not None
        panel.plot([x], [score.value], "o", color=INK)
        if score.low is not None and score.high is not None:
            panel.plot([x, x], [score.low, score.high], "-", color=INK, alpha=0.6)
        # Names stand on the side where there is room for them.
        left = x > max(places) / 2
        panel.annotate(
            shown_name(row.agent),
            (x, score.value),
            xytext=(-5 if left else 5, 4),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=8,
        )
    panel.set_xlabel("cost of an attempt, USD")
    panel.set_ylabel("mean score, 95 % interval")
    panel.set_ylim(-0.03, 1.03)
    # A logarithm would hide what is free, and stretch what costs next to nothing.
    panel.set_xlim(left=0.0)
    panel.grid(alpha=0.3)
    return figure


def _panels(lines: Sequence[int]) -> "tuple[Figure, Sequence[Any]]":
    heights = [0.6 + 0.3 * count for count in lines]
    figure = blank_figure(8.0, sum(heights) + 0.6)
    panels: Any = figure.subplots(len(lines), 1, squeeze=False, height_ratios=heights)
    return figure, [panel for (panel,) in panels]
