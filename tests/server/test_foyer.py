"""Doors that open before the house: what early callers hear while it opens, and if it cannot."""

import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from server.daemon import News, serve
from server.foyer import OPENING, REFUSAL, House
from server.launch import DaemonOptions, reach, start_daemon
from server.operator import Operator
from server.state import DaemonInfo, StateFolder
from tasks import AttemptRequest, DaemonError, SandboxError

pytestmark = pytest.mark.anyio
SHIM = [sys.executable, "-P", "-m", "server.shim"]
REASON = "bwrap: setting up uid map: Permission denied. Install the AppArmor profile."


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Slow:
    """A daemon whose house opens, or fails to, when the test says so."""

    def __init__(self, hall: Any, home: Path) -> None:
        self.hall = hall
        self.home = home
        self.go = anyio.Event()
        self.failure: Exception | None = None
        self.began = anyio.Event()
        self.left = anyio.Event()
        """The opening was given up, or the house closed."""
        self.doors = anyio.Event()
        self.opened = anyio.Event()
        self.ended = anyio.Event()
        self.error: Exception | None = None

    @asynccontextmanager
    async def open_house(self, options: DaemonOptions) -> AsyncGenerator[House]:
        self.began.set()
        try:
            await self.go.wait()
            if self.failure is not None:
                raise self.failure
            yield House(self.hall, "bwrap")
        finally:
            self.left.set()

    def fail(self, error: Exception) -> None:
        self.failure = error
        self.go.set()

    async def serve(self, tools: Any, port: int) -> None:
        options = DaemonOptions(home=self.home, runs=self.home / "runs", port=port, open=True)

        def house(info: DaemonInfo) -> None:
            self.opened.set()

        try:
            await serve(options, tools, self.open_house, News(self.doors.set, house))
        except (SandboxError, RuntimeError) as error:
            self.error = error
        finally:
            self.ended.set()


@pytest.fixture
async def slow(
    little_hall: Any, little_tools: Any, state_home: Path, free_tcp_port: int
) -> AsyncGenerator[Slow]:
    daemon = Slow(little_hall, state_home)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(daemon.serve, little_tools, free_tcp_port)
        with anyio.fail_after(20):
            await daemon.doors.wait()
            yield daemon
        tasks.cancel_scope.cancel()


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"PROCTOR_HOME": str(home), "PATH": os.environ["PATH"], **more}


def shim(home: Path) -> StdioServerParameters:
    return StdioServerParameters(command=SHIM[0], args=SHIM[1:], env=environment(home))


def text_of(result: types.CallToolResult) -> str:
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_needs_no_room_is_told_at_once_and_a_call_waits(
    slow: Slow, little_tools: Any, mode: Any
) -> None:
    heard: list[str | None] = []
    waiting = anyio.Event()
    answers: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)
        waiting.set()

    async with Client(shim(slow.home), mode=mode) as client, anyio.create_task_group() as tasks:
        assert len((await client.list_tools()).tools) == len(little_tools)
        assert (await client.list_prompts()).prompts
        assert (await client.list_resources()).resources
        assert not slow.hall.offers

        async def call() -> None:
            result = await client.call_tool("echo", {"text": "hi"}, progress_callback=hear)
            answers.append(text_of(result))

        tasks.start_soon(call)
        await waiting.wait()
        with pytest.raises(MCPError, match="start_task gives you one"):
            await client.read_resource("proctor://notebook")
        assert (heard, answers, slow.hall.calls) == ([OPENING], [], [])
        assert StateFolder(slow.home).info() is None
        assert StateFolder(slow.home).holder() == os.getpid()
        slow.go.set()
    assert answers == ["hi"]
    assert slow.opened.is_set()


async def test_operators_wait_for_the_open_house(slow: Slow) -> None:
    asked = AttemptRequest(instance="x@1:easy:private:1", agent="x", run=slow.home)
    attempts: list[str] = []
    async with anyio.create_task_group() as tasks:

        async def open_one() -> None:
            async with Operator(slow.home) as operator:
                attempts.append((await operator.open_attempt(asked)).attempt)

        tasks.start_soon(open_one)
        await slow.began.wait()
        assert not slow.hall.tokens
        slow.go.set()
    assert attempts == ["a0"]


async def test_a_token_is_of_no_attempt_before_the_house_is_open(slow: Slow) -> None:
    named = environment(slow.home, PROCTOR_TOKEN="t1")
    slow.hall.tokens["t1"] = "a1"
    done = await anyio.run_process(SHIM, env=named, check=False)
    assert done.returncode == 4
    assert b"belongs to no attempt" in done.stderr


async def test_a_cancelled_wait_calls_nothing(slow: Slow) -> None:
    async with process(slow.home) as (shim, lines):
        await call_waits(shim, lines)
        cancel = modern(1, "notifications/cancelled", requestId=1)
        del cancel["id"]
        await say(shim, cancel, modern("again", "tools/list"))
        assert json.loads(await lines.receive_until(b"\n", 1 << 20))["id"] == "again"
        slow.go.set()
        await say(shim, modern(2, "tools/call", name="echo", arguments={"text": "second"}))
        assert json.loads(await lines.receive_until(b"\n", 1 << 20))["id"] == 2
    assert [arguments["text"] for _, _, arguments in slow.hall.calls] == ["second"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_no_sandbox_is_told_to_whoever_waits_and_whoever_asks_later(
    slow: Slow, mode: Any
) -> None:
    refused: list[types.CallToolResult] = []
    waiting = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        waiting.set()

    async with Client(shim(slow.home), mode=mode) as client:
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                refused.append(await client.call_tool("echo", {}, progress_callback=hear))

            tasks.start_soon(call)
            await waiting.wait()
            slow.fail(SandboxError(REASON))
        assert refused[0].is_error
        assert text_of(refused[0]) == REFUSAL
        await slow.ended.wait()
        assert str(slow.error) == REASON
        for _ in range(2):
            with pytest.raises(MCPError, match="could not open on this machine"):
                await client.call_tool("echo", {})
    assert not slow.hall.calls
    assert not StateFolder(slow.home).held()
    assert not (slow.home / "mcp.sock").exists()


async def test_the_operator_hears_the_reason_and_the_agent_does_not(slow: Slow) -> None:
    errors: list[SandboxError] = []

    async def ask() -> None:
        with pytest.raises(SandboxError) as caught:
            await Operator(slow.home).status()
        errors.append(caught.value)

    async with process(slow.home) as (shim, lines), anyio.create_task_group() as tasks:
        await say(shim, modern(1, "tools/list"))
        assert json.loads(await lines.receive_until(b"\n", 1 << 20))["id"] == 1
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        slow.fail(SandboxError(REASON))
        assert shim.stderr is not None
        assert REASON.encode() in await shim.stderr.receive()
        await slow.ended.wait()
        await say(shim, modern(2, "tools/call", name="echo", arguments={}))
        late = json.loads(await lines.receive_until(b"\n", 1 << 20))
        assert (late["id"], late["error"]["message"]) == (2, REFUSAL)
        assert shim.stdin is not None
        await shim.stdin.aclose()
        assert await shim.wait() == 0
    assert [str(error) for error in errors] == [REASON]


async def test_http_hears_of_it_too(slow: Slow, free_tcp_port: int) -> None:
    waiting = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        waiting.set()

    async def fail() -> None:
        await waiting.wait()
        slow.fail(SandboxError(REASON))

    url = f"http://127.0.0.1:{free_tcp_port}/mcp"
    async with (
        httpx2.AsyncClient() as web,
        Client(streamable_http_client(url, http_client=web)) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(fail)
        refused = await client.call_tool("echo", {}, progress_callback=hear)
        assert text_of(refused) == REFUSAL


async def test_a_defect_while_opening_tells_the_agent_no_more(slow: Slow) -> None:
    async with process(slow.home) as (shim, lines):
        await call_waits(shim, lines)
        slow.fail(RuntimeError("secret path /root/keys"))
        answer = json.loads(await lines.receive_until(b"\n", 1 << 20))
        assert answer["result"]["content"][0]["text"] == REFUSAL
        assert shim.stderr is not None
        assert b"RuntimeError" in await shim.stderr.receive()


@pytest.mark.parametrize("how", ["stop", "signal"])
async def test_it_can_be_stopped_while_its_house_opens(slow: Slow, how: str) -> None:
    async with process(slow.home) as (shim, lines):
        await call_waits(shim, lines)
        if how == "stop":
            await Operator(slow.home).stop()
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        await slow.ended.wait()
        gone = json.loads(await lines.receive_until(b"\n", 1 << 20))
        assert "daemon is gone" in gone["error"]["message"]
        assert await shim.wait() == 4
    assert slow.left.is_set()
    assert slow.error is None


async def test_a_house_closes_after_its_doors(slow: Slow) -> None:
    slow.go.set()
    async with process(slow.home) as (shim, _):
        await say(shim, modern(1, "tools/call", name="hold", arguments={}))
        await slow.hall.began.wait()
        left_first: list[bool] = []

        async def watch() -> None:
            await slow.hall.cancelled.wait()
            left_first.append(slow.left.is_set())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await Operator(slow.home).stop()
    assert left_first == [False]
    assert slow.left.is_set()


async def test_a_daemon_that_fails_at_once_is_started_once_and_says_why(state_home: Path) -> None:
    knocks: list[int] = []

    def dial() -> None:
        knocks.append(1)
        raise ConnectionRefusedError

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = DaemonOptions(home=state_home, runs=state_home, port=port)
        with pytest.raises(DaemonError, match=f"Port {port}"):
            await anyio.to_thread.run_sync(reach, options, dial)
    assert len(knocks) == 1


def test_a_sandbox_that_fails_at_once_is_told_to_whoever_started_the_daemon(
    state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [{"doors": True}, {"error": {"kind": "SandboxError", "text": REASON}}]
    lines = "".join(json.dumps(word) + "\n" for word in words)
    stub = state_home / "stub"
    stub.write_text(
        f"#!{sys.executable}\nimport os\n"
        f"os.write(int(os.environ['PROCTOR_READY_FD']), {lines.encode()!r})\n"
    )
    stub.chmod(0o700)
    monkeypatch.setattr("server.launch.sys.executable", str(stub))
    options = DaemonOptions(home=state_home, runs=state_home)
    knocks: list[int] = []

    def dial() -> None:
        knocks.append(1)
        raise FileNotFoundError

    with pytest.raises(SandboxError) as told_shim:
        reach(options, dial)
    with pytest.raises(SandboxError) as told_operator:
        start_daemon(options)
    assert str(told_shim.value) == str(told_operator.value) == REASON
    assert told_operator.value.exit_code == 2
    assert len(knocks) == 2


@asynccontextmanager
async def process(home: Path) -> AsyncGenerator[tuple[Process, BufferedByteReceiveStream]]:
    async with await anyio.open_process(SHIM, env=environment(home)) as shim:
        assert shim.stdout is not None
        try:
            yield shim, BufferedByteReceiveStream(shim.stdout)
        finally:
            if shim.returncode is None:
                shim.kill()


async def call_waits(shim: Process, lines: BufferedByteReceiveStream) -> None:
    """Make call 1; return when it has arrived."""
    call = modern(1, "tools/call", name="echo", arguments={})
    await say(shim, call, modern("list", "tools/list"))
    assert json.loads(await lines.receive_until(b"\n", 1 << 20))["id"] == "list"


async def say(shim: Process, *messages: dict[str, Any]) -> None:
    assert shim.stdin is not None
    lines = [json.dumps({"jsonrpc": "2.0", **message}) for message in messages]
    await shim.stdin.send(("\n".join(lines) + "\n").encode())


def modern(number: int | str, method: str, **params: Any) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"id": number, "method": method, "params": {**params, "_meta": meta}}
