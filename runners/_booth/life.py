"""The life of one CLI: started with its plan, ended by SIGTERM and then SIGKILL, with all it began.

A sealed CLI dies with bubblewrap, and bubblewrap with the runner (parent-death signals); its
process namespace takes along whatever it started. An unsealed one has a parent-death signal and a
process group of its own.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.abc

TERM_S = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_BORN_S = 20.0
"""Seconds in which `inside.py` must have made the doors, on however busy a machine."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `inside.py` is told."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    files: Mapping[str, str]
    """Texts by absolute path."""
    ports: Sequence[int]
    """Of the listeners to make."""


@dataclass(frozen=True, kw_only=True)
class Born:
    """A CLI that was just started."""

    process: anyio.abc.Process
    """bubblewrap's, or the CLI's own where it is not sealed."""
    pid: int
    """The CLI's own process as this machine numbers it; leads its process group."""
    doors: tuple[socket.socket, ...]
    """Listeners, one a port of the plan; whoever gets them closes them."""

    async def end(self) -> None:
        """End it and all it began; returns once it is dead."""
        if self.process.returncode is None:
            _signal(self.pid, signal.SIGTERM)
            with anyio.move_on_after(TERM_S):
                await self.process.wait()
        if self.process.returncode is None or self.pid == self.process.pid:
            # An unsealed CLI may leave children behind in its group, a sealed one cannot.
            _signal(self.process.pid, signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def living(
    words: Sequence[str], fds: Sequence[int], plan: Plan, *, sealed: bool
) -> AsyncGenerator[Born]:
    """Start `words` (they end in the number of their channel) and tell it the plan.

    Raises:
        RuntimeError: it died before it had made the doors; its own words.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = await anyio.open_process(
                [*words, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env={},
                pass_fds=[*fds, theirs.fileno()],
                start_new_session=True,
            )
        try:
            pid, doors = await _handshake(ours, process, plan, sealed=sealed)
        except BaseException:
            with anyio.CancelScope(shield=True):
                _signal(process.pid, signal.SIGKILL)
                await process.wait()
            raise
    born = Born(process=process, pid=pid, doors=doors)
    try:
        yield born
    finally:
        with anyio.CancelScope(shield=True):
            await born.end()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    await stream.aclose()


async def pump(stream: anyio.abc.ByteReceiveStream | None, feed: Callable[[bytes], None]) -> None:
    """Hand on what a process writes until it closes."""
    assert stream is not None
    with contextlib.suppress(anyio.EndOfStream, anyio.ClosedResourceError):
        while True:
            feed(await stream.receive())


async def _handshake(
    ours: socket.socket, process: anyio.abc.Process, plan: Plan, *, sealed: bool
) -> tuple[int, tuple[socket.socket, ...]]:
    if sealed:
        # The kernel tells who sends, in our numbering: what is process 2 in there.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    told = json.dumps(
        {
            "argv": list(plan.argv),
            "env": dict(plan.env),
            "cwd": plan.cwd,
            "files": dict(plan.files),
            "ports": list(plan.ports),
            # A sealed one dies with its namespace.
            "orphan": "lives" if sealed else "dies",
        }
    ).encode()
    ours.setblocking(False)
    with anyio.move_on_after(_BORN_S):
        # Whoever died on the way in has closed the other end: told by its last words.
        with contextlib.suppress(ConnectionError):
            while told:
                await anyio.wait_writable(ours)
                told = told[ours.send(told) :]
            ours.shutdown(socket.SHUT_WR)
            await anyio.wait_readable(ours)
            word, ancillary, _, _ = ours.recvmsg(1, 2 * socket.CMSG_SPACE(64))
            if word:
                pid, doors = _received(ancillary)
                return pid or process.pid, doors
    raise RuntimeError(f"the booth could not be entered: {await _last_words(process)}")


def _received(ancillary: Sequence[Any]) -> tuple[int, tuple[socket.socket, ...]]:
    pid, doors = 0, ()
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = struct.unpack(f"{len(data) // 4}i", data[: len(data) // 4 * 4])
            doors = tuple(socket.socket(fileno=number) for number in numbers)
        elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid = struct.unpack("3i", data[:12])[0]
    return pid, doors


async def _last_words(process: anyio.abc.Process) -> str:
    _signal(process.pid, signal.SIGKILL)
    said = bytearray()
    await pump(process.stderr, said.extend)
    return said.decode(errors="replace").strip()[-500:] or "it said nothing"


def _signal(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
