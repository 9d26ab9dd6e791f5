"""One house without a sandbox for all kernel tests; each test gets a fresh kernel of it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from server.kernels import CellResult, Clear, Kernel, KernelHouse, KernelOutput, Output, Update
from server.sandboxes import Limits, Setting
from server.sandboxes.none import Plain


@dataclass
class Desk:
    """Runs cells on one kernel and remembers what came out."""

    kernel: Kernel
    outputs: list[KernelOutput] = field(default_factory=list[KernelOutput])

    async def run(self, code: str, timeout_s: float = 60.0) -> CellResult:
        """Run a cell; `outputs` holds its outputs only."""
        self.outputs = []
        with anyio.fail_after(100):
            return await self.kernel.execute(
                code, timeout_s=timeout_s, on_output=self.outputs.append
            )

    async def value(self, code: str) -> str:
        """text/plain of a cell's last expression."""
        result = await self.run(code)
        assert result.status == "ok", (result, self.outputs)
        return next(o["data"]["text/plain"] for o in self.dicts if "data" in o)

    @property
    def dicts(self) -> list[dict[str, Any]]:
        """The nbformat outputs."""
        return [dict(item.output) for item in self.outputs if isinstance(item, Output)]

    @property
    def text(self) -> str:
        """All stream text."""
        return "".join(o["text"] for o in self.dicts if o["output_type"] == "stream")

    @property
    def clears(self) -> list[bool]:
        """`wait` of every clear_output."""
        return [item.wait for item in self.outputs if isinstance(item, Clear)]

    @property
    def updates(self) -> list[Update]:
        """Every update of a display."""
        return [item for item in self.outputs if isinstance(item, Update)]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def house(anyio_backend: str) -> AsyncIterator[KernelHouse]:
    async with KernelHouse(Plain(Setting()), spares=1) as open_house:
        yield open_house


@pytest.fixture
async def desk(house: KernelHouse) -> AsyncIterator[Desk]:
    files: Mapping[str, bytes] = {"task/instance.json": b'{"n": 3}'}
    with anyio.fail_after(60):
        kernel = await house.start(Limits(), files)
    yield Desk(kernel)
    await kernel.shutdown()
