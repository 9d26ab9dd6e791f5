"""No sandbox: a kernel as a plain child process. Only on an explicit `--no-sandbox`.

Covers: a folder of its own, a clean environment, an end of all its processes. Does not cover:
anything an agent may want to read, reach or fill. Every result carries `none`.
"""

from server.sandboxes._core import Box, Limits, Probe, ProbeReport, Setting, Tier
from server.sandboxes._rooms import Rooms
from server.sandboxes._slots import Slots


class Plain:
    """Kernels as plain child processes."""

    tier = Tier.NONE

    def __init__(self, setting: Setting) -> None:
        del setting
        self._slots: Slots | None = None
        self._rooms = Rooms(self.tier, None, watched=False)

    async def open(self) -> None:
        """Make the folder that the rooms' folders lie in."""
        if self._slots is None:
            self._slots = Slots()

    async def start(self, limits: Limits, keep: Box | None = None) -> Box:
        """Start a kernel."""
        await self.open()
        assert self._slots is not None
        slot = self._slots.make()
        opening = slot.opening([["supervise"], ["limit", "CORE", 0]], limits, None)
        return await self._rooms.start(opening, keep)

    async def close(self) -> None:
        """Kill every kernel and remove the folders."""
        await self._rooms.close()
        if self._slots is not None:
            self._slots.remove()
            self._slots = None

    async def probe(self) -> ProbeReport:
        """Nothing is sealed; the report says so."""
        leak = Probe("sealed", held=False, control=True, detail="not asked", expected_leak=True)
        return ProbeReport(Tier.NONE, passed=True, probes=(leak,))


sandbox = Plain
