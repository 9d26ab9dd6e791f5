"""Serves the endpoint for as long as a context lasts: on loopback TCP or a unix socket."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import uvicorn

from runners._web import WebServer
from runners.scripted_model._app import Behaviour, Exchange, Model, Total, unheard
from runners.scripted_model._faults import Faults
from runners.scripted_model._replay import SCRIPTS, Script


@dataclass(frozen=True)
class Endpoint:
    """A scripted model that answers."""

    url: str
    """Base, without `/v1`. Over a unix socket its host means nothing."""
    uds: Path | None
    """The unix socket, if it is served on one."""
    totals: Mapping[str, Total]
    """Usage as told so far, by the NAME of the base URL `…/as/NAME` ('' for the plain one)."""

    def named(self, name: str) -> str:
        """The base URL whose usage is counted apart under `name`."""
        return f"{self.url}/as/{name}"


@asynccontextmanager
async def endpoint(
    script: Script | str = "solver",
    faults: Faults | str = "",
    *,
    seed: int = 0,
    key: str = "",
    at: Path | int = 0,
    listen: Callable[[Exchange], None] = unheard,
) -> AsyncGenerator[Endpoint]:
    """Serve a scripted model while the context lasts.

    Args:
        script: A script or the name of one.
        faults: What goes wrong on purpose; a text as `Faults.parse` reads it.
        seed: Of the script's draws.
        key: The key that requests must bring, else they get 401; '': none.
        at: A port on 127.0.0.1 (0: a free one), or the path of a unix socket.
        listen: Called after each request for a reply.

    Raises:
        UnknownUnitError: no script has that name.
        UsageError: there is no such fault.
        OSError: the port or path is taken.
    """
    behaviour = Behaviour(
        script=SCRIPTS.find(script) if isinstance(script, str) else script,
        faults=Faults.parse(faults) if isinstance(faults, str) else faults,
        seed=seed,
        key=key,
        listen=listen,
    )
    model = Model(behaviour)
    listening, url = _bound(at)
    config = uvicorn.Config(
        model.app(), log_level="critical", access_log=False, lifespan="off", ws="none"
    )
    server = WebServer(config, model.closing)
    server.force_exit = True  # at the end nobody is waited for
    # The socket listens already: who connects before the server runs waits in its queue. A task
    # of its own, not a group: what the caller raises inside stays what it is.
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield Endpoint(url, at if isinstance(at, Path) else None, model.totals)
    finally:
        model.closing.set()
        with anyio.CancelScope(shield=True):
            await serving
            listening.close()
            if isinstance(at, Path):
                await anyio.Path(at).unlink(missing_ok=True)


def _bound(at: Path | int) -> tuple[socket.socket, str]:
    if isinstance(at, Path):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        url, address = "http://localhost", os.fspath(at)
    else:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        url, address = "", ("127.0.0.1", at)
    try:
        listening.bind(address)
        listening.listen(256)
    except OSError:
        listening.close()
        raise
    return listening, url or f"http://127.0.0.1:{listening.getsockname()[1]}"
