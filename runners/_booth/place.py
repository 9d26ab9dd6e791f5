"""Where a CLI runs, as it sees it: sealed in a view of its own, or in a private folder here."""

import os
import socket
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runners._booth import bubble, inside
from runners._booth.program import Program

_HTTP, _PIPE = 8100, 8101
"""Ports of the doors in a sealed booth, whose loopback is its own."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the CLI runs, as it sees it, and the doors if they are made outside."""

    program: str
    home: str
    path: str
    python: str
    inside: str
    http: int
    pipe: int
    doors: tuple[socket.socket, ...]
    sealed: bool

    @property
    def word(self) -> str:
        """The file that holds the word of the MCP door."""
        return f"{self.home}/.booth"


@contextmanager
def place_for(program: Program, environ: Mapping[str, str], *, sealed: bool) -> Generator[Place]:
    """A place for one attempt; what it takes on this machine is gone afterwards."""
    if sealed:
        yield Place(
            program=program.inside,
            home=bubble.HOME,
            path=bubble.PATH,
            python=str(bubble.python()),
            inside=bubble.INSIDE,
            http=_HTTP,
            pipe=_PIPE,
            doors=(),
            sealed=True,
        )
        return
    with (
        tempfile.TemporaryDirectory(prefix="booth", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        doors = [stack.enter_context(inside.listener(0)) for _ in range(2)]
        http, pipe = (door.getsockname()[1] for door in doors)
        yield Place(
            program=str(program.path),
            home=folder,
            path=environ.get("PATH", os.defpath),
            python=sys.executable,
            inside=str(Path(inside.__file__).resolve()),
            http=http,
            pipe=pipe,
            doors=tuple(doors),
            sealed=False,
        )
