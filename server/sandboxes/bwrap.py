"""One bubblewrap per kernel: sealed, needs no capability inside, starts in about half a second.

Covers: everything `_hardening.ITEMS` lists, as root (a user id per room) and as an ordinary user
(a user namespace per room). Does not cover: faults of the Linux kernel itself, and timing and cache
side channels. A tmpfs of bubblewrap's has no limit of files: the watch counts them.
"""

from server.sandboxes import _bubblewrap, _hardening, _view
from server.sandboxes._core import Box, Limits, ProbeReport, Setting, Tier
from server.sandboxes._env import environment
from server.sandboxes._hardening import Hardening
from server.sandboxes._probe import probe
from server.sandboxes._room import Plan
from server.sandboxes._rooms import Opening, Rooms

_CAPS = _bubblewrap.Caps(root=("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"), user=())


class Bubblewrap:
    """Kernels each in a bubblewrap of its own."""

    tier = Tier.BWRAP

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._hard = Hardening(setting.dropped)
        self._rooms = Rooms(self.tier, _bubblewrap.spare_uids(), watched="watch" in self._hard)
        self._shown: _view.View | None = None

    async def open(self) -> None:
        """Find out what rooms will see; nothing is booted."""
        if self._shown is None:
            _bubblewrap.binary()
            self._shown = _view.view(self._setting.hidden, masked="mask" in self._hard)

    async def start(self, limits: Limits, keep: Box | None = None) -> Box:
        """Start a kernel in a new bubblewrap."""
        await self.open()
        assert self._shown is not None
        uid = self._rooms.take_uid()
        plan = Plan(
            _hardening.seals(self._hard, limits, uid),
            environment(limits, packages=self._shown.packages),
            leader=1,
        )
        spawned = _bubblewrap.launch(self._hard, self._shown, limits, _CAPS, "_launch.py")
        opening = Opening(spawned.channel, plan, limits, uid, spawned.reap, spawned.last_words)
        return await self._rooms.start(opening, keep)

    async def close(self) -> None:
        """Kill every room."""
        await self._rooms.close()

    async def probe(self) -> ProbeReport:
        """Attack a live room."""
        return await probe(self, {"bubblewrap": _bubblewrap.version()})


sandbox = Bubblewrap
