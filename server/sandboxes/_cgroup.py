"""Hard limits of a room's memory and processes, where this user was given a part of cgroup v2.

systemd delegates to user sessions, container runtimes to containers; elsewhere there is nothing to
use and the watch (`_watch.py`) is all there is. With a cgroup, memory cannot even for a moment
exceed the limit, and the kernel's own killer ends the whole room at once.
"""

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.sandboxes._core import Limits

ROOT = Path("/sys/fs/cgroup")
_NEEDED = frozenset({"memory", "pids"})


@dataclass(frozen=True)
class Enclosure:
    """The cgroup of one room."""

    path: Path

    def overran(self) -> bool:
        """Whether the kernel killed the room for its memory."""
        with suppress(OSError):
            for line in (self.path / "memory.events").read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count) > 0
        return False

    def remove(self) -> None:
        """Remove the empty cgroup; one that is already gone is no error."""
        with suppress(OSError):
            self.path.rmdir()


@dataclass(frozen=True)
class Delegation:
    """A cgroup of ours whose children we may make and limit."""

    path: Path

    def enclose(self, pid: int, name: str, limits: Limits) -> Enclosure:
        """Put a process, and all it will start, under the limits.

        Raises:
            OSError: the kernel refused.
        """
        path = self.path / name
        path.mkdir()
        try:
            for file, value in (
                ("memory.max", limits.memory_mb << 20),
                ("memory.oom.group", 1),
                ("pids.max", limits.processes),
                ("cgroup.procs", pid),
            ):
                (path / file).write_text(str(value))
            with suppress(FileNotFoundError):  # absent on machines without swap accounting
                (path / "memory.swap.max").write_text("0")
        except OSError:
            Enclosure(path).remove()
            raise
        return Enclosure(path)

    def remove(self) -> None:
        """Remove it; its rooms are gone."""
        with suppress(OSError):
            self.path.rmdir()


def delegation(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> Delegation | None:
    """A part of the tree in which a room was just enclosed for trial; None if there is none.

    Our own cgroup holds processes and so may not limit children; its parent often may.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    ours = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), None)
    if ours is None:
        return None
    here = root / ours
    for base in (here, here.parent) if here != root else (here,):
        found = _attempt(base)
        if found is not None:
            return found
    return None


def _attempt(base: Path) -> Delegation | None:
    try:
        if not set((base / "cgroup.subtree_control").read_text().split()) >= _NEEDED:
            return None
        made = Delegation(base / f"proctor-{os.getpid()}-{os.urandom(4).hex()}")
        made.path.mkdir()
    except OSError:
        return None
    try:
        (made.path / "cgroup.subtree_control").write_text("+memory +pids")
        _enclose_for_trial(made)
    except OSError:
        made.remove()
        return None
    return made


def _enclose_for_trial(made: Delegation) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        enclosure = made.enclose(child.pid, "trial", Limits())
        assert child.stdin is not None
        child.stdin.close()
        child.wait()
    enclosure.remove()
