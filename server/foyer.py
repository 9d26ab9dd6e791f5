"""The hall as its doors see it from the first moment: asked early, it answers once it is open.

An agent CLI waits some seconds for its MCP server to say hello; choosing and probing a sandbox
takes longer. So the doors open first. What needs no room (tools, prompts, resources) is told at
once; a tool call waits; if no sandbox passes, agents hear `REFUSAL` and the operator the reason.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import anyio

from server import protocol
from server.callers import Caller, Progress
from server.replies import Reply
from server.vault import Diagnostic
from tasks import JSON, AgentFault, AttemptRequest, ProctorError

OPENING = "the exam hall is opening: its sandbox is being tested"
REFUSAL = (
    "Proctor's exam hall could not open on this machine, so nothing can be run, and no other call "
    "will help. Tell whoever runs you: `proctor serve logs` has the reason, `proctor doctor` what "
    "to do. Afterwards this MCP server must be restarted."
)
"""What an agent hears of a house that could not open."""


class Opened(Protocol):
    """What the hall says of an attempt it has opened."""

    @property
    def attempt(self) -> str:
        """Its id."""
        ...

    @property
    def token(self) -> str:
        """Its bearer token."""
        ...


class Hall(protocol.Hall, Protocol):
    """What the daemon needs of the hall."""

    def admits(self, token: str) -> bool:
        """Whether the token belongs to an attempt of this hall."""
        ...

    async def open_attempt(self, request: AttemptRequest) -> Opened:
        """Open a graded attempt."""
        ...

    async def diagnostic(self, attempt: str, kind: Diagnostic, level: float) -> JSON:
        """The answer of a diagnostic agent."""
        ...

    async def close_attempt(self, attempt: str, reason: str) -> None:
        """End an attempt."""
        ...

    def state(self) -> list[dict[str, JSON]]:
        """Live attempts and sessions."""
        ...


@dataclass(frozen=True)
class House:
    """An open hall and the tier of its kernels."""

    hall: Hall
    tier: str


class Foyer:
    """Stands in for a hall that may not be open yet, or could not be opened."""

    def __init__(self) -> None:
        self._hall: Hall | None = None
        self._decided = anyio.Event()
        self._refused = anyio.Event()
        self.reason: Exception | None = None
        """Why the house could not open."""

    @property
    def open(self) -> bool:
        """Whether the hall is open."""
        return self._hall is not None

    def welcome(self, hall: Hall) -> None:
        """The hall is open."""
        self._hall = hall
        self._decided.set()

    def refuse(self, reason: Exception) -> None:
        """The house could not open and never will."""
        self.reason = reason
        self._decided.set()
        self._refused.set()

    async def hall(self) -> Hall:
        """The open hall, for the operator.

        Raises:
            ProctorError: it could not open; the text says why.
        """
        await self._decided.wait()
        if self._hall is None:
            raise ProctorError(self.told) if self.reason is None else self.reason
        return self._hall

    async def refused(self) -> None:
        """Return when the house could not open; wait for ever if it does."""
        await self._refused.wait()

    @property
    def told(self) -> str:
        """What an operator hears of the reason."""
        reason = self.reason
        if reason is None or isinstance(reason, ProctorError):
            return str(reason or "")
        return f"{type(reason).__name__}: {reason}"

    def state(self) -> list[dict[str, JSON]]:
        """Live attempts and sessions; none before the hall is open."""
        return [] if self._hall is None else self._hall.state()

    # What the doors ask ------------------------------------------------------------------------

    async def call(
        self, caller: Caller, tool: str, arguments: Mapping[str, JSON], progress: Progress
    ) -> Reply:
        """Run a tool, once the hall is open."""
        if not self._decided.is_set():
            await progress(0.0, None, OPENING)
            await self._decided.wait()
        if self._hall is None:
            raise AgentFault(REFUSAL)
        return await self._hall.call(caller, tool, arguments, progress)

    def listed(self, caller: Caller, sha256: str, count: int) -> None:
        """The tools were offered; before the hall is open there is no record to note it in."""
        if self._hall is not None:
            self._hall.listed(caller, sha256, count)

    def calculates(self, caller: Caller) -> bool:
        """Whether a task of the caller's allows calculators; at first nobody has one."""
        return self._hall is not None and self._hall.calculates(caller)

    def notebook(self, caller: Caller, session: str | None) -> str:
        """The notebook of a session of the caller; before the hall is open nobody has one."""
        if self._hall is None:
            raise AgentFault("You have no session yet, so no notebook: start_task gives you one.")
        return self._hall.notebook(caller, session)

    def admits(self, token: str) -> bool:
        """Whether the token belongs to an attempt; only an open hall has attempts."""
        return self._hall is not None and self._hall.admits(token)


class Guests:
    """Counts connections, and tells when the last one has left."""

    def __init__(self) -> None:
        self.count = 0
        self._left = anyio.Event()

    @contextmanager
    def one(self) -> Generator[None]:
        """A connection is here."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            if not self.count:
                self._left.set()
                self._left = anyio.Event()

    async def gone(self) -> None:
        """Return when nobody is here."""
        while self.count:
            await self._left.wait()
