"""What a room uses: memory of its processes and of its files in memory, sampled from /proc.

Memory counted is anonymous memory, shared memory by share (PSS), and what lies in the room's tmpfs
folders: every route by which code can make the machine run out. Page cache of files on disk does
not count; the kernel can drop it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.sandboxes._core import Usage

_MB = 1 << 20
_COUNTED = ("Pss_Anon:", "Pss_Shmem:")


@dataclass(frozen=True)
class Stored:
    """What lies in a room's folders."""

    disk_mb: float
    inodes: int
    """Of the folder with the most."""


def measure(pid: int, folders: Sequence[int], *, in_memory: bool) -> Usage:
    """Usage of the room whose first process is `pid`, with descriptors of its folders.

    `in_memory` tells that the folders are tmpfs, whose content is memory, too.
    """
    pids = members(pid)
    disk = stored(folders, in_memory=in_memory).disk_mb
    memory = sum(resident_mb(member) for member in pids) + (disk if in_memory else 0.0)
    return Usage(memory, sum(_threads(member) for member in pids), disk)


def rough_mb(pid: int) -> float:
    """An upper bound of the processes' memory that is cheap to read: shared pages count in full."""
    return sum(_counted_mb(member) for member in members(pid))


def stored(folders: Sequence[int], *, in_memory: bool) -> Stored:
    """Bytes and files in the folders: of a tmpfs by its own count, on disk by walking."""
    counts = [_in_tmpfs(fd) if in_memory else _on_disk(fd) for fd in folders]
    return Stored(sum(size for size, _ in counts) / _MB, max(number for _, number in counts))


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


def _in_tmpfs(folder: int) -> tuple[int, int]:
    state = os.fstatvfs(folder)
    return (state.f_blocks - state.f_bfree) * state.f_frsize, state.f_files - state.f_ffree


def _on_disk(folder: int) -> tuple[int, int]:
    size = number = 0
    for _, folders, files, fd in os.fwalk(".", dir_fd=folder, onerror=None):
        number += len(folders) + len(files)
        for name in files:
            with suppress(OSError):
                size += os.stat(name, dir_fd=fd, follow_symlinks=False).st_blocks * 512
    return size, number


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
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0
