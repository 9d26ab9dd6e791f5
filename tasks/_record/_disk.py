"""The few file operations by which a record is made durable; tests put another disk in their place.

A file's content is safe after `sync`, its name after `sync_folder` of the folder it stands in.
"""

import contextlib
import fcntl
import os
import stat
import sys
from pathlib import Path
from typing import Protocol

from tasks._errors import RecordError

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class Disk(Protocol):
    """What the record needs of a file system. Every method may raise OSError."""

    def make_folder(self, path: Path) -> None:
        """Create one folder; one that exists is fine."""
        ...

    def create(self, path: Path) -> int:
        """Create a file that must not exist (0600) and open it for writing."""
        ...

    def open(self, path: Path) -> int:
        """Open an existing regular file for reading and writing."""
        ...

    def write(self, file: int, data: bytes, offset: int) -> int:
        """Write at `offset`; returns how many bytes were taken."""
        ...

    def truncate(self, file: int, size: int) -> None:
        """Cut a file off at `size`."""
        ...

    def sync(self, file: int) -> None:
        """Make a file's content durable."""
        ...

    def close(self, file: int) -> None:
        """Close a file; says nothing of durability."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename atomically over `target`."""
        ...

    def remove(self, path: Path) -> None:
        """Delete a file; one that is not there is fine."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        ...


class LocalDisk:
    """The disk of this machine."""

    def make_folder(self, path: Path) -> None:
        """Create one folder, 0700."""
        path.mkdir(mode=0o700, exist_ok=True)

    def create(self, path: Path) -> int:
        """Create a file that must not exist."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)

    def open(self, path: Path) -> int:
        """Open a regular file; never follows a link, never waits on a FIFO."""
        file = os.open(path, os.O_RDWR | os.O_NONBLOCK | _FLAGS)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(f"{path} is not a regular file")
        return file

    def write(self, file: int, data: bytes, offset: int) -> int:
        """Write at `offset`."""
        return os.pwrite(file, data, offset)

    def truncate(self, file: int, size: int) -> None:
        """Cut a file off."""
        os.ftruncate(file, size)

    def sync(self, file: int) -> None:
        """Wait until the content is on the disk."""
        if sys.platform == "darwin":  # There fsync stops at the drive's own cache.
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        else:
            os.fsync(file)

    def close(self, file: int) -> None:
        """Close."""
        os.close(file)

    def replace(self, source: Path, target: Path) -> None:
        """Rename."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Delete."""
        path.unlink(missing_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Wait until the names are on the disk."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_all(disk: Disk, file: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`, however many calls it takes."""
    view = memoryview(data)
    done = disk.write(file, data, offset)
    while done < len(data):
        taken = disk.write(file, bytes(view[done:]), offset + done)
        if taken <= 0:
            raise OSError("the disk took no more bytes")
        done += taken


def save(disk: Disk, path: Path, data: bytes) -> None:
    """Put `data` at `path` atomically and durably: whoever reads sees the old file or the new one.

    Raises:
        OSError: it could not be written; the old file is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # A draft of a dead process may lie about; it was never read by anyone.
    disk.remove(draft)
    file = disk.create(draft)
    try:
        try:
            write_all(disk, file, data, 0)
            disk.sync(file)
        finally:
            disk.close(file)
        disk.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            disk.remove(draft)
        raise
    disk.sync_folder(path.parent)


def make_folders(disk: Disk, root: Path, folder: Path) -> list[Path]:
    """Create `folder` below `root` level by level; returns the levels, whose names need a sync."""
    levels = [root, *(root / part for part in _descents(folder.relative_to(root)))]
    for level in levels[1:]:
        disk.make_folder(level)
    return levels


def lock(file: int, path: Path) -> None:
    """Claim a log for this process until the file is closed.

    Raises:
        RecordError: another process writes it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RecordError(f"{path} is being written by a running daemon.") from error


def _descents(relative: Path) -> list[Path]:
    return [Path(*relative.parts[: i + 1]) for i in range(len(relative.parts))]
