"""The hardening of a sealed room, as data: every item has a name and can be left out by it.

Tests leave one out at a time and expect the probe that it answers to go red; production leaves out
none (`Setting.dropped` is empty). Order matters and is the order of these lists; the reasons for
it are in the comments.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from server.sandboxes import _seccomp
from server.sandboxes._core import Limits

Step = Sequence[Any]
STORES = ("/tmp", "/dev/shm")  # noqa: S108 - the room's own
WORK = "/work"
SOCKETS = "/run/k"
INNER_UID = 1000
_MB = 1 << 20
_SOCKETS_MB = 1

ITEMS: dict[str, str] = {
    "view": "the room sees listed folders only, not this machine's files",
    "mask": "our own code and state are covered where a folder above them is shown",
    "env": "the server's environment is not passed on",
    "pid": "a process namespace: no other process can be seen or signalled",
    "net": "an empty network namespace",
    "ipc": "a namespace of its own for shared memory and message queues",
    "uts": "a host name of its own",
    "dev": "/dev is read-only (bubblewrap's is a writable tmpfs of half the memory)",
    "root": "the room's root folder is read-only",
    "size": "tmpfs folders are sized",
    "devpts": "terminals of its own (zygote rooms would share one set)",
    "identity": "root becomes a user of the room's own; limits do not bind root",
    "capabilities": "no capability in any set",
    "userns": "a user namespace that allows no further one",
    "nproc": "processes and threads are limited",
    "data": "private memory of one process is limited",
    "fsize": "a single file is limited",
    "nofile": "open files are limited",
    "descriptors": "no inherited descriptor is left open",
    "watch": "memory and files of the whole room are sampled, and a room over its limit dies",
    **{f"seccomp.{group}": f"system calls: {group}" for group in _seccomp.GROUPS},
}


@dataclass(frozen=True)
class Hardening:
    """The items in force."""

    dropped: Collection[str] = ()

    def __post_init__(self) -> None:
        unknown = set(self.dropped) - set(ITEMS)
        if unknown:
            raise ValueError(f"no hardening item is called {sorted(unknown)}; see ITEMS")

    def __contains__(self, item: str) -> bool:
        return item not in self.dropped

    def only(self, item: str, *steps: Step) -> Iterator[Step]:
        """The steps, unless the item is left out."""
        if item in self:
            yield from steps

    def size(self, megabytes: int) -> int:
        """Bytes of a sized tmpfs; without the item a size that no probe reaches."""
        return (megabytes if "size" in self else 1 << 16) * _MB


def folders(limits: Limits) -> list[tuple[str, int, str]]:
    """Every folder a room may write: path, MB, mode."""
    return [
        (WORK, limits.disk_mb, "0777"),
        (SOCKETS, _SOCKETS_MB, "0777"),
        *((store, limits.disk_mb, "1777") for store in STORES),
    ]


def spaces(hard: Hardening, limits: Limits, *, rooted: bool) -> list[Step]:
    """Steps by which a child of the zygote gets its own view; it still has all capabilities."""
    unshared = ["mnt", "cgroup", *(kind for kind in ("net", "ipc", "uts") if kind in hard)]
    size = hard.size
    steps: list[Step] = [["unshare", *unshared], ["private"]]
    steps += hard.only("net", ["loopback"])
    for path, megabytes, mode in folders(limits):
        inodes = f",nr_inodes={limits.inodes}" if "size" in hard else ""
        steps.append(["tmpfs", path, f"size={size(megabytes)}{inodes},mode={mode}"])
    steps += hard.only("devpts", ["devpts"])
    # A fresh /proc must be mounted before the user namespace is left (afterwards: EPERM).
    steps += hard.only("pid", ["proc"])
    if not rooted:
        steps += hard.only("userns", ["user", INNER_UID])
    return steps


def seals(hard: Hardening, limits: Limits, uid: int | None) -> list[Step]:
    """The last steps before agent code; `uid` is who root becomes, None for an ordinary user."""
    steps: list[Step] = [["limit", "CORE", 0], ["limit", "MEMLOCK", 1 << 16]]
    steps.append(["limit", "MSGQUEUE", 0])
    steps += hard.only("data", ["data", limits.memory_mb * _MB])
    steps += hard.only("fsize", ["limit", "FSIZE", limits.file_mb * _MB])
    steps += hard.only("nofile", ["limit", "NOFILE", limits.nofile])
    if uid is None:
        steps += hard.only("nproc", ["limit", "NPROC", limits.processes])
    steps += hard.only("capabilities", ["bounding"])
    if uid is not None:
        steps += hard.only("identity", ["identity", uid, uid])
        steps += hard.only("nproc", ["limit", "NPROC", limits.processes])
    steps += hard.only("capabilities", ["capabilities"])
    # A change of user clears both of these, so they come after it.
    steps += [["dumpable"], ["die_with_parent"], ["no_new_privileges"]]
    steps += hard.only("descriptors", ["close_descriptors"])
    steps += [["oom", 800], ["seccomp", _seccomp.program(_left_out(hard))]]
    return steps


def _left_out(hard: Hardening) -> list[str]:
    prefix = "seccomp."
    return [item.removeprefix(prefix) for item in hard.dropped if item.startswith(prefix)]
