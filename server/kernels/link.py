"""The host's end of one living kernel: sends cells, routes what comes back, sees it die.

A link lives from a kernel's start to its death; restarts get new ones. It routes by the id of
*our* request: forged parents reach no other cell. It reads as fast as messages come, and the caps
of `outputs` bound what is kept; past `HARD_BYTES` the kernel is killed. Late output of background
threads still goes to its cell for `LATE_S`; later it is counted and dropped.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Mapping

import anyio
import zmq
import zmq.asyncio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint
from zmq.utils.monitor import recv_monitor_message

from server.kernels.deaths import UNKNOWN, Death, cause
from server.kernels.lodging import RoomClient
from server.kernels.outputs import KernelOutput, Outputs, content_of, opened
from server.sandboxes import Box, SandboxError
from tasks import JSON

log = logging.getLogger("proctor.kernels")

Take = Callable[[list[bytes]], None]

HARD_BYTES = 256_000_000
"""Bytes of messages that one cell may send, kept or not, before its kernel is killed."""
LATE_S = 1.0
READY_S = 30.0
_NUDGE_S = 0.2
_HOLD_S = 0.05
"""How long stream text is held back for merging."""
_TURN = 64
"""Messages read before other tasks get a turn."""
_DRAIN_S = 0.2
_REAP_S = 0.1
OUTPUT_LIMIT = "it sent more output than a cell may have"


class Run:
    """One execution of one cell, as the link sees it."""

    def __init__(self, emit: Callable[[KernelOutput], None]) -> None:
        self.id = ""
        self.outputs = Outputs(self._emit)
        self.reply: Mapping[str, JSON] | None = None
        self.busy = anyio.Event()
        self.idle = anyio.Event()
        self.over = anyio.Event()
        """The kernel is done with it: it replied, answers other requests again, or died."""
        self.news = anyio.Event()
        """It is over, or the receiver failed."""
        self.probe = ""
        """Id of a request sent after an interrupt: its answer shows that the kernel is free."""
        self.failure: Exception | None = None
        self.interrupted = False
        self.timed_out = False
        self.until: float | None = None
        """By the link's clock: when late output stops counting as this cell's."""
        self._to = emit

    def _emit(self, output: KernelOutput) -> None:
        if self.failure is not None:
            return
        try:
            self._to(output)
        except Exception as error:  # noqa: BLE001 - the receiver's trouble is raised in `execute`
            self.failure = error
            self.news.set()

    def finished(self) -> None:
        """The kernel is done with it."""
        self.over.set()
        self.news.set()


class Link:
    """Channels of one kernel process. `run` must be running in a task while it is used."""

    def __init__(
        self, client: RoomClient, box: Box, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.box = box
        self.death = Death()
        self.late = 0
        """Messages dropped because their cell was over for too long."""
        self._client = client
        self._clock = clock
        self._runs: dict[str, Run] = {}
        self._current: Run | None = None
        self._bytes = 0
        self._heard = anyio.Event()
        self._answered = anyio.Event()
        self._cut = anyio.Event()
        self._closed = anyio.Event()
        self._scope = anyio.CancelScope()
        self._doom = ""
        self._serving = False
        self._held_since: float | None = None
        self._iopub: zmq.asyncio.Socket = client.iopub_channel.socket
        self._shell: zmq.asyncio.Socket = client.shell_channel.socket
        self._monitor: zmq.asyncio.Socket = self._iopub.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Serve until the kernel is dead or `close` is called."""
        self._serving = True
        task_status.started()
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._listen, self._iopub, self._published)
                    group.start_soon(self._listen, self._shell, self._replied)
                    group.start_soon(self._watch_connection)
                    await self.box.wait()
                    await self._wind_up()
                    group.cancel_scope.cancel()
        except Exception:
            log.exception("The link to a kernel broke")
            self.condemn("the connection to it broke")
        finally:
            self._release()

    async def close(self) -> None:
        """Stop serving and close the sockets; the kernel itself is not touched."""
        self._scope.cancel()
        if not self._serving:
            self._release()
        await self._closed.wait()

    async def ready(self, warm_up: str = "") -> None:
        """Wait until both channels work; run `warm_up` silently.

        A subscription takes effect some time after the connect; what is published before is lost.
        ipykernel 7 welcomes each new subscriber; others are nudged until something is heard.

        Raises:
            SandboxError: the kernel died or never answered.
        """
        with anyio.move_on_after(READY_S):
            while not (self._heard.is_set() and self._answered.is_set()):
                self._request("kernel_info_request", {})
                with anyio.move_on_after(_NUDGE_S):
                    await self._heard.wait()
                    await self._answered.wait()
                if self.death.is_set():
                    break
            else:
                if warm_up:
                    await self._silently(warm_up)
        if self.death.is_set() or not (self._heard.is_set() and self._answered.is_set()):
            raise SandboxError(f"The kernel did not become ready: {self.death.reason or 'timeout'}")

    def begin(self, run: Run, code: str) -> None:
        """Send a cell. Of one that cannot be sent the kernel is condemned."""
        self._bytes = 0
        self._current = run
        run.id = self._execute(code, silent=False)
        self._runs[run.id] = run

    def end(self, run: Run) -> None:
        """The cell is over; what it still sends is late."""
        run.outputs.finish()
        run.until = self._clock() + LATE_S
        self._current = None
        self._runs = {run.id: run}

    def interrupt(self, run: Run) -> None:
        """Send SIGINT to the kernel process; `run.over` is set when that has worked.

        An interrupt that lands while the reply is being made loses the reply, hence the probe.
        """
        self.box.signal(signal.SIGINT)
        run.probe = self._request("kernel_info_request", {})

    def condemn(self, reason: str) -> None:
        """Kill the kernel; the first reason stands."""
        self._doom = self._doom or reason
        self.box.signal(signal.SIGKILL)

    @property
    def over_limit(self) -> bool:
        """Whether the kernel was killed for its output."""
        return self._doom == OUTPUT_LIMIT

    async def _silently(self, code: str) -> None:
        run = Run(lambda _: None)
        run.id = self._execute(code, silent=True)
        self._runs[run.id] = run
        await run.over.wait()
        await run.idle.wait()
        self._runs = {}

    def _execute(self, code: str, *, silent: bool) -> str:
        content: dict[str, JSON] = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            # A queue to abort never exists, and aborting would race with the next cell.
            "stop_on_error": False,
        }
        return self._request("execute_request", content)

    def _request(self, kind: str, content: dict[str, JSON]) -> str:
        try:
            return self._client.request(kind, content)
        except zmq.Again:
            self.condemn("it closed its sockets")
            return ""
        finally:
            # A send takes in what has just arrived, and with it the edge that would wake `_listen`.
            asyncio.get_running_loop().call_soon(self._catch_up)

    def _catch_up(self) -> None:
        if not self._closed.is_set():
            self._read(self._shell, self._replied)

    async def _listen(self, socket: zmq.asyncio.Socket, take: Take) -> None:
        while True:
            more = self._read(socket, take)
            due_ms = self._pass_on()
            await (checkpoint() if more else socket.poll(due_ms))

    def _pass_on(self) -> int:
        """Pass on text that was held for long enough; milliseconds until more is due, or -1."""
        holding = [run for run in self._runs.values() if run.outputs.holding]
        if not holding:
            self._held_since = None
            return -1
        now = anyio.current_time()
        self._held_since = self._held_since or now
        left_s = self._held_since + _HOLD_S - now
        if left_s > 0:
            return 1 + int(left_s * 1000)
        for run in holding:
            run.outputs.flush()
        self._held_since = None
        return -1

    def _read(self, socket: zmq.asyncio.Socket, take: Take) -> bool:
        """Take what is there; True if there may be more."""
        plain = zmq.Socket.shadow(socket.underlying)
        for _ in range(_TURN):
            try:
                frames = plain.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return False
            self._bytes += sum(map(len, frames))
            if self._bytes > HARD_BYTES:
                self.condemn(OUTPUT_LIMIT)
            take(frames)
        return True

    def _published(self, frames: list[bytes]) -> None:
        self._heard.set()
        message = opened(frames)
        if message is None or message.kind in ("iopub_welcome", "execute_input"):
            return
        run = self._runs.get(message.parent)
        if run is None or (run.until is not None and self._clock() > run.until):
            self.late += message.kind in ("stream", "display_data", "execute_result", "error")
            return
        content = content_of(message)
        if message.kind == "status":
            state = content.get("execution_state")
            if state == "busy":
                run.busy.set()
            elif state == "idle":
                run.idle.set()
            return
        run.outputs.take(message.kind, content)
        if run.until is not None:
            run.outputs.finish()

    def _replied(self, frames: list[bytes]) -> None:
        self._answered.set()
        message = opened(frames)
        if message is None:
            return
        run = self._runs.get(message.parent)
        if run is not None and run.reply is None and message.kind == "execute_reply":
            run.reply = content_of(message)
            run.finished()
        elif self._current is not None and message.parent == self._current.probe:
            self._current.finished()

    async def _watch_connection(self) -> None:
        # libzmq drops the connection when a frame is larger than allowed; so does a kernel that
        # closes its socket. Either way nothing more can be heard of it.
        await recv_monitor_message(self._monitor)
        self._cut.set()
        with anyio.move_on_after(_DRAIN_S):
            await self.box.wait()
            return
        self.condemn(OUTPUT_LIMIT)

    async def _wind_up(self) -> None:
        """Take what a dead kernel had sent, then tell everybody that waits."""
        with anyio.move_on_after(_DRAIN_S):
            await self._cut.wait()
        while self._read(self._iopub, self._published) or self._read(self._shell, self._replied):
            await checkpoint()
        with anyio.move_on_after(_REAP_S):
            # How it ended can be asked once its parent has reaped it: any moment now.
            while cause(self.box.pidfd) == UNKNOWN:  # noqa: ASYNC110 - nothing tells us
                await anyio.sleep(_REAP_S / 50)
        self._tell_death()

    def _tell_death(self) -> None:
        if not self.death.is_set():
            verdict = self.box.verdict.rstrip(".")
            self.death.reason = verdict or self._doom or cause(self.box.pidfd)
        self.death.event.set()
        for run in self._runs.values():
            run.finished()
            run.busy.set()

    def _release(self) -> None:
        if self._closed.is_set():
            return
        self._tell_death()
        self._iopub.disable_monitor()
        self._monitor.close(linger=0)
        self._client.stop_channels()
        self._closed.set()
