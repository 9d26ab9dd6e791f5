"""`proctor irt diagnose|link`: are the items sound, and are two fits on one scale."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from evaluators.irt._cli_options import (
    AgentsFile,
    AsJson,
    Data,
    Dataset,
    DropBlank,
    Ignore,
    ItemsFile,
    Out,
    Rename,
    Repeats,
    Score,
    Wide,
    console,
    file_options,
    losses_json,
    plain,
    read_named,
    tell_losses,
    tell_table,
)
from tasks import JSON

if TYPE_CHECKING:
    from evaluators.irt._fit import Fit
    from evaluators.irt.diagnostics import Diagnosis
    from evaluators.irt.linking.drift import Drift
    from evaluators.irt.linking.links import Link, Method


def diagnose(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    out: Out,
    fit: Annotated[
        Path | None, typer.Option("--fit", help="A fit of these items: its parameters on cards.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Share of broken items; else what the data support.")
    ] = None,
    level: Annotated[float, typer.Option(help="False discovery rate of a flag.")] = 0.05,
    score: Score = "passed",
    agents: AgentsFile = None,
    items: ItemsFile = None,
    dataset: Dataset = "",
    rename: Rename = None,
    ignore: Ignore = None,
    wide: Wide = False,
    drop_blank: DropBlank = False,
    repeats: Repeats = False,
    json_: AsJson = False,
) -> None:
    """Which items are likely broken, and why one would think so.

    Examples: `proctor irt diagnose scores.csv --out suspects` · `proctor irt diagnose runs/* --fit
    out --out suspects` · `proctor irt diagnose scores.csv --items features.csv --out s --json`

    Writes items.csv (sorted by defect_score, the most suspect first), cards.txt and cards.json: an
    evidence card for each item. Items that nobody passes stand in a queue of their own; with number
    columns in --items, hard is told from broken.

    Exit codes: 0 written · 2 the data cannot be used · 3 a run was not scored, no fit there, or the
    folder cannot be written.
    """
    from evaluators.irt._saving import read_fit
    from evaluators.irt.diagnostics import Options
    from evaluators.irt.diagnostics import diagnose as diagnosed

    files = file_options(dataset, rename, ignore, (wide, drop_blank, repeats))
    table = read_named(data, score, (agents, items), files)
    known = None if fit is None else read_fit(fit)
    found = diagnosed(table, known, Options(prevalence=prevalence, level=level))
    written = found.write(out)
    if json_:
        told = {**asdict(found), "dropped": losses_json(found.dropped)}
        typer.echo(plain({**told, "files": [str(path) for path in written]}))
    else:
        _tell_diagnosis(found, written)


def _tell_diagnosis(found: "Diagnosis", written: list[Path]) -> None:
    rows = [
        (card.item, card.defect_score, card.q, ", ".join(card.flags), " ".join(card.evidence))
        for card in found.cards
    ]
    tell_table("items, most suspect first", [("item", "P(defect)", "q", "flags", "why"), *rows])
    flagged = sum("suspect" in card.flags for card in found.cards)
    console().print(
        f"{flagged} of {len(found.cards):,} items are suspect at a false discovery rate of "
        f"{found.level:g}; about {100 * found.prevalence:.3g} % are taken to be broken.",
        markup=False,
    )
    tell_losses(found.dropped, found.notes)
    console(errors=True).print(f"written: {', '.join(map(str, written))}", markup=False)


def link(
    new: Annotated[Path, typer.Argument(help="The fit to be moved: a folder of `irt fit`.")],
    old: Annotated[Path, typer.Argument(help="The fit whose scale is to hold.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write NEW on OLD's scale into this folder.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="stocking_lord, haebara, mean_sigma or mean_mean.")
    ] = "stocking_lord",
    purify: Annotated[
        bool, typer.Option(help="Link by the items that did not drift; without: by all shared.")
    ] = True,
    json_: AsJson = False,
) -> None:
    """Put one fit on the scale of another, by the items they share; which items drifted.

    Examples: `proctor irt link v2 v1 --out v2_on_v1` · `proctor irt link v2 v1 --method mean_sigma
    --json`

    Exit codes: 0 linked · 2 other models, or fewer than two shared items (three, to tell drift) ·
    3 no fit there, or the folder cannot be written.
    """
    from evaluators.irt._saving import read_fit, write_fit
    from evaluators.irt.linking.drift import drift
    from evaluators.irt.linking.links import link as linked

    moving, still = read_fit(new), read_fit(old)
    how = cast("Method", method)
    found = drift(moving.bank, still.bank, method=how) if purify else None
    line = linked(moving.bank, still.bank, how) if found is None else found.link
    words = (line.words, *(found.words if found is not None else ()))
    written: list[Path] = []
    if out is not None:
        moved = replace(_moved(moving, line), notes=(*moving.notes, *words))
        written = write_fit(moved, out, asked={"linked": {"new": str(new), "old": str(old)}})
    if json_:
        told: dict[str, JSON] = {
            **asdict(line),
            "drifted": [] if found is None else [asdict(one) for one in found.moved],
            "settled": found is None or found.settled,
            "words": list(words),
            "files": [str(path) for path in written],
        }
        typer.echo(plain(told))
        return
    for sentence in words:
        console().print(sentence, markup=False)
    _tell_drift(found)
    for path in written:
        console(errors=True).print(f"written: {path}", markup=False)


def _tell_drift(found: "Drift | None") -> None:
    if found is None or not found.moved:
        return
    header = ("item", "difficulty", "log slope", "z", "z slope", "mean score")
    rows = [
        (
            one.item, one.difficulty, one.log_slope, one.z_difficulty, one.z_log_slope, one.score
        )
        for one in found.moved
    ]  # fmt: skip
    tell_table("drifted, new minus old on the old scale", [header, *rows])


def _moved(fit: "Fit", by: "Link") -> "Fit":
    from evaluators.irt.linking.links import move_abilities, move_bank

    return replace(
        fit,
        bank=move_bank(fit.bank, by),
        abilities=move_abilities(fit.abilities, by),
        grid=by.slope * fit.grid + by.shift,
    )
