"""What running cells on a kernel promises."""

import base64
import os
from pathlib import Path

import anyio
import pytest

from server.kernels import KernelHouse
from server.sandboxes import Limits, SandboxError

from .conftest import Desk

pytestmark = pytest.mark.anyio


async def test_a_cell_gives_its_value_and_the_kernels_own_count(desk: Desk) -> None:
    result = await desk.run("1 + 1")
    assert (result.status, result.execution_count, result.note) == ("ok", 1, "")
    assert desk.dicts == [
        {
            "output_type": "execute_result",
            "data": {"text/plain": "2"},
            "metadata": {},
            "execution_count": 1,
        }
    ]
    assert (await desk.run("2")).execution_count == 2


async def test_an_error_is_an_output_without_terminal_colours(desk: Desk) -> None:
    result = await desk.run("1 / 0")
    assert result.status == "error"
    (error,) = desk.dicts
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "\x1b" not in "".join(error["traceback"])


async def test_the_cell_after_an_error_runs(desk: Desk) -> None:
    for _ in range(5):
        await desk.run("1 / 0")
        assert (await desk.run("1")).status == "ok"


async def test_stdout_and_stderr_stay_in_order_with_displays(desk: Desk) -> None:
    await desk.run(
        "import sys\nprint('a'); print('b', file=sys.stderr); display(1); print('c'); display(2)"
    )
    seen = [o.get("text") or o["data"]["text/plain"] for o in desk.dicts]
    assert seen.index("a\n") < seen.index("1") < seen.index("c\n") < seen.index("2")
    assert {o["name"] for o in desk.dicts if o["output_type"] == "stream"} == {"stdout", "stderr"}


async def test_what_subprocesses_print_is_output_too(desk: Desk) -> None:
    await desk.run("import os; _ = os.system('echo from a child')")
    for _ in range(100):  # the child's words come by another way than the cell's end
        if "from a child" in desk.text:
            break
        await desk.run("pass")
    assert "from a child" in desk.text


async def test_clear_and_update_of_displays_are_told(desk: Desk) -> None:
    await desk.run(
        "from IPython.display import clear_output, display\n"
        "h = display('one', display_id=True)\nclear_output(wait=True)\nh.update('two')"
    )
    shown = desk.dicts[0]
    assert desk.clears == [True]
    assert [u.display_id for u in desk.updates] == [shown["transient"]["display_id"]]
    assert desk.updates[0].data == {"text/plain": "'two'"}


async def test_images_are_kept_and_html_is_named_as_left_out(desk: Desk) -> None:
    dot = base64.b64encode(b"\x89PNG fake").decode()
    result = await desk.run(
        f"display({{'image/png': {dot!r}, 'text/html': '<b>', 'text/plain': 'x'}}, raw=True)"
    )
    assert desk.dicts[0]["data"] == {"image/png": dot, "text/plain": "x"}
    assert "text/html" in result.note


async def test_help_is_shown_as_output(desk: Desk) -> None:
    await desk.run("int?")
    assert "Docstring" in desk.dicts[0]["data"]["text/plain"]


async def test_top_level_await_works(desk: Desk) -> None:
    assert await desk.value("import asyncio\nawait asyncio.sleep(0)\n7") == "7"


async def test_input_fails_at_once_and_says_what_to_do(desk: Desk) -> None:
    for code in ("input('name?')", "import getpass; getpass.getpass()"):
        assert (await desk.run(code)).status == "error"
        assert "Put the value into your code" in desk.dicts[0]["evalue"]
    assert await desk.value("import sys; sys.stdin.read()") == "''"


async def test_binary_text_and_lone_surrogates_are_printable(desk: Desk) -> None:
    result = await desk.run(r"print('a\ud800b', '\x00\x07')")
    assert (result.status, desk.text) == ("ok", "a?b \x00\x07\n")


async def test_a_cell_of_5_mb_runs(desk: Desk) -> None:
    result = await desk.run(f"s = '{'x' * 5_000_000}'\nlen(s)")
    assert (result.status, desk.dicts[0]["data"]["text/plain"]) == ("ok", "5000000")
    assert (await desk.run("s = ((" + "x" * 5_000_000)).status == "error"
    assert (await desk.run("1")).status == "ok"


async def test_brief_files_are_there_and_survive_a_restart(desk: Desk) -> None:
    code = "open('task/instance.json').read()"
    assert await desk.value(code) == "'{\"n\": 3}'"
    await desk.run("x = 1; open('outputs/mine.txt', 'w').write('kept')")
    await desk.kernel.restart()
    assert await desk.value(code) == "'{\"n\": 3}'"
    assert await desk.value("open('outputs/mine.txt').read()") == "'kept'"
    assert (await desk.run("x")).status == "error"
    assert desk.kernel.restarts == 1


async def test_cells_of_one_kernel_run_one_after_the_other(desk: Desk) -> None:
    await desk.run("import time; log = []")
    cell = "log.append('in'); time.sleep(0.01); log.append('out')"
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(desk.run, cell)
    assert await desk.value("log") == str(["in", "out"] * 5)


async def test_kernels_run_beside_each_other(house: KernelHouse, desk: Desk) -> None:
    other = Desk(await house.start(Limits(), {}))
    await desk.run("import os; os.mkfifo('outputs/gate')")
    gate = f"/proc/{desk.kernel.box.pid}/cwd/outputs/gate"
    async with anyio.create_task_group() as group:
        group.start_soon(desk.run, "open('outputs/gate').read()")
        # It writes what the first waits for: only side by side can both end.
        assert (await other.run(f"open({gate!r}, 'w').write('x')")).status == "ok"
    assert "'x'" in str(desk.dicts)
    await other.kernel.shutdown()


async def test_what_the_receiver_raises_stops_the_cell_and_is_raised(desk: Desk) -> None:
    def refuse(_: object) -> None:
        raise OSError("disk full")

    code = "import time\nwhile True:\n    print(1, flush=True); time.sleep(0.01)"
    with pytest.raises(OSError, match="disk full"), anyio.fail_after(60):
        await desk.kernel.execute(code, timeout_s=60, on_output=refuse)
    assert await desk.value("2") == "2"


async def test_a_steady_trickle_of_prints_is_passed_on_while_it_runs(desk: Desk) -> None:
    enough = anyio.Event()

    def hear(output: object) -> None:
        if "50\\n" in str(output):
            enough.set()

    async def work() -> None:
        code = "import time\nfor i in range(10**6):\n    print(i, flush=True); time.sleep(0.01)"
        await desk.kernel.execute(code, timeout_s=100, on_output=hear)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await enough.wait()
            await desk.kernel.interrupt()


async def test_late_output_of_a_thread_goes_to_its_cell(desk: Desk) -> None:
    arrived = anyio.Event()

    def hear(output: object) -> None:
        if "late" in str(output):
            arrived.set()

    code = (
        "import threading, os\nos.mkfifo('outputs/go')\n"
        "def work():\n    open('outputs/go').read(); print('late', flush=True)\n"
        "threading.Thread(target=work).start()"
    )
    await desk.kernel.execute(code, timeout_s=60, on_output=hear)
    assert not arrived.is_set()
    gate = f"/proc/{desk.kernel.box.pid}/cwd/outputs/go"
    fd = await anyio.to_thread.run_sync(os.open, gate, os.O_WRONLY)
    os.write(fd, b"x")
    os.close(fd)
    with anyio.fail_after(30):
        await arrived.wait()


async def test_output_of_a_cell_long_over_is_counted_and_dropped(house: KernelHouse) -> None:
    ticks = [0.0]
    kernel = await house.start(Limits(), {})
    kernel._clock = kernel._linked()._clock = lambda: ticks[0]
    desk = Desk(kernel)
    await desk.run(
        "import threading, os\nos.mkfifo('outputs/go'); os.mkfifo('outputs/done')\n"
        "def work():\n    open('outputs/go').read(); print('late', flush=True)\n"
        "    open('outputs/done', 'w').write('x')\n"
        "threading.Thread(target=work).start()"
    )
    first = desk.outputs
    ticks[0] = 5.0
    outputs = Path(f"/proc/{kernel.box.pid}/cwd/outputs")

    def let_go() -> None:
        (outputs / "go").write_text("x")
        (outputs / "done").read_text()

    await anyio.to_thread.run_sync(let_go)
    notes = [(await desk.run(code)).note for code in ("print('now')", "print('then')")]
    assert "late" not in str(first) + desk.text
    assert "dropped" in "".join(notes)
    await kernel.shutdown()


async def test_a_kernel_that_was_shut_down_refuses_cells(house: KernelHouse) -> None:
    kernel = await house.start(Limits(), {})
    await kernel.shutdown()
    await kernel.shutdown()
    with pytest.raises(SandboxError, match="shut down"):
        await kernel.execute("1", timeout_s=1, on_output=lambda _: None)


async def test_files_that_leave_the_room_are_refused(house: KernelHouse) -> None:
    with pytest.raises(SandboxError):
        await house.start(Limits(), {"../../evil": b""})
