"""Long form: which column of a file is what, and rows of responses from them.

Ours: `agent`, `item`, `score`, or instead of the score `successes` and `trials`; `trial` numbers
the repeats of a pair. Any other column is a covariate of agents if it is constant within each of
them, of items if within each of those. That of measurement-db: `subject_id`, `item_id`,
`benchmark_id`, `trial`, `test_condition`, `response`, `correct_answer`, `trace`, where subject,
item, trial and condition name a row; a subject under several conditions is that many agents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from evaluators.irt._responses import Covariates, Dropped, Floats, Ints
from evaluators.irt._rows import Rows, check
from evaluators.irt._sheets import Columns, Sheet, read_sheet
from evaluators.irt._texts import Texts, texts_of
from tasks import UsageError, nearest

AGENT_LABELS = ("llm", "scaffold", "date")
ITEM_LABELS = ("family", "preset", "benchmark")
MEASUREMENT_DB = {
    "subject_id": "agent",
    "item_id": "item",
    "benchmark_id": "benchmark",
    "response": "score",
}
"""Columns of measurement-db that have another name here."""
CONDITION = "test_condition"
TEXT = frozenset({"agent", "item", "dataset", CONDITION, *AGENT_LABELS, *ITEM_LABELS})
ROLES = frozenset({"agent", "item", "score", "successes", "trials", "trial"})
UNREAD = frozenset({"trace", "correct_answer"})
"""Columns of measurement-db that tell nothing of scores."""


@dataclass(frozen=True)
class FileOptions:
    """How files are taken."""

    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """New names of columns: `{"model": "agent"}`."""
    ignore: tuple[str, ...] = ()
    """Columns that are not read."""
    dataset: str = ""
    """Only rows that have this in the column `dataset`; '' for all."""
    wide: bool = False
    """One row an agent (its name in the first column), one column an item; blanks are missing."""
    drop_blank: bool = False
    """Leave out rows without a score, and count them; else they are refused."""
    repeats: bool = False
    """Rows of one pair without a `trial` are its trials, in the order of the files."""


PLAIN = FileOptions()


def read_rows(path: Path, options: FileOptions) -> Rows:
    """The responses of one file.

    Raises:
        UsageError: what is wrong with it, by line.
    """
    sheet = selected(read_sheet(path, columns_wanted(options)), options.dataset)
    if options.wide:
        sheet = _melted(sheet)
    _refuse_strange(sheet)
    score, trials = _scores(sheet)
    dropped: tuple[Dropped, ...] = ()
    if options.drop_blank and np.any(blank := np.isnan(score)):
        kept = np.flatnonzero(~blank)
        if not len(kept):
            raise UsageError(f"No row of {path.name} has a score.")
        reason = f"Rows of {path.name} have no score (blank or NaN)."
        dropped = (Dropped(int(np.sum(blank)), reason),)
        sheet, score, trials = sheet.take(kept), score[kept], trials[kept]
    agent, conditions = _agents(sheet)
    rows = Rows(
        sheet.place,
        agent,
        sheet.texts("item"),
        score,
        trials,
        _trial(sheet),
        dropped=dropped,
    )
    return _described(check(rows), sheet, conditions)


def columns_wanted(options: FileOptions) -> Columns:
    """How the columns of a file are to be taken."""
    return Columns(TEXT, frozenset(options.ignore) | UNREAD, options.rename, MEASUREMENT_DB)


def selected(sheet: Sheet, dataset: str) -> Sheet:
    """The rows of one data set, where a column `dataset` tells several apart.

    Raises:
        UsageError: none of the rows is of it.
    """
    if not dataset or "dataset" not in sheet.columns:
        return sheet
    column = sheet.texts("dataset")
    if dataset not in column.names:
        raise UsageError(
            f"{sheet.place.path.name} has no row of the dataset {dataset!r}."
            f"{nearest(dataset, column.names)} It has {', '.join(column.names[:20])}."
        )
    return sheet.take(np.flatnonzero(column.code == column.names.index(dataset)))


def _melted(sheet: Sheet) -> Sheet:
    first, *items = sheet.columns
    agents = sheet.texts(first)
    scores = np.column_stack([sheet.numbers(item) for item in items])
    row, column = np.nonzero(~np.isnan(scores))
    columns = {
        "agent": agents.take(row),
        "item": texts_of(items, column.astype(np.int64)),
        "score": scores[row, column],
    }
    return replace(sheet.take(row), columns=columns)


def _refuse_strange(sheet: Sheet) -> None:
    names, file = tuple(sheet.columns), sheet.place.path.name
    counted = "successes" in names or ("trials" in names and "score" not in names)
    needed = ["agent", "item", *(("successes", "trials") if counted else ("score",))]
    absent = [name for name in needed if name not in names]
    if not absent:
        return
    if len(names) > 2 and not {"item", "score"} & {*names}:
        hint = " If each of its columns is an item and each row an agent, read it with --wide."
    else:
        hint = " Name the column that holds it with --rename OLD=NEW."
    raise UsageError(
        f"{file} has no column {' and no column '.join(map(repr, absent))}; it has "
        f"{', '.join(names[:20])}{', …' if len(names) > 20 else ''}. Responses need agent, item "
        f"and score (or successes and trials), one row a trial or a pair.{hint}"
    )


def _scores(sheet: Sheet) -> tuple[Floats, Floats]:
    """Mean scores and trials of rows."""
    if "successes" not in sheet.columns:
        score = sheet.numbers("score")
        trials = sheet.numbers("trials") if "trials" in sheet.columns else np.ones(len(score))
        return score, trials
    successes, trials = sheet.numbers("successes"), sheet.numbers("trials")
    over = np.flatnonzero((successes > trials) | (successes < 0))
    if len(over):
        raise UsageError(
            f"{len(over):,} of {sheet.rows:,} rows have more successes than trials, or fewer than "
            f"none: {sheet.place.say(over)}. Correct the columns successes and trials."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(trials > 0, successes / trials, 0.0)
    score = np.where(np.isnan(successes), np.nan, score)
    if "score" in sheet.columns:
        stated = sheet.numbers("score")
        apart = np.flatnonzero(np.abs(stated - score) > 0.01)
        if len(apart):
            raise UsageError(
                f"In {len(apart):,} of {sheet.rows:,} rows the score is not successes / trials: "
                f"{sheet.place.say(apart)}. Correct them, or leave a column out with --ignore."
            )
    return score, trials


def _trial(sheet: Sheet) -> Ints | None:
    if "trial" not in sheet.columns:
        return None
    number = sheet.numbers("trial")
    if np.all(np.isnan(number)):
        return None
    bad = np.flatnonzero(~((number >= 0) & (number == np.rint(number))))
    if len(bad):
        raise UsageError(
            f"Column 'trial' numbers the trials of a pair (1, 2, …); {len(bad):,} of "
            f"{sheet.rows:,} rows have no such number: {sheet.place.say(bad)}."
        )
    # Some count from 0; a table counts from 1.
    return number.astype(np.int64) + int(np.min(number) == 0)


def _agents(sheet: Sheet) -> tuple[Texts, dict[str, str]]:
    """The agents, and the condition of each; a subject under several conditions is several."""
    subject = sheet.texts("agent")
    if CONDITION not in sheet.columns:
        return subject, {}
    condition = sheet.texts(CONDITION)
    codes = subject.code * len(condition.names) + condition.code
    pairs, code = np.unique(codes, return_inverse=True)
    apart = [divmod(int(pair), len(condition.names)) for pair in pairs]
    several = np.bincount([who for who, _ in apart], minlength=len(subject.names)) > 1
    names = [
        under(subject.names[who], condition.names[how]) if several[who] else subject.names[who]
        for who, how in apart
    ]
    stated = {name: condition.names[how] for name, (_, how) in zip(names, apart, strict=True)}
    return texts_of(names, code.astype(np.int64)), stated


def under(subject: str, condition: str) -> str:
    """The name of a subject under a condition, where it has several."""
    return f"{subject} [{condition or 'no condition'}]"


def _described(rows: Rows, sheet: Sheet, conditions: Mapping[str, str]) -> Rows:
    """The rows with the covariates that their file's other columns hold."""
    sides = {"agent": Described(rows.agent), "item": Described(rows.item)}
    for name in sheet.columns:
        if name in ROLES or name == CONDITION:
            continue
        column = sheet.columns[name]
        values = column.code if isinstance(column, Texts) else column
        fits = [what for what, side in sides.items() if side.constant(values)]
        if not fits:
            raise UsageError(
                f"Column {name!r} of {sheet.place.path.name} is constant neither within agents nor "
                "within items, so it tells of neither. Known columns are agent, item, score, "
                f"trial, trials, successes.{nearest(name, ROLES)} Leave it out with --ignore "
                f"{name}."
            )
        what = (
            "agent" if fits == ["agent"] or (name in AGENT_LABELS and "agent" in fits) else "item"
        )
        sides[what].put(name, column)
    if any(conditions.values()):
        sides["agent"].labels[CONDITION] = tuple(conditions[name] for name in rows.agent.names)
    return replace(rows, of_agents=sides["agent"].covariates(), of_items=sides["item"].covariates())


@dataclass
class Described:
    """The covariates of agents, or of items, as they are found."""

    who: Texts
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    numbers: dict[str, Floats] = field(default_factory=dict[str, Floats])

    @cached_property
    def first(self) -> Ints:
        """(names,) the first row of each."""
        found = np.zeros(len(self.who.names), dtype=np.int64)
        found[self.who.code[::-1]] = np.arange(len(self.who.code))[::-1]
        return found

    def constant(self, values: Ints | Floats) -> bool:
        """Whether a column has one value for each of them."""
        each = values[self.first][self.who.code]
        return bool(np.all((values == each) | ((values != values) & (each != each))))

    def put(self, name: str, column: Texts | Floats) -> None:
        """Keep a column, one value for each of them."""
        if isinstance(column, Texts):
            self.labels[name] = tuple(column.values(self.first))
        else:
            self.numbers[name] = column[self.first]

    def covariates(self) -> Covariates:
        """All that was kept."""
        return Covariates(self.labels, self.numbers)
