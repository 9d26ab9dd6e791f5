"""One evaluation from end to end: check the plan, see to the daemon, play, score."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio

from runners._adaptive import AdaptiveRooms, Exam, Examiner, examined
from runners._core import Hall
from runners._ledger import mirrored
from runners._plan import EvalConfig, sittings
from runners._seating import Terms
from runners._sitting import LocalEngine
from runners._suite import WHOLE, RunReport, Stage, Step, admitted, run_suite
from tasks import JSON, UsageError, home, nearest
from tasks._record import MAX_RESULTS, read_json

if TYPE_CHECKING:
    from runners._mirror import Mirror

TierName = Literal["auto", "zygote", "bwrap", "landlock", "none"]
EngineName = Literal["local", "ray"]


class Rooms(AdaptiveRooms, Protocol):
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

    def secret(self) -> str:
        """The secret in force, as text for a node of a cluster."""
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
    concurrent: int = 2
    """Attempts at a time; on Ray at most so many a node, and 0: as many as it has processors."""
    budget_usd: float | None = None
    """Dollars that the run may cost, earlier commands of the same run included."""
    allow_real_models: bool = False
    """Whether agents whose model costs money may play."""
    skip_missing: bool = False
    """Whether agents that cannot play on this machine are left out and listed as pending."""
    progress: Callable[[Step], None] = lambda step: None
    keep_daemon: bool = True
    """False: a daemon that was started for this evaluation is stopped after it."""
    engine: EngineName = "local"
    """Where sittings are played: by this machine's daemon, or on the nodes of a Ray cluster."""
    address: str | None = None
    """Of the Ray cluster; see `RayStage`."""

    @property
    def url(self) -> str | None:
        """The URL that `runs` is; None where it is a folder of this machine."""
        found = re.match(r"([a-z][a-z0-9+.-]+):/+(.*)", str(self.runs))  # a Path keeps one slash
        if found is None:
            return None
        root = "/" if found[1] in ("file", "local") else ""
        return f"{found[1]}://{root}{found[2]}"

    def stage(self, versions: Mapping[str, str]) -> Stage:
        """The suite's side of it."""
        return Stage(
            runs=mirrored(self.url, home()) if self.url else self.runs.expanduser().absolute(),
            sandbox=self.sandbox,
            versions=versions,
            concurrent=self.concurrent,
            budget_usd=self.budget_usd,
            terms=Terms(self.allow_real_models, self.skip_missing),
            progress=self.progress,
        )

    def showing(self, progress: Callable[[Step], None]) -> "Options":
        """The same, telling `progress` of every step."""
        return replace(self, progress=progress)


class Results(list["Scored"]):
    """One result an agent, in the config's order.

    With a single agent `mean_score` and `pass_rate` are that agent's; with several, ask `of(name)`.
    """

    def of(self, agent: str) -> "Scored":
        """The result of one agent.

        Raises:
            UsageError: it did not play.
        """
        for one in self:
            if one.report.agent == agent:
                return one
        names = [one.report.agent for one in self]
        raise UsageError(
            f"No agent {agent!r} played.{nearest(agent, names)} There are {', '.join(names)}."
        )

    @property
    def mean_score(self) -> float | None:
        """The one agent's mean score."""
        return self._only("mean_score").mean_score

    @property
    def pass_rate(self) -> float | None:
        """The one agent's pass rate."""
        return self._only("pass_rate").pass_rate

    def _only(self, what: str) -> "Scored":
        if len(self) != 1:
            names = [one.report.agent for one in self]
            raise UsageError(
                f"{len(self)} agents played ({', '.join(names)}): say whose {what} is asked for, "
                f'as `results.of("{names[0] if names else "NAME"}").{what}`.'
            )
        return self[0]


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

    @property
    def cheat_rate(self) -> float | None:
        """Share of its scored attempts that show signs of cheating; None without any."""
        valid = [score for score in self.scores if score["status"] == "scored"]
        return sum(bool(score["flags"]) for score in valid) / len(valid) if valid else None

    @property
    def invalid(self) -> list[dict[str, Any]]:
        """Scores of attempts that tell nothing of the agent, each with its reason in `note`."""
        return [score for score in self.scores if score["status"] != "scored"]

    @property
    def mean_score(self) -> float | None:
        """Mean ability in [0, 1] over families and instances; None if nothing was scored."""
        return self.summary["metrics"]["overall"]["mean_score"]

    @property
    def pass_rate(self) -> float | None:
        """Share of attempts that passed; None if nothing was scored."""
        return self.summary["metrics"]["overall"]["pass_rate"]

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
            "retried": report.retried,
            "unplayed": report.unplayed,
            "out_of_money": report.out_of_money,
            "spent_usd": report.spent_usd,
            "unpriced": report.unpriced,
            "warnings": list(report.warnings),
            "adaptive": None if report.verdict is None else asdict(report.verdict),
            "cheat_rate": self.cheat_rate,
            "invalid": len(self.invalid),
            "summary": self.summary,
            "notebooks": [str(report.folder / one["notebook"]) for one in self.scores],
            "flagged": [
                {"instance": one["instance"], "n": one["n"], "flags": one["flags"]}
                for one in self.flagged
            ],
        }


def evaluate(config: EvalConfig, options: Options, rooms: Rooms) -> Results:
    """Play and score; one result an agent, in the config's order.

    Raises:
        UsageError: an unknown name, an agent that cannot play a family, or a bank that cannot be
            asked from; nothing was started.
        SandboxError: no sandbox passed its probe.
        DaemonError: the daemon did not start or was lost; the same call resumes.
        EvaluatorError: the scorer failed; what was played is saved.
    """
    stage = options.stage(rooms.versions())
    admitted(config, sittings(config), stage)
    examiner = _examiner(config, options, rooms)
    mirror = _mirror(config, options)
    if options.engine == "ray":
        reports = anyio.run(_play_on_ray, config, options, stage, rooms, mirror)
        return _ended(reports, rooms, mirror)
    started = rooms.start_daemon(stage.runs, options.sandbox)
    try:
        reports = anyio.run(_play, config, stage, rooms, mirror, examiner)
    finally:
        if started and not options.keep_daemon:
            rooms.stop_daemon()
    return _ended(reports, rooms, mirror)


def _examiner(config: EvalConfig, options: Options, rooms: Rooms) -> Examiner | None:
    if config.adaptive is None:
        return None
    if options.engine == "ray":
        raise UsageError(
            "An adaptive run is played on this machine: what an agent is asked next waits for the "
            "score of its last answer. Leave --engine ray out."
        )
    return examined(config, rooms)


def _mirror(config: EvalConfig, options: Options) -> "Mirror | None":
    if options.url is None:
        return None
    from runners._mirror import Mirror

    mirror = Mirror.at(options.url, home())
    mirror.pull(config.name or config.suite, config.agents)
    return mirror


def _ended(reports: list[RunReport], rooms: Rooms, mirror: "Mirror | None") -> Results:
    results = Results(_scored(report, rooms) for report in reports)
    for one in results:
        if mirror is not None:
            mirror.finish(one.report.folder)
    return results


async def _play(
    config: EvalConfig,
    stage: Stage,
    rooms: Rooms,
    mirror: "Mirror | None",
    examiner: Examiner | None,
) -> list[RunReport]:
    async with rooms.open_hall() as hall:
        local = LocalEngine(hall)
        engine = mirror.around(local) if mirror else local
        if examiner is None or config.adaptive is None:
            return await run_suite(config, engine, stage, WHOLE)
        with rooms.scorer() as score:
            return await run_suite(config, engine, stage, Exam(config.adaptive, examiner, score))


async def _play_on_ray(
    config: EvalConfig, options: Options, stage: Stage, rooms: Rooms, mirror: "Mirror | None"
) -> list[RunReport]:
    from runners._ray import RayStage, ray_engine

    where = RayStage(
        runs=options.url or str(stage.runs),
        agents=tuple(admitted(config, sittings(config), stage).agents),
        address=options.address,
        sandbox=options.sandbox,
        jobs=options.concurrent,
    )
    async with ray_engine(where, rooms) as engine:
        played = mirror.around(engine) if mirror else engine
        return await run_suite(config, played, replace(stage, concurrent=engine.slots))


def _scored(report: RunReport, rooms: Rooms) -> Scored:
    rooms.score(report.folder)
    results = report.folder / "results"
    scores = read_json(results / "scores.json", MAX_RESULTS)["scores"]
    return Scored(report, read_json(results / "summary.json", MAX_RESULTS), scores)


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
