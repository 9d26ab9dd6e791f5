"""The kernel provisioner `proctor-sandbox`: how jupyter-client starts a kernel in a sealed room.

A `KernelManager` whose kernel spec names this provisioner gets its kernels from a `Sandbox`: the
one on the manager (`sandbox` and `limits`, see `Lodging`), or, in any other Jupyter server, the
tier that the kernel spec's config asks for:

    {"metadata": {"kernel_provisioner": {"provisioner_name": "proctor-sandbox",
                                         "config": {"tier": "auto"}}}}
"""

import signal
from typing import Any, Protocol, runtime_checkable

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Unicode

from server.sandboxes import Box, Limits, Sandbox, SandboxError, choose


@runtime_checkable
class Lodging(Protocol):
    """What a kernel manager of ours offers its provisioner."""

    sandbox: Sandbox
    limits: Limits


class SandboxProvisioner(KernelProvisionerBase):  # pyright: ignore[reportUntypedBaseClass]
    """One kernel in one room; a restart gets a new room and keeps /work."""

    tier = Unicode("auto", help="Tier to use where the manager brings no sandbox.").tag(config=True)
    box: Box | None = None
    _own: Sandbox | None = None

    @property
    def has_process(self) -> bool:
        """Whether a room is held (its kernel may be dead)."""
        return self.box is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """No command line and no environment of the server's go into a room."""
        return {**kwargs, "cmd": [], "env": {}}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a room; one still held from before hands its /work over and is killed."""
        sandbox, limits = await self._lodging()
        before, self.box = self.box, None
        try:
            self.box = await sandbox.start(limits, keep=before)
        finally:
            if before is not None:
                await before.kill()
        info: dict[str, Any] = self.box.connection
        self.connection_info = {**info, "key": str(info["key"]).encode()}  # pyright: ignore[reportAttributeAccessIssue] - jupyter-client wants bytes and declares str
        return self.connection_info

    async def poll(self) -> int | None:
        """None while the kernel lives; its exit status is not ours to know afterwards."""
        return None if self.box is not None and self.box.alive() else 1

    async def wait(self) -> int | None:
        """Wait for the kernel's death."""
        if self.box is not None and self.box.alive():
            await self.box.wait()
        return 1

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel process."""
        if self.box is not None:
            self.box.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel and all in the room; `cleanup` releases the room afterwards.

        The descriptors stay open until then: jupyter-client still unlinks the socket files by a
        path through one of them, which must not mean another room's by then.
        """
        if self.box is not None:
            self.box.signal(signal.SIGKILL)
            await self.box.wait()

    async def terminate(self, restart: bool = False) -> None:
        """The same as `kill`: a room owes its end to nobody's good will."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Release the room, and the sandbox if it is our own."""
        if restart:
            return
        if self.box is not None:
            await self.box.kill()
            self.box = None
        if self._own is not None:
            await self._own.close()
            self._own = None

    async def _lodging(self) -> tuple[Sandbox, Limits]:
        if isinstance(self.parent, Lodging):
            return self.parent.sandbox, self.parent.limits
        if self._own is None:
            self._own, _ = await choose(str(self.tier))
        return self._own, Limits()


__all__ = ["Lodging", "SandboxError", "SandboxProvisioner"]
