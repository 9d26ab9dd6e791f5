"""Side files: what is known of agents or items beside their scores, one row each.

A CSV or Parquet file with a column `agent` (or `item`) and any others, or an .npz with the arrays
`item` and `X` (rows by features), as embeddings come. A column `dataset` parts rows of several
data sets. A file of items that has both `item_id` and `item` also says how items are called:
responses that give ids are read with the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from evaluators.irt._long_form import TEXT, FileOptions, selected
from evaluators.irt._responses import Covariates, Floats
from evaluators.irt._rows import Rows
from evaluators.irt._sheets import Columns, Sheet, read_sheet
from evaluators.irt._texts import Texts, texts_of
from tasks import UsageError, nearest

What = Literal["agent", "item"]
_IDS = {"agent": "subject_id", "item": "item_id"}


@dataclass(frozen=True)
class Side:
    """One side file."""

    path: Path
    names: tuple[str, ...]
    covariates: Covariates
    called: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of ids, where the file says both."""


def read_side(path: Path, what: What, options: FileOptions) -> Side:
    """Read a side file.

    Raises:
        UsageError: it cannot be read, has no such column, several data sets, or a name twice.
    """
    if path.suffix == ".npz":
        return _arrays(path, what)
    known = Columns(
        TEXT | {_IDS[what], *_IDS.values()}, frozenset(options.ignore), {}, {_IDS[what]: what}
    )
    sheet = read_sheet(path, known)
    if what not in sheet.columns:
        raise UsageError(
            f"{path.name} has no column {what!r}; it has {', '.join(sheet.columns)}. A side file "
            f"of {what}s has one row for each, with its name in that column."
        )
    sheet = selected(sheet, options.dataset)
    key = _IDS[what] if _IDS[what] in sheet.columns else what
    _refuse_twice(sheet, key, what)
    at = np.argsort(sheet.texts(what).code, kind="stable")
    sheet = sheet.take(at)
    names = tuple(sheet.texts(what).values(np.arange(sheet.rows)))
    called = (
        dict(zip(sheet.texts(key).values(np.arange(sheet.rows)), names, strict=True))
        if key != what
        else {}
    )
    return Side(path, names, _covariates(sheet, {what, key, "dataset"}), called)


def _refuse_twice(sheet: Sheet, key: str, what: What) -> None:
    column = sheet.texts(key)
    counts = np.bincount(column.code, minlength=len(column.names))
    if np.all(counts <= 1):
        return
    sets = sheet.texts("dataset").names if "dataset" in sheet.columns else ()
    if len(sets) > 1:
        raise UsageError(
            f"{sheet.place.path.name} holds {what}s of {len(sets)} data sets, some under the same "
            f"name: say with --dataset which is meant ({', '.join(sets)})."
        )
    worst = int(np.argmax(counts))
    raise UsageError(
        f"{sheet.place.path.name} names the {what} {column.names[worst]!r} {counts[worst]} times "
        f"({sheet.place.say(np.flatnonzero(column.code == worst))}). A side file has one row for "
        f"each {what}: delete all but one."
    )


def _covariates(sheet: Sheet, without: set[str]) -> Covariates:
    labels: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, Floats] = {}
    for name, column in sheet.columns.items():
        if name in without:
            continue
        if isinstance(column, Texts):
            labels[name] = tuple(column.values(np.arange(sheet.rows)))
        else:
            numbers[name] = column
    return Covariates(labels, numbers)


def _arrays(path: Path, what: What) -> Side:
    try:
        with np.load(path, allow_pickle=False) as found:
            names, values = found[what], np.asarray(found["X"], dtype=np.float64)
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}. An .npz of {what}s holds the arrays {what!r} "
            f"({what}s) and 'X' ({what}s x features)."
        ) from None
    if values.ndim != 2 or names.shape != values.shape[:1]:
        raise UsageError(
            f"{path.name}: X has the shape {values.shape} for {names.size} {what}s. It needs one "
            "row for each."
        )
    order = np.argsort(names.astype(str), kind="stable")
    if len(np.unique(names)) < names.size:
        raise UsageError(f"{path.name} names some {what}s twice. It needs one row for each.")
    columns = {f"x{at}": values[order, at] for at in range(values.shape[1])}
    return Side(path, tuple(str(name) for name in names[order]), Covariates({}, columns))


def renamed(rows: Rows, side: Side) -> Rows:
    """The rows with their items called as the side file says."""
    names = [side.called.get(name, name) for name in rows.item.names]
    if len({*names}) < len(names):
        raise UsageError(f"{side.path.name} gives two items of the responses the same name.")
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    return replace(
        rows, item=texts_of(names, rows.item.code), of_items=_taken(rows.of_items, order.tolist())
    )


def _taken(covariates: Covariates, places: list[int]) -> Covariates:
    return Covariates(
        {name: tuple(texts[at] for at in places) for name, texts in covariates.labels.items()},
        {name: values[places] for name, values in covariates.numbers.items()},
    )


def matching(side: Side, what: What, known: set[str]) -> Side:
    """The side file, if it tells of anyone in the responses.

    Raises:
        UsageError: it tells of none of them.
    """
    if known & {*side.names}:
        return side
    some = min(known)
    raise UsageError(
        f"{side.path.name} names none of the {len(known):,} {what}s of the responses (such as "
        f"{some!r}; it has {side.names[0]!r}).{nearest(some, side.names)} Check that both are of "
        "the same data set, and --dataset."
    )
