"""The two HTTP doors of the booth: to the model's provider, and to our MCP server.

Key and token are put in here, outside the booth; the CLI has a word that opens these doors for the
length of its attempt and nothing else. What goes elsewhere than to the model is refused.
"""

import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from runners._booth.account import Account
from runners._booth.declaration import Wire
from runners._booth.hosted import hosted
from runners._booth.meter import Meter
from runners._booth.passage import Exchange, exchange

VERSION_PART: Mapping[Wire, str] = {
    "anthropic": "",
    "responses": "/v1",
    "gemini": "",
    "chat": "/v1",
}
"""What a base address of this protocol ends in, by its providers' custom."""

_CALLS: Mapping[Wire, str] = {
    "anthropic": r"/v1/messages",
    "responses": r"/responses(/compact)?",
    "gemini": r"/v1(alpha|beta)?/models/[^/:]+:(generateContent|streamGenerateContent)",
    "chat": r"/chat/completions",
}
_FREE: Mapping[Wire, str] = {
    "anthropic": r"/v1/messages/count_tokens|/v1/models(/[^/]+)?",
    "responses": r"/models(/[^/]+)?",
    "gemini": r"/v1(alpha|beta)?/models(/[^/:]+(:countTokens)?)?",
    "chat": r"/models(/[^/]+)?",
}
_ASKED = ("content-type", "accept", "anthropic-version", "anthropic-beta", "openai-beta")
_MCP_ASKED = re.compile(r"content-type|accept|last-event-id|mcp-.+")
_MCP_ANSWERED = ("content-type", "cache-control", "mcp-session-id", "mcp-protocol-version")


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Where the model is, and how it is asked."""

    wire: Wire
    url: str
    """Base address, in the form of the provider's custom."""
    key: str
    """'' where none is needed."""

    def headers(self) -> dict[str, str]:
        """What a request is let in by."""
        if not self.key:
            return {}
        if self.wire == "anthropic":
            return {"x-api-key": self.key}
        if self.wire == "gemini":
            return {"x-goog-api-key": self.key}
        return {"authorization": f"Bearer {self.key}"}


class ModelDoor:
    """Passes model calls on to the provider, metered and within the account's limits."""

    def __init__(self, provider: Provider, account: Account, word: str) -> None:
        self._provider = provider
        self._account = account
        self._word = word
        self.client: httpx2.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        body = await request.body()
        refusal = self._refusal(request, body)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif self._is_call(request):
            await self._call(request, send, body)
        else:
            await self._pass(request, send, Exchange(**self._onward(request), content=body))

    def _refusal(self, request: Request, body: bytes) -> ASGIApp | None:
        word = self._word.encode()
        if not any(hmac.compare_digest(said.encode(), word) for said in _credentials(request)):
            return _said(401, "This door opens with the word that the CLI was started with.")
        wire, path = self._provider.wire, self._path(request)
        if path is None or not re.fullmatch(f"{_CALLS[wire]}|{_FREE[wire]}", path):
            return _said(403, f"This door leads to the model only, not to {request.url.path}.")
        if request.headers.get("content-encoding", "identity") != "identity":
            return _said(415, "Requests are read on their way; send them uncompressed.")
        if not self._is_call(request):
            return None
        tools = hosted(_object(body))
        if tools:
            return _said(
                403, f"Tools that the provider runs are not for exams: {', '.join(tools)}."
            )
        limit = self._account.limit()
        if limit:
            self._account.stop(limit)
            return _said(403, f"The attempt's limit is reached ({limit}).")
        return None

    def _path(self, request: Request) -> str | None:
        """The path below the provider's base address; None if it is not below."""
        part = VERSION_PART[self._provider.wire]
        return request.url.path.removeprefix(part) if request.url.path.startswith(part) else None

    def _is_call(self, request: Request) -> bool:
        return bool(re.fullmatch(_CALLS[self._provider.wire], self._path(request) or ""))

    def _onward(self, request: Request) -> dict[str, Any]:
        given = request.query_params.multi_items()
        query = urlencode([(name, value) for name, value in given if name != "key"])
        passed = {name: request.headers[name] for name in _ASKED if name in request.headers}
        return {
            "method": request.method,
            "url": f"{self._provider.url}{self._path(request)}{'?' if query else ''}{query}",
            "headers": {**passed, **self._provider.headers()},
            "clean": self._cleaned,
        }

    async def _call(self, request: Request, send: Send, body: bytes) -> None:
        chunks: list[Meter] = []

        def heard(chunk: bytes) -> None:
            if not chunks:
                chunks.append(Meter(self._provider.wire, streamed=ours.streamed))
            chunks[0].feed(chunk)

        content = with_usage(body) if self._provider.wire == "chat" else body
        ours = Exchange(**self._onward(request), content=content, heard=heard)
        began = time.monotonic()
        try:
            await self._pass(request, send, ours)
        finally:
            # Also where the CLI was ended in the middle: what was told until then was spent.
            seconds = time.monotonic() - began
            if chunks:
                self._account.answered(chunks[0].reading(), seconds)
            if ours.broken or ours.refusal:
                text = ours.broken or ours.refusal[:500].decode(errors="replace")
                self._account.failed(ours.status if ours.refusal else 0, text, seconds)

    async def _pass(self, request: Request, send: Send, ours: Exchange) -> None:
        assert self.client is not None
        await exchange(self.client, request, send, ours)
        if ours.broken and not ours.status:
            told = _said(502, f"The provider was not reached: {ours.broken}")
            await told(request.scope, request.receive, send)

    def _cleaned(self, body: bytes) -> bytes:
        # Some endpoints repeat a key that they refuse.
        key = self._provider.key.encode()
        return body.replace(key, b"[redacted]") if key else body


class McpDoor:
    """Passes MCP over HTTP on to the daemon, with the attempt's token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token
        self.client: httpx2.AsyncClient | None = None
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert self.client is not None
        self.requests += 1
        request = Request(scope, receive)
        passed = {
            name: text for name, text in request.headers.items() if _MCP_ASKED.fullmatch(name)
        }
        ours = Exchange(
            method=request.method,
            url=self.url,
            headers={**passed, "authorization": f"Bearer {self._token}"},
            content=await request.body(),
            passed=_MCP_ANSWERED,
        )
        await exchange(self.client, request, send, ours)
        if ours.broken and not ours.status:
            await _said(502, "Proctor's daemon was not reached.")(scope, receive, send)


def fork(mcp: tuple[str, ASGIApp], model: ASGIApp) -> ASGIApp:
    """Both doors at one listener: the path `mcp[0]` leads to `mcp[1]`, all else to `model`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inner = mcp[1] if scope["path"] == mcp[0] else model
        await inner(scope, receive, send)

    return app


def with_usage(body: bytes) -> bytes:
    """A Chat Completions request that asks for the usage chunk, if it is for a stream."""
    asked = _object(body)
    if not asked.get("stream"):
        return body
    options = {**(asked.get("stream_options") or {}), "include_usage": True}
    return json.dumps({**asked, "stream_options": options}).encode()


def _credentials(request: Request) -> list[str]:
    said = [request.headers.get(name, "") for name in ("x-api-key", "x-goog-api-key")]
    said.append(request.headers.get("authorization", "").removeprefix("Bearer "))
    return [*said, request.query_params.get("key", "")]


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(status: int, text: str) -> ASGIApp:
    # The fields in which Anthropic, OpenAI and Google all put what went wrong.
    error = {"type": "permission_error", "code": status, "message": f"Proctor: {text}"}
    return JSONResponse({"type": "error", "error": error}, status_code=status)
