"""The hall: every tool call of every agent, and the operator's side of attempts.

`async with Hall(...)` recovers what a dead daemon left, watches leases and budgets while it is
open, and ends every session when it closes. It speaks no protocol: `server/protocol.py` does.
"""

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio

from server.attempts import Reason
from server.bench import Stage
from server.callers import Call, Caller, Progress, silent
from server.floor import Floor
from server.kernels import KernelHouse
from server.opening import Clock, Setup
from server.replies import Reply
from server.sessions import Session
from server.tools import EVERY
from server.tools._core import Arguments, Tool
from server.tools.calculators import calculators, unknown
from server.vault import Diagnostic, Vault
from tasks import (
    JSON,
    AgentFault,
    AttemptRequest,
    ReachFault,
    RecordError,
    UsageError,
    nearest,
)

log = logging.getLogger("proctor.hall")

WATCH_S = 0.5
"""Between two looks at leases and budgets."""
MAX_REFUSED = 100
"""Refused calls of one attempt that are recorded: the log is not the agent's to fill."""
MAX_WHY = 500
"""Characters of the words it was refused with."""


@dataclass(frozen=True)
class Opened:
    """A graded attempt that may begin."""

    attempt: str
    token: str
    """The agent's admission."""


class Hall:
    """All attempts of one daemon."""

    def __init__(
        self,
        home: Path,
        runs: Path,
        vault: Vault,
        house: KernelHouse,
        *,
        sandbox: Mapping[str, JSON],
        clock: Clock | None = None,
    ) -> None:
        """Build a closed hall.

        Args:
            home: state folder; notes of live attempts lie in it.
            runs: where practice runs are written.
            vault: briefs and worlds.
            house: kernels; entered by the caller, who also leaves it after the hall.
            sandbox: tier and probes, for every record.
            clock: time; the machine's by default.
        """
        self._clock = clock or Clock()
        self._vault = vault
        self._house = house
        self._setup = Setup(runs, sandbox)
        self._live = home / "live"
        self._tools = {tool.name: tool for tool in EVERY}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Hall":
        self._group = await self._stack.enter_async_context(anyio.create_task_group())
        stage = Stage(self._house, self._group, self._clock.monotonic)
        self._floor = Floor(self._setup, self._vault, stage, self._clock, self._live)
        await self._floor.recover()
        self._group.start_soon(self._watch)
        return self

    async def __aexit__(self, *reason: object) -> None:
        with anyio.CancelScope(shield=True):
            for session in self._floor.all:
                await self._floor.end(session, Reason.DAEMON_LOST, "The daemon was stopped.")
        self._group.cancel_scope.cancel()
        await self._stack.aclose()

    async def call(
        self,
        caller: Caller,
        tool: str,
        arguments: Mapping[str, JSON],
        progress: Progress = silent,
    ) -> Reply:
        """Run one tool for an agent. Cancelling it interrupts the cell it waits for.

        Raises:
            AgentFault: the agent's mistake, or a limit; its text is for the agent.
        """
        unit = self._tools.get(tool)
        if unit is None:
            seat = self._floor.seat(caller)
            if seat is not None:
                unknown(seat, tool, arguments)
            raise AgentFault(f"There is no tool {tool!r}.{nearest(tool, self._tools)}")
        call = Call(caller, unit.parse(dict(arguments)), progress)
        try:
            return await self._serve(unit, call)
        except ReachFault as fault:
            self._refused(caller, tool, fault)
            raise
        except AgentFault:
            self._floor.late.note(caller.token, tool, arguments)
            raise

    async def _serve(self, unit: "Tool[Arguments]", call: "Call[Arguments]") -> Reply:
        session = self._charged(unit, call)
        if session is None:
            return await self._run(unit, call)
        session.attempt.enter()
        try:
            return await self._run(unit, call)
        finally:
            session.attempt.leave(self._clock.monotonic())

    def listed(self, caller: Caller, sha256: str, count: int) -> None:
        """The caller was offered `count` tools; recorded in its attempt."""
        if caller.token is None:
            return
        try:
            seat = self._floor.seat(caller)
        except AgentFault:
            return  # over, or never there: nothing to record it in
        if seat is not None:
            seat.attempt.touch(self._clock.monotonic())
            seat.journal.record("tools.listed", {"sha256": sha256, "count": count})

    def calculates(self, caller: Caller) -> bool:
        """Whether a task of the caller's allows calculators: its exam, or one it practises."""
        try:
            seat = self._floor.seat(caller)
            sessions = self._floor.owned(caller) if seat is None else [seat]
        except AgentFault:
            return False  # over, or never there
        return any(calculators(session) for session in sessions)

    def notebook(self, caller: Caller, session: str | None) -> str:
        """The notebook of a session of the caller as JSON text; None: of its own attempt.

        Raises:
            AgentFault: there is none, or it is not the caller's.
        """
        if session is None:
            seat = self._floor.seat(caller)
            if seat is None:
                raise AgentFault("Name the session; `list_sessions` shows yours.")
            session = seat.id
        try:
            found = self._floor.session(caller, session)
        except ReachFault as fault:
            self._refused(caller, "resources/read", fault)
            raise
        return b"".join(found.journal.notebook.chunks()).decode()

    def admits(self, token: str) -> bool:
        """Whether the token belongs, or belonged, to an attempt of this hall."""
        return self._floor.admits(token)

    async def open_attempt(self, request: AttemptRequest) -> Opened:
        """Open a graded attempt; for the operator alone.

        Raises:
            UsageError: no such instance, or the run folder's path is not absolute.
            RecordError: its record cannot be begun.
        """
        session = await self._floor.admit(request)
        assert session.token is not None
        return Opened(session.attempt_id, session.token)

    async def diagnostic(self, attempt: str, kind: Diagnostic, level: float = 0.0) -> JSON:
        """The answer of a diagnostic agent; for the operator alone.

        Raises:
            UsageError: no such live attempt, or it was not opened as a diagnostic one.
        """
        session = next((s for s in self._floor.all if s.attempt_id == attempt), None)
        if session is None or session.brief is None:
            raise UsageError(f"No attempt {attempt!r} is open.")
        if not session.diagnostic:
            raise UsageError(
                f"Attempt {attempt!r} was not opened as a diagnostic one: its key stays closed."
            )
        instance = session.brief.instance
        return await anyio.to_thread.run_sync(session.safe.diagnostic, instance, kind, level)

    async def close_attempt(self, attempt: str, reason: str = "") -> None:
        """End an attempt on the operator's word; one that has ended is left as it is."""
        await self._floor.end_attempt(attempt, Reason.KILLED, reason)

    async def reap(self) -> None:
        """End the sessions whose lease or wall budget has run out; the hall does so by itself."""
        await self._floor.reap()

    def state(self) -> list[dict[str, JSON]]:
        """Live attempts and practice sessions, for the operator."""
        now = self._clock.monotonic()
        return [_described(session, now) for session in self._floor.all]

    async def _run(self, unit: "Tool[Arguments]", call: "Call[Arguments]") -> Reply:
        try:
            return await unit.run(self._floor, call)
        except RecordError as error:
            log.exception("A record could not be written")
            raise AgentFault(
                "The server could not write its record; the operator finds the reason in its log. "
                "What was recorded before is safe. You may try again."
            ) from error

    def _refused(self, caller: Caller, tool: str, fault: ReachFault) -> None:
        """Leave a trace in the exam of a caller who reached for what is not its own."""
        seat = self._floor.seat(caller)
        if seat is None or seat.closing or seat.refused >= MAX_REFUSED:
            return
        seat.refused += 1
        try:
            seat.journal.record("call.refused", {"tool": tool, "why": str(fault)[:MAX_WHY]})
        except RecordError:
            log.exception("A refused call could not be recorded")

    def _charged(self, unit: "Tool[Arguments]", call: "Call[Arguments]") -> Session | None:
        """The session a call is charged to; None if it addresses none that runs."""
        seat = self._floor.seat(call.caller)
        if seat is not None:
            seat.attempt.require_open(self._clock.monotonic())
            session = seat if seat.attempt.started is not None else None
        else:
            session = self._addressed(call)
        if session is not None:
            if unit.free:
                session.attempt.require_open(self._clock.monotonic())
            else:
                session.attempt.charge(self._clock.monotonic())
        elif seat is not None:
            seat.attempt.touch(self._clock.monotonic())
        return session

    def _addressed(self, call: "Call[Arguments]") -> Session | None:
        named = call.arguments.model_dump(include={"session_id", "handle", "id"})
        session_id = named.get("session_id")
        if session_id is None and (part := named.get("handle") or named.get("id")):
            session_id = part.rpartition("-")[0]
        return None if session_id is None else self._floor.session(call.caller, session_id)

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(WATCH_S)
            await self._floor.reap()


def _described(session: Session, now: float) -> dict[str, JSON]:
    attempt = session.attempt
    return {
        "attempt": session.attempt_id,
        "session_id": session.id,
        "instance": str(session.brief.instance) if session.brief else None,
        "agent": session.agent,
        "stamp": session.brief.stamp.value if session.brief else "practice",
        "phase": attempt.phase.value,
        "idle_s": 0.0 if attempt.busy else round(now - attempt.contact, 1),
        "tool_calls": attempt.tool_calls,
    }
