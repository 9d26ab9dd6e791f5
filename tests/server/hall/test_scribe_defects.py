"""The sixteen defects of Goodfire's Scribe (facts, by reading its source): none of them is ours.

One test a defect, in the order of the list, through the tools an agent calls or, where the defect
lies in the protocol, through a real MCP client.
"""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import warnings
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import mcp_types as types
import nbformat
import pytest
from mcp import Client
from PIL import Image

from server import shelf
from server.calls import Calls
from server.protocol import build_server
from server.sandboxes import Tier
from server.tools import EVERY
from server.vault import Vault
from tasks import Ticket
from tasks._record import load_notebook

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from server.hall import Hall
    from server.kernels import KernelHouse
    from tests.server.hall.conftest import Hand, Place

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected(hall: Hall) -> AsyncGenerator[Client]:
    """A real MCP client of the hall, in memory."""
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, clock=anyio.current_time)
        async with Client(build_server(hall, EVERY, calls)) as client:
            yield client
        tasks.cancel_scope.cancel()


async def test_01_kernel_code_reaches_neither_secrets_nor_network_nor_keys_of_providers(
    place: Place, practice: Hand, house: KernelHouse
):
    if house.sandbox.tier is Tier.NONE:
        pytest.skip("no sealed sandbox works on this machine: nothing to test but its absence")
    Vault(place.home).safe()
    secret = next(p for p in place.home.iterdir() if p.is_file())
    assert "PLANTED_API_KEY" in os.environ
    text = await practice.text(f"""
import os, socket, resource, pathlib
print('environment', [k for k in os.environ if 'KEY' in k or 'PROCTOR' in k])
print('secret', pathlib.Path({str(secret)!r}).exists())
import sys
print('grader', any((pathlib.Path(p or '.') / 'ground_truth').exists() for p in sys.path))
try:
    socket.create_connection(('127.0.0.1', 22), 1)
except OSError as error:
    print('network', type(error).__name__)
print('files', resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 10**5)
""")
    lines = dict(line.split(" ", 1) for line in text.splitlines())
    assert lines.pop("network")
    assert lines == {"environment": "[]", "secret": "False", "grader": "False", "files": "True"}


async def test_02_a_kernel_that_writes_to_its_own_stdout_and_stderr_does_not_hang(practice: Hand):
    await practice.text("import os\nfor fd in (1, 2): os.write(fd, b'x' * 1_000_000)", timeout_s=20)
    assert await practice.text("print(1)") == "1\n"


async def test_03_a_broken_image_prints_nothing_into_the_protocol(
    practice: Hand, capfd: pytest.CaptureFixture[str]
):
    await practice.run(
        "from IPython.display import display\n"
        "display({'image/png': 'aGVsbG8=', 'text/plain': 'figure'}, raw=True)"
    )
    assert practice.pictures == []
    assert capfd.readouterr().out == ""


async def test_04_no_token_and_no_url_of_the_server_is_told_to_a_model(place: Place):
    started = await place.practice()("start_new_session")
    assert started["vscode_url"] is None
    page = shelf.page("scribe://server/status")
    assert page is not None
    assert "http" not in page.text
    hand = await place.exam("test/paper@1:small:private:1")
    told = json.dumps(await hand.start()) + json.dumps(await hand("list_sessions"))
    assert hand.token is not None
    assert hand.token not in told
    ticket = Ticket(
        attempt="a", token="t0ken", url="u", command=("python", "-m"), env={"T": "t0ken"}
    )
    assert "t0ken" not in " ".join(ticket.command)


async def test_05_a_long_cell_holds_up_nothing_else(place: Place):
    busy, other = await place.notebook(), await place.notebook()
    async with connected(place.hall) as client:
        long = {"session_id": busy.session_id, "code": "import time; time.sleep(600)"}
        with pytest.raises(Exception, match=r"(?i)timed out|timeout"):
            await client.call_tool("execute_code", long, read_timeout_seconds=1)
        assert await other.text("print(1)") == "1\n"
        status = await client.read_resource("scribe://server/status")
        assert "running" in str(status.contents[0])
        # The client's cancellation has reached the kernel: the session is free again.
        with anyio.fail_after(20):
            assert await busy.text("print(2)") == "2\n"


async def test_06_a_silent_cell_is_never_called_complete_and_can_be_stopped(practice: Hand):
    ran = await practice.run("import time; time.sleep(600)", timeout_s=0.5)
    assert ran["status"] == "timeout"
    ran = await practice.run("time.sleep(600)", background=True)
    assert (await practice("wait", handle=ran["handle"], max_s=0.1))["status"] == "running"
    await practice("interrupt_session")
    assert (await practice("wait", handle=ran["handle"]))["status"] == "interrupted"
    assert "lost" in await practice("restart_session")


async def test_07_a_fresh_kernels_first_words_are_heard_and_input_never_waits(place: Place):
    hand = place.practice()
    for i in range(3):
        hand = await place.notebook()
        assert await hand.text(f"print({i})") == f"{i}\n"
    ran = await hand.run("input('name? ')", timeout_s=20)
    assert (ran["status"], ran["outputs"][-1]["name"]) == ("error", "StdinNotImplementedError")


async def test_08_a_signal_ends_the_server(home: Path, tmp_path: Path):
    from server.launch import DaemonOptions, start_daemon

    options = DaemonOptions(home=home, runs=tmp_path / "runs", sandbox="none", spares=0)
    info = await anyio.to_thread.run_sync(start_daemon, options)
    handle = os.pidfd_open(info.pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        with anyio.fail_after(30):
            await anyio.wait_readable(handle)
    finally:
        os.close(handle)


async def test_09_the_notebook_is_valid_with_ids_and_the_kernels_own_counts(place: Place):
    hand = await place.notebook()
    await hand.run("1")
    await hand("add_markdown", content="text")
    await hand.run("get_ipython().execution_count = 40")
    last = await hand.run("2")
    await hand("edit_cell", code="3", cell_index=0)
    await hand("shutdown_session")
    _, path = place.record("session-")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved = nbformat.read(path, as_version=4)
        nbformat.validate(saved)
    assert (saved.nbformat, saved.nbformat_minor) == (4, 5)
    assert len({cell.id for cell in saved.cells}) == 4
    assert saved.cells[3].execution_count == last["execution_count"]
    assert saved.cells[0].execution_count != 1
    assert "version" not in saved.metadata.language_info


async def test_10_the_file_is_whole_at_every_moment_and_concurrent_calls_do_not_race(place: Place):
    hand = await place.notebook()
    seen: list[int] = []

    async def look(stop: anyio.Event) -> None:
        (path,) = place.runs.glob("*/notebooks/")
        while not stop.is_set():
            seen.extend(len(load_notebook(file)["cells"]) for file in path.glob("*.ipynb"))
            await anyio.sleep(0.02)

    async with anyio.create_task_group() as looking:
        stop = anyio.Event()
        looking.start_soon(look, stop)
        async with anyio.create_task_group() as group:
            for i in range(6):
                code = f"import time\nfor k in range(20): print({i}, k); time.sleep(0.01)"
                group.start_soon(hand.text, code)
        stop.set()
    assert seen
    await hand("shutdown_session")
    _, path = place.record("session-")
    for cell in load_notebook(path)["cells"]:
        own = cell["source"].split("print(")[1][0]
        assert cell["outputs"][0]["text"] == "".join(f"{own} {k}\n" for k in range(20))


async def test_11_the_agent_reads_what_went_wrong(place: Place):
    hand = await place.notebook()
    async with connected(place.hall) as client:
        for arguments, words in (
            ({"session_id": "nope", "code": "1"}, "There is no session 'nope'"),
            ({"session_id": hand.session_id, "code": "1", "cell_index": 9}, "out of range"),
        ):
            result = await client.call_tool("edit_cell", arguments)
            assert result.is_error
            assert isinstance(result.content[0], types.TextContent)
            assert words in result.content[0].text


async def test_12_outputs_are_bounded_coalesced_and_of_every_kind(practice: Hand):
    ran = await practice.run("for i in range(20000): print(i, flush=True)", timeout_s=30)
    assert len(ran["outputs"]) == 1
    picture = io.BytesIO()
    Image.new("RGB", (1000, 500)).save(picture, "JPEG")
    jpeg = base64.b64encode(picture.getvalue()).decode()
    shown = await practice.run(f"""
from IPython.display import clear_output, display
print('gone'); clear_output()
h = display('old', display_id=True); h.update('new')
display({{'image/jpeg': {jpeg!r}, 'text/plain': 'photo'}}, raw=True)
display({{'text/html': '<b>x</b>', 'text/plain': 'table'}}, raw=True)
display({{'application/json': {{'a': 1}}}}, raw=True)
""")
    contents = [item["content"] for item in shown["outputs"]]
    assert contents == ["'new'", "table", "{'a': 1}"]
    assert [p.mime for p in practice.pictures] == ["image/jpeg"]
    assert max(Image.open(io.BytesIO(practice.pictures[0].data)).size) == 512


async def test_13_names_and_paths_stay_in_their_folder(place: Place, tmp_path: Path):
    hand = await place.notebook("../../../../escape/x")
    (folder,) = place.runs.iterdir()
    await hand("shutdown_session")
    assert [p.parent for p in tmp_path.rglob("*.ipynb")] == [folder / "notebooks"]
    outside = tmp_path / "outside.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), outside)
    for tool in ("start_session_resume_notebook", "start_session_continue_notebook"):
        for asked in (str(outside), "../../outside.ipynb", "/etc/passwd"):
            words = await place.practice().fault(tool, notebook_path=asked)
            assert "notebook" in words


async def test_14_a_long_cell_is_not_idleness(place: Place, practice: Hand):
    ran = await practice.run("import time; time.sleep(600)", background=True)
    place.time.ahead += 100_000
    await place.hall.reap()
    assert [s["session_id"] for s in place.hall.state()] == [practice.session_id]
    await practice("interrupt_session")
    assert (await practice("wait", handle=ran["handle"]))["status"] == "interrupted"
    place.time.ahead += 100_000
    await place.hall.reap()
    assert place.hall.state() == []


async def test_15_every_client_is_offered_every_tool_with_nothing_to_configure(place: Place):
    async with connected(place.hall) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        assert {
            "start_new_session",
            "start_session_resume_notebook",
            "start_session_continue_notebook",
            "execute_code",
            "add_markdown",
            "edit_cell",
            "shutdown_session",
        } <= offered
        started = await client.call_tool("start_new_session", {})
        assert isinstance(started.content[0], types.TextContent)
        # Where notebooks go is the daemon's business, not an environment variable of the shim.
        path = json.loads(started.content[0].text)["notebook_path"]
        assert path.startswith(str(place.runs))


async def test_16_the_notebook_can_be_read_and_indices_agree(practice: Hand):
    await practice.run("'a'")
    await practice("add_markdown", content="between")
    await practice.run("'b'")
    read = await practice("read_notebook")
    (second,) = [c for c in read["cells"] if c.get("cell_index") == 1]
    assert (second["index"], second["source"]) == (2, "'b'")
    edited = await practice("edit_cell", code="'c'", cell_index=second["cell_index"])
    assert edited["actual_notebook_index"] == second["index"]
    (listed,) = (await practice("list_sessions"))["sessions"]
    assert (listed["session_id"], listed["cells"]) == (practice.session_id, 3)
