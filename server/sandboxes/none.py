"""No sandbox: a kernel as a plain child process. Only on an explicit `--no-sandbox`.

Covers: a folder of its own, a clean environment, an end of all processes of its session. Does not
cover: anything an agent may want to read, reach or fill. Every result carries `none`.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import anyio

import server.kit
from server.sandboxes import _files
from server.sandboxes._core import Box, Limits, Probe, ProbeReport, SandboxError, Setting, Tier
from server.sandboxes._env import environment
from server.sandboxes._room import START_S, Handles, Plan, Room, enter
from server.sandboxes._spawn import Spawned, spawn


class Plain:
    """Kernels as plain child processes."""

    tier = Tier.NONE

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._root: Path | None = None
        self._rooms: set[Room] = set()

    async def open(self) -> None:
        """Make the folder that the rooms' folders lie in."""
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="proctor-"))
            (self._root / "kit").symlink_to(Path(server.kit.__file__ or "").parent)

    async def start(self, limits: Limits, keep: Box | None = None) -> Box:
        """Start a kernel."""
        await self.open()
        assert self._root is not None
        slot = Path(tempfile.mkdtemp(dir=self._root))
        for name in ("w", "k", "t"):
            (slot / name).mkdir()
        key = secrets.token_hex(16)
        env = _host_environment(limits, slot, self._root)
        launcher = str(self._root / "kit" / "_launch.py")
        spawned = spawn([sys.executable, "-P", launcher, "{fd}"], env)
        plan = Plan(
            steps=[["die_with_parent"], ["limit", "CORE", 0]],
            env=env,
            work=str(slot / "w"),
            sockets=str(slot / "k"),
            stores=(str(slot / "t"),),
        )
        try:
            with anyio.fail_after(START_S):
                handles, begin = await enter(spawned.channel, plan, key)
                room = Room(Tier.NONE, handles, key, limits, _ender(spawned, handles, slot))
                self._rooms.add(room)
                if isinstance(keep, Room):
                    _files.carry(keep.handles.work, handles.work, limits.inodes)
                await begin()
        except (SandboxError, TimeoutError, OSError) as error:
            words = spawned.last_words()
            await spawned.reap()
            shutil.rmtree(slot, ignore_errors=True)
            raise SandboxError(f"No kernel could be started: {error}\n{words}") from error
        return room

    async def close(self) -> None:
        """Kill every kernel and remove the folders."""
        for room in tuple(self._rooms):
            await room.kill()
        self._rooms.clear()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None

    async def probe(self) -> ProbeReport:
        """Nothing is sealed; the report says so."""
        leak = Probe("sealed", held=False, control=True, detail="none asked", expected_leak=True)
        return ProbeReport(Tier.NONE, passed=True, probes=(leak,))


def _host_environment(limits: Limits, slot: Path, root: Path) -> dict[str, str]:
    own = environment(limits, home=str(slot / "w"), kit=str(root), tmp=str(slot / "t"))
    return {**own, "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"}


def _ender(spawned: Spawned, handles: Handles, slot: Path):
    session = spawned.process.pid

    async def end() -> None:
        try:
            os.killpg(session, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await spawned.reap()
        shutil.rmtree(slot, ignore_errors=True)

    return end


sandbox = Plain
