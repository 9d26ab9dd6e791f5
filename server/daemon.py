"""The daemon: one process that owns attempts, kernels and leases of one state folder.

It opens its doors at once and the house behind them when a sandbox has passed its probe; whoever
calls earlier waits in the foyer. It ends on SIGTERM, on the operator's `stop`, or when nobody
needed it for `idle_exit_s`; a SIGKILL takes the kernels with it, because every sealed room dies
with its parent.
"""

import json
import logging
import logging.handlers
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio

from server import protocol
from server.calls import Calls
from server.desk import Desk
from server.doors import MESSAGE_LIMIT, BearerGate, listen_tcp, serve_http, serve_shim
from server.foyer import Foyer, House
from server.launch import DaemonOptions
from server.lifelines import Connection
from server.operator import LINE_LIMIT, serve_operator
from server.state import DaemonInfo, StateFolder
from server.tools._core import Tool
from server.wire import Wire, listening
from tasks import JSON, DaemonError, ProctorError

log = logging.getLogger("proctor.daemon")

Clock = Callable[[], float]
"""Seconds of any monotonic clock."""

CLOSE_S = 15.0
"""How long closing may take before the daemon ends hard."""

FAREWELL_S = 5.0
"""How long those who wait for a house that could not open may take to leave."""

_LOG_BYTES = 5_000_000
_LOG_FILES = 3


OpenHouse = Callable[[DaemonOptions], AbstractAsyncContextManager[House]]


@dataclass(frozen=True)
class News:
    """Who hears how the start goes."""

    doors: Callable[[], None] = lambda: None
    """Shims may connect; their calls wait for the house."""
    house: Callable[[DaemonInfo], None] = lambda info: None
    """Operators may open attempts."""
    closing: Callable[[], None] = lambda: None
    """The doors begin to close."""


async def serve(
    options: DaemonOptions,
    tools: Sequence[Tool[Any]],
    open_house: OpenHouse,
    news: News,
    *,
    clock: Clock = time.monotonic,
) -> None:
    """Serve until told to stop; the doors open first, the house behind them as soon as it can.

    Raises:
        DaemonError: the folder cannot be written or is taken, or the port is.
        SandboxError: no sandbox tier passed its probe; whoever had connected was told.
    """
    state = StateFolder(options.home)
    state.prepare()
    foyer = Foyer()
    with state.lock():
        state.withdraw()  # what a killed daemon left behind
        listener = listen_tcp(options.port)
        try:
            async with _Housing(foyer) as housing, anyio.create_task_group() as tasks:
                desk = Desk(foyer, options.home, Calls(tasks, clock=clock), clock, clock())

                def opened(house: House) -> None:
                    desk.info = _info(options, house, listener.getsockname()[1])
                    state.publish(desk.info)
                    log.info("serving %s, sandbox %s", desk.info.url, house.tier)
                    desk.touch()
                    foyer.welcome(house.hall)
                    news.house(desk.info)

                async with _doors(desk, tools, options, state, listener):
                    news.doors()
                    housing.begin(open_house(options), opened)
                    await _until_over(desk, options.idle_exit_s)
                    news.closing()
                    await _farewell(desk)
                tasks.cancel_scope.cancel()
        finally:
            listener.close()
            state.withdraw()
            log.info("ended")
    if foyer.reason is not None:
        raise foyer.reason


class _Housing:
    """Keeps the house in a task of its own: it opens after the doors, and closes after them."""

    def __init__(self, foyer: Foyer) -> None:
        self._foyer = foyer
        self._tasks = anyio.create_task_group()
        # Whoever cancels us cancels the doors first; the house closes when they have closed.
        self._scope = anyio.CancelScope(shield=True)
        self._closed = anyio.Event()

    async def __aenter__(self) -> "_Housing":
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        self._closed.set()
        if not self._foyer.open:
            self._scope.cancel()
        return await self._tasks.__aexit__(*raised)

    def begin(
        self, house: AbstractAsyncContextManager[House], opened: Callable[[House], None]
    ) -> None:
        """Open the house and tell `opened`, or the foyer that it could not be."""
        self._tasks.start_soon(self._keep, house, opened)

    async def _keep(
        self, house: AbstractAsyncContextManager[House], opened: Callable[[House], None]
    ) -> None:
        with self._scope:
            try:
                async with house as entered:
                    opened(entered)
                    await self._closed.wait()
            except Exception as error:
                if self._foyer.open:
                    raise
                single = _single(error)
                self._foyer.refuse(single if isinstance(single, Exception) else error)


@asynccontextmanager
async def _doors(
    desk: Desk,
    tools: Sequence[Tool[Any]],
    options: DaemonOptions,
    state: StateFolder,
    listener: socket.socket,
) -> AsyncGenerator[None]:
    foyer = desk.foyer
    server = protocol.build_server(foyer, tools, desk.calls)
    practice = state.practice_token()

    async def shim(wire: Wire) -> None:
        try:
            with desk.shims.one():
                await serve_shim(server, wire, foyer)
        except Exception:
            log.exception("a shim's connection failed")
        finally:
            desk.touch()

    async def operator(wire: Wire) -> None:
        connection = Connection(desk.lifelines, desk.end_attempt)
        try:
            with desk.operators.one():
                await serve_operator(wire, {**desk.methods(), **connection.methods()})
        except Exception:
            log.exception("an operator's connection failed")
        finally:
            await connection.ended()

    def gate(app: Any) -> BearerGate:
        return BearerGate(app, foyer.admits, practice, open_door=options.open)

    async with (
        anyio.create_task_group() as tasks,
        listening(state.mcp_socket, MESSAGE_LIMIT, tasks, shim),
        listening(state.operator_socket, LINE_LIMIT, tasks, operator),
    ):
        tasks.start_soon(partial(serve_http, server, listener, gate))
        yield
        tasks.cancel_scope.cancel()


async def _until_over(desk: Desk, idle_exit_s: float) -> None:
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

        async def on_refusal() -> None:
            await desk.foyer.refused()
            desk.over.set()

        tasks.start_soon(on_signal)
        tasks.start_soon(on_refusal)
        if idle_exit_s:
            tasks.start_soon(on_idle)
        await desk.over.wait()
        tasks.cancel_scope.cancel()


async def _farewell(desk: Desk) -> None:
    """Whoever waits for a house that could not open is told so, and leaves."""
    if desk.foyer.reason is not None:
        with anyio.move_on_after(FAREWELL_S):
            await desk.shims.gone()
            await desk.operators.gone()


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
    options: DaemonOptions,
    tools: Sequence[Tool[Any]],
    open_house: OpenHouse,
    tell: Callable[[dict[str, JSON]], None],
) -> int:
    """Serve in this process; `tell` hears how the start goes. Return the exit code.

    First `{"doors": true}`, then `{"ok": info}` or `{"error": {kind, text}}`; a start that fails
    at once says the error alone.
    """

    def house(info: DaemonInfo) -> None:
        tell({"ok": info.model_dump(mode="json")})

    guard = threading.Timer(CLOSE_S, _end_hard)
    guard.daemon = True
    news = News(lambda: tell({"doors": True}), house, guard.start)
    try:
        anyio.run(partial(serve, options, tools, open_house, news))
    except BaseException as raised:
        error = _single(raised)
        if not isinstance(error, ProctorError):
            log.critical("the daemon failed", exc_info=raised)
            tell({"error": {"kind": "DaemonError", "text": f"{type(error).__name__}: {error}"}})
            return DaemonError.exit_code
        log.error("%s", error)
        tell({"error": {"kind": type(error).__name__, "text": str(error)}})
        return error.exit_code
    finally:
        guard.cancel()
    return 0


def _end_hard() -> None:
    # The sealed rooms die with us, and what was recorded is on disk: ending hard loses nothing.
    log.critical("closing took over %.0f s; ended hard", CLOSE_S)
    logging.shutdown()
    os._exit(1)


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
    from server.assembly import EVERY, open_house  # kernels and sandboxes come in here

    return run(options, EVERY, open_house, tell)


class _Word:
    """Says into the pipe of whoever started us how that went; later words are for the log alone."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def __call__(self, word: dict[str, JSON]) -> None:
        if self._handle is None:
            return
        try:
            os.write(self._handle, json.dumps(word).encode() + b"\n")
        except BrokenPipeError:
            log.debug("whoever started us is gone")
        if "doors" not in word:
            os.close(self._handle)
            self._handle = None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
