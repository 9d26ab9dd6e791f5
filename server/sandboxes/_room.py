"""One room as the host holds it: descriptors, never paths or process ids.

`enter` speaks the host's half of the protocol of `server/kit/_launch.py` and gives a `Room`.
"""

import json
import os
import select
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from server.sandboxes import _files, _usage
from server.sandboxes._cgroup import Enclosure
from server.sandboxes._core import FileEntry, Limits, Tier, Usage
from tasks import SandboxError

START_S = 60.0
"""Longest that a room may take to bind its sockets (a cold import of torch on a busy disk)."""
_PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
_MESSAGE = 1 << 17
OVER_MEMORY = "The kernel was killed: it used more than {} MB of memory."


@dataclass(frozen=True)
class Plan:
    """What a room is made of; `message` is what `_launch` obeys."""

    steps: Sequence[Sequence[Any]]
    """Hardening steps in order: a name of `_launch.STEPS` and its arguments."""
    env: Mapping[str, str]
    leader: int = 0
    """Process, by its number in the room, whose death ends all others; 0 for the kernel itself."""
    work: str = "/work"
    sockets: str = "/run/k"
    stores: Sequence[str] = ("/tmp", "/dev/shm")  # noqa: S108 - the room's own
    """Further folders the agent can fill."""

    def message(self, key: str) -> bytes:
        """The plan as the room reads it."""
        return json.dumps(
            {
                "steps": self.steps,
                "env": dict(self.env),
                "leader": self.leader,
                "work": self.work,
                "sockets": self.sockets,
                "stores": self.stores,
                "folders": [f"{self.work}/task", f"{self.work}/outputs"],
                "connection": connection(f"{self.sockets}/s", key),
            }
        ).encode()


def connection(ip: str, key: str) -> dict[str, str | int]:
    """Jupyter connection info over unix sockets `ip`-1 … `ip`-5."""
    return {
        "transport": "ipc",
        "ip": ip,
        "key": key,
        "signature_scheme": "hmac-sha256",
        "kernel_name": "proctor",
        **_PORTS,
    }


@dataclass(frozen=True)
class Handles:
    """Descriptors a room gave out before any agent code ran."""

    pidfd: int
    """The kernel's process."""
    leader: int
    """The process whose death ends all others (mostly the kernel's)."""
    work: int
    sockets: int
    stores: tuple[int, ...]

    @property
    def folders(self) -> tuple[int, ...]:
        """Every folder the agent can fill."""
        return (self.work, self.sockets, *self.stores)

    def close(self) -> None:
        """Close them all."""
        for fd in (self.pidfd, self.leader, *self.folders):
            os.close(fd)


class Room:
    """A box of any tier; `end` kills what `kill` cannot reach through the kernel's process."""

    def __init__(
        self,
        tier: Tier,
        handles: Handles,
        key: str,
        limits: Limits,
        end: Callable[[], Awaitable[None]],
    ) -> None:
        self.tier = tier
        self.limits = limits
        self.handles = handles
        self.pid = _host_pid(handles.pidfd)
        self.leader = _host_pid(handles.leader)
        self.enclosure: Enclosure | None = None
        self._verdict = ""
        self._connection = connection(f"/proc/self/fd/{handles.sockets}/s", key)
        self.ended: Callable[[], None] = lambda: None
        self._end = end
        self._lock = threading.Lock()
        self._killing: anyio.Event | None = None
        self._open = True

    @property
    def pidfd(self) -> int:
        """Readable once the kernel is dead."""
        return self.handles.pidfd

    @property
    def connection(self) -> dict[str, str | int]:
        """Connection info; the path goes through our descriptor of the room's socket folder."""
        return dict(self._connection)

    @property
    def verdict(self) -> str:
        """Why the house killed the room, or '' if it did not."""
        if not self._verdict and self.enclosure is not None and self.enclosure.overran():
            self._verdict = OVER_MEMORY.format(self.limits.memory_mb)
        return self._verdict

    def alive(self) -> bool:
        """Whether the kernel process still runs."""
        return self._open and not _readable(self.pidfd)

    def signal(self, signum: int) -> None:
        """Interrupt the kernel; any other signal goes to the process that takes all with it."""
        target = self.pidfd if signum == signal.SIGINT else self.handles.leader
        if self._open:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(target, signum)

    def condemn(self, verdict: str) -> None:
        """Kill the room for breaking a limit; the first reason stands."""
        self._verdict = self._verdict or verdict
        self.signal(signal.SIGKILL)

    async def wait(self) -> None:
        """Return when the kernel process is dead (and with it, in a sealed room, all others)."""
        if self.alive():
            await _dead(self.pidfd)

    async def kill(self) -> None:
        """Kill everything in the room and release what it held; idempotent."""
        if self._killing is not None:
            await self._killing.wait()
            return
        self._killing = anyio.Event()
        with anyio.CancelScope(shield=True):
            self.signal(signal.SIGKILL)
            await self.wait()
            await _dead(self.handles.leader)
            await self._end()
            if self.enclosure is not None:
                self._verdict = self.verdict
                self.enclosure.remove()
        with self._lock:
            self._open = False
            self.handles.close()
        self.ended()
        self._killing.set()

    @contextmanager
    def held(self) -> Generator[bool]:
        """Keep the descriptors from being closed meanwhile; false if they are already."""
        with self._lock:
            yield self._open

    def write_file(self, rel: str, data: bytes) -> None:
        """Write into /work."""
        _files.write(self.handles.work, rel, data)

    def read_file(self, rel: str, cap: int) -> bytes:
        """Read a regular file below /work."""
        return _files.read(self.handles.work, rel, cap)

    def list_files(self, rel: str = ".") -> list[FileEntry]:
        """Names in a folder below /work."""
        return _files.entries(self.handles.work, rel)

    def usage(self) -> Usage:
        """What the room uses now."""
        if not self.alive():
            return Usage(0, 0, 0)
        return _usage.measure(self.leader, self.handles.folders, in_memory=self.tier.sealed)


async def enter(
    channel: socket.socket, plan: Plan, key: str
) -> tuple[Handles, Callable[[], Awaitable[None]]]:
    """Hand the plan to a launcher; gives the room's descriptors and a function that starts it.

    Raises:
        SandboxError: the launcher died or reports an error (its text is in the message).
    """
    channel.setblocking(False)
    await anyio.wait_writable(channel)
    channel.send(plan.message(key))
    message, fds = await _receive(channel)
    if "error" in message or len(fds) < 4:
        for fd in fds:
            os.close(fd)
        raise SandboxError(f"The room could not be sealed.\n{message.get('error', 'No handles.')}")
    handles = Handles(fds[0], fds[1], fds[2], fds[3], tuple(fds[4:]))

    async def begin() -> None:
        channel.send(b'{"go": true}')
        answer, _ = await _receive(channel)
        if not answer.get("ready"):
            raise SandboxError(f"The kernel could not start.\n{answer.get('error', '')}")

    return handles, begin


async def _receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    await anyio.wait_readable(channel)
    data, fds, _, _ = socket.recv_fds(channel, _MESSAGE, 16)
    if not data:
        raise SandboxError("The room's launcher died before it said anything.")
    return json.loads(data), list(fds)


def _host_pid(pidfd: int) -> int:
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise SandboxError("This Linux kernel tells no process id for a pidfd (needs 5.4 or newer).")


async def _dead(pidfd: int) -> None:
    # A copy: several tasks may wait, and the loop lets only one wait for each descriptor.
    own = os.dup(pidfd)
    try:
        await anyio.wait_readable(own)
    finally:
        os.close(own)


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
