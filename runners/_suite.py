"""Plays a suite: agents, instances, repeats; one run folder an agent; resumed any number of times.

A sitting is done when its agent ended it, or when this runner saw it to its end (`_ledger`).
Whatever else lies in its place was cut short (the runner, the daemon or the machine died): it is
set aside, where nothing is lost and nothing is counted, and played again. An attempt in which the
server never saw `tools/list`, or that failed by the house (no kernel could be started), tells
nothing of the agent: it is set aside too and retried once; the latter also by the next run.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import anyio

from runners._core import Agent, Diagnose, DiagnosticKind, Hall, Seat, agent_named
from runners._ledger import Ledger, asked, claimed
from runners._plan import EvalConfig, Sitting, sittings
from tasks import JSON, AttemptRequest, DaemonError, Ticket, UsageError, family
from tasks._record import Played, Run

CHANCES = 2
"""How often an attempt is opened whose agent the server never saw, or that failed by the house."""
GRACE_S = 30.0
"""Seconds beyond an attempt's own budget after which the suite ends the agent."""


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
        await _play_all(players, hall, stage, total)
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


async def _play_all(players: list[_Player], hall: Hall, stage: Stage, total: int) -> None:
    # Side by side, so that a cut run has something of every agent.
    rounds = zip_longest(*([(player, one) for one in player.todo] for player in players))
    queue = (pair for turn in rounds for pair in turn if pair is not None)

    async def work(pairs: Iterator[tuple[_Player, Sitting]]) -> None:
        for player, sitting in pairs:
            played = await _sit(player, sitting, hall)
            player.played.append(played)
            player.ledger.settle(sitting, played)
            player.ledger.describe(sitting)
            done = sum(p.kept + len(p.played) for p in players)
            stage.progress(Step(player.name, sitting, done, total, played.error))

    async with anyio.create_task_group() as workers:
        for _ in range(max(1, stage.jobs)):
            workers.start_soon(work, queue)


async def _sit(player: _Player, sitting: Sitting, hall: Hall) -> Played:
    """Open, play and close one attempt; a second one if the first tells nothing of the agent."""
    chance = 1
    while True:
        await _clear(player.ledger, sitting, hall)
        played = await _attempt(player, sitting, hall)
        if (played.tools_listed and not played.failure) or chance == CHANCES:
            return played
        chance += 1


async def _clear(ledger: Ledger, sitting: Sitting, hall: Hall) -> None:
    """Set aside what was cut short, after the daemon has let go of it."""
    left = ledger.leftover(sitting)
    if left is None:
        return
    if left:
        await hall.close_attempt(left, "cut short; its runner died")
    ledger.set_aside(sitting)


async def _attempt(player: _Player, sitting: Sitting, hall: Hall) -> Played:
    request = AttemptRequest(
        instance=str(sitting.instance),
        agent=player.name,
        run=player.ledger.path,
        n=sitting.n,
        diagnostic=player.agent.diagnostic,
    )
    ticket = await hall.open_attempt(request)
    began = time.monotonic()
    error = await _play(player, sitting, ticket, hall)
    wall = time.monotonic() - began
    await hall.close_attempt(ticket.attempt, "ended by the runner")
    if not player.ledger.closed(sitting):
        # Not the agent's failure: the sitting stays open for the next run.
        raise DaemonError(
            f"The record of {sitting.instance} was not closed: its daemon was lost, or could not "
            "write. `proctor serve logs` tells more; the same command goes on from here."
        )
    return Played(
        error=error,
        tools_listed=player.ledger.tools_sha256(sitting) is not None,
        wall_s=round(wall, 3),
        failure=player.ledger.failure(sitting),
    )


async def _play(player: _Player, sitting: Sitting, ticket: Ticket, hall: Hall) -> str:
    """Let the agent play; give what it raised, '' if nothing. A failed attempt is data."""
    place = player.ledger.place(sitting)
    place.path.mkdir(parents=True, exist_ok=True)
    wall_s = family(sitting.instance.family).budget.wall_s + GRACE_S
    seat = Seat(
        family=sitting.instance.family,
        ticket=ticket,
        rng=sitting.rng(player.name),
        folder=place.path,
        wall_s=wall_s,
        diagnose=_diagnose(hall, ticket) if player.agent.diagnostic else None,
    )
    try:
        with anyio.fail_after(wall_s):
            await player.agent.play(seat)
    except Exception as error:  # noqa: BLE001 - whatever a third party's agent raises is data
        return _text(error)
    return ""


def _diagnose(hall: Hall, ticket: Ticket) -> Diagnose:
    async def diagnose(kind: DiagnosticKind, level: float) -> JSON:
        return await hall.diagnostic(ticket.attempt, kind, level)

    return diagnose


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_text(inner) for inner in error.exceptions)
    return f"{type(error).__name__}: {error}"[:2000]
