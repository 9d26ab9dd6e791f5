"""The two doors of the daemon for agents: loopback HTTP with bearer tokens, and the shims' socket.

HTTP asks every request for its token, so that nothing depends on an MCP session: the 2026-07-28
revision has none. Host and Origin are checked against DNS rebinding. The unix socket lies in a
folder of this user alone; a shim says its token in its greeting.
"""

import json
import logging
import secrets
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp.server import Server
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.runner import serve_dual_era_loop
from mcp.shared.message import SessionMessage
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from server.foyer import REFUSAL, Foyer
from server.protocol import TOKEN_KEY, Door
from server.wire import LineTooLongError, Wire
from tasks import DaemonError

log = logging.getLogger("proctor.doors")

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of one JSON-RPC message: a cell of 5 MB fits, a flood does not."""

Admits = Callable[[str], bool]
"""Whether a bearer token is one of a graded attempt."""


class BearerGate:
    """Lets a request in with an attempt's token or the practice token; 401 otherwise."""

    def __init__(self, app: ASGIApp, admits: Admits, practice: str, *, open_door: bool) -> None:
        self._app = app
        self._admits = admits
        self._practice = practice
        self._open = open_door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _bearer(Headers(scope=scope))
        practising = self._open if given is None else _same(given, self._practice)
        if not practising and (given is None or not self._admits(given)):
            await _unauthorized(given)(scope, receive, send)
            return
        token = None if practising else given
        # The SDK binds an MCP session of the older revisions to the principal that opened it.
        user = AuthenticatedUser(
            AccessToken(token=token or "practice", client_id=token or "practice", scopes=[])
        )
        await self._app({**scope, TOKEN_KEY: token, "user": user}, receive, send)


def listen_tcp(port: int) -> socket.socket:
    """A loopback socket.

    Raises:
        DaemonError: the port is taken or not allowed.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise DaemonError(
            f"Port {port} on 127.0.0.1 cannot be had ({error.strerror}). Name another with "
            "`proctor serve start --port N`, or leave it out and any free port is taken."
        ) from error
    listener.set_inheritable(False)
    return listener


async def serve_http(
    server: Server[Any], listener: socket.socket, gate: Callable[[ASGIApp], ASGIApp]
) -> None:
    """Serve streamable HTTP at /mcp until cancelled."""
    app = server.streamable_http_app(max_request_body_size=MESSAGE_LIMIT)
    config = uvicorn.Config(
        gate(app), log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
    )
    web = _Web(config)

    async def run() -> None:
        # Cancelled in the middle, uvicorn would leave its lifespan task behind.
        with anyio.CancelScope(shield=True):
            await web.serve(sockets=[listener])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        try:
            await anyio.sleep_forever()
        finally:
            web.should_exit = True


class _Web(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has its own."""

    @contextmanager
    def capture_signals(self) -> Any:
        yield


async def serve_shim(server: Server[Any], wire: Wire, foyer: Foyer) -> None:
    """Serve one shim's connection until it ends, or the house could not open."""
    try:
        line = await wire.line()
        if line is None:
            return
        hello = json.loads(line)
        token = hello["token"]
        if hello["proctor"] != 1 or not isinstance(token, str | None):
            raise ValueError("unknown greeting")
    except (ValueError, KeyError, TypeError, LineTooLongError):
        await _greet(wire, error="This is not a Proctor shim's greeting.")
        return
    if token is not None and not foyer.admits(token):
        await _greet(wire, error=NOT_ADMITTED)
        return
    await _greet(wire)
    door = Door(token, f"shim-{secrets.token_hex(4)}")
    log.info("%s connected (pid %s)", door.connection, hello.get("pid"))
    pending = _Pending()
    async with (
        _messages(wire, door, pending) as (reading, writing),
        anyio.create_task_group() as tasks,
    ):

        async def part() -> None:
            await foyer.refused()
            await pending.none()
            # Of this shape no message is; the shim says it to whoever asks from now on.
            word = {"proctor": 1, "told": REFUSAL, "error": foyer.told}
            await wire.send(json.dumps(word).encode())
            tasks.cancel_scope.cancel()

        tasks.start_soon(part)
        await serve_dual_era_loop(server, reading, writing, lifespan_state=door)
        tasks.cancel_scope.cancel()
    log.info("%s gone", door.connection)


class _Pending:
    """Requests of one connection whose answer has not been sent."""

    def __init__(self) -> None:
        self._ids: set[types.RequestId] = set()
        self._answered = anyio.Event()

    def read(self, message: types.JSONRPCMessage) -> None:
        """The other end said this."""
        if isinstance(message, types.JSONRPCRequest):
            self._ids.add(message.id)
        elif (
            isinstance(message, types.JSONRPCNotification)
            and message.method == "notifications/cancelled"
        ):
            # A cancelled request gets no answer.
            self._drop((message.params or {}).get("requestId"))

    def written(self, message: types.JSONRPCMessage) -> None:
        """The other end was sent this."""
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
            self._drop(message.id)

    async def none(self) -> None:
        """Return when every request is answered."""
        while self._ids:
            await self._answered.wait()

    def _drop(self, answered: Any) -> None:
        self._ids.discard(answered)
        if not self._ids:
            self._answered.set()
            self._answered = anyio.Event()


NOT_ADMITTED = (
    "This token belongs to no attempt of this daemon. PROCTOR_TOKEN comes with an attempt's "
    "ticket; leave it out to practise."
)


@asynccontextmanager
async def _messages(wire: Wire, door: Door, pending: _Pending) -> AsyncGenerator[tuple[Any, Any]]:
    """The wire as message streams; `door.gone` is set before the reading side ends."""
    to_server, reading = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    writing, from_server = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with to_server:
            try:
                while (line := await wire.line()) is not None:
                    message = _message(line)
                    if isinstance(message, SessionMessage):
                        pending.read(message.message)
                    await to_server.send(message)
            except LineTooLongError:
                log.warning("%s sent a line of over %d bytes", door.connection, MESSAGE_LIMIT)
                await wire.send(_too_long())
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                log.debug("%s is served no more", door.connection)
            finally:
                door.gone.set()

    async def write() -> None:
        async with from_server:
            async for message in from_server:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await wire.send(text.encode())
                pending.written(message.message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)
        yield reading, writing
        tasks.cancel_scope.cancel()


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _greet(wire: Wire, error: str | None = None) -> None:
    word = {"ok": True} if error is None else {"error": error}
    await wire.send(json.dumps(word).encode())


def _too_long() -> bytes:
    error = {"code": types.INVALID_REQUEST, "message": f"A message is at most {MESSAGE_LIMIT} B."}
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _unauthorized(given: str | None) -> JSONResponse:
    text = (
        "Send `Authorization: Bearer TOKEN`: an attempt's token, or for practice the content of "
        "`practice_token` in Proctor's state folder."
        if given is None
        else NOT_ADMITTED
    )
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": text}}
    return JSONResponse(error, status_code=401, headers={"WWW-Authenticate": "Bearer"})
