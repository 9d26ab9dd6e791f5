"""Rows of several sources: checked each, joined into one response table.

The table does not depend on the order of rows or of files: agents and items are sorted by name,
rows by agent, item, trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np

from evaluators.irt._responses import Covariates, Dropped, Floats, Ints, ResponseTable
from evaluators.irt._sheets import number_text
from evaluators.irt._texts import Texts
from tasks import UsageError

V = TypeVar("V", str, float)
SLACK = 5e-4
"""Scores rounded to three decimals still count as k of n."""


class Origin(Protocol):
    """Where rows came from."""

    def say(self, rows: Ints) -> str:
        """Words for some rows, for messages."""
        ...


@dataclass(frozen=True)
class Rows:
    """Rows of one source, aligned; the covariates with `agent.names` and `item.names`."""

    origin: Origin
    agent: Texts
    item: Texts
    score: Floats
    """(rows,) mean score over the row's trials; NaN where blank."""
    trials: Floats
    """(rows,)"""
    trial: Ints | None
    """(rows,) None: the source does not number trials."""
    of_agents: Covariates = field(default_factory=Covariates)
    of_items: Covariates = field(default_factory=Covariates)
    dropped: tuple[Dropped, ...] = ()


def check(rows: Rows) -> Rows:
    """The same rows, if they can be used at all; k of n is made whole where it was rounded.

    Raises:
        UsageError: a blank name or score, a score outside [0, 1], trials that are no count.
    """
    for what, names in (("agent", rows.agent), ("item", rows.item)):
        blank = _rows_of(names, "")
        _refuse(
            rows,
            blank,
            f"name no {what} (blank). Every row needs the name of its {what}: fill it in, or "
            "delete the row.",
        )
    _refuse(
        rows,
        np.flatnonzero(np.isnan(rows.score)),
        "have no score (blank or NaN). What was not observed is left out of the table, row and "
        "all: delete these rows, or read with --drop-blank, which counts them.",
    )
    outside = np.flatnonzero((rows.score < 0) | (rows.score > 1))
    _refuse(
        rows,
        outside,
        f"have a score outside [0, 1] ({_range(rows.score[outside])}). Scores are fractions of the "
        "full mark: divide points by it; for k successes of n give the columns successes, trials.",
    )
    wrong = np.flatnonzero(~((rows.trials >= 1) & (rows.trials == np.rint(rows.trials))))
    _refuse(
        rows,
        wrong,
        f"have trials that are no count of 1 or more ({_range(rows.trials[wrong])}). A cell "
        "without a trial is left out of the table.",
    )
    return _whole(rows)


def _whole(rows: Rows) -> Rows:
    total = rows.score * rows.trials
    near = np.rint(total)
    slack = np.minimum(SLACK * rows.trials, 0.05)
    many = rows.trials > 1
    if not np.any(many) or np.any(np.abs(total - near)[many] > slack[many]):
        return rows
    score = np.where(many, near / rows.trials, rows.score)
    return replace(rows, score=score)


def _refuse(rows: Rows, bad: Ints, fault: str) -> None:
    if len(bad):
        raise UsageError(
            f"{len(bad):,} of {len(rows.score):,} rows {fault} They are {rows.origin.say(bad)}."
        )


def _range(values: Floats) -> str:
    if not len(values):
        return ""
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _rows_of(names: Texts, name: str) -> Ints:
    if name not in names.names:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(names.code == names.names.index(name))


Known = tuple[Sequence[str], Covariates]
"""Names, and what is known of them."""


@dataclass(frozen=True)
class Beside:
    """Covariates that stood in files of their own; names that no row has are passed over."""

    agents: Sequence[Known] = ()
    items: Sequence[Known] = ()


NOTHING = Beside()


def joined(
    parts: Sequence[Rows], *, beside: Beside = NOTHING, repeats: bool = False
) -> ResponseTable:
    """One table of all sources.

    Args:
        parts: Rows, checked each.
        beside: More covariates.
        repeats: Rows of one pair that are not numbered are trials, in the order of the files.

    Raises:
        UsageError: no rows; a pair twice with the same trial; sources that contradict each other.
    """
    if not sum(len(part.score) for part in parts):
        raise UsageError("There is no row to make a table of.")
    agents = sorted({name for part in parts for name in part.agent.names})
    items = sorted({name for part in parts for name in part.item.names})
    agent = np.concatenate([_coded(part.agent, agents) for part in parts])
    item = np.concatenate([_coded(part.item, items) for part in parts])
    pair = agent * len(items) + item
    trial = np.concatenate([_trials(part) for part in parts])
    order, trial = _ordered(pair, trial, repeats=repeats)
    _refuse_twice(parts, _Sorted(pair, trial, order), (agents, items))
    return ResponseTable(
        tuple(agents),
        tuple(items),
        agent[order],
        item[order],
        np.concatenate([part.score for part in parts])[order],
        np.concatenate([part.trials for part in parts])[order],
        np.maximum(trial[order], 1),
        _merged(
            "agent",
            agents,
            [*((part.agent.names, part.of_agents) for part in parts), *beside.agents],
        ),
        _merged(
            "item", items, [*((part.item.names, part.of_items) for part in parts), *beside.items]
        ),
        tuple(one for part in parts for one in part.dropped),
    )


def _coded(names: Texts, book: Sequence[str]) -> Ints:
    place = {name: at for at, name in enumerate(book)}
    return np.array([place[name] for name in names.names], dtype=np.int64)[names.code]


def _trials(part: Rows) -> Ints:
    return np.zeros(len(part.score), dtype=np.int64) if part.trial is None else part.trial


def _ordered(pair: Ints, trial: Ints, *, repeats: bool) -> tuple[Ints, Ints]:
    """The order of rows by pair and trial; with `repeats`, trials without a number get one."""
    if np.all(np.diff(pair) > 0):
        return np.arange(len(pair)), trial
    numbered = bool(np.any(trial != 0))
    order = np.lexsort((trial, pair)) if numbered else np.argsort(pair, kind="stable")
    if not repeats or np.all(trial != 0):
        return order, trial
    ranked = pair[order]
    first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    counts = np.diff(np.r_[first, len(ranked)])
    number = np.arange(len(ranked)) - np.repeat(first, counts) + 1
    new = trial.copy()
    new[order] = np.where(np.repeat(_first_is_open(trial[order], first), counts), number, 0)
    return order, np.where(trial == 0, new, trial)


def _first_is_open(trial: Ints, first: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    # Zeros sort first: a pair whose first row has no number has rows to be numbered.
    return trial[first] == 0


@dataclass(frozen=True)
class _Sorted:
    pair: Ints
    trial: Ints
    order: Ints


def _refuse_twice(
    parts: Sequence[Rows], by: _Sorted, names: tuple[Sequence[str], Sequence[str]]
) -> None:
    pair, trial = by.pair[by.order], by.trial[by.order]
    again = np.flatnonzero((pair[1:] == pair[:-1]) & (trial[1:] == trial[:-1])) + 1
    if not len(again):
        return
    at = int(again[0])
    agent, one = divmod(int(pair[at]), len(names[1]))
    which = f"agent {names[0][agent]!r}, item {names[1][one]!r}"
    numbered = trial[at] > 0
    same = f" in trial {trial[at]}" if numbered else ""
    lines = _say(parts, by.order[[at - 1, at]])
    remedy = (
        "Number the trials of a pair 1, 2, 3, …; or delete all rows but one."
        if numbered
        else "If they are repeated trials, number them in a column `trial` (1, 2, …) or read with "
        "--repeats; if not, delete all but one."
    )
    raise UsageError(
        f"{len(again):,} rows give a pair of agent and item again, the first of them {which}"
        f"{same}: {lines}. {remedy}"
    )


def _say(parts: Sequence[Rows], rows: Ints) -> str:
    """Words for rows by their place in all parts."""
    ends = np.cumsum([len(part.score) for part in parts])
    said: list[str] = []
    start = 0
    for part, end in zip(parts, ends, strict=True):
        here = rows[(rows >= start) & (rows < end)]
        if len(here):
            said.append(part.origin.say(here - start))
        start = int(end)
    return " and ".join(said)


def _merged(what: str, names: Sequence[str], sources: Sequence[Known]) -> Covariates:
    """Covariates of several sources on one list of names.

    Raises:
        UsageError: two sources say different things of one name.
    """
    labels: dict[str, dict[str, str]] = {}
    numbers: dict[str, dict[str, float]] = {}
    for known, covariates in sources:
        for column, texts in covariates.labels.items():
            found = {name: text for name, text in zip(known, texts, strict=True) if text}
            _put(what, column, labels.setdefault(column, {}), found)
        for column, values in covariates.numbers.items():
            pairs = zip(known, values.tolist(), strict=True)
            stated = {name: value for name, value in pairs if value == value}
            _put(what, column, numbers.setdefault(column, {}), stated)
    both = sorted(labels.keys() & numbers.keys())
    for column in both:
        texts = {name: number_text(value) for name, value in numbers.pop(column).items()}
        _put(what, column, labels[column], texts)
    return Covariates(
        {column: tuple(found.get(name, "") for name in names) for column, found in labels.items()},
        {
            column: np.array([found.get(name, np.nan) for name in names])
            for column, found in numbers.items()
        },
    )


def _put(what: str, column: str, known: dict[str, V], found: Mapping[str, V]) -> None:
    for name, value in found.items():
        if known.setdefault(name, value) != value:
            raise UsageError(
                f"Two sources disagree about the {what} {name!r}: its {column} is {known[name]!r} "
                f"in one and {value!r} in another. Give two {what}s two names, or correct one."
            )
