"""Run a command as an ordinary user who can reach the interpreter: `as_user.py UID COMMAND…`.

Test machines run as root with a Python below /root, where no other user may go. In a mount
namespace of this process alone, such a folder is covered by an empty, open one that shows only the
interpreter, at its old path.
"""

import ctypes
import os
import sys
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, BIND, RECURSIVE, PRIVATE = 0x20000, 0x1000, 0x4000, 1 << 18


def must(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def open_up(path: Path) -> None:
    closed = [p for p in reversed(path.parents) if not p.stat().st_mode & 0o001]
    if not closed:
        return
    must(LIBC.unshare(NEW_MOUNTS))
    must(LIBC.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None))
    fd = os.open(path, os.O_PATH)
    must(LIBC.mount(b"tmpfs", str(closed[0]).encode(), b"tmpfs", 0, b"mode=755"))
    path.mkdir(parents=True)
    source = f"/proc/self/fd/{fd}".encode()
    must(LIBC.mount(source, str(path).encode(), None, BIND | RECURSIVE, None))
    os.close(fd)


if __name__ == "__main__":
    uid = int(sys.argv[1])
    open_up(Path(sys.base_prefix).resolve())
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execv(sys.argv[2], sys.argv[2:])
