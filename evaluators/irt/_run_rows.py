"""Responses in scored run folders: agents by their names, instances as items, attempts as trials.

Only what was measured counts: an attempt that is `invalid` (it tells nothing of the agent) or
`error` (ours) is left out and counted, never a zero; variants of instances are other items and
are left out too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from evaluators.irt._responses import Covariates, Dropped, Ints
from evaluators.irt._rows import Rows, check
from evaluators.irt._sheets import SHOWN
from evaluators.irt._texts import texts_of
from evaluators.tables._readings import Reading, Readings, Sat, read_runs
from tasks import InstanceId, UsageError, family

Mark = Literal["passed", "ability"]
REASONS = {
    "invalid": "Attempts are invalid: they tell nothing of the agent (`proctor runs show RUN`).",
    "error": "Attempts could not be scored; that is ours, and no zero (`proctor score RUN`).",
    "variant": "Attempts were at variants of instances, which measure robustness.",
    "missing": "Attempts that were asked for are still open, or were not played.",
}


@dataclass(frozen=True)
class _Attempts:
    sat: Sequence[Sat]

    def say(self, rows: Ints) -> str:
        """Words for some attempts."""
        few = [self.sat[row] for row in rows[:SHOWN]]
        more = f" and {len(rows) - len(few):,} more" if len(rows) > len(few) else ""
        said = ", ".join(f"{one.score.instance} #{one.score.n} of {one.run.name}" for one in few)
        return f"the attempts {said}{more}"


def run_rows(paths: Sequence[Path], score: Mark) -> Rows:
    """The responses of scored runs.

    Args:
        paths: Run folders, or folders that hold such.
        score: `passed` (0 or 1) or `ability` (in [0, 1]).

    Raises:
        UsageError: a path holds no run, nothing was measured, or one agent had two models.
        RecordError: a run was not scored, or its files are damaged.
    """
    found = read_runs(paths)
    if found.left_out:
        raise UsageError(
            f"No run folder, and none in it: {', '.join(found.left_out)}. Responses are run "
            "folders, or files named .csv, .csv.gz or .parquet."
        )
    counted = [one for one in found.sat if one.counted and one.score.ability is not None]
    if not counted:
        why = _dropped(found)
        said = " ".join(f"{one.rows}: {one.reason}" for one in why)
        raise UsageError(f"None of the {len(found.sat)} attempts was measured. {said}")
    agents = [one.score.agent for one in counted]
    items = [one.score.instance for one in counted]
    names, agent = np.unique(agents, return_inverse=True)
    ids, item = np.unique(items, return_inverse=True)
    marks = [
        float(one.score.passed) if score == "passed" else one.score.ability or 0.0
        for one in counted
    ]
    rows = Rows(
        _Attempts(counted),
        texts_of([str(name) for name in names], agent.astype(np.int64)),
        texts_of([str(name) for name in ids], item.astype(np.int64)),
        np.array(marks),
        np.ones(len(marks)),
        _trials(counted),
        _of_agents([str(name) for name in names], found),
        _of_items([str(name) for name in ids]),
        tuple(_dropped(found)),
    )
    return check(rows)


def _trials(counted: Iterable[Sat]) -> Ints:
    """Numbers of attempts; where a later run plays a pair again, its attempts are counted on."""
    taken: dict[tuple[str, str], set[int]] = {}
    numbers: list[int] = []
    for one in counted:
        used = taken.setdefault((one.score.agent, one.score.instance), set())
        number = one.score.n if one.score.n not in used else max(used) + 1
        used.add(number)
        numbers.append(number)
    return np.array(numbers, dtype=np.int64)


def _dropped(found: Readings) -> list[Dropped]:
    counts: Counter[str] = Counter()
    for one in found.sat:
        if one.score.variant:
            counts["variant"] += 1
        elif one.score.status != "scored" or one.score.ability is None:
            counts[one.score.status if one.score.status in REASONS else "invalid"] += 1
    counts["missing"] = sum(run.missing for run in found.runs)
    return [Dropped(counts[what], reason) for what, reason in REASONS.items() if counts[what]]


def _of_agents(names: Sequence[str], found: Readings) -> Covariates:
    by_agent: dict[str, list[tuple[Reading, Sat]]] = {name: [] for name in names}
    for run in found.runs:
        for one in run.sat:
            by_agent.setdefault(one.score.agent, []).append((run, one))
    return Covariates(
        {
            "llm": tuple(_one_llm(name, [sat for _, sat in by_agent[name]]) for name in names),
            "scaffold": tuple(_scaffold([sat for _, sat in by_agent[name]]) for name in names),
            "date": tuple(
                min(run.run.created for run, _ in by_agent[name])[:10].replace("-", "")
                for name in names
            ),
        }
    )


def _one_llm(agent: str, sat: Iterable[Sat]) -> str:
    said = sorted({one.setup.model for one in sat if one.setup is not None and one.setup.model})
    if len(said) > 1:
        raise UsageError(
            f"The agent {agent!r} was played with several models: {', '.join(said)}. Abilities are "
            "of one each: name the runs of one model."
        )
    return said[0] if said else ""


def _scaffold(sat: Iterable[Sat]) -> str:
    """The program that ran the loop, without its version; else how the model was asked."""
    said = sorted(
        {one.setup.program.split(" ")[0] or one.setup.mode for one in sat if one.setup is not None}
    )
    return "+".join(said)


def _of_items(ids: Sequence[str]) -> Covariates:
    instances = [InstanceId.parse(name) for name in ids]
    asked = {(one.family, one.preset): _params(one) for one in instances}
    columns = sorted({name for params in asked.values() for name in params})
    labels = {
        "family": tuple(one.family for one in instances),
        "preset": tuple(one.preset for one in instances),
    }
    numbers: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for name in columns:
        values = [asked[one.family, one.preset].get(name) for one in instances]
        if any(isinstance(value, str) for value in values):
            label = name if name not in labels else f"parameter {name}"
            labels[label] = tuple("" if value is None else str(value) for value in values)
        else:
            numbers[name] = np.array([np.nan if v is None else float(v) for v in values])
    return Covariates(labels, numbers)


def _params(instance: InstanceId) -> Mapping[str, str | float]:
    """The parameters of an instance's preset; none where this Proctor no longer has them."""
    try:
        stated = family(instance.family).preset(instance.preset).model_dump(mode="json")
    except UsageError:
        return {}
    return {
        name: float(value) if isinstance(value, bool | int | float) else str(value)
        for name, value in stated.items()
        if value is not None
    }
