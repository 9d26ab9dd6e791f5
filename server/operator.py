"""The operator's own socket: graded attempts, diagnostic answers, status, stop.

One JSON object a line on `<home>/operator.sock` (0600 in a 0700 folder): `{"method", "params"}`
and `{"result"}` or `{"error": {kind, text}}`. No agent can reach it: sealed rooms do not see the
state folder, and nothing of it is on the agents' doors.
"""

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
from pydantic import ValidationError

from server.launch import START_S, DaemonOptions, TierName, start_daemon
from server.state import DaemonInfo, StateFolder
from server.wire import Wire, dial
from tasks import (
    JSON,
    AttemptRequest,
    DaemonError,
    Frozen,
    ProctorError,
    RecordError,
    SandboxError,
    Ticket,
    UnknownUnitError,
    UsageError,
)

log = logging.getLogger("proctor.operator")

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of one line; a diagnostic answer may hold a model's weights."""

Method = Callable[[Mapping[str, JSON]], Awaitable[JSON]]

_KINDS: Mapping[str, type[ProctorError]] = {
    kind.__name__: kind
    for kind in (DaemonError, RecordError, SandboxError, UnknownUnitError, UsageError)
}


class DaemonStatus(Frozen):
    """What the daemon does now."""

    info: DaemonInfo
    uptime_s: float
    idle_s: float
    """Seconds since the last call, connection or change."""
    connections: int
    """Shims connected."""
    calls_running: int
    """Tool calls in progress."""
    attempts: tuple[dict[str, JSON], ...]
    """Live attempts and practice sessions, as the hall describes them."""


class Operator:
    """Client of the daemon of one state folder; each call is a connection of its own.

    `async with Operator(home) as operator:` checks that a daemon answers.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._state = StateFolder(home)
        self._bound: dict[str, JSON] = {}

    async def __aenter__(self) -> "Operator":
        await self.status()
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        return None

    async def open_attempt(self, request: AttemptRequest) -> Ticket:
        """Open a graded attempt.

        Raises:
            UsageError: no such instance, or the run folder cannot be written.
        """
        asked = request.model_dump(mode="json")
        return Ticket.model_validate(
            await self._ask("open_attempt", {"request": asked, **self._bound})
        )

    async def diagnostic(self, attempt: str, kind: str, level: float = 0.0) -> JSON:
        """The answer of a diagnostic agent: `reference`, `oracle`, or `noisy` by `level`.

        Raises:
            UsageError: the attempt is not a diagnostic one.
        """
        return await self._ask("diagnostic", {"attempt": attempt, "kind": kind, "level": level})

    async def close_attempt(self, attempt: str, reason: str) -> None:
        """End an attempt now; one that has ended already is left as it is."""
        await self._ask("close_attempt", {"attempt": attempt, "reason": reason})

    async def status(self) -> DaemonStatus:
        """What the daemon does now."""
        return DaemonStatus.model_validate(await self._ask("status", {}))

    async def stop(self) -> None:
        """Ask the daemon to end; returns once it has let go of the state folder."""
        await self._ask("stop", {})
        with anyio.fail_after(30):
            while self._state.held():  # noqa: ASYNC110 - another process holds it
                await anyio.sleep(0.02)

    async def _ask(self, method: str, params: Mapping[str, JSON]) -> Any:
        try:
            async with await dial(self._state.operator_socket, LINE_LIMIT) as wire:
                return await self._over(wire, method, params)
        except OSError:
            raise self._silent() from None

    def _silent(self) -> DaemonError:
        return DaemonError(
            f"No daemon answers in {self._state.home}. Start one with `proctor serve start`; "
            f"the last one's log is {self._state.log}."
        )

    async def _over(self, wire: Wire, method: str, params: Mapping[str, JSON]) -> Any:
        await wire.send(json.dumps({"method": method, "params": params}).encode())
        answer = await wire.line()
        if answer is None:
            raise self._silent()
        message = json.loads(answer)
        if "error" in message:
            fault = message["error"]
            raise _KINDS.get(fault["kind"], ProctorError)(fault["text"])
        return message["result"]


class RunnerOperator(Operator):
    """An operator whose attempts live only as long as it does; a runner's.

    `async with RunnerOperator(home) as operator:` holds one connection, the lifeline. When that
    ends (this process left the block, or died in whatever way), the daemon ends what is open.
    When the daemon is gone, the block is cancelled and raises `DaemonError`: no agent plays on.
    """

    async def __aenter__(self) -> "RunnerOperator":
        try:
            self._wire = await dial(self._state.operator_socket, LINE_LIMIT)
        except OSError:
            raise self._silent() from None
        self._bound = {"lifeline": secrets.token_hex(8)}
        try:
            await self._over(self._wire, "hold", self._bound)
        except BaseException:
            await self._wire.__aexit__()
            raise
        self._watch = anyio.create_task_group()
        await self._watch.__aenter__()
        self._watch.start_soon(self._until_lost)
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        self._watch.cancel_scope.cancel()
        try:
            return await self._watch.__aexit__(*raised)
        finally:
            await self._wire.__aexit__()

    async def _until_lost(self) -> None:
        # The daemon never speaks first: whatever comes is its end.
        await self._wire.line()
        raise DaemonError(
            "The daemon was lost while attempts were open. `proctor serve logs` tells more; what "
            "was finished is safe, and the same command goes on from here."
        )


async def ensure_daemon(
    home: Path,
    runs: Path,
    sandbox: TierName = "auto",
    *,
    idle_exit_s: float = 3600.0,
    wait_s: float = START_S,
) -> DaemonInfo:
    """Return the daemon of `home`, started in the background if there is none.

    Raises:
        DaemonError: it did not start, or the running one has another sandbox than asked.
        SandboxError: no sandbox tier passed its live probe.
    """
    options = DaemonOptions(home=home, runs=runs, sandbox=sandbox, idle_exit_s=idle_exit_s)
    return await anyio.to_thread.run_sync(lambda: start_daemon(options, wait_s=wait_s))


async def serve_operator(wire: Wire, methods: Mapping[str, Method]) -> None:
    """Answer one operator connection until it ends."""
    while (line := await wire.line()) is not None:
        await wire.send(json.dumps(await _answer(line, methods)).encode())


async def _answer(line: bytes, methods: Mapping[str, Method]) -> dict[str, JSON]:
    try:
        message = json.loads(line)
        method, params = methods[message["method"]], message["params"]
    except (ValueError, KeyError, TypeError):
        return _fault("UsageError", f"Not a request this daemon knows ({', '.join(methods)}).")
    try:
        return {"result": await method(params)}
    except ProctorError as error:
        return _fault(type(error).__name__, str(error))
    except ValidationError as error:
        return _fault("UsageError", f"{message['method']} was asked wrongly: {error}")
    except Exception as error:
        log.exception("operator call %s failed", message["method"])
        return _fault("DaemonError", f"{type(error).__name__}: {error}")


def _fault(kind: str, text: str) -> dict[str, JSON]:
    return {"error": {"kind": kind, "text": text}}
