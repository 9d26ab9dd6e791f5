"""The way to a provider: retries with jitter, a rate limit, and no key in anything that returns.

The provider's own client sees either a good response or the last bad one after all retries, with
every occurrence of the key taken out of it: whatever that client then says in an exception, and
whatever is kept of a response, holds no key.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
from pydantic_ai.models import create_async_httpx2_client
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig, wait_retry_after
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from runners._spelling import on_loopback

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

RETRIES = 5
"""Calls made again after the first, where nothing else was asked for."""
TIMEOUT_S = 300.0
LONGEST_WAIT_S = 60.0
CONNECT_S = 10.0
RETRIED = frozenset({408, 409, 425, 429})
"""Beside all of 5xx."""
MASK = "[key]"
_KEPT = ("content-type", "retry-after", "retry-after-ms", "request-id", "x-request-id")
"""Headers of a response that a client may see."""


@dataclass(frozen=True)
class Secret:
    """A key that must not show."""

    key: str = field(repr=False)

    def taken_out(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self.key, MASK) if self.key else text

    def taken_out_of(self, body: bytes) -> bytes:
        """The body without the key."""
        return body.replace(self.key.encode(), MASK.encode()) if self.key else body


@dataclass
class Tally:
    """Counts what went over one attempt's connection."""

    sent: int = 0
    errors: int = 0
    """Failed calls, those that a retry mended included."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a provider is called."""

    secret: Secret
    retries: int = RETRIES
    timeout_s: float = TIMEOUT_S
    limiter: "AsyncLimiter | None" = None
    proxy: str | None = None


class Watched(httpx2.AsyncBaseTransport):
    """Waits its turn, counts, reads the whole response, and takes the key out of it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, terms: Terms, tally: Tally) -> None:
        self._inner = inner
        self._terms = terms
        self._tally = tally

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if self._terms.limiter is not None:
            await self._terms.limiter.acquire()
        self._tally.sent += 1
        try:
            response = await self._inner.handle_async_request(request)
            try:
                # Here, so that a response that breaks off is retried too.
                body = await response.aread()
            finally:
                await response.aclose()
        except httpx2.HTTPError:
            self._tally.errors += 1
            raise
        if response.status_code >= httpx2.codes.BAD_REQUEST:
            self._tally.errors += 1
        secret = self._terms.secret
        return httpx2.Response(
            response.status_code,
            headers={
                name: secret.taken_out(response.headers[name])
                for name in _KEPT
                if name in response.headers
            },
            content=secret.taken_out_of(body),
            request=request,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@asynccontextmanager
async def client(
    terms: Terms, tally: Tally, wait: Callable[[RetryCallState], float] | None = None
) -> AsyncGenerator[httpx2.AsyncClient]:
    """An HTTP client on these terms; `wait` gives the seconds before each retry."""
    inner = httpx2.AsyncHTTPTransport(proxy=terms.proxy)
    config = RetryConfig(
        retry=retry_if_exception_type((httpx2.HTTPStatusError, httpx2.TransportError)),
        stop=stop_after_attempt(1 + terms.retries),
        wait=wait or wait_retry_after(wait_random_exponential(0.5, LONGEST_WAIT_S), LONGEST_WAIT_S),
        retry_error_callback=_last,
    )
    transport = AsyncHTTPX2TenacityTransport(config, Watched(inner, terms, tally), _check)
    timeout = httpx2.Timeout(terms.timeout_s, connect=min(CONNECT_S, terms.timeout_s))
    async with create_async_httpx2_client(timeout=timeout, transport=transport) as opened:
        yield opened


def _check(response: httpx2.Response) -> None:
    if response.status_code in RETRIED or response.is_server_error:
        response.raise_for_status()


def _last(state: RetryCallState) -> "httpx2.Response | Awaitable[httpx2.Response]":
    """The last bad response, for the provider's client to read; what else failed is raised."""
    assert state.outcome is not None
    error = state.outcome.exception()
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response
    assert error is not None
    raise error


def proxy_for(address: str) -> str | None:
    """The proxy that the environment wants for an address; a transport of one's own looks past it.

    An address of this machine has none.
    """
    parts = urlsplit(address)
    if on_loopback(address) or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
