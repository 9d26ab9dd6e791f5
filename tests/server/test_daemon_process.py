"""The daemon as a real process with real kernels: how it starts, and what its death leaves."""

import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import psutil
import pytest
from mcp import Client, StdioServerParameters

from server.daemon import run
from server.foyer import House
from server.launch import DaemonOptions, TierName, start_daemon
from server.operator import Operator
from server.state import DaemonInfo, StateFolder
from tasks import AttemptRequest, DaemonError, SandboxError, family

TASK = "strategic/bayesian_games"


def options(home: Path, **more: Any) -> DaemonOptions:
    asked = {"home": home, "runs": home / "runs", "sandbox": "none", "spares": 0, **more}
    return DaemonOptions.model_validate(asked)


@pytest.fixture
def home(state_home: Path) -> Generator[Path]:
    yield state_home
    pid = StateFolder(state_home).holder()
    if pid is not None:
        gone = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)
        assert ended([gone], 30)


def ended(processes: list[int], seconds: float) -> bool:
    """Whether all processes, given as pidfds, end within `seconds`."""
    return all(select.select([process], [], [], seconds)[0] for process in processes)


def shim(home: Path, **named: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "server.shim"],
        env={"PROCTOR_HOME": str(home), "PATH": os.environ["PATH"], **named},
    )


async def told(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert isinstance(result.content[0], types.TextContent)
    assert not result.is_error, result.content[0].text
    return json.loads(result.content[0].text)


@pytest.mark.parametrize("tier", ["none", "bwrap"])
def test_a_killed_daemon_leaves_no_process(home: Path, tier: TierName) -> None:
    try:
        info = start_daemon(options(home, sandbox=tier))
    except SandboxError as error:
        pytest.skip(f"{tier} does not work here: {error}")

    async def sit() -> list[int]:
        async with Client(shim(home)) as client:
            session = (await told(client, "start_task", task=TASK))["session_id"]
            assert await told(client, "execute_code", session_id=session, code="1+1")
            children = psutil.Process(info.pid).children(recursive=True)
            assert children
            pidfds = [os.pidfd_open(pid) for pid in (info.pid, *(c.pid for c in children))]
            os.kill(info.pid, signal.SIGKILL)
        return pidfds

    pidfds = anyio.run(sit)
    assert ended(pidfds, 5)
    for pidfd in pidfds:
        os.close(pidfd)
    assert StateFolder(home).info() is None


def test_a_killed_shim_changes_nothing_for_its_attempt(home: Path) -> None:
    start_daemon(options(home))

    async def sit() -> None:
        async with Operator(home) as operator:
            (home / "run").mkdir()
            ticket = await operator.open_attempt(
                AttemptRequest(
                    instance=f"{TASK}@{family(TASK).version}:easy:private:1",
                    agent="x",
                    run=home / "run",
                )
            )
            (before,) = (await operator.status()).attempts
        seat = shim(home, **ticket.env)
        async with Client(seat) as client:
            session = (await told(client, "start_task"))["session_id"]
            await told(client, "execute_code", session_id=session, code="x = 41")
            for process in psutil.Process().children():
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and "server.shim" in process.cmdline():
                    process.kill()
        async with Client(seat) as client:
            ran = await told(client, "execute_code", session_id=session, code="x + 1")
        assert ran["outputs"] == [{"type": "result", "content": "42"}]
        async with Operator(home) as operator:
            (after,) = (await operator.status()).attempts
        assert after["attempt"] == before["attempt"] == ticket.attempt

    anyio.run(sit)


def test_the_first_shim_starts_the_daemon(home: Path) -> None:
    async def sit() -> None:
        async with Client(shim(home)) as client:
            assert await told(client, "list_tasks")

    anyio.run(sit)
    assert StateFolder(home).info() is not None


def test_starting_at_the_same_time_gives_one_daemon(home: Path) -> None:
    found: list[DaemonInfo] = []

    def start() -> None:
        found.append(start_daemon(options(home)))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({info.pid for info in found}) == 1
    assert len(found) == 3


def test_a_daemon_inherits_no_keys_and_refuses_another_sandbox(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    info = start_daemon(options(home))
    environment = Path(f"/proc/{info.pid}/environ").read_bytes()
    assert b"sk-very-secret" not in environment
    assert start_daemon(options(home)).pid == info.pid
    with pytest.raises(DaemonError, match=r"a sandboxed one was asked for.*serve stop"):
        start_daemon(options(home, sandbox="auto"))


def test_a_failed_start_says_why(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DaemonError, match=f"Port {port}"):
            start_daemon(options(home, port=port))
    assert not StateFolder(home).held()


def test_no_sandbox_is_told_with_its_exit_code(state_home: Path) -> None:
    @asynccontextmanager
    async def refuse(asked: DaemonOptions) -> AsyncGenerator[House]:
        if asked.sandbox == "auto":
            raise SandboxError("bwrap: setting up uid map: Permission denied. Install …")
        yield House(None, "none")  # pyright: ignore[reportArgumentType] - never reached

    words: list[dict[str, Any]] = []
    assert run(options(state_home, sandbox="auto"), (), refuse, words.append) == 2
    assert words == [
        {"doors": True},
        {
            "error": {
                "kind": "SandboxError",
                "text": "bwrap: setting up uid map: Permission denied. Install …",
            }
        },
    ]
    assert not StateFolder(state_home).held()
