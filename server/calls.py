"""Tool calls that outlive the connection they came through.

A client that cancels stops its call. A client that vanishes does not: the shim may die at any
moment, and a cell that runs is then finished and recorded, ready for the next connection.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from server.callers import Progress

HEARTBEAT_S = 15.0
"""Between two signs of life of a running call; one client gives up after 300 s of silence."""

_STOP_S = 10.0

R = TypeVar("R")


@dataclass
class _Outcome(Generic[R]):
    done: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    value: R | None = None
    error: Exception | None = None


class Calls:
    """Runs calls in the daemon's own task group."""

    def __init__(
        self, tasks: TaskGroup, *, clock: Callable[[], float], heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self.running = 0
        self.last = clock()
        """When a call last began or ended."""

    async def run(
        self, work: Callable[[], Awaitable[R]], progress: Progress, gone: anyio.Event
    ) -> R:
        """Run `work` and wait for it; on cancellation stop it, unless the client is `gone`."""
        outcome = _Outcome[R]()
        self._tasks.start_soon(self._body, work, outcome)
        try:
            await self._wait(outcome.done, progress)
        except BaseException:
            if not gone.is_set():
                outcome.scope.cancel()
                # The kernel is being interrupted: its cell ends before the next call begins.
                with anyio.move_on_after(_STOP_S, shield=True):
                    await outcome.done.wait()
            raise
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # pyright: ignore[reportReturnType] - no error: it is an R

    async def _body(self, work: Callable[[], Awaitable[R]], outcome: _Outcome[R]) -> None:
        self.running += 1
        self.last = self._clock()
        try:
            with outcome.scope:
                outcome.value = await work()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            outcome.error = error
        finally:
            self.running -= 1
            self.last = self._clock()
            outcome.done.set()

    async def _wait(self, done: anyio.Event, progress: Progress) -> None:
        began = self._clock()
        while not done.is_set():
            with anyio.move_on_after(self._heartbeat_s):
                await done.wait()
                return
            await progress(self._clock() - began, None, "still running")
