"""One evaluation from end to end: check the plan, see to the daemon, play, score."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio

from runners._core import Hall
from runners._plan import EvalConfig, sittings
from runners._suite import RunReport, Stage, Step, run_suite, seated
from tasks import JSON
from tasks._record import MAX_RESULTS, read_json

TierName = Literal["auto", "zygote", "bwrap", "landlock", "none"]


class Rooms(Protocol):
    """What an evaluation asks of the other rooms; the front door hands it in."""

    def start_daemon(self, runs: Path, sandbox: TierName) -> bool:
        """Make sure that a daemon serves; True if it was started now."""
        ...

    def stop_daemon(self) -> None:
        """Stop the daemon."""
        ...

    def open_hall(self) -> AbstractAsyncContextManager[Hall]:
        """Connect to the daemon."""
        ...

    def score(self, run: Path) -> None:
        """Score a run in another process, into its `results/`."""
        ...

    def rows(self, runs: Sequence[Path]) -> Sequence[Mapping[str, Any]]:
        """The score table of scored runs: one row a family, preset and agent, best first."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions that stand in run.json."""
        ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """How an evaluation is carried out; no part of what is asked."""

    runs: Path = Path("runs")
    sandbox: TierName = "auto"
    jobs: int = 2
    progress: Callable[[Step], None] = lambda step: None
    keep_daemon: bool = True
    """False: a daemon that was started for this evaluation is stopped after it."""

    def showing(self, progress: Callable[[Step], None]) -> "Options":
        """The same, telling `progress` of every step."""
        return replace(self, progress=progress)


@dataclass(frozen=True)
class Scored:
    """One agent's run, scored."""

    report: RunReport
    summary: Mapping[str, Any]
    """Content of results/summary.json."""
    scores: list[dict[str, Any]]
    """Content of results/scores.json: one object an attempt."""

    @property
    def flagged(self) -> list[dict[str, Any]]:
        """Scores of attempts that show signs of cheating."""
        return [score for score in self.scores if score["flags"]]

    def as_json(self) -> dict[str, JSON]:
        """What `--json` says of it."""
        report = self.report
        return {
            "agent": report.agent,
            "folder": str(report.folder),
            "played": report.played,
            "kept": report.kept,
            "failed": report.failed,
            "unseen": report.unseen,
            "broken": report.broken,
            "summary": self.summary,
            "notebooks": [str(report.folder / one["notebook"]) for one in self.scores],
            "flagged": [
                {"instance": one["instance"], "n": one["n"], "flags": one["flags"]}
                for one in self.flagged
            ],
        }


def evaluate(config: EvalConfig, options: Options, rooms: Rooms) -> list[Scored]:
    """Play and score; one result an agent, in the config's order.

    Raises:
        UsageError: an unknown name, or an agent that cannot play a family; nothing was started.
        SandboxError: no sandbox passed its probe.
        DaemonError: the daemon did not start or was lost; the same call resumes.
        EvaluatorError: the scorer failed; what was played is saved.
    """
    seated(config, sittings(config))
    runs = options.runs.expanduser().absolute()
    started = rooms.start_daemon(runs, options.sandbox)
    try:
        reports = anyio.run(_play, config, options, rooms)
    finally:
        if started and not options.keep_daemon:
            rooms.stop_daemon()
    return [_scored(report, rooms) for report in reports]


async def _play(config: EvalConfig, options: Options, rooms: Rooms) -> list[RunReport]:
    stage = Stage(
        runs=options.runs.expanduser().absolute(),
        sandbox=options.sandbox,
        versions=rooms.versions(),
        jobs=options.jobs,
        progress=options.progress,
    )
    async with rooms.open_hall() as hall:
        return await run_suite(config, hall, stage)


def _scored(report: RunReport, rooms: Rooms) -> Scored:
    rooms.score(report.folder)
    results = report.folder / "results"
    scores = read_json(results / "scores.json", MAX_RESULTS)["scores"]
    return Scored(report, read_json(results / "summary.json", MAX_RESULTS), scores)


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
