"""The kernel house: one sandbox, its kernels, and some kept warm for the next who asks."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import zmq.asyncio
from anyio.abc import TaskGroup

from server.kernels.kernel import Kernel
from server.kernels.lodging import RoomManager, new_context
from server.sandboxes import Limits, Sandbox, SandboxError

log = logging.getLogger("proctor.kernels")

_WARM_UP = "pass"
_PAUSE_S = 0.25
"""Wait before a taken spare is replaced: its taker's first cell should have the processor."""


class KernelHouse:
    """Starts kernels; all that still live when it is left are killed.

    Use as an async context manager. A spare is a started, connected kernel that has run nothing;
    it has the limits that were asked for last.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        spares: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sandbox = sandbox
        self._wanted = spares
        self._clock = clock
        self._limits = Limits()
        self._spares: list[tuple[Limits, Kernel]] = []
        self._kernels: set[Kernel] = set()
        self._context: zmq.asyncio.Context | None = None
        self._group: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._filling = False
        self._filled = anyio.Event()

    async def __aenter__(self) -> Self:
        """Open the sandbox and begin to warm up a spare."""
        await self.sandbox.open()
        self._context = new_context()
        self._group = await self._stack.enter_async_context(anyio.create_task_group())
        self._refill(pause_s=0.0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill every kernel and close the sandbox."""
        assert self._group is not None
        assert self._context is not None
        self._wanted = 0
        self._group.cancel_scope.cancel()
        await self._stack.aclose()
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as closing:
                for kernel in tuple(self._kernels):
                    closing.start_soon(kernel.shutdown)
            self._kernels.clear()
            self._spares.clear()
            await self.sandbox.close()
            self._context.destroy(linger=0)

    async def start(self, limits: Limits, files: Mapping[str, bytes]) -> Kernel:
        """A fresh kernel with these files in its /work; a spare if one is warm.

        Raises:
            SandboxError: none can be started, or the files do not fit.
        """
        self._limits = limits
        self._forget_dead()
        kernel = self._take_spare(limits) or await self._open("")
        try:
            kernel.furnish(files)
        except SandboxError:
            await kernel.shutdown()
            raise
        self._refill()
        return kernel

    async def warm(self) -> None:
        """Return when the spares that were asked for are there (or could not be started)."""
        await self._filled.wait()

    def _take_spare(self, limits: Limits) -> Kernel | None:
        for index, (has, kernel) in enumerate(self._spares):
            if has == limits and kernel.alive:
                del self._spares[index]
                return kernel
        return None

    def _forget_dead(self) -> None:
        self._kernels = {kernel for kernel in self._kernels if not kernel.closed}

    async def _open(self, warm_up: str) -> Kernel:
        assert self._group is not None
        assert self._context is not None
        manager = RoomManager(self.sandbox, self._limits, self._context)
        kernel = Kernel(manager, self._group, self._clock)
        self._kernels.add(kernel)
        try:
            await kernel.open(warm_up)
        except BaseException:
            await kernel.shutdown()
            self._kernels.discard(kernel)
            raise
        return kernel

    def _refill(self, pause_s: float = _PAUSE_S) -> None:
        if self._filling or self._group is None or not self._stale():
            return
        self._filling = True
        self._filled = anyio.Event()
        self._group.start_soon(self._fill, pause_s)

    def _stale(self) -> bool:
        fit = [k for has, k in self._spares if has == self._limits and k.alive]
        return len(fit) < self._wanted

    async def _fill(self, pause_s: float) -> None:
        try:
            await anyio.sleep(pause_s)
            while self._stale():
                await self._discard_misfits()
                limits = self._limits
                self._spares.append((limits, await self._open(_WARM_UP)))
        except SandboxError as error:
            log.warning("No spare kernel could be started: %s", error)
        finally:
            self._filling = False
            self._filled.set()

    async def _discard_misfits(self) -> None:
        for entry in tuple(self._spares):
            has, kernel = entry
            if has != self._limits or not kernel.alive:
                self._spares.remove(entry)
                await kernel.shutdown()
