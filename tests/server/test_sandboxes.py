"""Rooms as the daemon uses them: start and stop, files, usage, restarts, what they leave."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from server.sandboxes import Limits, Sandbox, SandboxError, Setting
from server.sandboxes._ask import ask
from server.sandboxes._choose import tiers
from server.sandboxes._room import Room
from server.sandboxes._usage import members
from server.sandboxes.zygote import Zygote

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="rooms are Linux's"),
    pytest.mark.anyio,
]
LIMITS = Limits()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["zygote", "bwrap"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    unit: Sandbox = tiers().find(request.param)(Setting(preload=()))
    yield unit
    await unit.close()


@pytest.fixture
async def zygote() -> AsyncIterator[Zygote]:
    unit = Zygote(Setting(preload=()))
    yield unit
    await unit.close()


async def test_a_room_computes_and_dies_on_request(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    assert box.alive()
    assert await ask(box, "x = 20 + 1", "2 * x") == 42
    await box.kill()
    assert not box.alive()
    await box.kill()


async def test_a_room_has_its_work_folder_the_kit_and_nothing_of_the_server(
    sandbox: Sandbox,
) -> None:
    box = await sandbox.start(LIMITS)
    assert await ask(box, "import os", "os.getcwd()") == "/work"
    assert set(await ask(box, "", "os.listdir()")) == {"task", "outputs"}
    assert await ask(box, "import kit", "kit.__file__") == "/opt/kit/kit/__init__.py"
    assert await ask(box, "", "os.environ['OMP_NUM_THREADS']") == "1"
    assert "PROCTOR_HOME" not in await ask(box, "", "list(os.environ)")
    assert await ask(box, "", "[n for n in os.listdir('/') if n in ('root', 'home', 'var')]") == []


async def test_files_go_in_and_come_out(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    box.write_file("task/deep/er/instance.json", b'{"n": 3}')
    read = "open('task/deep/er/instance.json').read()"
    assert await ask(box, "", read) == '{"n": 3}'
    await ask(box, "open('outputs/plot.txt', 'w').write('made here')")
    assert box.read_file("outputs/plot.txt", 100) == b"made here"
    assert [(e.name, e.kind, e.size) for e in box.list_files("outputs")] == [
        ("plot.txt", "file", 9)
    ]
    with pytest.raises(SandboxError, match="longer than the 4 bytes"):
        box.read_file("outputs/plot.txt", 4)
    with pytest.raises(SandboxError, match="outside the folder"):
        box.write_file("../escape", b"")
    with pytest.raises(SandboxError, match="No such file"):
        box.read_file("outputs/none", 4)


async def test_a_full_room_refuses_the_hosts_file_and_tells_why(sandbox: Sandbox) -> None:
    box = await sandbox.start(replace(LIMITS, disk_mb=2))
    with pytest.raises(SandboxError, match="No space left"):
        box.write_file("task/large", b"1" * (3 << 20))


async def test_a_restart_keeps_the_work_folder(sandbox: Sandbox) -> None:
    first = await sandbox.start(LIMITS)
    await ask(first, "import os; os.makedirs('a/b'); open('a/b/c', 'w').write('kept')")
    await ask(first, "os.symlink('/etc/passwd', 'a/link'); open('/tmp/gone', 'w').close()")
    first.signal(signal.SIGKILL)
    await first.wait()
    second = await sandbox.start(LIMITS, keep=first)
    await first.kill()
    assert second.read_file("a/b/c", 10) == b"kept"
    assert [entry.name for entry in second.list_files("a")] == ["b"]
    assert (
        await ask(second, "import os; open('a/b/c', 'a').write('!')", "os.path.exists('/tmp/gone')")
        is False
    )
    assert second.read_file("a/b/c", 10) == b"kept!"


async def test_usage_tells_memory_processes_and_disk(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    before = box.usage()
    code = "import subprocess; b = bytearray(50 << 20); p = subprocess.Popen(['sleep', '100'])"
    await ask(box, code + "\nopen('f', 'wb').write(b'1' * (10 << 20))")
    after = box.usage()
    assert 50 < after.memory_mb - before.memory_mb < 100
    assert after.processes == before.processes + 1
    assert 9 < after.disk_mb - before.disk_mb < 12
    await box.kill()
    assert box.usage().processes == 0


async def test_an_interrupt_reaches_the_cell_and_the_kernel_lives_on(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    code = (
        "try:\n    open('started', 'w').close()\n    while True: pass\n"
        "except KeyboardInterrupt:\n    caught = True"
    )
    told: list[bool] = []

    async def run() -> None:
        told.append(await ask(box, code, "caught"))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        with anyio.fail_after(30):
            while "started" not in [entry.name for entry in box.list_files()]:
                await anyio.lowlevel.checkpoint()
        box.signal(signal.SIGINT)
    assert told == [True]


async def test_killing_a_room_kills_its_daemons(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    assert isinstance(box, Room)
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)"
    )
    await ask(box, code)
    watched = [os.pidfd_open(pid) for pid in members(box.leader)]
    assert len(watched) >= 2
    await box.kill()
    for fd in watched:
        with anyio.fail_after(10):
            await anyio.wait_readable(fd)
        os.close(fd)


async def test_the_death_of_a_kernel_is_noticed(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    with pytest.raises(SandboxError, match="died"):
        await ask(box, "import os; os._exit(3)")
    with anyio.fail_after(5):
        await box.wait()
    assert not box.alive()


def _remains() -> tuple[int, int]:
    mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), mounts


async def test_two_hundred_rooms_leave_nothing_behind(zygote: Zygote) -> None:
    await (await zygote.start(LIMITS)).kill()
    before, running = _remains(), len(members(os.getpid()))
    for _ in range(25):
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(_open_and_kill, zygote)
    assert _remains() == before
    # The zygote buries the dead a moment after the host has seen them die.
    with anyio.fail_after(10):
        while len(members(os.getpid())) > running:  # noqa: ASYNC110 - it tells nobody
            await anyio.sleep(0.01)
    assert len(zygote._rooms) == 0


async def _open_and_kill(sandbox: Sandbox) -> None:
    box = await sandbox.start(LIMITS)
    await box.kill()


async def test_a_dead_zygote_is_replaced(zygote: Zygote) -> None:
    box = await zygote.start(LIMITS)
    assert zygote._parent is not None
    process = zygote._parent.spawned.process
    process.kill()
    with anyio.fail_after(10):
        await box.wait()
        process.wait()
    await box.kill()
    again = await zygote.start(LIMITS)
    assert await ask(again, "", "6 * 7") == 42


async def test_a_zygote_is_renewed_when_it_is_old_and_empty() -> None:
    now = [0.0]
    unit = Zygote(Setting(preload=()), lambda: now[0])
    try:
        box = await unit.start(LIMITS)
        first = unit._parent
        now[0] = 90_000.0
        second_box = await unit.start(LIMITS)
        assert unit._parent is first
        await box.kill()
        await second_box.kill()
        await unit.open()
        assert unit._parent is not first
    finally:
        await unit.close()


async def test_forked_kernels_share_no_random_state(zygote: Zygote) -> None:
    one, two = await zygote.start(LIMITS), await zygote.start(LIMITS)
    code = "import random, numpy as np"
    draw = "[random.random(), float(np.random.random())]"
    first, second = await ask(one, code, draw), await ask(two, code, draw)
    assert all(a != b for a, b in zip(first, second, strict=True))


async def test_a_zygote_that_cannot_load_its_modules_tells_why() -> None:
    unit = Zygote(Setting(preload=("no_such_module",)))
    with pytest.raises(SandboxError, match="No module named 'no_such_module'"):
        await unit.start(LIMITS)
    await unit.close()
