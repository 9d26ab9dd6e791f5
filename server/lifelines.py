"""Attempts that live only as long as their runner does.

A runner holds one operator connection, its lifeline, and opens attempts under it. The kernel of
the machine closes that connection when the runner is gone, however it died; the daemon then ends
what is still open under it, kernels and all. Nobody pays for agents that nobody waits for.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

import anyio

from tasks import JSON, DaemonError, UsageError

log = logging.getLogger("proctor.daemon")

GONE = "Its runner is gone."
"""Why such an attempt was ended; stands in its record."""

CloseAttempt = Callable[[str, str], Awaitable[None]]
"""`await close(attempt, reason)`; leaves one that has ended as it is."""


class Lifelines:
    """All lifelines of one daemon, by the names that runners gave them."""

    def __init__(self) -> None:
        self._held: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def hold(self, name: str) -> None:
        """A connection is that lifeline from now on.

        Raises:
            UsageError: another connection is.
        """
        if name in self._held:
            raise UsageError(f"The lifeline {name!r} is held already.")
        self._held[name] = set()

    def require(self, name: str) -> None:
        """Refuse to open an attempt under a lifeline that is not held.

        Raises:
            DaemonError: it is not, or not any more.
        """
        if name not in self._held:
            raise DaemonError("The runner's lifeline is gone, so no attempt is open under it.")

    def bind(self, name: str, attempt: str) -> bool:
        """The attempt ends with the lifeline; False if that is gone already."""
        if name not in self._held:
            return False
        self._held[name].add(attempt)
        return True

    def release(self, attempt: str) -> None:
        """The attempt has ended otherwise."""
        for attempts in self._held.values():
            attempts.discard(attempt)

    async def drop(self, name: str, close: CloseAttempt) -> None:
        """The connection has ended: so do the attempts under it, all at a time."""
        attempts = self._held.pop(name)
        if attempts:
            log.warning("a runner is gone; ending its %d open attempts", len(attempts))
        async with anyio.create_task_group() as tasks:
            for attempt in attempts:
                tasks.start_soon(_ended, close, attempt)


class Connection:
    """One operator connection, which may become a lifeline."""

    def __init__(self, lifelines: Lifelines, close: CloseAttempt) -> None:
        self._lifelines = lifelines
        self._close = close
        self._name: str | None = None

    def methods(self) -> Mapping[str, Callable[[Mapping[str, JSON]], Awaitable[JSON]]]:
        """What this connection answers beside the daemon's own methods."""
        return {"hold": self._hold}

    async def ended(self) -> None:
        """The other end is gone."""
        if self._name is not None:
            await self._lifelines.drop(self._name, self._close)

    async def _hold(self, params: Mapping[str, JSON]) -> JSON:
        if self._name is not None:
            raise UsageError("This connection is a lifeline already.")
        name = str(params["lifeline"])
        self._lifelines.hold(name)
        self._name = name


async def _ended(close: CloseAttempt, attempt: str) -> None:
    try:
        await close(attempt, GONE)
    except Exception:
        # One attempt that cannot be ended must not keep the others alive.
        log.exception("attempt %s of a lost runner could not be ended", attempt)
