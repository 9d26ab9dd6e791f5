"""The attempts behind the samples of one Inspect task: opened, closed, noted, scored."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import anyio
import anyio.to_thread
import inspect_ai
import inspect_ai.model
import inspect_ai.solver
import inspect_ai.tool
from anyio import Lock
from anyio.from_thread import BlockingPortal

from runners._core import Hall
from runners._ledger import Ledger, asked
from runners._plan import EvalConfig, Sitting
from tasks import JSON, AttemptRequest, Brief, InstanceId, Ticket
from tasks._record import AgentSetup, AgentUsage, Played, Run, RunFolder, Tokens


class InspectRooms(Protocol):
    """What the tasks ask of the other rooms."""

    def start_daemon(self, runs: Path, sandbox: Any) -> bool:
        """Make sure that a daemon serves."""
        ...

    def open_hall(self) -> AbstractAsyncContextManager[Hall]:
        """Connect to the daemon."""
        ...

    def exam_brief(self, instance: InstanceId) -> Brief:
        """The brief of an instance, as a graded attempt gets it."""
        ...

    def score_attempt(self, run: Path, slug: str, n: int) -> Mapping[str, JSON]:
        """The score of one finished attempt, made in the score process."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions that stand in run.json."""
        ...


@dataclass
class Sat:
    """An attempt that is open."""

    ledger: Ledger
    sitting: Sitting
    ticket: Ticket
    server: inspect_ai.tool.MCPServer
    began: datetime
    closed: bool = False


@dataclass
class Room:
    """All attempts of one Inspect task; a run folder a model.

    The hall is held by a thread of its own while any attempt is open: Inspect enters and leaves a
    sample's parts in tasks of its choosing, and a connection belongs to one.
    """

    config: EvalConfig
    runs: Path
    sandbox: str
    rooms: InspectRooms
    _opened: dict[str, Sat] = field(default_factory=dict[str, Sat])
    _folders: dict[str, RunFolder] = field(default_factory=dict[str, RunFolder])
    _lock: Lock = field(default_factory=Lock)
    _hall: "Held | None" = None

    async def enter(
        self,
        state: inspect_ai.solver.TaskState,
        door: Callable[[Ticket], inspect_ai.tool.MCPServer],
    ) -> inspect_ai.tool.MCPServer:
        """Open the attempt of a sample; give its tools' server."""
        agent = f"inspect:{state.model}"
        async with self._lock:
            if self._hall is None:
                self._hall = await anyio.to_thread.run_sync(Held.open, self)
            hall = self._hall
            if agent not in self._folders:
                self._folders[agent] = self._folder(agent)
            folder = self._folders[agent]
            sitting = Sitting(InstanceId.parse(str(state.sample_id)), state.epoch)
            ledger = Ledger(folder)
            if ledger.leftover(sitting) is not None:
                ledger.set_aside(sitting)  # Inspect tries a failed sample again
            request = AttemptRequest(
                instance=str(sitting.instance), agent=agent, run=folder.path, n=sitting.n
            )
            ticket = await anyio.to_thread.run_sync(hall.open_attempt, request)
            ledger.begin(sitting, None)
            now, server = datetime.now(UTC), door(ticket)
            self._opened[state.uuid] = Sat(ledger, sitting, ticket, server, now)
        return server

    def server(self, state: inspect_ai.solver.TaskState) -> inspect_ai.tool.MCPServer:
        """The server of a sample's tools."""
        return self._opened[state.uuid].server

    async def scored(self, state: inspect_ai.solver.TaskState) -> Mapping[str, JSON]:
        """Close the attempt and score it."""
        one = self._opened[state.uuid]
        await self._close(state, one)
        place = one.ledger.place(one.sitting)
        return await anyio.to_thread.run_sync(
            self.rooms.score_attempt, one.ledger.path, place.slug, place.n
        )

    async def leave(self, state: inspect_ai.solver.TaskState) -> None:
        """After a sample, whatever became of it: nothing of it stays open."""
        one = self._opened.get(state.uuid)
        if one is not None:
            await self._close(state, one)
        async with self._lock:
            self._opened.pop(state.uuid, None)
            if not self._opened and self._hall is not None:
                hall, self._hall = self._hall, None
                await anyio.to_thread.run_sync(hall.close)

    async def _close(self, state: inspect_ai.solver.TaskState, one: Sat) -> None:
        if one.closed or self._hall is None:
            return
        one.closed = True
        ended = self._hall.close_attempt
        await anyio.to_thread.run_sync(ended, one.ticket.attempt, "ended by Inspect")
        one.ledger.settle(one.sitting, _played(state, one))
        one.ledger.describe(one.sitting)

    def _folder(self, agent: str) -> RunFolder:
        now = datetime.now(UTC)
        return RunFolder.create(
            self.runs,
            Run(
                suite=self.config.suite,
                agent=agent,
                created=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
                asked=asked(self.config, self.sandbox),
                versions=dict(self.rooms.versions()),
            ),
            now,
        )


@dataclass
class Held:
    """A hall that is held open in another thread's event loop."""

    portal: BlockingPortal
    hall: Hall
    _leave: Callable[[], None]

    @classmethod
    def open(cls, room: Room) -> "Held":
        """Start the daemon where there is none, and connect."""
        room.rooms.start_daemon(room.runs, room.sandbox)
        found: Future[BlockingPortal] = Future()

        async def run() -> None:
            async with BlockingPortal() as portal:
                found.set_result(portal)
                await portal.sleep_until_stopped()

        # A daemon thread: an eval that is interrupted ends, and its lifeline ends its attempts.
        Thread(target=anyio.run, args=(run,), daemon=True).start()
        portal = found.result()
        connected = portal.wrap_async_context_manager(room.rooms.open_hall())
        try:
            hall = connected.__enter__()
        except BaseException:
            portal.call(portal.stop)
            raise

        def leave() -> None:
            connected.__exit__(None, None, None)
            portal.call(portal.stop)

        return cls(portal, hall, leave)

    def open_attempt(self, request: AttemptRequest) -> Ticket:
        """See `Hall`."""
        return self.portal.call(self.hall.open_attempt, request)

    def close_attempt(self, attempt: str, reason: str) -> None:
        """See `Hall`."""
        self.portal.call(self.hall.close_attempt, attempt, reason)

    def close(self) -> None:
        """Let go of the daemon and end the thread."""
        self._leave()


def _played(state: inspect_ai.solver.TaskState, one: Sat) -> Played:
    provider, _, model = str(state.model).partition("/")
    setup = AgentSetup(
        kind="api",
        mode="tool",
        provider=provider,
        model=model,
        program=f"inspect_ai {inspect_ai.__version__}",
        transport="http",
    )
    return Played(
        tools_listed=one.ledger.tools_sha256(one.sitting) is not None,
        wall_s=round((datetime.now(UTC) - one.began).total_seconds(), 3),
        failure=one.ledger.failure(one.sitting),
        setup=setup,
        usage=_usage(state),
    )


def _usage(state: inspect_ai.solver.TaskState) -> AgentUsage:
    replies = [m for m in state.messages if isinstance(m, inspect_ai.model.ChatMessageAssistant)]
    return AgentUsage(
        requests=len(replies),
        turns=len(replies),
        tool_calls=sum(len(reply.tool_calls or ()) for reply in replies),
        tokens=_tokens(),
    )


def _tokens() -> Tokens | None:
    from inspect_ai.log import transcript

    used = [
        event.output.usage
        for event in transcript().events
        if event.event == "model" and event.output.usage is not None
    ]
    if not used:
        return None
    cached = [one.input_tokens_cache_read or 0 for one in used]
    return Tokens(
        # Inspect counts what came from the cache beside the input.
        input=sum(one.input_tokens for one in used) + sum(cached),
        output=sum(one.output_tokens for one in used),
        cached=sum(cached),
        reasoning=sum(one.reasoning_tokens or 0 for one in used),
    )
