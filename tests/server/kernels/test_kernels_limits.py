"""What a kernel house survives: endless loops, floods, deaths, forgeries, cancellation."""

import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from server.kernels import KernelHouse, Output
from server.kernels import link as links
from server.sandboxes import Limits

from .conftest import Desk

pytestmark = pytest.mark.anyio

FORGE = "k = get_ipython().kernel; s = k.session; p = k.get_parent()\n"


class Signs:
    """Sets an event when a word is printed."""

    def __init__(self, word: str) -> None:
        self.seen = anyio.Event()
        self.heard: list[Any] = []
        self._word = word

    def __call__(self, output: object) -> None:
        self.heard.append(output)
        if self._word in str(output):
            self.seen.set()


def resident_mb() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def descriptors() -> int:
    """Open descriptors of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    "code",
    [
        "import time\nwhile True: time.sleep(0.01)",
        "while True: pass",
        "import re; re.match('(a+)+$', 'a' * 40 + 'b')",
        "import time\ntry:\n    time.sleep(600)\nexcept BaseException: pass\ntime.sleep(600)",
        "import asyncio\nawait asyncio.sleep(600)",
    ],
    ids=["sleep", "loop", "regex", "catches one", "await"],
)
async def test_a_cell_that_runs_too_long_is_interrupted_and_keeps_its_state(
    desk: Desk, code: str
) -> None:
    await desk.run("x = 5")
    result = await desk.run(code, timeout_s=0.2)
    assert result.status == "timeout"
    assert "time limit" in result.note
    assert await desk.value("x") == "5"


@pytest.mark.parametrize(
    "code",
    [
        "sum(range(10**12))",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    ],
    ids=["loop in C", "ignores signals"],
)
async def test_a_cell_that_no_interrupt_stops_costs_the_kernel(
    desk: Desk, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.kernels.kernel.PATIENCE_S", 0.2)
    await desk.run("x = 5")
    result = await desk.run(code, timeout_s=0.2)
    assert result.status == "timeout"
    assert "did not stop" in result.note
    assert "variables are gone" in result.note
    assert (await desk.run("x")).status == "error"
    assert await desk.value("1") == "1"


async def test_interrupt_stops_the_running_cell(desk: Desk) -> None:
    signs = Signs("begun")
    results: list[Any] = []

    async def work() -> None:
        code = "print('begun', flush=True)\nwhile True: pass"
        results.append(await desk.kernel.execute(code, timeout_s=100, on_output=signs))

    assert not await desk.kernel.interrupt()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await signs.seen.wait()
            assert desk.kernel.running
            assert await desk.kernel.interrupt()
    assert results[0].status == "interrupted"
    assert "KeyboardInterrupt" in str(signs.heard)
    assert await desk.value("1") == "1"


async def test_restart_ends_the_running_cell(desk: Desk) -> None:
    signs = Signs("begun")
    results: list[Any] = []

    async def work() -> None:
        code = "print('begun', flush=True)\nwhile True: pass"
        results.append(await desk.kernel.execute(code, timeout_s=100, on_output=signs))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await signs.seen.wait()
            await desk.kernel.restart()
    assert results[0].status == "interrupted"
    assert desk.kernel.restarts == 1
    assert await desk.value("1") == "1"


async def test_shutdown_ends_the_running_cell(house: KernelHouse) -> None:
    kernel = await house.start(Limits(), {})
    signs = Signs("begun")
    results: list[Any] = []

    async def work() -> None:
        code = "print('begun', flush=True)\nwhile True: pass"
        results.append(await kernel.execute(code, timeout_s=100, on_output=signs))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await signs.seen.wait()
            await kernel.shutdown()
    assert results[0].status == "died"
    assert not kernel.alive


async def test_cancelling_a_cell_interrupts_it_and_leaves_the_kernel_usable(desk: Desk) -> None:
    signs = Signs("begun")
    await desk.run("x = 5")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            code = "print('begun', flush=True)\nwhile True: pass"

            async def work() -> None:
                await desk.kernel.execute(code, timeout_s=100, on_output=signs)

            group.start_soon(work)
            await signs.seen.wait()
            group.cancel_scope.cancel()
    assert not desk.kernel.running
    assert await desk.value("x") == "5"


async def test_cancelling_a_cell_that_waits_for_its_turn_harms_nobody(desk: Desk) -> None:
    signs = Signs("begun")
    async with anyio.create_task_group() as group:
        code = "print('begun', flush=True)\nopen('outputs/gate').read()"
        await desk.run("import os; os.mkfifo('outputs/gate')")

        async def first() -> None:
            await desk.kernel.execute(code, timeout_s=100, on_output=signs)

        group.start_soon(first)
        await signs.seen.wait()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await desk.run("1")
        gate = Path(f"/proc/{desk.kernel.box.pid}/cwd/outputs/gate")
        await anyio.to_thread.run_sync(gate.write_text, "x")
    assert "'x'" in str(signs.heard)
    assert await desk.value("1") == "1"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(3)", "exited with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
    ],
    ids=["exit", "kill", "crash"],
)
async def test_a_kernel_that_dies_in_a_cell_is_replaced_and_says_how(
    desk: Desk, code: str, reason: str
) -> None:
    await desk.run("x = 5")
    death = desk.kernel.death
    result = await desk.run(code)
    assert result.status == "died"
    assert reason in result.note
    assert reason in death.reason
    assert "variables are gone" in result.note
    assert (await desk.run("x")).status == "error"


async def test_what_a_killed_kernel_had_sent_is_kept(desk: Desk) -> None:
    signs = Signs("begun")
    results: list[Any] = []

    async def work() -> None:
        code = "print('begun', flush=True)\nwhile True: pass"
        results.append(await desk.kernel.execute(code, timeout_s=100, on_output=signs))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await signs.seen.wait()
            os.kill(desk.kernel.box.pid, signal.SIGKILL)
    assert (results[0].status, len(signs.heard)) == ("died", 1)


async def test_a_kernel_that_died_between_cells_is_replaced_before_the_next(desk: Desk) -> None:
    death = desk.kernel.death
    os.kill(desk.kernel.box.pid, signal.SIGKILL)
    with anyio.fail_after(30):
        await death.wait()
    assert not desk.kernel.alive
    result = await desk.run("1")
    assert result.status == "ok"
    assert "had died before this cell" in result.note
    assert "SIGKILL" in result.note


async def test_exit_ends_the_kernel_and_the_next_cell_says_so(desk: Desk) -> None:
    death = desk.kernel.death
    assert (await desk.run("exit()")).status == "ok"
    with anyio.fail_after(30):
        await death.wait()
    assert "exited with code 0" in (await desk.run("1")).note


async def test_20000_flushed_prints_become_few_outputs_and_none_is_lost(desk: Desk) -> None:
    result = await desk.run("for i in range(20_000): print(i, flush=True)")
    assert result.status == "ok"
    assert desk.text == "".join(f"{i}\n" for i in range(20_000))
    assert len(desk.outputs) < 200


async def test_20000_displays_are_bounded_and_the_cell_ends(desk: Desk) -> None:
    result = await desk.run("for i in range(20_000): display(i)")
    assert result.status == "ok"
    assert len(desk.outputs) <= 500
    assert "beyond the limit" in result.note


async def test_200_mb_of_text_keep_head_and_tail_and_cost_the_host_little(desk: Desk) -> None:
    before = resident_mb()
    result = await desk.run(
        "print('HEAD')\nrow = 'x' * 999_999\nfor i in range(200): print(row)\nprint('TAIL')"
    )
    assert result.status == "ok"
    assert desk.text.startswith("HEAD")
    assert desk.text.endswith("TAIL\n")
    assert "bytes of stdout left out" in desk.text
    assert len(desk.text) < 1_100_000
    assert resident_mb() - before < 100


async def test_200_mb_past_the_cooperative_caps_cost_the_host_little(desk: Desk) -> None:
    before = resident_mb()
    result = await desk.run(
        FORGE + "text = 'y' * 1_000_000\n"
        "for i in range(200):\n"
        "    s.send(k.iopub_socket, 'stream', {'name': 'stdout', 'text': text}, parent=p)"
    )
    assert result.status == "ok"
    assert "characters left out" in desk.text
    assert len(desk.text) < 1_300_000
    assert resident_mb() - before < 100


async def test_more_than_the_hard_limit_of_messages_costs_the_kernel(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "HARD_BYTES", 3_000_000)
    code = "while True: s.send(k.iopub_socket, 'x', {'text': 'y' * 100_000}, parent=p)"
    result = await desk.run(FORGE + code)
    assert result.status == "output_limit"
    assert "variables are gone" in result.note
    assert await desk.value("1") == "1"


async def test_one_huge_message_costs_the_kernel(desk: Desk) -> None:
    before = resident_mb()
    code = "s.send(k.iopub_socket, 'x', {'text': 'y' * 100_000_000}, parent=p)\nwhile True: pass"
    result = await desk.run(FORGE + code)
    assert result.status == "output_limit"
    assert resident_mb() - before < 100
    assert await desk.value("1") == "1"


async def test_large_values_and_images_are_cut_in_the_kernel(desk: Desk) -> None:
    assert (await desk.run("'z' * 50_000_000")).status == "ok"
    assert "characters left out" in desk.dicts[0]["data"]["text/plain"]
    await desk.run("display({'image/png': 'A' * 9_000_000}, raw=True)")
    assert "left out" in desk.dicts[0]["data"]["text/plain"]
    assert (await desk.run("raise ValueError('q' * 50_000_000)")).status == "error"
    assert len(str(desk.dicts)) < 1_000_000


async def test_a_forged_idle_costs_only_the_forger(desk: Desk, house: KernelHouse) -> None:
    other = Desk(await house.start(Limits(), {}))
    result = await desk.run(
        FORGE + "s.send(k.iopub_socket, 'status', {'execution_state': 'idle'}, parent=p)\n"
        "import time; time.sleep(0.05); print('after')"
    )
    assert result.status == "ok"
    assert desk.text == "after\n"
    assert await other.value("1") == "1"
    await other.kernel.shutdown()


async def test_a_forged_reply_costs_only_the_forger(desk: Desk) -> None:
    result = await desk.run(
        FORGE
        + "s.send(k.shell_stream, 'execute_reply', {'status': 'ok', 'execution_count': 10**99,"
        " 'payload': [{'source': 'page', 'data': 5}, 7]}, parent=p,"
        " ident=k._get_shell_context_var(k._shell_parent_ident))\nprint('on')"
    )
    assert (result.status, result.execution_count) == ("ok", None)
    assert await desk.value("3") == "3"


@pytest.mark.parametrize(
    "sent",
    [
        "'execute_input', {'code': 'innocent()', 'execution_count': 1}",
        "'stream', {'name': ['x'], 'text': {'a': 1}}",
        "'display_data', {'data': {'image/png': 5, 3: 4}, 'metadata': [[]]}",
        "'display_data', {'data': 'no bundle'}",
        "'display_data', {'data': {'application/vnd.proctor.answer+json': {'a': 1}}}",
        "'update_display_data', {'data': {'text/plain': 'x'}, 'transient': {'display_id': [1]}}",
        "'error', {'ename': 1, 'evalue': None, 'traceback': 'x'}",
        "'clear_output', {'wait': 'maybe'}",
        "'comm_open', {'comm_id': 1}",
        "'status', {'execution_state': 7}",
        "'iopub_welcome', {}",
    ],
)
async def test_malformed_messages_do_no_harm(desk: Desk, sent: str) -> None:
    result = await desk.run(FORGE + f"s.send(k.iopub_socket, {sent}, parent=p)\nprint('fine')")
    assert result.status == "ok"
    assert desk.text.endswith("fine\n")
    assert "innocent" not in str(desk.outputs)
    assert not any("application/vnd.proctor.answer+json" in o.get("data", {}) for o in desk.dicts)


async def test_frames_that_are_no_message_do_no_harm(desk: Desk) -> None:
    await desk.run(
        FORGE + "deep, mark = b'[' * 100_000, b'<IDS|MSG>'\n"
        "for raw in ([b'x'], [mark], [mark] + [deep] * 5,"
        " [mark, b'', b'{\"msg_type\": \"stream\"}', b'{}', b'{}', b'1' * 5000]):\n"
        "    k.iopub_thread.send_multipart(raw)\nprint('fine')"
    )
    assert desk.text == "fine\n", desk.outputs


async def test_closed_sockets_cost_the_kernel_and_nothing_hangs(desk: Desk) -> None:
    result = await desk.run("get_ipython().kernel.iopub_thread.socket.close()", timeout_s=20)
    assert result.status in ("output_limit", "died", "timeout")
    assert await desk.value("1") == "1"
    await desk.run(
        "import threading\nloop = get_ipython().kernel.io_loop\n"
        "loop.call_later(0, get_ipython().kernel.shell_stream.close)"
    )
    result = await desk.run("2", timeout_s=2)
    assert result.status in ("died", "timeout", "ok")
    await desk.run("3", timeout_s=2)  # a kernel that closed its shell after `2` is found out here
    assert await desk.value("1") == "1"


async def test_replaced_sockets_are_never_reconnected(desk: Desk, tmp_path: Path) -> None:
    result = await desk.run(
        "import glob, os\ninfo = get_ipython().kernel.parent.ip\n"
        "for path in glob.glob(info + '-*'):\n"
        f"    os.unlink(path); os.symlink('{tmp_path}/host', path)\n"
        "print(len(glob.glob(info + '-*')))"
    )
    assert result.status == "ok"
    assert await desk.value("1") == "1"
    await desk.kernel.restart()
    assert await desk.value("1") == "1"


async def test_starts_and_ends_leak_no_descriptor_and_no_process(house: KernelHouse) -> None:
    async def cycle() -> None:
        with anyio.fail_after(60):
            kernel = await house.start(Limits(), {})
            await kernel.execute("1", timeout_s=30, on_output=lambda _: None)
            await kernel.shutdown()
            await house.warm()

    await cycle()
    before = descriptors()
    for _ in range(8):
        await cycle()
    assert descriptors() <= before


async def test_output_is_passed_on_while_a_cell_runs(desk: Desk) -> None:
    signs = Signs("early")
    await desk.run("import os; os.mkfifo('outputs/gate')")
    async with anyio.create_task_group() as group:

        async def work() -> None:
            code = "print('early')\nopen('outputs/gate').read()"
            await desk.kernel.execute(code, timeout_s=100, on_output=signs)

        group.start_soon(work)
        with anyio.fail_after(30):
            await signs.seen.wait()
        assert isinstance(signs.heard[0], Output)
        gate = Path(f"/proc/{desk.kernel.box.pid}/cwd/outputs/gate")
        await anyio.to_thread.run_sync(gate.write_text, "x")
