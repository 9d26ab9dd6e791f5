"""Reduced: Landlock, a system call filter and limits of processes, where namespaces are refused.

Covers: reading and writing files outside the room, connecting to the network, our code, the
server's environment and memory; from Linux 6.12 also signals and abstract sockets. Does not cover
what `leaks` lists: there is no view, no process and no network namespace of its own, and its
folders lie on the host's disk. Results of this tier are never ranked.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import server.kit
from server.sandboxes import _bubblewrap, _hardening, _seccomp, _view
from server.sandboxes._core import Box, Limits, ProbeReport, SandboxError, Setting, Tier
from server.sandboxes._hardening import Hardening
from server.sandboxes._probe import probe
from server.sandboxes._rooms import Rooms
from server.sandboxes._slots import Slot, Slots

_SYS_CREATE_RULESET = 444
_EXECUTE, _READ, _LIST = 0x1, 0x4, 0x8
_FILES = {4: 0x7FFF, 5: 0xFFFF}
"""File rights that an ABI knows: from 5 on also ioctl on devices."""
_CONNECT_TCP = 0x2
_SCOPED = 0x3
"""Abstract sockets and signals, from ABI 6 on."""
_OLDEST = 4
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache"),
    *("/etc/alternatives", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo", "/proc/self"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SHARED = frozenset({"namespaces.own", "hostname", "network.interfaces", "disk.size"})
"""Leaks on every machine: namespaces are the host's, and the disk has no size but the watch."""


class Landlock:
    """Kernels as restricted child processes."""

    tier = Tier.LANDLOCK

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._hard = Hardening(setting.dropped)
        self._slots: Slots | None = None
        self._rooms = Rooms(self.tier, _bubblewrap.spare_uids(), watched="watch" in self._hard)

    @staticmethod
    def leaks(abi: int, *, rooted: bool) -> frozenset[str]:
        """Attacks that are known to get through, one by one."""
        known = set(SHARED)
        if not rooted:
            # The same user: unix sockets by path, and a count of processes shared with the host.
            known |= {"sockets.path", "limits", "privileges"}
        if abi < 6:
            known |= {"processes.signal", "sockets.abstract"}
        return frozenset(known)

    async def open(self) -> None:
        """Check that Landlock is there and new enough.

        Raises:
            SandboxError: it is not, or the interpreter lies where a room's user cannot go.
        """
        abi = _abi()
        if abi < _OLDEST:
            raise SandboxError(
                f"Landlock's version here is {abi} (0: none); {_OLDEST} is needed to refuse "
                "network connections: Linux 6.7 or newer, with landlock in the list of "
                "/sys/kernel/security/lsm."
            )
        if _bubblewrap.spare_uids() is not None:
            _check_reach()
        if self._slots is None:
            self._slots = Slots()

    async def start(self, limits: Limits, keep: Box | None = None) -> Box:
        """Start a kernel."""
        await self.open()
        assert self._slots is not None
        slot = self._slots.make()
        uid = self._rooms.take_uid()
        if uid is not None:
            slot.give(uid)
        opening = slot.opening(self._steps(slot, limits, uid), limits, uid)
        return await self._rooms.start(opening, keep)

    async def close(self) -> None:
        """Kill every room and remove the folders."""
        await self._rooms.close()
        if self._slots is not None:
            self._slots.remove()
            self._slots = None

    async def probe(self) -> ProbeReport:
        """Attack a live room; known leaks are reported, and expected."""
        abi, rooted = _abi(), _bubblewrap.spare_uids() is not None
        return await probe(self, {"landlock": str(abi)}, self.leaks(abi, rooted=rooted))

    def _steps(self, slot: Slot, limits: Limits, uid: int | None) -> list[_hardening.Step]:
        abi = _abi()
        every = _FILES[min(abi, max(_FILES))]
        rules = [
            (_EXECUTE | _READ | _LIST, [*_SYSTEM, *_readable()]),
            (_LIST, [str(folder) for folder in _view.package_folders()]),
            (every, [slot.work, slot.sockets, slot.tmp, *_DEVICES]),
        ]
        seals = _hardening.seals(self._hard, limits, uid)
        if uid is None:
            # The limit counts all processes of the user, so it must lie above what there is.
            running = _tasks_of(os.geteuid())
            seals = [s for s in seals if s[:2] != ["limit", "NPROC"] and s != ["bounding"]]
            seals.insert(0, ["limit", "NPROC", running + limits.processes])
        steps: list[_hardening.Step] = [["supervise"], *(s for s in seals if s[0] != "seccomp")]
        scoped = _SCOPED if abi >= 6 else 0
        steps.append(["landlock", rules, every, _CONNECT_TCP, scoped])
        return [*steps, ["seccomp", _seccomp.program(shared_net=True)]]


def _abi() -> int:
    """Version of Landlock; 0 if there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(_SYS_CREATE_RULESET, None, 0, 1))


def _readable() -> Iterator[str]:
    """The interpreter, the kit, and each installed package that is not ours."""
    yield str(Path(sys.base_prefix).resolve())
    yield str(Path(server.kit.__file__ or "").resolve().parent)
    yield str(Path(sys.prefix) / "pyvenv.cfg")
    yield str(Path(sys.prefix) / "bin")
    own = set(_view.own_files())
    for folder in _view.package_folders():
        yield from (str(path) for path in folder.iterdir() if path not in own)


def _check_reach() -> None:
    path = Path(sys.base_prefix).resolve()
    for folder in (path, *path.parents):
        if not folder.stat().st_mode & 0o001:
            raise SandboxError(
                f"The interpreter lies below {folder}, which only its owner may enter; the "
                "landlock tier runs rooms as another user. Run as an ordinary user, or use a "
                "Python that lies in /usr or /opt."
            )


def _tasks_of(uid: int) -> int:
    """Processes and threads of a user now."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid:
                    total += sum(1 for _ in (entry / "task").iterdir())
            except OSError:
                continue
    return total


sandbox = Landlock
