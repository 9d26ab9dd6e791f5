"""Passes one HTTP exchange on to another server, chunk by chunk, until either side ends it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio
import httpx2
from starlette.requests import Request
from starlette.types import Message, Send

HOP = ("content-type", "cache-control", "retry-after", "request-id", "x-request-id")
"""Headers of an answer that are passed on; others are the provider's business with us."""
BUSY = frozenset({429, 503, 529})
PAUSE_S = 5
"""Told to whoever a busy provider refuses without saying when to come again: one CLI (Codex) gives
up at the first refusal otherwise."""


@dataclass
class Exchange:
    """One request to the server behind, and who listens to its answer."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes
    passed: tuple[str, ...] = HOP
    """Headers of the answer to hand on."""
    heard: Callable[[bytes], None] = lambda chunk: None
    """Hears each chunk of a good answer's body."""
    clean: Callable[[bytes], bytes] = lambda body: body
    """Cleans the body of a refusal."""
    status: int = 0
    """The answer's status, once there is one."""
    streamed: bool = False
    """Whether the answer is an event stream."""
    refusal: bytes = b""
    """The body of an answer with a status of 400 or above."""
    broken: str = ""
    """Why the server behind was not reached or its answer broke off, '' if neither."""


async def exchange(
    client: httpx2.AsyncClient, request: Request, send: Send, ours: Exchange
) -> None:
    """Send it, pass the answer on; returns early when the asking side has gone.

    Where the server behind fails before it began to answer, nothing is sent: `ours.status` is 0.
    """
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        try:
            await _forward(client, send, ours)
        except httpx2.HTTPError as error:
            ours.broken = f"{type(error).__name__}: {error}"
        tasks.cancel_scope.cancel()


async def _forward(client: httpx2.AsyncClient, send: Send, ours: Exchange) -> None:
    asked = client.stream(
        ours.method,
        ours.url,
        # As it is: a compressed stream would be held back until its blocks are full.
        headers={**ours.headers, "accept-encoding": "identity"},
        content=ours.content,
    )
    async with asked as answer:
        ours.streamed = "event-stream" in answer.headers.get("content-type", "")
        ours.status = answer.status_code
        if answer.is_success:
            await send(_start(answer, ours.passed))
            async for chunk in answer.aiter_bytes():
                ours.heard(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        else:
            ours.refusal = ours.clean(await answer.aread())
            await send(_start(answer, ours.passed))
            await send({"type": "http.response.body", "body": ours.refusal, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _start(answer: httpx2.Response, passed: tuple[str, ...]) -> Message:
    headers = [
        (name.encode(), answer.headers[name].encode()) for name in passed if name in answer.headers
    ]
    if answer.status_code in BUSY and "retry-after" not in answer.headers:
        headers.append((b"retry-after", str(PAUSE_S).encode()))
    return {"type": "http.response.start", "status": answer.status_code, "headers": headers}
