"""Starting a launcher: one process with one end of a socket, and its last words kept."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import anyio

LAUNCHER = "server/kit/_launch.py"


@dataclass(frozen=True)
class Spawned:
    """A child of the daemon and our end of its socket."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    words: IO[bytes]
    """What it wrote to stderr; a file, so that nobody need drain a pipe."""

    def last_words(self) -> str:
        """The end of what the process wrote to stderr."""
        self.words.seek(max(0, self.words.seek(0, os.SEEK_END) - 4000))
        return self.words.read().decode(errors="replace").strip()

    async def reap(self) -> None:
        """Kill the process if it lives, wait for it and release what it held."""
        self.channel.close()
        if self.process.poll() is None:
            pidfd = os.pidfd_open(self.process.pid)
            try:
                self.process.kill()
                await anyio.wait_readable(pidfd)
            finally:
                os.close(pidfd)
            self.process.wait()
        self.words.close()


def spawn(command: Sequence[str], env: Mapping[str, str], extra: Sequence[int] = ()) -> Spawned:
    """Start `command` with `{fd}` in its arguments replaced by the number of its socket.

    Must be called on the thread that lives as long as the daemon: the child asks the kernel to
    kill it when the *thread* that made it ends.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
    with theirs:
        process = subprocess.Popen(
            [part.replace("{fd}", str(theirs.fileno())) for part in command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            cwd="/",
            pass_fds=(theirs.fileno(), *extra),
            start_new_session=True,
        )
    return Spawned(process, ours, words)
