"""One warm process in bubblewrap, every kernel forked from it into namespaces of its own.

torch and transformer-lens are loaded once; a kernel costs a fork, its namespaces and ipykernel's
start: tens of milliseconds, tens of megabytes. Sealed like `bwrap` and more narrowly: tmpfs folders
have a limit of files, too.

Covers: everything `_hardening.ITEMS` lists. Does not cover: faults of the Linux kernel, side
channels, and the address layout, which all children share with their parent (it holds no secret).
"""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from server.sandboxes import _bubblewrap, _hardening, _view
from server.sandboxes._core import Box, Limits, ProbeReport, SandboxError, Setting, Tier
from server.sandboxes._env import environment
from server.sandboxes._hardening import Hardening
from server.sandboxes._probe import probe
from server.sandboxes._room import Plan
from server.sandboxes._rooms import Opening, Rooms
from server.sandboxes._spawn import Spawned

_CAPS = _bubblewrap.Caps(
    root=("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"),
    user=("ALL",),
)
_BOOT_S = 120.0
_FRESH_S = 86_400.0
"""A zygote is renewed daily, when no room is open: all its children share its address layout."""


@dataclass(frozen=True)
class Parent:
    """A booted zygote."""

    spawned: Spawned
    born: float

    def alive(self) -> bool:
        """Whether it can fork."""
        return self.spawned.process.poll() is None


class Zygote:
    """Kernels forked from a warm parent."""

    tier = Tier.ZYGOTE

    def __init__(self, setting: Setting, clock: Callable[[], float] = time.monotonic) -> None:
        self._setting = setting
        self._clock = clock
        self._hard = Hardening(setting.dropped)
        self._uids = _bubblewrap.spare_uids()
        self._rooms = Rooms(self.tier, self._uids, watched="watch" in self._hard)
        self._shown: _view.View | None = None
        self._parent: Parent | None = None
        self._booting = anyio.Lock()

    async def open(self) -> None:
        """Boot the zygote if there is none (it died), or if it is old and nobody needs it."""
        async with self._booting:
            if self._parent is not None and not self._usable(self._parent):
                await self._parent.spawned.reap()
                self._parent = None
            if self._parent is None:
                self._parent = Parent(await self._boot(), self._clock())

    async def start(self, limits: Limits, keep: Box | None = None) -> Box:
        """Fork a kernel."""
        await self.open()
        assert self._parent is not None
        assert self._shown is not None
        uid = self._rooms.take_uid()
        steps = [
            *_hardening.spaces(self._hard, limits, rooted=uid is not None),
            *_hardening.seals(self._hard, limits, uid),
        ]
        plan = Plan(steps, environment(limits, packages=self._shown.packages), leader=1)
        parent = self._parent
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(parent.spawned.channel, [b'{"fork": true}'], [theirs.fileno()])
        opening = Opening(ours, plan, limits, uid, _nothing, parent.spawned.last_words)
        return await self._rooms.start(opening, keep)

    async def close(self) -> None:
        """Kill every room and the zygote."""
        await self._rooms.close()
        if self._parent is not None:
            await self._parent.spawned.reap()
            self._parent = None

    async def probe(self) -> ProbeReport:
        """Attack a live room."""
        return await probe(self, {"bubblewrap": _bubblewrap.version()})

    def _usable(self, parent: Parent) -> bool:
        fresh = self._clock() - parent.born < _FRESH_S
        return parent.alive() and (fresh or len(self._rooms) > 0)

    async def _boot(self) -> Spawned:
        if self._shown is None:
            _bubblewrap.binary()
            self._shown = _view.view(self._setting.hidden, masked="mask" in self._hard)
        spawned = _bubblewrap.launch(self._hard, self._shown, Limits(), _CAPS, "_zygote.py")
        try:
            with anyio.fail_after(_BOOT_S):
                spawned.channel.setblocking(False)
                spawned.channel.send(json.dumps({"preload": self._setting.preload}).encode())
                await anyio.wait_readable(spawned.channel)
                data = spawned.channel.recv(1 << 16)
            answer = json.loads(data) if data else {"error": ""}
            if "error" in answer:
                raise SandboxError(f"The zygote could not boot: {answer['error']}")
        except (SandboxError, OSError, TimeoutError) as error:
            words = spawned.last_words()
            await spawned.reap()
            raise SandboxError(f"{error or 'The zygote did not boot in time.'}\n{words}") from error
        return spawned


async def _nothing() -> None:
    """A child of the zygote is reaped by it."""


sandbox = Zygote
