"""Running one piece of code in a fresh room and getting its value: the self-test's own client.

Kernels for agents have a client that survives hostile kernels (`server/kernels/`); this one serves
rooms that no agent has touched.
"""

import ast
from collections.abc import Mapping
from typing import Any

import anyio
import zmq
import zmq.asyncio
from jupyter_client.session import Session

from server.sandboxes._core import Box
from tasks import SandboxError


async def ask(box: Box, code: str, expression: str = "None", timeout: float = 60.0) -> Any:
    """Run `code` in the room's kernel and return the literal value of `expression`.

    Raises:
        SandboxError: the code failed, or the kernel died or did not answer in time.
    """
    info = box.connection
    session = Session(key=str(info["key"]).encode())
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    try:
        socket.connect(f"ipc://{info['ip']}-{info['shell_port']}")
        content = {"code": code, "silent": False, "user_expressions": {"value": expression}}
        await socket.send_multipart(session.serialize(session.msg("execute_request", content)))
        parts: list[list[bytes]] = []
        with anyio.move_on_after(timeout):
            async with anyio.create_task_group() as group:

                async def receive() -> None:
                    parts.append(await socket.recv_multipart())
                    group.cancel_scope.cancel()

                async def watch() -> None:
                    await box.wait()
                    group.cancel_scope.cancel()

                group.start_soon(receive)
                group.start_soon(watch)
        if not parts:
            raise SandboxError(f"The room died or did not answer within {timeout:.0f} s.")
        _, frames = session.feed_identities(parts[0])
        return _value(session.deserialize(frames)["content"])
    finally:
        socket.close()
        context.term()


def _value(content: Mapping[str, Any]) -> Any:
    if content["status"] == "ok":
        value = content["user_expressions"]["value"]
        if value["status"] == "ok":
            return ast.literal_eval(value["data"]["text/plain"])
        content = value
    raise SandboxError(f"The code failed in the room: {content['ename']}: {content['evalue']}")
