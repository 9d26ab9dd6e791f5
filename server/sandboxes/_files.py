"""Reading and writing in a room's folders from the host, without ever following an agent's link.

Every path is resolved by `openat2` below a descriptor of the folder, which refuses links, `..`
out of it, mount points and magic links in the kernel itself; there is no window between a check
and the use. Files are opened without blocking, so a FIFO cannot hold the host.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import PurePosixPath

from server.sandboxes._core import FileEntry
from tasks import SandboxError

_SYS_OPENAT2 = 437  # the same number on every architecture
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE = _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
_LIBC = ctypes.CDLL(None, use_errno=True)
_KINDS = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))


def openat2(folder: int, rel: str, flags: int, mode: int = 0) -> int:
    """Open `rel` below the descriptor `folder`; links and anything outside are refused.

    Raises:
        OSError: as `openat2(2)`: ELOOP for a link, EXDEV for a way out.
    """
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, mode, _RESOLVE)
    fd: int = _LIBC.syscall(
        _SYS_OPENAT2, folder, ctypes.c_char_p(os.fsencode(rel)), ctypes.c_char_p(how), len(how)
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), rel)
    return fd


def read(folder: int, rel: str, cap: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        SandboxError: no such regular file within the folder, or it is longer than `cap`.
    """
    with _opened(folder, rel, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) as fd:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise SandboxError(f"{rel!r} is not a regular file.")
        data = bytearray()
        while len(data) <= cap and (piece := os.read(fd, min(1 << 20, cap + 1 - len(data)))):
            data += piece
        if len(data) > cap:
            raise SandboxError(f"{rel!r} is longer than the {cap:,} bytes that may be read.")
        return bytes(data)


def write(folder: int, rel: str, data: bytes) -> None:
    """Write a file anew, with the folders above it.

    Raises:
        SandboxError: the name leaves the folder or crosses a link, or there is no space.
    """
    path = PurePosixPath(rel)
    for parent in reversed(path.parents[:-1]):
        _make_folder(folder, str(parent))
    with _opened(folder, str(path.parent), os.O_RDONLY | os.O_DIRECTORY) as parent_fd:
        # A link or FIFO planted under the name is removed, not followed and not written into.
        try:
            os.unlink(path.name, dir_fd=parent_fd)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SandboxError(f"Cannot write {rel!r}: {error.strerror}.") from error
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK
        with _opened(parent_fd, path.name, flags, 0o644) as fd:
            _write_all(fd, rel, data)


def entries(folder: int, rel: str = ".") -> list[FileEntry]:
    """What lies in a folder, sorted by name; links are listed, not followed.

    Raises:
        SandboxError: no such folder.
    """
    with _opened(folder, rel, os.O_RDONLY | os.O_DIRECTORY) as fd:
        found: list[FileEntry] = []
        for name in sorted(os.listdir(fd)):  # noqa: PTH208 - by descriptor
            try:
                state = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            kind = next((word for test, word in _KINDS if test(state.st_mode)), "other")
            found.append(FileEntry(name, kind, state.st_size))
        return found


def carry(source: int, target: int, inodes: int) -> None:
    """Copy regular files and folders of one room into another, at most `inodes` of them.

    Links, FIFOs and devices stay behind: what the agent's code may have planted for the host is
    not worth carrying.

    Raises:
        SandboxError: the target has no space left.
    """
    left = inodes
    stack = ["."]
    while stack:
        here = stack.pop()
        for entry in entries(source, here):
            left -= 1
            if left < 0:
                return
            rel = str(PurePosixPath(here, entry.name))
            if entry.kind == "folder":
                _make_folder(target, rel)
                stack.append(rel)
            elif entry.kind == "file":
                _copy(source, target, rel)


def _copy(source: int, target: int, rel: str) -> None:
    with _opened(source, rel, os.O_RDONLY | os.O_NONBLOCK) as reader:
        if not stat.S_ISREG(os.fstat(reader).st_mode):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
        with _opened(target, rel, flags, 0o666) as writer:
            os.fchmod(writer, 0o666 | os.fstat(reader).st_mode & 0o111)  # our umask must not count
            while piece := os.read(reader, 1 << 20):
                _write_all(writer, rel, piece)


def _write_all(fd: int, rel: str, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError as error:
            raise SandboxError(f"Cannot write {rel!r}: {error.strerror}.") from error


def _make_folder(folder: int, rel: str) -> None:
    path = PurePosixPath(rel)
    with _opened(folder, str(path.parent), os.O_RDONLY | os.O_DIRECTORY) as fd:
        try:
            os.mkdir(path.name, 0o777, dir_fd=fd)
            # Whoever the room runs as must be able to write into it.
            os.chmod(path.name, 0o777, dir_fd=fd)  # noqa: S103
        except FileExistsError:
            return
        except OSError as error:
            raise SandboxError(f"Cannot make the folder {rel!r}: {error.strerror}.") from error


@contextmanager
def _opened(folder: int, rel: str, flags: int, mode: int = 0) -> Generator[int]:
    try:
        fd = openat2(folder, rel, flags, mode)
    except OSError as error:
        raise SandboxError(f"Cannot open {rel!r}: {_reason(error)}.") from error
    try:
        yield fd
    finally:
        os.close(fd)


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ELOOP:
            return "it is a link, or lies behind one"
        case errno.EXDEV:
            return "it lies outside the folder"
        case _:
            return error.strerror or str(error)
