"""Reads scored runs: their scores, and beside each the runner's note of who sat there.

The order in which runs are named changes nothing: they are read oldest first, each once. A folder
that is no run but holds some stands for these; `pending.json` beside the runs names agents that
were asked for and could not play, with the reason.
"""

import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evaluators._artefacts import ROBUSTNESS_ROWS
from evaluators._core import Score
from evaluators._floors import Floor
from evaluators._scoring import read_results
from evaluators.robustness import VariantRecord
from tasks import JSON, InstanceId, RecordError, Stamp, UsageError, nearest
from tasks._record import (
    MAX_RESULTS,
    PENDING_FILE,
    PLAYED_FILE,
    RUN_FILE,
    AgentSetup,
    AgentUsage,
    AttemptFolder,
    Played,
    Run,
    RunFolder,
    read_bytes,
    read_json,
    run_folders,
)

_REASONS = TypeAdapter(dict[str, str])
_VARIANT = TypeAdapter(VariantRecord)


@dataclass(frozen=True)
class Sat:
    """One attempt: its score, and what its runner noted."""

    score: Score
    played: Played | None
    """None where no runner saw it to its end (the demo of a foreign tool, an older Proctor)."""
    run: Path
    """The run folder."""

    @property
    def setup(self) -> AgentSetup | None:
        """Who sat there; None where nobody said."""
        return None if self.played is None else self.played.setup

    @property
    def usage(self) -> AgentUsage | None:
        """What it took on the agent's side; None where nobody said."""
        return None if self.played is None else self.played.usage

    @property
    def counted(self) -> bool:
        """Whether it stands in means: measured, and no variant."""
        return self.score.status == "scored" and not self.score.variant

    @property
    def notebook(self) -> Path | None:
        """The saved notebook; None where there is none."""
        return self.run / self.score.notebook if self.score.notebook else None

    @property
    def seed(self) -> int:
        """The instance's seed."""
        return InstanceId.parse(self.score.instance).seed


@dataclass(frozen=True)
class Reading:
    """One scored run."""

    path: Path
    run: Run
    summary: Mapping[str, JSON]
    sat: tuple[Sat, ...]
    variants: tuple[VariantRecord, ...]
    set_aside: tuple[Played, ...]
    """Notes of attempts under `cut/`, which were played again: in no mean, but paid for."""

    @property
    def missing(self) -> int:
        """Attempts that were asked for and have no score: still open, or not yet played."""
        still = len(self.summary.get("open", []))
        return max(still, (self.run.planned or 0) - len(self.sat))


@dataclass(frozen=True)
class Readings:
    """All that was named, oldest run first."""

    runs: tuple[Reading, ...]
    pending: Mapping[str, str]
    """Agents that could not play, and why."""
    left_out: tuple[str, ...]
    """Paths that hold no run."""

    @property
    def sat(self) -> list[Sat]:
        """All attempts."""
        return [one for run in self.runs for one in run.sat]

    @property
    def scales(self) -> dict[tuple[str, str], Floor | str]:
        """Floor and ceiling by family and preset; where runs disagree, those of the latest."""
        found: dict[tuple[str, str], Floor | str] = {}
        for run in self.runs:
            found.update(_scales(run.path, run.summary))
        return found

    def of(self, agent: str) -> list[Sat]:
        """The attempts of one agent.

        Raises:
            UsageError: it has none here.
        """
        found = [one for one in self.sat if one.score.agent == agent]
        if not found:
            raise UsageError(
                f"No run of the agent {agent!r} was named.{nearest(agent, self.agents)} They are "
                f"of {', '.join(self.agents)}."
            )
        return found

    def labelled(self, name: str) -> list[str]:
        """What the configurations of the runs say under a label (`baseline_agent`, `track`)."""
        found = (run.run.asked.get("labels", {}).get(name, "") for run in self.runs)
        return sorted({str(label) for label in found if label})

    def baseline(self, asked: str | None) -> str:
        """The agent to be compared with: as asked, else as the runs' configuration says.

        Raises:
            UsageError: neither names one.
        """
        named = [asked] if asked else self.labelled("baseline_agent")
        if len(named) != 1:
            raise UsageError(
                "Nobody is named to be compared with: give --baseline AGENT. The runs are of "
                f"{', '.join(self.agents)}."
            )
        return named[0]

    @property
    def agents(self) -> list[str]:
        """Everybody who sat, by name."""
        return sorted({one.score.agent for one in self.sat})


def read_runs(paths: Sequence[Path]) -> Readings:
    """Read scored runs.

    Args:
        paths: Run folders; folders that hold run folders; `pending.json` files.

    Raises:
        UsageError: none of them is a run.
        RecordError: a run was not scored, or its files are damaged.
    """
    folders, notes, left_out = _sorted_out(paths)
    if not folders:
        raise UsageError(
            f"None of {', '.join(map(str, paths))} is a run folder, or holds one. `proctor runs "
            "list` shows the runs of a folder; `proctor run SUITE` makes one."
        )
    runs = sorted((_read(folder) for folder in folders), key=lambda r: (r.run.created, r.path))
    notes += [one for run in runs if (one := run.path.parent / PENDING_FILE).is_file()]
    pending: dict[str, str] = {}
    for note in sorted(set(notes)):
        pending.update(_pending(note))
    return Readings(tuple(runs), dict(sorted(pending.items())), tuple(left_out))


def _sorted_out(paths: Iterable[Path]) -> tuple[list[Path], list[Path], list[str]]:
    """Run folders, notes of who is pending, and what is neither."""
    folders: dict[Path, None] = {}
    notes: list[Path] = []
    left_out: list[str] = []
    for path in paths:
        whole = path.absolute()
        below = [one.path for one in run_folders(whole)] if whole.is_dir() else []
        if (whole / RUN_FILE).is_file():
            folders[whole.resolve()] = None
        elif whole.name == PENDING_FILE and whole.is_file():
            notes.append(whole.resolve())
        elif below:
            folders.update(dict.fromkeys(one.resolve() for one in below))
        else:
            left_out.append(str(path))
    return list(folders), notes, left_out


def _read(path: Path) -> Reading:
    run = RunFolder(path).read()
    scores, summary = read_results(path)
    stamp = next((one.stamp for one in scores if one.status == "scored"), Stamp.PRACTICE)
    return Reading(
        path=path,
        run=run,
        summary=summary,
        sat=tuple(_sat(path, _named(score, run.agent, stamp)) for score in scores),
        variants=tuple(_variants(path)),
        set_aside=tuple(_set_aside(path)),
    )


def _named(score: Score, agent: str, stamp: Stamp) -> Score:
    """An attempt whose record cannot be read stands with the others of its run."""
    return (
        score.model_copy(update={"agent": agent, "stamp": stamp}) if score.agent == "-" else score
    )


def _sat(path: Path, score: Score) -> Sat:
    slug = urllib.parse.quote(score.instance, safe="")
    note = AttemptFolder(path, slug, score.n).path / PLAYED_FILE
    return Sat(score, _played(note) if note.exists() else None, path)


def _played(note: Path) -> Played:
    try:
        return Played.model_validate(read_json(note), strict=False)
    except ValidationError as error:
        raise RecordError(
            f"{note} is not what a runner of this Proctor writes: {error}. Read the run with the "
            "Proctor that played it."
        ) from error


def _set_aside(path: Path) -> Iterator[Played]:
    for note in sorted((path / "cut").glob(f"*/*/attempt/{PLAYED_FILE}")):
        yield _played(note)


def _variants(path: Path) -> Iterator[VariantRecord]:
    rows = path / "results" / ROBUSTNESS_ROWS
    if not rows.exists():
        return
    try:
        for line in read_bytes(rows, MAX_RESULTS).splitlines():
            yield _VARIANT.validate_json(line)
    except ValidationError as error:
        raise RecordError(
            f"{rows} is not what `proctor score` writes: {error}. Score the run again."
        ) from error


def _pending(note: Path) -> dict[str, str]:
    try:
        return _REASONS.validate_python(read_json(note))
    except ValidationError as error:
        raise RecordError(
            f"{note} must be one object of agents' names and reasons; it is not: {error}"
        ) from error


def _scales(run: Path, summary: Mapping[str, JSON]) -> dict[tuple[str, str], Floor | str]:
    found: dict[tuple[str, str], Floor | str] = {}
    try:
        for name, group in summary["metrics"]["families"].items():
            for preset, part in group["presets"].items():
                if part["floor"] is not None:
                    found[name, preset] = Floor(
                        floor=part["floor"],
                        ceiling=part["ceiling"],
                        policy=part["floor_policy"],
                        policies={},
                        error=part["floor_error"],
                        seeds=0,
                    )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RecordError(
            f"{run}/results/summary.json is not what `proctor score` writes: {error!r}. Score the "
            "run again."
        ) from error
    return found
