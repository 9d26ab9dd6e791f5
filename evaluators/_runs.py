"""Run folders as a collection: find, sum up, delete."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks import ProctorError, RecordError, UsageError, nearest
from tasks._record import (
    RUN_FILE,
    AttemptFolder,
    Run,
    RunFolder,
    is_live,
    peek,
    read_json,
    run_folders,
)


@dataclass(frozen=True)
class AttemptSummary:
    """One line of `proctor runs show`."""

    attempt: str
    instance: str
    """Instance id, or the title of a free notebook."""
    agent: str
    n: int
    stamp: str
    sandbox: str
    """Tier, or `-` where no kernel was asked for."""
    state: str
    """Why it ended (submitted, expired, …), `running`, `lost` (its daemon died) or `unreadable`."""
    wall_s: float | None
    tool_calls: int | None
    notebook: str
    """Relative to the run folder; empty if there is none yet."""
    note: str = ""


@dataclass(frozen=True)
class RunSummary:
    """One line of `proctor runs list`."""

    run: str
    path: Path
    suite: str
    agent: str
    created: str
    attempts: int
    states: dict[str, int]
    """Number of attempts by `AttemptSummary.state`."""
    scored: bool
    """Whether results/summary.json is there."""
    bytes: int


def summarise(run: RunFolder) -> RunSummary:
    """Sum up a run; one whose run.json cannot be read shows that as its suite."""
    described = _described(run)
    states = Counter(summarise_attempt(folder).state for folder in run.attempts())
    return RunSummary(
        run=run.path.name,
        path=run.path,
        suite=described.suite if described else "(run.json cannot be read)",
        agent=described.agent if described else "",
        created=described.created if described else "",
        attempts=states.total(),
        states=dict(sorted(states.items())),
        scored=(run.path / "results" / "summary.json").exists(),
        bytes=sum(p.stat().st_size for p in run.path.rglob("*") if p.is_file()),
    )


def summarise_attempt(folder: AttemptFolder) -> AttemptSummary:
    """Sum up an attempt from its first line and usage.json, without its key."""
    try:
        opened = peek(folder.events)
        usage = read_json(folder.usage) if folder.usage.exists() else None
        live = usage is None and is_live(folder.events)
        notebook = folder.within(opened.notebook)
    except RecordError as error:
        return AttemptSummary(
            "", folder.slug, "", folder.n, "", "-", "unreadable", None, None, "", str(error)
        )
    spent = usage if isinstance(usage, dict) else {}
    return AttemptSummary(
        attempt=opened.attempt,
        instance=opened.instance or opened.title,
        agent=opened.agent,
        n=opened.n,
        stamp=opened.stamp.value,
        sandbox=str(opened.sandbox.get("tier", "-")),
        state=str(spent.get("reason", "running" if live else "lost")),
        wall_s=_number(spent.get("wall_s")),
        tool_calls=spent["tool_calls"] if isinstance(spent.get("tool_calls"), int) else None,
        notebook=opened.notebook if notebook.exists() else "",
    )


def find_run(asked: str, runs: Path) -> RunFolder:
    """A run by path, or by name below `runs`.

    Raises:
        UsageError: there is none; the message lists the nearest names.
    """
    for path in (Path(asked), runs / asked):
        if (path / RUN_FILE).is_file():
            return RunFolder(path.absolute())
    names = [folder.path.name for folder in run_folders(runs)]
    raise UsageError(
        f"No run {asked!r}: neither a run folder nor a name in {runs}.{nearest(asked, names)} "
        f"{runs} holds {len(names)} runs (see `proctor runs list`); --runs names another folder."
    )


def find_attempt(asked: str, runs: Path) -> AttemptFolder:
    """An attempt by id, or by the path of its folder, log or notebook.

    Raises:
        UsageError: there is none.
    """
    path = Path(asked).absolute()
    if path.exists():
        return _attempt_at(path)
    known: dict[str, AttemptFolder] = {}
    for folder in (f for run in run_folders(runs) for f in run.attempts()):
        try:
            known[peek(folder.events).attempt] = folder
        except RecordError:
            continue
    if asked not in known:
        raise UsageError(
            f"No attempt {asked!r} in {runs}: give an id, or the path of an attempt's folder, log "
            f"or notebook.{nearest(asked, known)} `proctor runs show RUN` lists the ids of a run."
        )
    return known[asked]


def delete(run: RunFolder) -> None:
    """Delete a run for good.

    Raises:
        UsageError: an attempt in it is running.
        RecordError: it cannot be deleted.
    """
    refuse_live(run)
    # Renamed first, so that no half of a run is ever listed as one.
    doomed = run.path.with_name(f".deleted-{run.path.name}")
    try:
        run.path.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise RecordError(f"{run.path} cannot be deleted: {error.strerror or error}.") from error


def refuse_live(run: RunFolder) -> None:
    """Raise if a daemon is writing into the run.

    Raises:
        UsageError: it is.
    """
    live = [folder for folder in run.attempts() if is_live(folder.events)]
    if live:
        raise UsageError(
            f"{run.path.name} has {len(live)} running attempts ({live[0].slug} …). Wait for them, "
            "or stop the daemon with `proctor serve stop`."
        )


def _attempt_at(path: Path) -> AttemptFolder:
    place = path.parent if path.name == "events.jsonl" else path
    if place.is_dir() and place.name.isdigit() and place.parent.parent.name == "attempts":
        return AttemptFolder(place.parents[2], place.parent.name, int(place.name))
    if place.suffix == ".ipynb":
        run = RunFolder(place.parents[1])
        for folder in run.attempts():
            if run.path / peek(folder.events).notebook == place:
                return folder
    saved = sorted((place / "notebooks").glob("*.ipynb"))
    hint = (
        f" It is a run with {len(saved)} notebooks: name one, such as {saved[0]}." if saved else ""
    )
    raise UsageError(f"{path} is not an attempt's folder, event log or notebook.{hint}")


def _described(run: RunFolder) -> Run | None:
    try:
        return run.read()
    except ProctorError:
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def all_runs(runs: Path) -> Iterator[RunSummary]:
    """Every run below `runs`, oldest first."""
    summaries = [summarise(run) for run in run_folders(runs)]
    yield from sorted(summaries, key=lambda item: (item.created, item.run))
