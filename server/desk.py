"""The daemon as its operator sees it: attempts opened and closed, status, stop."""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from server.calls import Calls
from server.foyer import Foyer, Guests
from server.lifelines import GONE, Lifelines
from server.operator import DaemonStatus, Method
from server.state import DaemonInfo
from server.vault import Diagnostic
from tasks import JSON, AttemptRequest, Frozen, Ticket

log = logging.getLogger("proctor.daemon")


class _Asked(Frozen):
    attempt: str
    kind: Diagnostic
    level: float


@dataclass
class Desk:
    """The running daemon; every method but `stop` waits for the open house."""

    foyer: Foyer
    home: Path
    calls: Calls
    clock: Callable[[], float]
    began: float
    info: DaemonInfo | None = None
    """Set before the foyer lets anybody in."""
    shims: Guests = field(default_factory=Guests)
    operators: Guests = field(default_factory=Guests)
    lifelines: Lifelines = field(default_factory=Lifelines)
    last: float = 0.0
    over: anyio.Event = field(default_factory=anyio.Event)

    def methods(self) -> Mapping[str, Method]:
        """What the operator's socket answers."""
        return {
            "open_attempt": self._open_attempt,
            "diagnostic": self._diagnostic,
            "close_attempt": self._close_attempt,
            "status": self._status,
            "stop": self._stop,
        }

    def touch(self) -> None:
        """Somebody needs the daemon now."""
        self.last = self.clock()

    def idle_s(self) -> float:
        """Seconds since anybody needed the daemon; 0 while somebody does."""
        needed = self.shims.count or self.calls.running or self.lifelines
        if needed or not self.foyer.open or self.foyer.state():
            self.touch()
        return self.clock() - max(self.last, self.calls.last)

    async def _open_attempt(self, params: Mapping[str, JSON]) -> JSON:
        hall = await self.foyer.hall()
        assert self.info is not None
        self.touch()
        lifeline = params.get("lifeline")
        if lifeline is not None:
            self.lifelines.require(lifeline)
        opened = await hall.open_attempt(AttemptRequest.model_validate(params["request"]))
        if lifeline is not None and not self.lifelines.bind(lifeline, opened.attempt):
            await hall.close_attempt(opened.attempt, GONE)
            self.lifelines.require(lifeline)
        ticket = Ticket(
            attempt=opened.attempt,
            token=opened.token,
            url=self.info.url,
            # This very interpreter, and -P: nothing in the agent's folder can shadow our modules.
            command=(sys.executable, "-P", "-m", "server.shim"),
            env={"PROCTOR_TOKEN": opened.token, "PROCTOR_HOME": str(self.home)},
        )
        return ticket.model_dump(mode="json")

    async def _diagnostic(self, params: Mapping[str, JSON]) -> JSON:
        hall = await self.foyer.hall()
        asked = _Asked.model_validate(params)
        return await hall.diagnostic(asked.attempt, asked.kind, asked.level)

    async def _close_attempt(self, params: Mapping[str, JSON]) -> JSON:
        hall = await self.foyer.hall()
        self.touch()
        self.lifelines.release(params["attempt"])
        await hall.close_attempt(params["attempt"], params["reason"])

    async def end_attempt(self, attempt: str, reason: str) -> None:
        """End an attempt; one that has ended is left as it is."""
        await (await self.foyer.hall()).close_attempt(attempt, reason)

    async def _status(self, params: Mapping[str, JSON]) -> JSON:
        hall = await self.foyer.hall()
        assert self.info is not None
        status = DaemonStatus(
            info=self.info,
            uptime_s=self.clock() - self.began,
            idle_s=self.idle_s(),
            connections=self.shims.count,
            calls_running=self.calls.running,
            attempts=tuple(hall.state()),
        )
        return status.model_dump(mode="json")

    async def _stop(self, params: Mapping[str, JSON]) -> JSON:
        log.info("stopping: the operator asked")
        self.over.set()
