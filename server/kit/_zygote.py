"""The warm parent of kernels: loads what they need once, then forks one child per room.

Runs inside bubblewrap with no network, no secret and one purpose. Each child gets its own process
namespace here and everything else by its plan (`_launch`). Forking is safe only while this process
has one thread of its own and has run no numerical operation: OpenMP's threads do not survive a
fork (a child would hang in its first matrix product). So it imports, and computes nothing.

    host -> zygote   {"preload": [...]}          zygote -> host   {"ready": true, ...}
    host -> zygote   {"fork": true} + the room's socket; all else is between host and room
"""

# ruff: noqa: PTH208 - plain `os` calls, as in `_launch`

import ctypes
import gc
import importlib
import json
import os
import select
import socket
import sys
import time
import traceback

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_PID = 0x20000000
_MESSAGE = 1 << 16
_SPARE_THREADS = 1
"""pyarrow's allocator keeps one background thread, which a fork survives."""


def main() -> None:
    """Entry of `python _zygote.py FD`; ends with the host's end of the socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    request = control.recv(_MESSAGE)
    if not request:
        return
    try:
        began = time.monotonic()
        _load(json.loads(request)["preload"])
        threads = len(os.listdir("/proc/self/task"))
        if threads > 1 + _SPARE_THREADS:
            raise RuntimeError(f"{threads} threads after loading: forking would not be safe")
    except BaseException:  # noqa: BLE001 - the host must hear why there is no zygote
        control.send(json.dumps({"error": traceback.format_exc()}).encode()[:_MESSAGE])
        return
    ms = round((time.monotonic() - began) * 1000)
    control.send(json.dumps({"ready": True, "threads": threads, "ms": ms}).encode())
    _serve(control)


def _load(modules: list[str]) -> None:
    from kit import _app

    _app.preload()
    for name in modules:
        importlib.import_module(name)
    # Nothing that lives now is ever collected in a child: its pages stay shared.
    gc.collect()
    gc.freeze()
    gc.disable()


def _serve(control: socket.socket) -> None:
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    children: dict[int, int] = {}
    while True:
        for fd, _ in poll.poll():
            if fd in children:
                poll.unregister(fd)
                os.waitpid(children.pop(fd), 0)
                os.close(fd)
                continue
            message, fds, _, _ = socket.recv_fds(control, _MESSAGE, 1)
            if not message:
                return
            with socket.socket(fileno=fds[0]) as room:
                pid = _fork(control, room, own)
            if pid:
                child = os.pidfd_open(pid)
                children[child] = pid
                poll.register(child, select.POLLIN)


def _fork(control: socket.socket, room: socket.socket, own: int) -> int:
    """Fork a child that is pid 1 of a new namespace and enters its room; 0 if that failed."""
    from kit import _launch

    try:
        _must(_LIBC.unshare(_NEW_PID), "unshare pid")
        try:
            pid = os.fork()
            if pid == 0:
                control.close()
                _launch.enter(room)
        finally:
            _must(_LIBC.setns(own, _NEW_PID), "setns pid")
    except OSError:
        room.send(json.dumps({"error": traceback.format_exc()}).encode())
        return 0
    return pid


def _must(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()
