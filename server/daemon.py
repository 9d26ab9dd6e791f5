"""The daemon: one process that owns attempts, kernels and leases of one state folder.

It opens the hall first and its doors last, so that whoever connects is served. It ends on
SIGTERM, on the operator's `stop`, or when nobody needed it for `idle_exit_s`; a SIGKILL takes the
kernels with it, because every sealed room dies with its parent.
"""

import json
import logging
import logging.handlers
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import anyio

from server import protocol
from server.calls import Calls
from server.doors import MESSAGE_LIMIT, BearerGate, listen_tcp, serve_http, serve_shim
from server.launch import DaemonOptions
from server.operator import LINE_LIMIT, DaemonStatus, Method, serve_operator
from server.state import DaemonInfo, StateFolder
from server.tools._core import Tool
from server.vault import Diagnostic
from server.wire import Wire, listening
from tasks import JSON, AttemptRequest, DaemonError, Frozen, ProctorError, Ticket

log = logging.getLogger("proctor.daemon")

Clock = Callable[[], float]
"""Seconds of any monotonic clock."""

CLOSE_S = 15.0
"""How long closing may take before the daemon ends hard."""

_LOG_BYTES = 5_000_000
_LOG_FILES = 3


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
    """An open hall, its tools, and the tier of its kernels."""

    hall: Hall
    tier: str
    tools: Sequence[Tool[Any]]


class _Asked(Frozen):
    attempt: str
    kind: Diagnostic
    level: float


OpenHouse = Callable[[DaemonOptions], AbstractAsyncContextManager[House]]


@dataclass
class _Desk:
    """The running daemon as its operator sees it."""

    info: DaemonInfo
    house: House
    home: Path
    calls: Calls
    clock: Clock
    began: float
    connections: int = 0
    last: float = 0.0
    over: anyio.Event = field(default_factory=anyio.Event)

    def methods(self) -> Mapping[str, Method]:
        return {
            "open_attempt": self._open_attempt,
            "diagnostic": self._diagnostic,
            "close_attempt": self._close_attempt,
            "status": self._status,
            "stop": self._stop,
        }

    def idle_s(self) -> float:
        """Seconds since anybody needed the daemon; 0 while somebody does."""
        now = self.clock()
        if self.connections or self.calls.running or self.house.hall.state():
            self.last = now
        return now - max(self.last, self.calls.last)

    async def _open_attempt(self, params: Mapping[str, JSON]) -> JSON:
        self.last = self.clock()
        opened = await self.house.hall.open_attempt(
            AttemptRequest.model_validate(params["request"])
        )
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
        asked = _Asked.model_validate(params)
        return await self.house.hall.diagnostic(asked.attempt, asked.kind, asked.level)

    async def _close_attempt(self, params: Mapping[str, JSON]) -> JSON:
        self.last = self.clock()
        await self.house.hall.close_attempt(params["attempt"], params["reason"])

    async def _status(self, params: Mapping[str, JSON]) -> JSON:
        status = DaemonStatus(
            info=self.info,
            uptime_s=self.clock() - self.began,
            idle_s=self.idle_s(),
            connections=self.connections,
            calls_running=self.calls.running,
            attempts=tuple(self.house.hall.state()),
        )
        return status.model_dump(mode="json")

    async def _stop(self, params: Mapping[str, JSON]) -> JSON:
        log.info("stopping: the operator asked")
        self.over.set()


async def serve(
    options: DaemonOptions,
    open_house: OpenHouse,
    announce: Callable[[DaemonInfo], None],
    *,
    clock: Clock = time.monotonic,
    closing: Callable[[], None] = lambda: None,
) -> None:
    """Serve until told to stop.

    `announce` is called once every door is open, `closing` when they begin to close.

    Raises:
        DaemonError: the folder cannot be written or is taken, or the port is.
        SandboxError: no sandbox tier passed its probe.
    """
    state = StateFolder(options.home)
    state.prepare()
    with state.lock():
        state.withdraw()  # what a killed daemon left behind
        listener = listen_tcp(options.port)
        try:
            async with open_house(options) as house, anyio.create_task_group() as tasks:
                calls = Calls(tasks, clock=clock)
                info = _info(options, house, listener.getsockname()[1])
                desk = _Desk(info, house, options.home, calls, clock, clock(), last=clock())
                async with _doors(desk, options, state, listener):
                    state.publish(info)
                    log.info("serving %s, sandbox %s", info.url, info.tier)
                    announce(info)
                    await _until_over(desk, options.idle_exit_s)
                    closing()
                tasks.cancel_scope.cancel()
        finally:
            listener.close()
            state.withdraw()
            log.info("ended")


@asynccontextmanager
async def _doors(
    desk: _Desk, options: DaemonOptions, state: StateFolder, listener: Any
) -> AsyncGenerator[None]:
    hall = desk.house.hall
    server = protocol.build_server(hall, desk.house.tools, desk.calls)
    practice = state.practice_token()

    async def shim(wire: Wire) -> None:
        desk.connections += 1
        try:
            await serve_shim(server, wire, hall.admits)
        except Exception:
            log.exception("a shim's connection failed")
        finally:
            desk.connections -= 1
            desk.last = desk.clock()

    async def operator(wire: Wire) -> None:
        try:
            await serve_operator(wire, desk.methods())
        except Exception:
            log.exception("an operator's connection failed")

    def gate(app: Any) -> BearerGate:
        return BearerGate(app, hall.admits, practice, open_door=options.open)

    async with (
        anyio.create_task_group() as tasks,
        listening(state.mcp_socket, MESSAGE_LIMIT, tasks, shim),
        listening(state.operator_socket, LINE_LIMIT, tasks, operator),
    ):
        tasks.start_soon(partial(serve_http, server, listener, gate))
        yield
        tasks.cancel_scope.cancel()


async def _until_over(desk: _Desk, idle_exit_s: float) -> None:
    async with anyio.create_task_group() as tasks:

        async def on_signal() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for signum in signals:
                    log.info("stopping: %s", signal.Signals(signum).name)
                    desk.over.set()

        async def on_idle() -> None:
            while (idle := desk.idle_s()) < idle_exit_s:  # noqa: ASYNC110 - time itself is awaited
                # Woken early enough to see a short limit, seldom enough to cost nothing.
                await anyio.sleep(max(0.05, min(idle_exit_s - idle, 30.0)))
            log.info("stopping: idle for %.0f s", idle_exit_s)
            desk.over.set()

        tasks.start_soon(on_signal)
        if idle_exit_s:
            tasks.start_soon(on_idle)
        await desk.over.wait()
        tasks.cancel_scope.cancel()


def _info(options: DaemonOptions, house: House, port: int) -> DaemonInfo:
    return DaemonInfo(
        pid=os.getpid(),
        port=port,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        url=f"http://127.0.0.1:{port}/mcp",
        tier=house.tier,
        runs=options.runs,
        version=version("proctor"),
        open=options.open,
    )


def run(
    options: DaemonOptions, open_house: OpenHouse, tell: Callable[[dict[str, JSON]], None]
) -> int:
    """Serve in this process; `tell` hears once how the start went. Return the exit code."""

    def announce(info: DaemonInfo) -> None:
        tell({"ok": info.model_dump(mode="json")})

    try:
        anyio.run(partial(serve, options, open_house, announce, closing=_close_in_time))
    except BaseException as raised:
        error = _single(raised)
        if not isinstance(error, ProctorError):
            log.critical("the daemon failed", exc_info=raised)
            tell({"error": {"kind": "DaemonError", "text": f"{type(error).__name__}: {error}"}})
            return DaemonError.exit_code
        log.error("%s", error)
        tell({"error": {"kind": type(error).__name__, "text": str(error)}})
        return error.exit_code
    return 0


def _close_in_time() -> None:
    def give_up() -> None:
        log.critical("closing took over %.0f s; ended hard", CLOSE_S)
        logging.shutdown()
        os._exit(1)

    # The sealed rooms die with us, and what was recorded is on disk: ending hard loses nothing.
    timer = threading.Timer(CLOSE_S, give_up)
    timer.daemon = True
    timer.start()


def _single(raised: BaseException) -> BaseException:
    # A task group wraps what its one failing task raised.
    while isinstance(raised, BaseExceptionGroup) and len(raised.exceptions) == 1:
        raised = raised.exceptions[0]
    return raised


def open_log(state: StateFolder) -> None:
    """Send every log record to `<home>/daemon.log`, three files of 5 MB at most."""
    handler = logging.handlers.RotatingFileHandler(
        state.log, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Each request and connection would be a line; the event log of an attempt has them already.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def main(arguments: list[str]) -> int:
    """The detached daemon: options as JSON in the one argument, the word to `PROCTOR_READY_FD`."""
    options = DaemonOptions.model_validate_json(arguments[0])
    ready = int(os.environ.pop("PROCTOR_READY_FD"))
    os.set_inheritable(ready, False)
    tell = _Word(ready)
    state = StateFolder(options.home)
    try:
        state.prepare()
    except ProctorError as error:
        tell({"error": {"kind": type(error).__name__, "text": str(error)}})
        return error.exit_code
    open_log(state)
    os.environ["PROCTOR_HOME"] = str(options.home)
    from server.assembly import open_house  # kernels and sandboxes come in here

    return run(options, open_house, tell)


class _Word:
    """Says one word into the pipe of whoever started us; later ones are for the log alone."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def __call__(self, word: dict[str, JSON]) -> None:
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        try:
            os.write(handle, json.dumps(word).encode() + b"\n")
        except BrokenPipeError:
            log.debug("whoever started us is gone")
        finally:
            os.close(handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
