"""One sitting from open to close, and the attempts it takes.

Nothing here knows of a run as a whole: an `Order` says everything, by names and paths, so that an
engine may carry it to another machine and play it there against that machine's own hall.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio

from runners._core import (
    AgentReport,
    CutShortError,
    Diagnose,
    DiagnosticKind,
    Hall,
    Seat,
    agent_named,
)
from runners._ledger import Ledger, cost
from runners._plan import Sitting
from runners._purse import LEAST_USD
from tasks import JSON, AttemptRequest, DaemonError, Ticket, family
from tasks._record import AgentSetup, Ending, Played, RunFolder

CHANCES = 2
"""How often an attempt is opened that tells nothing of its agent."""
GRACE_S = 30.0
"""Seconds beyond an attempt's own budget after which the suite ends the agent."""


@dataclass(frozen=True)
class Limits:
    """What the run leaves for one sitting."""

    usd: float | None = None
    """All its attempts together; None: no limit, or an agent that costs nothing."""


@dataclass(frozen=True)
class Order:
    """One sitting to be played."""

    agent: str
    """As `agent_named` takes it."""
    sitting: Sitting
    run: Path
    """The run folder, held by whoever gives the order."""
    limits: Limits = Limits()


class Engine(Protocol):
    """Where orders are carried out; the suite has as many of them open as was asked."""

    async def sit(self, order: Order) -> tuple[Played, ...]:
        """Play it; when this returns, its records lie in `order.run`.

        Returns:
            Every attempt that was opened, at least one; the last one stands.

        Raises:
            DaemonError: the sitting could not be seen to its end; the same command resumes.
        """
        ...


@dataclass(frozen=True)
class LocalEngine:
    """Plays in this process, against one hall of this machine."""

    hall: Hall

    async def sit(self, order: Order) -> tuple[Played, ...]:
        """See `Engine`."""
        return await sit(self.hall, order)


async def sit(hall: Hall, order: Order) -> tuple[Played, ...]:
    """Play an order: open, play and close an attempt; a second one if the first tells nothing.

    `played.json` of every attempt is written before the next begins; those that do not stand lie
    under the run folder's `cut/`.

    Raises:
        DaemonError: the daemon that held the record was lost.
    """
    ledger = Ledger(RunFolder(order.run))
    tries: list[Played] = []
    while True:
        await _clear(ledger, order.sitting, hall)
        played = await _Attempt(hall, order, ledger, _left(order.limits, tries)).play()
        ledger.settle(order.sitting, played)
        tries.append(played)
        if len(tries) == CHANCES or not _worth_another(played):
            return tuple(tries)
        if not _affordable(_left(order.limits, tries)):
            return tuple(tries)


def _worth_another(played: Played) -> bool:
    # One that the run's budget cut short would be cut short again.
    return not played.tools_listed or (bool(played.failure) and played.ending != "money")


def _left(limits: Limits, tries: list[Played]) -> float | None:
    return None if limits.usd is None else limits.usd - sum(cost(one) for one in tries)


def _affordable(usd: float | None) -> bool:
    return usd is None or usd >= LEAST_USD


async def _clear(ledger: Ledger, sitting: Sitting, hall: Hall) -> None:
    """Set aside what was cut short, after the daemon has let go of it."""
    left = ledger.leftover(sitting)
    if left is None:
        return
    if left:
        await hall.close_attempt(left, "cut short; its runner died")
    ledger.set_aside(sitting)


class _Attempt:
    """One attempt from open to close."""

    def __init__(self, hall: Hall, order: Order, ledger: Ledger, usd: float | None) -> None:
        self._hall = hall
        self._order = order
        self._ledger = ledger
        self._usd = usd
        self._agent = agent_named(order.agent)
        self._report: AgentReport | None = None
        self._ending: Ending = ""
        self._killed = False

    async def play(self) -> Played:
        """Open, play, close; what was seen of it."""
        sitting, agent = self._order.sitting, self._agent
        request = AttemptRequest(
            instance=str(sitting.instance),
            agent=self._order.agent,
            run=self._order.run,
            n=sitting.n,
            diagnostic=agent.diagnostic,
        )
        ticket = await self._hall.open_attempt(request)
        self._ledger.begin(sitting, self._usd)
        began = time.monotonic()
        error = await self._seated(ticket)
        wall = time.monotonic() - began
        await self._hall.close_attempt(ticket.attempt, "ended by the runner")
        if not self._ledger.closed(sitting):
            # Not the agent's failure: the sitting stays open for the next run.
            raise DaemonError(
                f"The record of {sitting.instance} was not closed: its daemon was lost, or could "
                "not write. `proctor serve logs` tells more; the same command goes on from here."
            )
        return self._played(error, round(wall, 3))

    async def _seated(self, ticket: Ticket) -> str:
        """Let the agent play; give what it raised, '' if nothing. A failed attempt is data."""
        sitting = self._order.sitting
        wall_s = family(sitting.instance.family).budget.wall_s + GRACE_S
        seat = Seat(
            family=sitting.instance.family,
            ticket=ticket,
            rng=sitting.rng(self._order.agent),
            folder=self._ledger.place(sitting).path,
            wall_s=wall_s,
            diagnose=_diagnose(self._hall, ticket) if self._agent.diagnostic else None,
            tell=self._hear,
            usd=self._usd,
            n=sitting.n,
        )
        try:
            with anyio.move_on_after(wall_s) as limit:
                await self._agent.play(seat)
        except Exception as error:  # noqa: BLE001 - whatever a third party's agent raises is data
            self._ending = "crash"
            self._killed = _holds(error, CutShortError)
            return _text(error)
        if limit.cancelled_caught:
            self._ending = "timeout"
            return f"TimeoutError: the agent was not done after {wall_s:g} s"
        return ""

    def _hear(self, report: AgentReport) -> None:
        self._report = report
        # On disk at once: whoever is killed now has spent that money all the same.
        self._ledger.hear(self._order.sitting, report)

    def _played(self, error: str, wall_s: float) -> Played:
        sitting, report = self._order.sitting, self._report
        listed = self._ledger.tools_sha256(sitting) is not None
        ending = (report.ending if report else "") or self._ending or ("" if listed else "tools")
        failure = self._ledger.failure(sitting) or self._cut(ending, error)
        return Played(
            error=error,
            ending=ending,
            tools_listed=listed,
            wall_s=wall_s,
            failure=failure,
            setup=report.setup if report else None,
            usage=report.usage if report else None,
            transcript=report.transcript if report else None,
            usd_cap=self._usd,
        )

    def _cut(self, ending: Ending, error: str) -> str:
        """Why an attempt that the agent did not end itself tells nothing of it, '' if it does."""
        if self._ledger.own_end(self._order.sitting):
            return ""
        if self._killed:
            return f"the agent was cut short: {error}"
        if ending == "provider":
            return f"the provider failed: {error or 'it gave no reason'}"
        if ending == "money" and self._usd is not None and not self._own_limit():
            return f"the run's budget was reached: ${self._usd:.2f} were left for this attempt"
        return ""

    def _own_limit(self) -> bool:
        """Whether the agent's own money limit was the tighter one: then the end is its own."""
        setup: AgentSetup | None = self._report.setup if self._report else None
        usd = setup.settings.get("usd") if setup else None
        return isinstance(usd, int | float) and self._usd is not None and usd < self._usd


def _diagnose(hall: Hall, ticket: Ticket) -> Diagnose:
    async def diagnose(kind: DiagnosticKind, level: float) -> JSON:
        return await hall.diagnostic(ticket.attempt, kind, level)

    return diagnose


def _holds(error: BaseException, kind: type[BaseException]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_holds(inner, kind) for inner in error.exceptions)
    return isinstance(error, kind)


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_text(inner) for inner in error.exceptions)
    return f"{type(error).__name__}: {error}"[:2000]
