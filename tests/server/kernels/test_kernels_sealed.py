"""The same kernels in the strongest room this machine can seal."""

import anyio
import pytest

from server.kernels import KernelHouse
from server.sandboxes import Limits, choose

from .conftest import Desk

pytestmark = pytest.mark.anyio


async def test_kernels_of_the_chosen_tier_keep_the_same_promises() -> None:
    with anyio.fail_after(110):
        sandbox, _ = await choose("auto")
        async with KernelHouse(sandbox, spares=1) as house:
            await house.warm()
            desk = Desk(await house.start(Limits(), {"task/instance.json": b"{}"}))
            assert desk.kernel.tier.sealed
            assert await desk.value("1 + 1") == "2"
            assert await desk.value("open('task/instance.json').read()") == "'{}'"
            assert await desk.value("import torch, kit; torch.ones(2).sum().item()") == "2.0"
            assert (await desk.run("while True: pass", timeout_s=0.2)).status == "timeout"
            await desk.run("open('outputs/mine', 'w').write('kept')")
            died = await desk.run("import os; os._exit(3)")
            assert (died.status, "variables are gone" in died.note) == ("died", True)
            assert await desk.value("open('outputs/mine').read()") == "'kept'"
            hungry = await desk.run("x = [bytearray(b'x' * 10**7) for _ in range(10**4)]")
            assert hungry.status in ("died", "error")
            assert await desk.value("1") == "1"
