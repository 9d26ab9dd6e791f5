"""What a sandbox is: a tier that opens sealed rooms, each with one kernel process in it.

A **Sandbox** is one tier of isolation, opened once a daemon. A **Box** is one room: a kernel, its
`/work`, its sockets. The host never looks into a room by path: it holds descriptors of the room's
folders and of the kernel process, handed out of the room before any agent code runs, so that no
link an agent plants and no recycled process id can lead the host astray.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tasks import SandboxError


class Tier(StrEnum):
    """How strongly a room is sealed, strongest first."""

    ZYGOTE = "zygote"
    BWRAP = "bwrap"
    LANDLOCK = "landlock"
    NONE = "none"

    @property
    def sealed(self) -> bool:
        """True if results from this tier may be ranked."""
        return self in (Tier.ZYGOTE, Tier.BWRAP)


@dataclass(frozen=True)
class Limits:
    """What one room may use. A process over its own limit gets an error; a room over its, dies."""

    memory_mb: int = 2048
    """Anonymous and shared memory and files in memory, of all processes of the room together."""
    disk_mb: int = 300
    """Size of /work, and of /tmp and /dev/shm each."""
    inodes: int = 5000
    """Files and folders in each of these."""
    processes: int = 64
    """Processes and threads together (a fresh kernel has about 11)."""
    nofile: int = 1024
    """Open files a process."""
    file_mb: int = 256
    """Largest single file."""
    threads: int = 1
    """Threads of one numerical operation (OMP_NUM_THREADS)."""


@dataclass(frozen=True)
class Usage:
    """What a room uses now."""

    memory_mb: float
    processes: int
    disk_mb: float


@dataclass(frozen=True)
class FileEntry:
    """One name in a room's folder; `kind` is file, folder, link or other."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class Probe:
    """One attempted escape of the live self-test."""

    name: str
    held: bool
    """True if the attack was refused inside the room."""
    control: bool
    """True if the same attack works outside: without that the probe proves nothing."""
    detail: str
    """What the kernel answered, e.g. `EACCES` or what leaked."""
    expected_leak: bool = False
    """True where the tier is known not to hold this (the reduced tiers list theirs)."""
    vital: bool = False
    """True where the control must get through on every machine."""

    @property
    def failed(self) -> bool:
        """Whether this makes the tier unusable: it leaks, or it proves nothing and should."""
        return not (self.held or self.expected_leak) or (self.vital and not self.control)


@dataclass(frozen=True)
class ProbeReport:
    """Result of a tier's self-test; stands in every record."""

    tier: Tier
    passed: bool
    probes: tuple[Probe, ...] = ()
    error: str = ""
    """The exact error if no room could be started at all."""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """bubblewrap, kernel, and who ran it (root or user)."""

    @property
    def failed(self) -> tuple[Probe, ...]:
        """The probes that make the tier unusable."""
        return tuple(probe for probe in self.probes if probe.failed)

    def record(self) -> dict[str, object]:
        """The report as JSON for run.json and events."""
        return {
            "tier": str(self.tier),
            "sealed": self.tier.sealed,
            "passed": self.passed,
            "error": self.error,
            "probes": {p.name: ("held" if p.held else "leaks") for p in self.probes},
            "versions": dict(self.versions),
        }


class Box(Protocol):
    """One room with one kernel process in it."""

    @property
    def tier(self) -> Tier:
        """Tier of the sandbox that opened it."""
        ...

    @property
    def pid(self) -> int:
        """The kernel's process id as this host sees it."""
        ...

    @property
    def pidfd(self) -> int:
        """Readable once the kernel is dead; valid until `kill` returns."""
        ...

    @property
    def connection(self) -> dict[str, str | int]:
        """Jupyter connection info (ipc); the sockets are bound. Connect before agent code runs."""
        ...

    @property
    def verdict(self) -> str:
        """Why the house killed the room (one sentence), or '' if it did not."""
        ...

    def alive(self) -> bool:
        """Whether the kernel process still runs."""
        ...

    def signal(self, signum: int) -> None:
        """Send a signal to the kernel process; a dead one is no error."""
        ...

    async def wait(self) -> None:
        """Return when the kernel process is dead."""
        ...

    async def kill(self) -> None:
        """Kill everything in the room and release what it held; idempotent."""
        ...

    def write_file(self, rel: str, data: bytes) -> None:
        """Write into the room's /work, parents included.

        Raises:
            SandboxError: the name leaves /work or crosses a link, or the disk limit is reached.
        """
        ...

    def read_file(self, rel: str, cap: int) -> bytes:
        """Read a regular file below /work without following any link.

        Raises:
            SandboxError: no such regular file within /work, or it holds more than `cap` bytes.
        """
        ...

    def list_files(self, rel: str = ".") -> list[FileEntry]:
        """Names in a folder below /work, sorted.

        Raises:
            SandboxError: no such folder within /work.
        """
        ...

    def usage(self) -> Usage:
        """What the room uses now; zeros if it is dead."""
        ...


class Sandbox(Protocol):
    """One tier on this machine."""

    @property
    def tier(self) -> Tier:
        """Which one."""
        ...

    async def open(self) -> None:
        """Make ready to start rooms (boots the zygote); idempotent.

        Raises:
            SandboxError: the tier does not work here; tells the exact error.
        """
        ...

    async def start(self, limits: Limits, keep: "Box | None" = None) -> Box:
        """Start one room with a kernel whose sockets are bound.

        `keep` is a (living or dead, not yet killed) box whose /work is carried over: a restart.

        Raises:
            SandboxError: the room could not be started.
        """
        ...

    async def close(self) -> None:
        """Kill every room and release everything; idempotent."""
        ...

    async def probe(self) -> ProbeReport:
        """Attack a live room of this tier, started the way every room is."""
        ...


@dataclass(frozen=True)
class Setting:
    """What a sandbox must know of this host."""

    hidden: Sequence[Path] = ()
    """Paths no room may see even if a folder above them is shown (state, runs, repositories)."""
    preload: tuple[str, ...] = ("torch", "transformer_lens")
    """Modules that the zygote loads before it forks."""
    dropped: frozenset[str] = frozenset()
    """Hardening items left out: for tests that prove each one is needed, never in production."""


__all__ = [
    "Box",
    "FileEntry",
    "Limits",
    "Probe",
    "ProbeReport",
    "Sandbox",
    "SandboxError",
    "Setting",
    "Tier",
    "Usage",
]
