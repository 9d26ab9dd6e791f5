"""Serves the booth's doors from outside: HTTP by uvicorn, stdio by the real shim on the socket."""

import contextlib
import hmac
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import uvicorn
from starlette.types import ASGIApp

from runners._booth.life import pump
from runners._web import WebServer
from tasks import Ticket

_WORD_S = 10.0


@asynccontextmanager
async def serving(door: socket.socket, app: ASGIApp) -> AsyncGenerator[None]:
    """Serve `app` at a listener while the context lasts; closes it."""
    config = uvicorn.Config(
        app,
        log_config=None,
        # An answer that broke off is told in the account, not on the terminal.
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        date_header=False,
        # A CLI may come back to a connection after minutes of a tool call.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=1,
    )
    leave = anyio.Event()
    server = WebServer(config, leave)

    async def serve() -> None:
        # Cancelled in the middle, uvicorn would leave the tasks of its requests behind.
        with anyio.CancelScope(shield=True):
            await server.serve(sockets=[door])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        try:
            yield
        finally:
            leave.set()


class Relay:
    """Gives every connection to the stdio door a shim of its own, as a CLI's pipes would."""

    def __init__(self, ticket: Ticket, word: str, told: Callable[[bytes], None]) -> None:
        self._ticket = ticket
        self._word = word
        self._told = told
        self.connections = 0
        self.lost = False
        """Whether another hand than ours killed a shim."""

    @asynccontextmanager
    async def serving(self, door: socket.socket) -> AsyncGenerator[None]:
        """Accept while the context lasts; closes the listener and ends every shim."""
        door.setblocking(False)
        with door:
            async with anyio.create_task_group() as tasks:

                async def accept() -> None:
                    while True:
                        await anyio.wait_readable(door)
                        with contextlib.suppress(BlockingIOError):
                            tasks.start_soon(self._connected, door.accept()[0])

                tasks.start_soon(accept)
                yield
                tasks.cancel_scope.cancel()

    async def _connected(self, connection: socket.socket) -> None:
        with connection:
            try:
                shim = await self._shim(connection)
            except OSError as error:
                self._told(f"Proctor's shim: {error}\n".encode())
                return
        if shim is None:
            return
        try:
            await pump(shim.stderr, self._told)
            self.lost |= await shim.wait() < 0
        finally:
            with anyio.CancelScope(shield=True):
                if shim.returncode is None:
                    shim.kill()
                await shim.aclose()

    async def _shim(self, connection: socket.socket) -> anyio.abc.Process | None:
        if not await self._welcome(connection):
            return None
        self.connections += 1
        # The shim reads and writes the socket itself: nothing is copied on its way.
        connection.setblocking(True)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return await anyio.open_process(
            list(self._ticket.command),
            stdin=connection.fileno(),
            stdout=connection.fileno(),
            env={"PATH": path, **self._ticket.env},
        )

    async def _welcome(self, connection: socket.socket) -> bool:
        """Read the first line, and not a byte more: whether it is the word."""
        connection.setblocking(False)
        wanted = self._word.encode() + b"\n"
        said = b""
        with anyio.move_on_after(_WORD_S):
            while len(said) < len(wanted):
                await anyio.wait_readable(connection)
                chunk = connection.recv(len(wanted) - len(said))
                if not chunk:
                    break
                said += chunk
        return hmac.compare_digest(said, wanted)
