"""What a room uses: memory of its processes and of its files in memory, sampled from /proc.

Memory counted is anonymous memory, shared memory by share (PSS), and what lies in the room's tmpfs
folders: every route by which code can make the machine run out. Page cache of files on disk does
not count; the kernel can drop it.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from server.sandboxes._core import Usage

_MB = 1 << 20
_COUNTED = ("Pss_Anon:", "Pss_Shmem:")


def measure(pid: int, stores: Iterable[int]) -> Usage:
    """Usage of the room whose first process is `pid`, with descriptors of its folders."""
    folders = list(stores)
    pids = members(pid)
    disk = sum(stored(fd) for fd in folders) / _MB
    memory = sum(resident_mb(member) for member in pids)
    return Usage(memory + disk, sum(_threads(member) for member in pids), disk)


def rough_mb(pid: int, stores: Iterable[int]) -> float:
    """An upper bound of the memory in use that is cheap to read: shared pages count in full."""
    disk = sum(stored(fd) for fd in stores) / _MB
    return disk + sum(_counted_mb(member) for member in members(pid))


def members(pid: int) -> list[int]:
    """The process `pid` and all below it; in a room whose kernel is pid 1, that is everyone."""
    found = [pid]
    for parent in found:
        found.extend(_children(parent))
    return found


def resident_mb(pid: int) -> float:
    """Anonymous and shared memory of one process in MB; 0 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    lines = (line.split() for line in text.splitlines())
    return sum(int(words[1]) for words in lines if words[0] in _COUNTED) / 1024


def stored(folder: int) -> int:
    """Bytes in the tmpfs that the descriptor lies in."""
    state = os.fstatvfs(folder)
    return (state.f_blocks - state.f_bfree) * state.f_frsize


def inodes(folder: int) -> int:
    """Files and folders in the tmpfs that the descriptor lies in."""
    state = os.fstatvfs(folder)
    return state.f_files - state.f_ffree


def _children(pid: int) -> Iterator[int]:
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())
    except OSError:
        return


def _counted_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = (line.split() for line in text.splitlines() if line.startswith(("RssAn", "RssSh")))
    return sum(int(words[1]) for words in lines) / 1024


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0
