"""The daemon's doors, over a little hall: shims, HTTP, the operator, and how it ends."""

import json
import os
import socket
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import mcp_types as types
import pytest
from anyio.abc import Process
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from server.daemon import News, serve
from server.foyer import House
from server.launch import DaemonOptions
from server.operator import Operator
from server.state import DaemonInfo, StateFolder
from tasks import AttemptRequest, DaemonError, UsageError

pytestmark = pytest.mark.anyio
Mode = Literal["auto", "legacy"]
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
SHIM = [sys.executable, "-P", "-m", "server.shim"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Served:
    """A daemon in this process."""

    def __init__(self, hall: Any, tools: Any, options: DaemonOptions) -> None:
        self.hall = hall
        self.options = options
        self.tools = tools
        self.ready = anyio.Event()
        self.ended = anyio.Event()
        self.info: DaemonInfo | None = None

    async def serve(self) -> None:
        @asynccontextmanager
        async def open_house(options: DaemonOptions) -> AsyncGenerator[House]:
            yield House(self.hall, "bwrap")

        def announce(info: DaemonInfo) -> None:
            self.info = info
            self.ready.set()

        try:
            await serve(self.options, self.tools, open_house, News(house=announce))
        finally:
            self.ended.set()

    @property
    def url(self) -> str:
        assert self.info is not None
        return self.info.url

    def shim(self, token: str | None = None) -> StdioServerParameters:
        return StdioServerParameters(
            command=SHIM[0], args=SHIM[1:], env=environment(self.options.home, token)
        )


def environment(home: Path, token: str | None = None) -> dict[str, str]:
    named = {"PROCTOR_HOME": str(home), "PATH": os.environ["PATH"]}
    return named if token is None else {**named, "PROCTOR_TOKEN": token}


@asynccontextmanager
async def serving(hall: Any, tools: Any, home: Path, **options: Any) -> AsyncGenerator[Served]:
    served = Served(hall, tools, DaemonOptions(home=home, runs=home / "runs", **options))
    async with anyio.create_task_group() as group:
        group.start_soon(served.serve)
        with anyio.fail_after(20):
            await served.ready.wait()
        yield served
        group.cancel_scope.cancel()


@asynccontextmanager
async def over_http(url: str, token: str | None, mode: Mode) -> AsyncGenerator[Client]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers) as web,
        Client(streamable_http_client(url, http_client=web), mode=mode) as client,
    ):
        yield client


def text_of(result: types.CallToolResult) -> str:
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


@ERAS
async def test_a_shim_carries_a_session_and_its_token(
    little_hall: Any, little_tools: Any, state_home: Path, mode: Mode
) -> None:
    little_hall.tokens["t1"] = "a1"
    async with serving(little_hall, little_tools, state_home) as served:
        async with Client(served.shim("t1"), mode=mode) as client:
            assert len((await client.list_tools()).tools) == len(little_tools)
            assert text_of(await client.call_tool("echo", {"text": "π" * 50_000})) == "π" * 50_000
        async with Client(served.shim(), mode=mode) as client:
            await client.call_tool("echo", {})
    assert [call[0].token for call in little_hall.calls] == ["t1", None]


@ERAS
async def test_http_asks_for_a_token_and_hands_it_on(
    little_hall: Any, little_tools: Any, state_home: Path, mode: Mode
) -> None:
    little_hall.tokens["t1"] = "a1"
    practice = StateFolder(state_home).practice_token()
    async with serving(little_hall, little_tools, state_home) as served:
        for token in ("t1", practice):
            async with over_http(served.url, token, mode) as client:
                assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"
    assert [call[0].token for call in little_hall.calls] == ["t1", None]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic dDE6"}, 401),
        ({"authorization": "Bearer t1", "host": "evil.example"}, 421),
        ({"authorization": "Bearer t1", "origin": "http://evil.example"}, 403),
    ],
)
async def test_http_refuses_strangers(
    little_hall: Any, little_tools: Any, state_home: Path, headers: dict[str, str], status: int
) -> None:
    little_hall.tokens["t1"] = "a1"
    ask = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"accept": "application/json, text/event-stream"}
    async with (
        serving(little_hall, little_tools, state_home) as served,
        httpx2.AsyncClient() as web,
    ):
        answer = await web.post(served.url, json=ask, headers={**accept, **headers})
    assert answer.status_code == status
    if status == 401:
        assert "Bearer" in answer.json()["error"]["message"] or "token" in answer.text


async def test_an_open_daemon_lets_loopback_practise_without_a_token(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with (
        serving(little_hall, little_tools, state_home, open=True) as served,
        over_http(served.url, None, "auto") as client,
    ):
        await client.call_tool("echo", {})
    assert little_hall.calls[0][0].token is None


async def test_an_mcp_session_is_bound_to_the_token_that_opened_it(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    little_hall.tokens.update({"t1": "a1", "t2": "a2"})
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "x", "version": "1"},
        },
    }
    accept = {"accept": "application/json, text/event-stream"}
    async with (
        serving(little_hall, little_tools, state_home) as served,
        httpx2.AsyncClient(headers=accept) as web,
    ):
        opened = await web.post(served.url, json=hello, headers={"authorization": "Bearer t1"})
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        stolen = await web.post(
            served.url, json=ping, headers={**session, "authorization": "Bearer t2"}
        )
    assert (opened.status_code, stolen.status_code) == (200, 404)


async def test_files_and_sockets_are_private(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with serving(little_hall, little_tools, state_home):
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in (state_home, *state_home.iterdir())
        }
    assert modes[state_home.name] == 0o700
    private = ("mcp.sock", "operator.sock", "practice_token", "daemon.json", "daemon.lock")
    assert {name: modes[name] for name in private} == dict.fromkeys(private, 0o600)


async def test_a_state_folder_with_a_long_name_is_served(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    home = state_home / ("x" * 120)
    async with serving(little_hall, little_tools, home) as served:
        async with Client(served.shim()) as client:
            await client.call_tool("echo", {})
        async with Operator(home) as operator:
            assert (await operator.status()).info.pid == os.getpid()


async def test_a_second_daemon_is_refused_by_name(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with serving(little_hall, little_tools, state_home):
        with pytest.raises(BaseExceptionGroup) as caught:
            async with serving(little_hall, little_tools, state_home):
                raise AssertionError("served twice")
        assert caught.group_contains(DaemonError, match=f"pid {os.getpid()}.*serve stop")
        async with Operator(state_home):
            pass  # the first one still answers


async def test_a_taken_port_is_named(little_hall: Any, little_tools: Any, state_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BaseExceptionGroup) as caught:
            async with serving(little_hall, little_tools, state_home, port=port):
                raise AssertionError("served on a taken port")
    assert caught.group_contains(DaemonError, match=f"Port {port} .*--port")
    assert not StateFolder(state_home).held()


async def test_an_unwritable_state_folder_is_named(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    (state_home / "file").touch()
    with pytest.raises(BaseExceptionGroup) as caught:
        async with serving(little_hall, little_tools, state_home / "file" / "home"):
            raise AssertionError("served in a file")
    assert caught.group_contains(DaemonError, match="PROCTOR_HOME")


async def test_it_ends_when_nobody_needs_it(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with serving(little_hall, little_tools, state_home, idle_exit_s=0.3) as served:
        with anyio.fail_after(10):
            await served.ended.wait()
    assert not (state_home / "daemon.json").exists()
    assert not (state_home / "mcp.sock").exists()
    assert not StateFolder(state_home).held()


async def test_a_live_attempt_or_a_connection_keeps_it(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    little_hall.tokens["t1"] = "a1"
    async with serving(little_hall, little_tools, state_home, idle_exit_s=0.3) as served:
        async with Operator(state_home) as operator:
            for _ in range(3):
                assert (await operator.status()).idle_s < 0.3
            async with Client(served.shim()) as client:
                await client.list_tools()
                await operator.close_attempt("a1", "killed")
                assert (await operator.status()).connections == 1
                assert (await operator.status()).idle_s == pytest.approx(0, abs=0.05)
        with anyio.fail_after(10):
            await served.ended.wait()


async def test_the_operator_opens_attempts_and_nobody_else_gets_their_answers(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with (
        serving(little_hall, little_tools, state_home) as served,
        Operator(state_home) as operator,
    ):
        request = AttemptRequest(
            instance="strategic/bayesian_games@2:easy:private:1", agent="x", run=state_home
        )
        ticket = await operator.open_attempt(request)
        assert (ticket.attempt, ticket.url) == ("a0", served.url)
        assert ticket.env == {"PROCTOR_TOKEN": "token-0", "PROCTOR_HOME": str(state_home)}
        assert await operator.diagnostic("a0", "noisy", 0.25) == {
            "attempt": "a0",
            "kind": "noisy",
            "level": 0.25,
        }
        assert [a["attempt"] for a in (await operator.status()).attempts] == ["a0"]
        with pytest.raises(UsageError, match="not an instance id"):
            await operator.open_attempt(request.model_copy(update={"instance": "nonsense"}))
        shim = StdioServerParameters(
            command=ticket.command[0],
            args=list(ticket.command[1:]),
            env={**environment(state_home), **ticket.env},
        )
        async with Client(shim) as client:
            await client.call_tool("echo", {})
        assert little_hall.calls[0][0].token == "token-0"
        await operator.stop()
        assert served.ended.is_set()
        with pytest.raises(DaemonError, match="serve start"):
            await operator.status()


@asynccontextmanager
async def raw_shim(home: Path, token: str | None = None) -> AsyncGenerator[Process]:
    async with await anyio.open_process(SHIM, env=environment(home, token)) as process:
        yield process
        if process.returncode is None:
            process.kill()


async def say(process: Process, *messages: dict[str, Any]) -> None:
    assert process.stdin is not None
    lines = [json.dumps({"jsonrpc": "2.0", **message}) for message in messages]
    await process.stdin.send(("\n".join(lines) + "\n").encode())


def modern(method: str, **params: Any) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"id": 1, "method": method, "params": {**params, "_meta": meta}}


async def test_a_dead_shim_stops_nothing_and_a_new_one_goes_on(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    little_hall.tokens["t1"] = "a1"
    async with serving(little_hall, little_tools, state_home) as served:
        async with raw_shim(state_home, "t1") as shim:
            await say(shim, modern("tools/call", name="hold", arguments={}))
            with anyio.fail_after(10):
                await little_hall.began.wait()
            shim.kill()
            await shim.wait()
        async with Client(served.shim("t1")) as client:
            assert text_of(await client.call_tool("echo", {"text": "back"})) == "back"
        assert not little_hall.cancelled.is_set()
        little_hall.release.set()
        with anyio.fail_after(5):
            await little_hall.finished.wait()


async def test_a_cancelled_call_is_cancelled_through_the_shim(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with serving(little_hall, little_tools, state_home), raw_shim(state_home) as shim:
        await say(shim, modern("tools/call", name="hold", arguments={}))
        with anyio.fail_after(10):
            await little_hall.began.wait()
            cancel = modern("notifications/cancelled", requestId=1)
            del cancel["id"]
            await say(shim, cancel)
            await little_hall.cancelled.wait()


async def test_a_line_beyond_all_bounds_ends_the_connection_with_a_reason(
    little_hall: Any, little_tools: Any, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.daemon.MESSAGE_LIMIT", 200_000)
    async with serving(little_hall, little_tools, state_home), raw_shim(state_home) as shim:
        await say(shim, modern("tools/call", name="echo", arguments={"text": "x" * 300_000}))
        assert shim.stdout is not None
        with anyio.fail_after(10):
            heard = await shim.stdout.receive()
            assert b"at most" in heard
            assert await shim.wait() == 4


async def test_a_stranger_on_the_socket_is_told_off(
    little_hall: Any, little_tools: Any, state_home: Path
) -> None:
    async with serving(little_hall, little_tools, state_home):
        async with await anyio.connect_unix(state_home / "mcp.sock") as stream:
            await stream.send(b"GET / HTTP/1.1\r\n\r\n")
            assert b"not a Proctor shim" in await stream.receive()
        async with raw_shim(state_home, "unknown-token") as shim:
            assert shim.stderr is not None
            assert shim.stdout is not None
            with anyio.fail_after(10):
                assert b"belongs to no attempt" in await shim.stderr.receive()
                assert await shim.wait() == 4
                with pytest.raises(anyio.EndOfStream):
                    await shim.stdout.receive()
