"""Plays a suite: agents, instances, repeats; one run folder an agent; resumed any number of times.

A sitting is done when its agent ended it, or when this runner saw it to its end (`_ledger`).
Whatever else lies in its place was cut short (the runner, the daemon or the machine died): it is
set aside, where nothing is lost and nothing is counted, and played again. An attempt in which the
server never saw `tools/list`, or that failed by the house (no kernel could be started), tells
nothing of the agent: it is set aside too and retried once; the latter also by the next run.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import anyio

from runners._core import Agent, Hall, agent_named
from runners._ledger import Ledger, asked, claimed
from runners._plan import EvalConfig, Sitting, sittings
from runners._sitting import Engine, LocalEngine, Order
from tasks import UsageError
from tasks._record import Played, Run


@dataclass(frozen=True)
class Step:
    """Progress: a sitting has ended, or (with `sitting` None) was found done."""

    agent: str
    sitting: Sitting | None
    done: int
    total: int
    error: str = ""
    """What the agent raised, '' if nothing."""


@dataclass(frozen=True)
class RunReport:
    """One agent's run."""

    agent: str
    folder: Path
    played: int
    """Attempts played now."""
    kept: int
    """Attempts found done."""
    failed: int
    """Attempts played now whose agent raised."""
    unseen: int
    """Attempts played now in which the server never saw the agent: they are invalid."""
    broken: int
    """Attempts played now that failed by the house: they are in error, and played again."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where and how a suite is played."""

    runs: Path
    sandbox: str = "auto"
    """What was asked of the daemon: `auto` or a tier; stands in run.json."""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    jobs: int = 2
    """Attempts at a time."""
    progress: Callable[[Step], None] = lambda step: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass
class _Player:
    """One agent at work in its run folder."""

    name: str
    agent: Agent
    ledger: Ledger
    todo: list[Sitting]
    kept: int
    played: list[Played] = field(default_factory=list[Played])

    def report(self) -> RunReport:
        return RunReport(
            agent=self.name,
            folder=self.ledger.path,
            played=len(self.played),
            kept=self.kept,
            failed=sum(bool(one.error) for one in self.played),
            unseen=sum(not one.tools_listed for one in self.played),
            broken=sum(bool(one.failure) for one in self.played),
        )


async def run_suite(config: EvalConfig, hall: Hall, stage: Stage) -> list[RunReport]:
    """Play every sitting that is not done; return one report an agent.

    Raises:
        UsageError: an unknown suite, preset or agent, an agent that cannot play a family, or
            another runner that plays the same command now.
        DaemonError: the daemon is gone; the same command resumes.
    """
    plan = sittings(config)
    agents = seated(config, plan)
    with ExitStack() as stack:
        players = [
            _player(name, agent, stack.enter_context(_claim(config, stage, plan, name)), plan)
            for name, agent in agents.items()
        ]
        total = len(plan) * len(players)
        for player in players:
            stage.progress(Step(player.name, None, sum(p.kept for p in players), total))
        await _play_all(players, LocalEngine(hall), stage, total)
        return [player.report() for player in players]


def seated(config: EvalConfig, plan: list[Sitting]) -> dict[str, Agent]:
    """The config's agents by name, each able to play the plan's families.

    Raises:
        UsageError: an unknown agent, one named twice, or one that cannot play a family.
    """
    if len(set(config.agents)) < len(config.agents):
        raise UsageError(f"An agent is named twice in {', '.join(config.agents)}; use --repeat.")
    agents = {name: agent_named(name) for name in config.agents}
    names = sorted({sitting.instance.family for sitting in plan})
    for agent in agents.values():
        agent.ready(names)
    return agents


def _claim(
    config: EvalConfig, stage: Stage, plan: list[Sitting], agent: str
) -> AbstractContextManager[Ledger]:
    now = stage.now()
    wanted = Run(
        suite=config.name or config.suite,
        agent=agent,
        created=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        asked=asked(config, stage.sandbox),
        versions=dict(stage.versions),
    )
    return claimed(stage.runs, wanted, plan, now)


def _player(name: str, agent: Agent, ledger: Ledger, plan: list[Sitting]) -> _Player:
    todo = [sitting for sitting in plan if not ledger.done(sitting)]
    return _Player(name, agent, ledger, todo, len(plan) - len(todo))


async def _play_all(players: list[_Player], engine: Engine, stage: Stage, total: int) -> None:
    # Side by side, so that a cut run has something of every agent.
    rounds = zip_longest(*([(player, one) for one in player.todo] for player in players))
    queue = (pair for turn in rounds for pair in turn if pair is not None)

    async def work(pairs: Iterator[tuple[_Player, Sitting]]) -> None:
        for player, sitting in pairs:
            tries = await engine.sit(Order(player.name, sitting, player.ledger.path))
            played = tries[-1]
            player.played.append(played)
            player.ledger.describe(sitting)
            done = sum(p.kept + len(p.played) for p in players)
            stage.progress(Step(player.name, sitting, done, total, played.error))

    async with anyio.create_task_group() as workers:
        for _ in range(max(1, stage.jobs)):
            workers.start_soon(work, queue)
