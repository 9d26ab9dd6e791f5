"""The watch: samples what rooms use and kills a room that is over its limits.

Limits of single processes (rlimits) refuse politely; the sum over a room's processes, shared
memory and tmpfs files is bounded here alone, unless a cgroup does it. Samples come the faster the
nearer a room is to its cap, so that what it can grow by between two of them stays small.

A thread, not a task: reading /proc may wait for a room's memory lock, which must not hold up the
daemon's loop.
"""

import threading
import time
from collections.abc import Callable

from server.sandboxes import _usage
from server.sandboxes._room import OVER_MEMORY, Room

_REST_S = 0.2
"""Pause between samples of a room far from its cap."""
_BUSY_S = 0.005
_GROWTH_MB_S = 4000.0
"""How fast two cores can fill memory at most."""
_FOLDERS = 3
"""Folders that may each hold the disk limit."""
_ROUGH = 0.5
"""Share of the cap below which the cheap upper bound is enough."""


class Watch:
    """Samples rooms until closed; starts its thread with the first room."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[Room, float] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, room: Room) -> None:
        """Watch a room until it is dead."""
        with self._wake:
            self._due[room] = self._clock()
            if self._thread is None or not self._thread.is_alive():
                self._closed = False
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Stop the thread."""
        with self._wake:
            self._closed = True
            self._due.clear()
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._closed:
                    return
                room = min(self._due, key=self._due.__getitem__, default=None)
                pause = None if room is None else self._due[room] - self._clock()
                if room is None or (pause is not None and pause > 0):
                    self._wake.wait(pause)
                    continue
            rest = sample(room)
            with self._wake:
                if room not in self._due:
                    continue
                if rest is None:
                    del self._due[room]
                else:
                    self._due[room] = self._clock() + rest


def sample(room: Room) -> float | None:
    """Look at a room once, kill it if it is over; seconds until the next look, None if dead."""
    with room.held() as held:
        if not held or not room.alive():
            return None
        limits, in_memory = room.limits, room.tier.sealed
        stored = _usage.stored(room.handles.folders, in_memory=in_memory)
        used = _usage.rough_mb(room.leader) + (stored.disk_mb if in_memory else 0.0)
        if used > _ROUGH * limits.memory_mb:
            used = _usage.measure(room.leader, room.handles.folders, in_memory=in_memory).memory_mb
        if used > limits.memory_mb:
            return room.condemn(OVER_MEMORY.format(limits.memory_mb))
        if stored.inodes > limits.inodes:
            return room.condemn(f"The kernel was killed: it made more than {limits.inodes} files.")
        if stored.disk_mb > _FOLDERS * limits.disk_mb + 1:
            return room.condemn(
                f"The kernel was killed: it wrote more than {limits.disk_mb} MB to disk."
            )
    return min(_REST_S, max(_BUSY_S, (limits.memory_mb - used) / _GROWTH_MB_S))
