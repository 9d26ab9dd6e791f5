"""Rooms of the reduced tiers: folders on disk instead of a view of their own."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

import server.kit
from server.sandboxes._core import Limits
from server.sandboxes._env import environment
from server.sandboxes._room import Plan
from server.sandboxes._rooms import Opening
from server.sandboxes._spawn import Spawned, spawn

_END_S = 5.0


@dataclass(frozen=True)
class Slot:
    """Folders of one room on disk."""

    root: Path
    kit: Path

    @property
    def work(self) -> str:
        """What is `/work` elsewhere."""
        return str(self.root / "w")

    @property
    def sockets(self) -> str:
        """Where the kernel binds."""
        return str(self.root / "k")

    @property
    def tmp(self) -> str:
        """The room's temporary folder."""
        return str(self.root / "t")

    def environment(self, limits: Limits, host: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Variables of its kernel; of the host's, only where programs lie."""
        own = environment(limits, home=self.work, kit=str(self.kit), tmp=self.tmp)
        own.pop("LD_LIBRARY_PATH", None)
        return {**own, "PATH": f"{Path(sys.executable).parent}:{host.get('PATH', os.defpath)}"}

    def opening(self, steps: Sequence[Sequence[Any]], limits: Limits, uid: int | None) -> Opening:
        """Start a launcher that waits in these folders for its plan."""
        script = str(self.kit / "kit" / "_launch.py")
        own = self.environment(limits)
        plan = Plan(steps=steps, env=own, work=self.work, sockets=self.sockets, stores=(self.tmp,))
        spawned = spawn([sys.executable, "-P", script, "{fd}"], own)
        end = self.ender(spawned)
        return Opening(spawned.channel, plan, limits, uid, end, spawned.last_words)

    def give(self, uid: int) -> None:
        """Hand the folders to another user."""
        for path in (self.root, *self.root.iterdir()):
            os.chown(path, uid, uid)

    def ender(self, spawned: Spawned) -> Callable[[], Awaitable[None]]:
        """What ends the room: its supervisor kills all that is left, then the folders go."""

        async def end() -> None:
            pidfd = os.pidfd_open(spawned.process.pid)
            try:
                with anyio.move_on_after(_END_S):
                    await anyio.wait_readable(pidfd)
            finally:
                os.close(pidfd)
            await spawned.reap()
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(self.root, ignore_errors=True))

        return end


class Slots:
    """The folder that holds them."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="proctor-"))
        # Rooms of other users must reach theirs; its name is not to be listed.
        self.root.chmod(0o711)
        (self.root / "kit").symlink_to(Path(server.kit.__file__ or "").resolve().parent)

    def make(self) -> Slot:
        """A fresh room's folders."""
        root = self.root / secrets.token_hex(8)
        for path in (root, root / "w", root / "k", root / "t"):
            path.mkdir(mode=0o700)
        return Slot(root, self.root)

    def remove(self) -> None:
        """Remove everything."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.root, ignore_errors=True)
