"""Plays a suite: agents, instances, repeats; one run folder an agent; resumed any number of times.

A sitting is done when its agent ended it, or when a runner saw it to its end (`_ledger`). Whatever
else lies in its place was cut short (the runner, the daemon or the machine died): it is set aside,
where nothing is lost and nothing is counted, and played afresh. It cannot be continued: an agent's
memory dies with its process, and the sealed kernel with its daemon or its runner. An attempt in
which the server never saw `tools/list`, or that failed by the house or by the provider, tells
nothing of the agent: it is set aside too and retried once; the last two also by the next run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Literal, Protocol

import anyio

from runners._core import Agent
from runners._ledger import Ledger, asked, claimed, cost
from runners._plan import EvalConfig, Sitting, sittings
from runners._purse import Purse
from runners._sameness import differences
from runners._seating import Seating, Terms, reasons, seated
from runners._sitting import Engine, Limits, Order
from tasks import UsageError
from tasks._record import Played, Run


@dataclass(frozen=True)
class Step:
    """Progress of one agent."""

    agent: str
    kind: Literal["found", "begun", "ended"]
    """Its run folder was opened; a sitting begins; a sitting has ended."""
    sitting: Sitting | None
    """None when `found`."""
    done: int
    """Sittings of this agent."""
    total: int
    spent_usd: float = 0.0
    """By this agent in this run, earlier commands included; without what runs now."""
    error: str = ""
    """What the agent raised, or why the attempt does not count; '' if nothing."""


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
    """Attempts played now that failed by the house, by the provider or for want of money: they do
    not count, and are played again."""
    retried: int = 0
    """Attempts that were set aside now because a second chance was due."""
    unplayed: int = 0
    """Sittings that were not begun because the budget was reached."""
    spent_usd: float = 0.0
    """All that the run's attempts took, set-aside ones and earlier commands included."""
    cut_by_budget: int = 0
    """Of `broken`: attempts that would have cost more than was left."""
    unpriced: int = 0
    """Attempts played now by a paid agent whose cost nobody knows."""
    warnings: tuple[str, ...] = ()
    """What differs between the attempts of the run, and what else people should know."""
    verdict: "Verdict | None" = None
    """How an adaptive run of it ended."""

    @property
    def out_of_money(self) -> bool:
        """Whether the budget kept it from its end."""
        return bool(self.unplayed or self.cut_by_budget)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an adaptive run came to for one agent."""

    theta: float
    """Ability on the bank's scale."""
    se: float
    asked: int
    """Instances whose scores it rests on."""
    of: int
    """Instances that might have been asked."""
    reason: str
    """Why no more were asked: a sentence."""
    final: bool
    """False where the budget cut it short: the same command with a higher one goes on."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where and how a suite is played."""

    runs: Path
    sandbox: str = "auto"
    """What was asked of the daemon: `auto` or a tier; stands in run.json."""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    concurrent: int = 2
    """Attempts at a time."""
    budget_usd: float | None = None
    """Dollars that all attempts of the run folders may cost together, earlier ones included."""
    terms: Terms = field(default_factory=Terms)
    progress: Callable[[Step], None] = lambda step: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass
class Player:
    """One agent at work in its run folder."""

    name: str
    agent: Agent
    ledger: Ledger
    plan: list[Sitting]
    todo: list[Sitting]
    spent: float
    played: list[Played] = field(default_factory=list[Played])
    retried: int = 0
    most: int | None = None
    """Sittings that it plays at most, those kept included; None: the whole plan."""
    verdict: Verdict | None = None
    notes: list[str] = field(default_factory=list[str])
    """What people should know of this run."""

    @property
    def total(self) -> int:
        """Sittings that it may come to."""
        return len(self.plan) if self.most is None else min(self.most, len(self.plan))

    @property
    def kept(self) -> int:
        """Sittings that were found done."""
        return len(self.plan) - len(self.todo)

    def take(self, tries: tuple[Played, ...]) -> None:
        """A sitting has ended."""
        self.played.append(tries[-1])
        self.retried += len(tries) - 1
        self.spent += sum(map(cost, tries))

    def step(self, kind: Literal["found", "begun", "ended"], sitting: Sitting | None) -> Step:
        """Where it stands."""
        last = self.played[-1] if kind == "ended" else None
        return Step(
            self.name,
            kind,
            sitting,
            self.kept + len(self.played),
            self.total,
            self.spent,
            (last.failure or last.error) if last else "",
        )

    def report(self) -> RunReport:
        """What came of it."""
        ended = self.verdict is not None and self.verdict.final
        return RunReport(
            agent=self.name,
            folder=self.ledger.path,
            played=len(self.played),
            kept=self.kept,
            failed=sum(bool(one.error) for one in self.played),
            unseen=sum(not one.tools_listed for one in self.played),
            broken=sum(bool(one.failure) for one in self.played),
            retried=self.retried,
            unplayed=0 if ended else max(0, self.total - self.kept - len(self.played)),
            spent_usd=self.spent,
            cut_by_budget=sum(bool(one.failure) and one.ending == "money" for one in self.played),
            unpriced=sum(self._unpriced(one) for one in self.played),
            warnings=(*self.notes, *differences(self.ledger, self.plan)),
            verdict=self.verdict,
        )

    def _unpriced(self, played: Played) -> bool:
        return self.agent.paid and (played.usage is None or played.usage.cost_usd is None)


@dataclass(frozen=True)
class Service:
    """What serves sittings to players."""

    engine: Engine
    stage: Stage
    purse: Purse | None

    async def serve(self, player: Player, sitting: Sitting) -> bool:
        """Play a sitting of a player to its end; False if the budget does not allow it."""
        share = None
        if self.purse is not None and player.agent.paid:
            share = await self.purse.take()
            if share is None:
                return False
        self.stage.progress(player.step("begun", sitting))
        order = Order(player.name, sitting, player.ledger.path, Limits(share))
        tries = await self.engine.sit(order)
        player.take(tries)
        if self.purse is not None and share is not None:
            await self.purse.give_back(share, sum(map(cost, tries)))
        player.ledger.describe(sitting)
        self.stage.progress(player.step("ended", sitting))
        return True


class Course(Protocol):
    """In which order what is planned is played, and how much of it."""

    def of(self, plan: Sequence[Sitting]) -> list[Sitting]:
        """What of a plan may be played at all."""
        ...

    async def play(self, players: Sequence[Player], service: Service) -> None:
        """Play what is to be played."""
        ...


class Whole:
    """Every sitting once, agents side by side, so that a cut run has something of every agent."""

    def of(self, plan: Sequence[Sitting]) -> list[Sitting]:
        """See `Course`."""
        return list(plan)

    async def play(self, players: Sequence[Player], service: Service) -> None:
        """See `Course`."""
        rounds = zip_longest(*([(player, one) for one in player.todo] for player in players))
        queue = (pair for turn in rounds for pair in turn if pair is not None)

        async def work(pairs: Iterator[tuple[Player, Sitting]]) -> None:
            for player, sitting in pairs:
                await service.serve(player, sitting)  # free agents play on without a budget

        async with anyio.create_task_group() as workers:
            for _ in range(max(1, service.stage.concurrent)):
                workers.start_soon(work, queue)


WHOLE = Whole()


async def run_suite(
    config: EvalConfig, engine: Engine, stage: Stage, course: Course = WHOLE
) -> list[RunReport]:
    """Play every sitting of the course that is not done; return one report an agent.

    Raises:
        UsageError: an unknown suite, preset or agent, an agent that cannot play, a budget that is
            not positive, or another runner that plays the same command now.
        DaemonError: the daemon is gone; the same command resumes.
    """
    plan = course.of(sittings(config))
    seating = admitted(config, plan, stage)
    seating.note(stage.runs)
    with ExitStack() as stack:
        players = [
            _player(name, agent, stack.enter_context(_claim(config, stage, plan, name)), plan)
            for name, agent in seating.agents.items()
        ]
        for player in players:
            stage.progress(player.step("found", None))
        await course.play(players, Service(engine, stage, _purse(players, stage)))
        return [player.report() for player in players]


def admitted(config: EvalConfig, plan: list[Sitting], stage: Stage) -> Seating:
    """The agents that will play a config's plan; nothing is opened.

    Raises:
        UsageError: see `seated`; a budget that is not positive; or nobody is left (they are noted
            as pending all the same).
    """
    if stage.budget_usd is not None and not stage.budget_usd > 0:
        raise UsageError(
            f"A budget of {stage.budget_usd:g} dollars pays for nothing; give --budget-usd more "
            "than 0, or leave it out."
        )
    families = sorted({sitting.instance.family for sitting in plan})
    seating = seated(config.agents, families, stage.terms)
    if not seating.agents:
        seating.note(stage.runs)
        raise UsageError(f"Nobody is left to play. {' '.join(reasons(seating.pending))}")
    return seating


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


def _player(name: str, agent: Agent, ledger: Ledger, plan: list[Sitting]) -> Player:
    todo: list[Sitting] = []
    for sitting in plan:
        if ledger.done(sitting):
            ledger.adopt(sitting)
        else:
            todo.append(sitting)
    return Player(name, agent, ledger, plan, todo, ledger.spent())


def _purse(players: list[Player], stage: Stage) -> Purse | None:
    if stage.budget_usd is None:
        return None
    left = stage.budget_usd - sum(player.spent for player in players)
    paid = sum(len(player.todo) for player in players if player.agent.paid)
    return Purse(left, max(1, stage.concurrent), paid)
