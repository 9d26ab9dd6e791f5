"""The rooms of one sandbox: opening them, giving each a user id, watching and closing them all."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from server.sandboxes import _cgroup, _files
from server.sandboxes._core import Box, Limits, Tier
from server.sandboxes._room import START_S, Plan, Room, enter
from server.sandboxes._watch import Watch
from tasks import SandboxError


@dataclass(frozen=True)
class Opening:
    """A launcher that waits for its plan, and how to be rid of it."""

    channel: socket.socket
    plan: Plan
    limits: Limits
    uid: int | None
    """User id taken for the room, given back at its end."""
    reap: Callable[[], Awaitable[None]]
    """Kills and releases what is left of the launcher; called once."""
    last_words: Callable[[], str]
    """What the launcher wrote to stderr."""


class Rooms:
    """All living rooms of one sandbox."""

    def __init__(self, tier: Tier, uids: range | None, *, watched: bool = True) -> None:
        self._tier = tier
        self._spare = _from(os.getpid(), uids) if uids is not None else None
        self._watch = Watch() if watched else None
        self._cgroup = _cgroup.delegation() if watched else None
        self._open: set[Room] = set()

    def __len__(self) -> int:
        return len(self._open)

    def take_uid(self) -> int | None:
        """A user id no living room has; None where rooms have user namespaces instead.

        Raises:
            SandboxError: all are taken.
        """
        if self._spare is None:
            return None
        if not self._spare:
            raise SandboxError("All user ids for rooms are taken: close attempts first.")
        return self._spare.pop()

    async def start(self, opening: Opening, keep: Box | None) -> Room:
        """Lead a launcher to a running kernel; on failure nothing of it is left.

        Raises:
            SandboxError: it could not be sealed or its kernel did not start.
        """
        key = secrets.token_hex(16)
        room: Room | None = None
        try:
            with anyio.fail_after(START_S):
                handles, begin = await enter(opening.channel, opening.plan, key)
                room = Room(self._tier, handles, key, opening.limits, self._end_of(opening))
                room.ended = lambda: self._open.discard(room) if room else None
                self._open.add(room)
                if self._cgroup is not None:
                    room.enclosure = self._cgroup.enclose(room.leader, key[:12], opening.limits)
                if isinstance(keep, Room):
                    await anyio.to_thread.run_sync(
                        _files.carry, keep.handles.work, handles.work, opening.limits.inodes
                    )
                await begin()
        except BaseException as error:
            words = opening.last_words()
            with anyio.CancelScope(shield=True):
                await (room.kill() if room else self._end_of(opening)())
            if isinstance(error, SandboxError | OSError | TimeoutError):
                raise SandboxError(_failure(self._tier, error, words)) from error
            raise
        if self._watch is not None:
            self._watch.add(room)
        return room

    async def close(self) -> None:
        """Kill every room."""
        async with anyio.create_task_group() as group:
            for room in tuple(self._open):
                group.start_soon(room.kill)
        if self._watch is not None:
            self._watch.close()
        if self._cgroup is not None:
            self._cgroup.remove()
            self._cgroup = None

    def _end_of(self, opening: Opening) -> Callable[[], Awaitable[None]]:
        async def end() -> None:
            opening.channel.close()
            await opening.reap()
            if self._spare is not None and opening.uid is not None:
                self._spare.append(opening.uid)

        return end


def _from(start: int, uids: range) -> list[int]:
    """The ids in an order of this process's own: two daemons' rooms must not share one's limits."""
    first = start * 61 % len(uids)
    return [*uids[first:], *uids[:first]]


def _failure(tier: Tier, error: BaseException, words: str) -> str:
    what = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        what = f"the kernel did not bind its sockets within {START_S:.0f} s"
    return f"A room of tier {tier} could not be started: {what}" + (f"\n{words}" if words else "")
