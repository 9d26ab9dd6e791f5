"""Scores a run folder: recovers what a dead daemon left, measures every attempt, writes results/.

Pure function of the run folder, the secret and the installed code: doing it again gives the same
bytes, and since every file is replaced atomically, a scorer that is killed leaves either the old
results or the new ones. `score_run` is what `proctor run` calls at its end.
"""

import shutil
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tasks
from evaluators._artefacts import NAMES, artefacts, completed, outcomes
from evaluators._core import Score
from evaluators._floors import Floor, floor
from evaluators._process import ScoreProcess
from evaluators._score import unscored
from evaluators._summary import FILES, published, summary
from evaluators._verify import finish_orphan, keys
from ground_truth import SecretStore
from tasks import JSON, EvaluatorError, InstanceId, ProctorError, RecordError, Split
from tasks._record import (
    MAX_RESULTS,
    AttemptFolder,
    Clock,
    LocalDisk,
    RunFolder,
    dump,
    make_folders,
    read_json,
    save,
)

SCORES = "scores.json"
SUMMARY = "summary.json"
_SESSION = "session-"

Progress = Callable[[int, int], None]
"""Called with the number of attempts scored and of all."""


def _silent(done: int, total: int) -> None:
    """The default progress: none."""


@dataclass(frozen=True)
class Scored:
    """What `score_run` found and wrote."""

    run: Path
    scores: tuple[Score, ...]
    summary: Mapping[str, JSON]
    open: tuple[str, ...]
    """Attempts that a daemon still runs; they are not scored."""


def score_run(
    run: Path, state: Path | None = None, *, progress: Progress = _silent, clock: Clock = time.time
) -> Scored:
    """Score every finished attempt of a run and write `results/`.

    Args:
        run: The run folder.
        state: Proctor's state folder with the secrets; None for this user's.
        progress: Told how many attempts are scored.
        clock: Dates the end of attempts whose daemon died.

    Raises:
        RecordError: `run` is not a run folder, or its results cannot be written.
    """
    home = tasks.home() if state is None else state
    folder = RunFolder(run.absolute())
    asked = folder.read()
    attempts = [a for a in folder.attempts() if not a.slug.startswith(_SESSION)]
    scores: list[Score] = []
    unfinished: list[str] = []
    with ScoreProcess() as process:
        for done, attempt in enumerate(attempts):
            progress(done, len(attempts))
            if _runs_still(attempt, home, clock):
                unfinished.append(f"{attempt.slug}/{attempt.n}")
            else:
                scores.append(score_one(attempt, home, process))
        floors = scales(scores, home, process)
        played = outcomes(folder.path, scores, home, process)
    progress(len(attempts), len(attempts))
    found = completed(summary(asked, scores, floors, unfinished), scores, played)
    _write(folder.path, scores, found, artefacts(folder.path.name, found, played))
    return Scored(folder.path, tuple(scores), found, tuple(unfinished))


def score_one(attempt: AttemptFolder, home: Path, process: ScoreProcess) -> Score:
    """Score one finished attempt, in the score process."""
    place: dict[str, JSON] = {
        "run": str(attempt.run),
        "slug": attempt.slug,
        "n": attempt.n,
        "home": str(home),
    }
    try:
        score = Score.model_validate(process.ask({"what": "score", **place}), strict=False)
    except EvaluatorError as error:
        return unscored(attempt, str(error))
    if score.status == "error":
        return score
    try:
        flags = tuple(process.ask({"what": "flags", **place}))
    except EvaluatorError as error:
        # A source that brings down the analysis is itself a reason to look; the score stands.
        flags = (f"The analysis of its code failed: {error}",)
    return score.model_copy(update={"flags": flags})


@contextmanager
def scorer(home: Path) -> Generator[Callable[[Path, str, int], Mapping[str, JSON]]]:
    """Scores finished attempts one by one, in one score process; gives `score(run, slug, n)`."""
    with ScoreProcess() as process:

        def score(run: Path, slug: str, n: int) -> Mapping[str, JSON]:
            return score_one(RunFolder(run).attempt(slug, n), home, process).model_dump(mode="json")

        yield score


def score_saved(path: Path, instance: InstanceId, home: Path) -> Score:
    """Score a notebook made elsewhere against an instance, in a score process.

    Raises:
        EvaluatorError: the notebook cannot be read or scored.
    """
    if instance.split is Split.PRIVATE:
        SecretStore(home).current()  # the score process can read a secret, but not make one
    with ScoreProcess() as process:
        asked = {"path": str(path.absolute()), "instance": str(instance), "home": str(home)}
        score = Score.model_validate(process.ask({"what": "notebook", **asked}), strict=False)
        flags = tuple(process.ask({"what": "notebook_flags", **asked}))
    return score.model_copy(update={"flags": flags})


def scales(
    scores: Sequence[Score], home: Path, process: ScoreProcess
) -> dict[tuple[str, str], Floor | str]:
    """Floor and ceiling of every family and preset that was played, or why there are none."""

    def ask(name: str, preset: str) -> JSON:
        return process.ask({"what": "floor", "family": name, "preset": preset})

    found: dict[tuple[str, str], Floor | str] = {}
    for name, preset in sorted({(s.family, s.preset) for s in scores if s.status == "scored"}):
        try:
            found[name, preset] = floor(name, preset, home, ask)
        except (ProctorError, ValueError) as error:
            found[name, preset] = str(error)
    return found


def read_results(run: Path) -> tuple[list[Score], dict[str, JSON]]:
    """The scores and the summary that `score_run` wrote.

    Raises:
        RecordError: the run was not scored, or its results are damaged.
    """
    results = run / "results"
    if not (results / SCORES).exists() or not (results / SUMMARY).exists():
        raise RecordError(f"{run} has no results. Score it with `proctor score {run}`.")
    raw = read_json(results / SCORES, MAX_RESULTS)
    try:
        scores = [Score.model_validate(item, strict=False) for item in raw["scores"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{results / SCORES} is not what `proctor score` writes: {error}"
        ) from error
    return scores, read_json(results / SUMMARY, MAX_RESULTS)


def _runs_still(attempt: AttemptFolder, home: Path, clock: Clock) -> bool:
    try:
        return finish_orphan(attempt, keys(SecretStore(home)), clock)
    except RecordError:
        return False  # Damage, or a secret that is not here: for the score to tell.


def _write(
    run: Path, scores: Sequence[Score], found: Mapping[str, JSON], more: Mapping[str, bytes]
) -> None:
    disk, results = LocalDisk(), run / "results"
    files = {
        SCORES: {"schema": 1, "scores": [score.model_dump(mode="json") for score in scores]},
        SUMMARY: dict(found),
        **published(scores),
    }
    try:
        make_folders(disk, run, results)
        for name, value in files.items():
            save(disk, results / name, dump(value))
        for name, data in more.items():
            save(disk, results / name, data)
        for stale in {*FILES.values(), *NAMES} - {*files, *more}:
            disk.remove(results / stale)
    except OSError as error:
        free = shutil.disk_usage(run).free
        raise RecordError(
            f"The results cannot be written to {results}: {error.strerror} ({free:,} bytes free). "
            "Nothing is lost: score the run again when it can be written."
        ) from error
