"""One file of rows as columns: CSV or Parquet, packed or not, by pyarrow and without a loop.

Text columns come dictionary-encoded (distinct values and a code a row), so that ten million rows
of two names cost two arrays of integers.
"""

import contextlib
import csv
import gzip
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from evaluators.irt._arrow import NUMBERS, numbers_of, texts_in
from evaluators.irt._responses import Floats, Ints
from evaluators.irt._texts import Texts, texts_of
from tasks import RecordError, UsageError, nearest

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")
"""What a table's file may be called."""
SHOWN = 5
"""Places that a message names before it counts."""


@dataclass(frozen=True)
class Place:
    """Where rows came from, so that a message can name their lines."""

    path: Path
    kept: Ints | None = None
    """Which row of the file each row was; None: all of them, in order."""

    def say(self, rows: Ints) -> str:
        """Words for some rows: `lines 3, 8 of x.csv`; of Parquet, rows from 1."""
        at = rows if self.kept is None else self.kept[rows]
        few = np.sort(at)[:SHOWN]
        text = not self.path.name.endswith((".parquet", ".pq"))
        said = _lines(self.path, few) if text else [int(row) + 1 for row in few]
        unit = ("line" if text else "row") + ("s" if len(at) > 1 else "")
        more = f" and {len(at) - len(few):,} more" if len(at) > len(few) else ""
        return f"{unit} {', '.join(map(str, said))}{more} of {self.path.name}"


@dataclass(frozen=True)
class Sheet:
    """The columns of one file."""

    place: Place
    columns: Mapping[str, Texts | Floats]
    """In the file's order. Numbers: (rows,), NaN where blank."""
    rows: int

    def texts(self, name: str) -> Texts:
        """A column as text, whatever it looked like."""
        column = self.columns[name]
        if isinstance(column, Texts):
            return column
        values, code = np.unique(column, return_inverse=True)
        return texts_of([number_text(value) for value in values], code.astype(np.int64))

    def numbers(self, name: str) -> Floats:
        """A column as numbers; NaN where blank.

        Raises:
            UsageError: some of its values are none; names their lines.
        """
        column = self.columns[name]
        if not isinstance(column, Texts):
            return column
        values = [_number(text) for text in column.names]
        bad = [place for place, value in enumerate(values) if value is None]
        if bad:
            rows = np.flatnonzero(np.isin(column.code, bad))
            said = ", ".join(repr(column.names[place]) for place in bad[:SHOWN])
            raise UsageError(
                f"Column {name!r} must hold numbers; {len(rows):,} of {self.rows:,} rows do not: "
                f"{said} in {self.place.say(rows)}. Give a number in each row, or leave the column "
                "out with --ignore."
            )
        return np.array([value or 0.0 for value in values])[column.code]

    def take(self, rows: Ints) -> "Sheet":
        """Some rows, which still know their lines."""
        kept = rows if self.place.kept is None else self.place.kept[rows]
        columns = {
            name: column.take(rows) if isinstance(column, Texts) else column[rows]
            for name, column in self.columns.items()
        }
        return Sheet(Place(self.place.path, kept), columns, len(rows))


@dataclass(frozen=True)
class Columns:
    """How the columns of a file are taken; names are those after renaming."""

    texts: frozenset[str] = frozenset()
    """Text even where they look like numbers."""
    skipped: frozenset[str] = frozenset()
    """Not read at all."""
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """New names of columns, which must be there."""
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    """New names of columns where they are there and the new name is not."""

    def named(self, path: Path, names: Sequence[str]) -> list[str]:
        """The names that a file's columns get.

        Raises:
            UsageError: a column to rename is not there, or a name stands twice.
        """
        absent = [name for name in self.rename if name not in names]
        if absent:
            raise UsageError(
                f"{path.name} has no column {absent[0]!r} to rename.{nearest(absent[0], names)} "
                f"It has {', '.join(names)}."
            )
        new = {**{old: to for old, to in self.aliases.items() if to not in names}, **self.rename}
        found = [new.get(name, name) for name in names]
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            raise UsageError(
                f"{path.name} has the column {twice[0]!r} more than once. Which one counts cannot "
                "be told: give each column its own name."
            )
        return found


def read_sheet(path: Path, wanted: Columns) -> Sheet:
    """Read one file; how follows from its name.

    Raises:
        UsageError: not there, not such a file, empty, ragged, a column twice or not there.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    if not path.name.lower().endswith(SUFFIXES):
        raise UsageError(
            f"{path.name} is none of {', '.join(SUFFIXES)}: how it is to be read follows from its "
            "name. Give it such a name, or a run folder."
        )
    parquet = path.name.lower().endswith((".parquet", ".pq"))
    names, table = _parquet(path, wanted) if parquet else _csv(path, wanted)
    if table.num_rows == 0:
        raise UsageError(f"{path} has no rows below its header ({', '.join(names.values())}).")
    columns = {
        names[old]: _column(table.column(old), names[old] in wanted.texts)
        for old in map(str, table.column_names)
    }
    return Sheet(Place(path), columns, int(table.num_rows))


def _csv(path: Path, wanted: Columns) -> tuple[dict[str, str], Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow

    header = _header(path)
    named = dict(zip(header, wanted.named(path, header), strict=True))
    coded = pa.dictionary(pa.int32(), pa.string())
    try:
        return named, arrow.read_csv(
            str(path),
            read_options=arrow.ReadOptions(column_names=header, skip_rows=1),
            parse_options=arrow.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                column_types={old: coded for old, new in named.items() if new in wanted.texts},
                include_columns=[old for old, new in named.items() if new not in wanted.skipped],
                auto_dict_encode=True,
                auto_dict_max_cardinality=1 << 20,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise UsageError(f"{path} has no rows below its header.") from None
        raise UsageError(_broken(path, len(header), error)) from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error}.") from error


def _parquet(path: Path, wanted: Columns) -> tuple[dict[str, str], Any]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file: Any = parquet.ParquetFile(str(path))
        names = [str(name) for name in file.schema_arrow.names]
        named = dict(zip(names, wanted.named(path, names), strict=True))
        kept = [old for old, new in named.items() if new not in wanted.skipped]
        return named, file.read(columns=kept)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error}") from None


def _column(column: Any, text: bool) -> Texts | Floats:
    if str(column.type) in NUMBERS and not text:
        return numbers_of(column)
    if str(column.type).startswith("decimal") and not text:
        return np.array([np.nan if v is None else float(v) for v in column.to_pylist()])
    return texts_in(column)


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


@contextlib.contextmanager
def _opened(path: Path) -> Generator[TextIO]:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


def _header(path: Path) -> list[str]:
    try:
        with _opened(path) as file:
            names = [
                name.strip() for name in next(csv.reader(file, delimiter=_delimiter(path)), [])
            ]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as UTF-8 text: {error}.") from None
    if not any(names):
        raise UsageError(f"{path} is empty: its first line must name the columns.")
    if len(names) == 1 and (other := next((c for c in ";\t|" if c in names[0]), "")):
        raise UsageError(
            f"{path.name} has one column, {names[0]!r}: columns are parted by commas (in .tsv by "
            f"tabs), not by {other!r}."
        )
    return names


def _lines(path: Path, rows: Ints) -> list[int]:
    """Lines of rows, counted as an editor counts them; read again, since only errors ask."""
    wanted, found = {int(row) for row in rows}, dict[int, int]()
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=_delimiter(path))
        next(reader, None)
        row = 0
        for fields in reader:
            if not fields:
                continue
            if row in wanted:
                found[row] = reader.line_num
            row += 1
            if len(found) == len(wanted):
                break
    return [found[row] for row in sorted(found)]


def _broken(path: Path, width: int, error: Exception) -> str:
    """What is wrong with a file that cannot be parsed."""
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=_delimiter(path))
        try:
            for fields in reader:
                if fields and len(fields) != width:
                    return (
                        f"Line {reader.line_num} of {path.name} has {len(fields)} columns, its "
                        f"header {width}. Quote values that hold a comma, or mend the line."
                    )
        except (UnicodeDecodeError, csv.Error, EOFError, OSError) as fault:
            return f"{path} cannot be read as UTF-8 CSV: {fault}."
    return f"{path} cannot be read as CSV: {error}"


def _number(text: str) -> float | None:
    """The number that a text is; NaN for a blank, None if it is none."""
    if text.strip().lower() in {"", "nan", "na", "n/a", "null", "none"}:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        return None


def number_text(value: float) -> str:
    """A number as a name: `7`, `0.5`, '' for NaN."""
    if np.isnan(value):
        return ""
    whole = np.isfinite(value) and value == int(value)
    return str(int(value)) if whole else repr(float(value))
