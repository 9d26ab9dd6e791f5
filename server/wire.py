"""Lines over unix sockets.

asyncio's own transports, because a cancelled read of anyio's unix stream may race with arriving
data and end in an `InvalidStateError` in the event loop.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio.abc import TaskGroup

from server.state import socket_address


class LineTooLongError(Exception):
    """The other end sent more than the limit without a line end."""


class Wire:
    """One connection that speaks lines; `async with` closes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def __aenter__(self) -> "Wire":
        return self

    async def __aexit__(self, *reason: object) -> None:
        self._writer.close()

    async def line(self) -> bytes | None:
        """The next line without its end; None if the other end is gone.

        Raises:
            LineTooLongError: it is longer than the limit.
        """
        try:
            return (await self._reader.readuntil(b"\n"))[:-1]
        except asyncio.LimitOverrunError as error:
            raise LineTooLongError from error
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def send(self, line: bytes) -> None:
        """Send one line; a vanished other end is no error, reading tells."""
        with suppress(OSError):
            self._writer.write(line + b"\n")
            await self._writer.drain()


async def dial(path: Path, limit: int) -> Wire:
    """Connect to a listener.

    Raises:
        OSError: nobody listens there.
    """
    with socket_address(path) as address:
        return Wire(*await asyncio.open_unix_connection(address, limit=limit))


@asynccontextmanager
async def listening(
    path: Path, limit: int, tasks: TaskGroup, serve: Callable[[Wire], Awaitable[None]]
) -> AsyncGenerator[None]:
    """Serve every connection to `path` (made 0600) in its own task of `tasks`."""

    async def one(wire: Wire) -> None:
        async with wire:
            await serve(wire)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.start_soon(one, Wire(reader, writer))

    server = await asyncio.start_unix_server(connected, sock=_bind(path), limit=limit, backlog=128)
    try:
        yield
    finally:
        server.close()


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with socket_address(path) as address:
        listener.bind(address)
    path.chmod(0o600)
    return listener
