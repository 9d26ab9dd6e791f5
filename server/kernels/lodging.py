"""jupyter-client's manager and client, fitted to a room: two sockets, connected once.

Agent code can close or replace its ends of the sockets and knows the session key. So the host
connects before any agent code runs and never again (RECONNECT_IVL=-1), never blocks in a send
(SNDTIMEO=0), reads ahead little (RCVHWM), refuses huge frames (MAXMSGSIZE) and leaves control,
stdin and heartbeat channels out: signals and the process descriptor do their work better.
"""

from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from server.kernels.provisioner import SandboxProvisioner
from server.sandboxes import Box, Limits, Sandbox

FRAME_BYTES = 4 * 1024 * 1024
"""A larger frame makes libzmq drop the connection: the hard stop behind all other caps."""
_AHEAD = 8
_SOCKETS = 16_384


def new_context() -> zmq.asyncio.Context:
    """A zmq context whose sockets have the options above; one serves all kernels."""
    context = zmq.asyncio.Context()
    context.set(zmq.MAX_SOCKETS, _SOCKETS)
    for option, value in (
        (zmq.LINGER, 0),
        (zmq.SNDTIMEO, 0),
        (zmq.RCVHWM, _AHEAD),
        (zmq.MAXMSGSIZE, FRAME_BYTES),
        (zmq.RECONNECT_IVL, -1),
    ):
        context.setsockopt(option, value)
    return context


class RoomClient(AsyncKernelClient):
    """A client with a shell and an iopub channel."""

    def open(self) -> None:
        """Connect both."""
        self.start_channels(stdin=False, hb=False, control=False)

    def stop_channels(self) -> None:
        """Close what was opened; nothing is connected anew for that."""
        for channel in (self._shell_channel, self._iopub_channel):
            if channel is not None:
                channel.stop()

    def request(self, kind: str, content: dict[str, Any]) -> str:
        """Send a request on the shell channel and return its message id.

        Raises:
            zmq.Again: the kernel's end is gone or takes no more.
        """
        message = self.session.msg(kind, content)
        self.shell_channel.send(message)
        return message["header"]["msg_id"]


class RoomManager(AsyncKernelManager):
    """A manager whose kernel lives in a room of `sandbox`."""

    def __init__(self, sandbox: Sandbox, limits: Limits, context: zmq.asyncio.Context) -> None:
        super().__init__(context=context, transport="ipc", client_factory=RoomClient)
        self.sandbox = sandbox
        self.limits = limits
        self._kernel_spec = KernelSpec(display_name="Proctor", language="python")
        self.room = SandboxProvisioner(parent=self, kernel_spec=self._kernel_spec)
        self.provisioner = self.room

    def write_connection_file(self, **kwargs: Any) -> None:
        """None is needed: the room has its own."""

    async def launch(self) -> tuple[RoomClient, Box]:
        """Start a kernel, or another one in place of the first with the same /work; connect to it.

        Raises:
            SandboxError: no room could be started.
        """
        # start_kernel() would also open a control socket and pause for 10 ms.
        command, options = await self.pre_start_kernel()
        await self._launch_kernel(command, **options)
        assert self.room.box is not None
        client = self.client(context=self.context)
        assert isinstance(client, RoomClient)
        client.open()
        return client, self.room.box

    async def close(self) -> None:
        """Kill the room and release it."""
        await self.room.cleanup()
