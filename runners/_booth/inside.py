"""The one file of ours inside the booth: the standard library alone, a system's own Python.

`inside.py enter FD` is the booth's first process. Over the socket FD it takes the plan, makes the
listeners that are to be the doors, hands them out and becomes the CLI. The listeners belong to the
booth's network; who answers at them is the runner, outside. So the booth has no other network.

`inside.py pipe PORT FILE` is what a CLI starts as its stdio MCP server: a relay to a door, which
opens by the word in the file (other users of a machine can read a command line).
"""

import _thread  # every module counts: this starts with each attempt, and again for its relay
import os
import socket
import sys

_CHUNK = 1 << 16
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9


def enter(fd: int) -> None:
    """Become the CLI; why it could not is told on stderr."""
    import json
    import signal

    parent = os.getppid()
    with socket.socket(fileno=fd) as channel:
        plan = json.loads(b"".join(iter(lambda: channel.recv(_CHUNK), b"")))
        doors = [listener(port) for port in plan["ports"]]
        if doors:
            socket.send_fds(channel, [b"."], [door.fileno() for door in doors])
        else:
            channel.send(b".")
    for path, text in plan["files"].items():
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - pathlib is slow
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
    os.makedirs(plan["cwd"], exist_ok=True)  # noqa: PTH103
    os.chdir(plan["cwd"])
    if os.getpgrp() != os.getpid():
        # Bubblewrap's own process leads its group: that one is not to get the CLI's signals.
        os.setsid()
    if plan["orphan"] == "dies" and sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        if os.getppid() != parent:
            sys.exit(137)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        # Python ignores these, and a program that it becomes would go on ignoring them.
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(plan["argv"][0], plan["argv"], plan["env"])  # noqa: S606
    except OSError as error:
        sys.exit(f"{plan['argv'][0]} could not be started: {error}")


def listener(port: int) -> socket.socket:
    """A listener on loopback; port 0: a free one."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    door.listen(128)
    return door


def pipe(port: int, file: str) -> None:
    """Relay standard input and output to a door until the other side closes."""
    with open(file, encoding="utf-8") as kept:  # noqa: PTH123
        word = kept.read()
    with socket.create_connection(("127.0.0.1", port)) as door:
        door.sendall(word.encode() + b"\n")
        _thread.start_new_thread(_send, (door,))
        try:
            while chunk := door.recv(_CHUNK):
                while chunk:
                    chunk = chunk[os.write(1, chunk) :]
        except OSError:
            pass
    # The thread may be waiting for input that never comes.
    os._exit(0)


def _send(door: socket.socket) -> None:
    try:
        while chunk := os.read(0, _CHUNK):
            door.sendall(chunk)
        door.shutdown(socket.SHUT_WR)
    except OSError:
        pass


if __name__ == "__main__":
    if sys.argv[1] == "enter":
        enter(int(sys.argv[2]))
    else:
        pipe(int(sys.argv[2]), sys.argv[3])
