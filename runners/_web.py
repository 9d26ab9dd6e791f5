"""An HTTP server that lives as long as a context does, for the endpoints that runners serve."""

import contextlib
from collections.abc import Generator

import anyio
import uvicorn


class WebServer(uvicorn.Server):
    """uvicorn without its signal handlers and its ticks: it serves until `leave` is set.

    Not woken ten times a second, it ends at once: an attempt's end need not wait for the next tick.
    """

    def __init__(self, config: uvicorn.Config, leave: anyio.Event) -> None:
        super().__init__(config)
        self._leave = leave

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the process's signal handlers as they are."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._leave.wait()
