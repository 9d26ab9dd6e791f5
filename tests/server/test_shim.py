"""The shim alone, against a daemon that misbehaves in every way it can."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHIM = [sys.executable, "-P", "-m", "server.shim"]


class FakeDaemon:
    """A socket that does what the test says."""

    def __init__(self, home: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(home / "mcp.sock"))
        self.listener.listen()
        self.listener.settimeout(10)
        self.wires: list[socket.socket] = []

    def accept(
        self, greeting: bytes = b'{"ok": true}\n'
    ) -> tuple[socket.socket, dict[str, object]]:
        wire, _ = self.listener.accept()
        wire.settimeout(10)
        self.wires.append(wire)
        hello = json.loads(line_of(wire))
        wire.sendall(greeting)
        return wire, hello


def line_of(wire: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = wire.recv(1)
        assert byte, line
        line += byte
    return line


@pytest.fixture
def daemon(state_home: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(state_home)
    yield fake
    for open_socket in (fake.listener, *fake.wires):
        open_socket.close()


@contextmanager
def shim(home: Path, **named: str) -> Generator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        SHIM,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PROCTOR_HOME": str(home), "PATH": os.environ["PATH"], **named},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: "subprocess.Popen[bytes]", *messages: dict[str, object]) -> None:
    assert process.stdin is not None
    for message in messages:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    process.stdin.flush()


def test_it_greets_with_its_token_and_relays_both_ways(
    daemon: FakeDaemon, state_home: Path
) -> None:
    with shim(state_home, PROCTOR_TOKEN="t1") as process:
        wire, hello = daemon.accept()
        assert (hello["proctor"], hello["token"], hello["pid"]) == (1, "t1", process.pid)
        ask(process, {"id": 1, "method": "ping"})
        assert json.loads(line_of(wire))["method"] == "ping"
        wire.sendall(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["id"] == 1


def test_a_lost_daemon_leaves_no_request_unanswered_and_no_half_line(
    daemon: FakeDaemon, state_home: Path
) -> None:
    with shim(state_home) as process:
        wire, _ = daemon.accept()
        ask(
            process,
            {"id": 1, "method": "ping"},
            {"id": "two", "method": "tools/call"},
            {"id": 3, "method": "tools/call"},
            {"id": 4, "method": "tools/call"},
            {"method": "notifications/cancelled", "params": {"requestId": 4}},
        )
        for _ in range(5):
            line_of(wire)
        wire.sendall(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
        wire.sendall(b'{"id":"two","result":{"content":"\xc3\xa4' + b"x" * 100)
        wire.close()
        out, err = process.communicate(timeout=10)
        assert process.returncode == 4
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["id"] for answer in answers] == [1, "two", 3]
    assert all("daemon is gone" in answer["error"]["message"] for answer in answers[1:])
    assert b"serve logs" in err


def test_what_is_asked_after_the_daemons_end_ends_the_shim(
    daemon: FakeDaemon, state_home: Path
) -> None:
    with shim(state_home) as process:
        daemon.accept()[0].close()
        assert process.wait(timeout=10) == 4


def test_a_closed_stdin_lets_pending_answers_through(daemon: FakeDaemon, state_home: Path) -> None:
    with shim(state_home) as process:
        wire, _ = daemon.accept()
        ask(process, {"id": 1, "method": "ping"})
        assert process.stdin is not None
        process.stdin.close()
        line_of(wire)
        wire.sendall(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
        assert process.stdout is not None
        assert process.stdout.readline() == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
        assert process.wait(timeout=10) == 0


def test_a_closed_stdin_with_nothing_pending_ends_it(daemon: FakeDaemon, state_home: Path) -> None:
    with shim(state_home) as process:
        wire, _ = daemon.accept()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0
        assert wire.recv(1) == b""


def test_sigterm_ends_it_at_once_even_in_a_call(daemon: FakeDaemon, state_home: Path) -> None:
    with shim(state_home) as process:
        wire, _ = daemon.accept()
        ask(process, {"id": 1, "method": "tools/call"})
        line_of(wire)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == -signal.SIGTERM
        assert wire.recv(1) == b""


def test_a_refusal_is_said_on_stderr_alone(daemon: FakeDaemon, state_home: Path) -> None:
    with shim(state_home) as process:
        daemon.accept(b'{"error": "This token belongs to no attempt."}\n')
        out, err = process.communicate(timeout=10)
        assert process.returncode == 4
    assert out == b""
    assert b"belongs to no attempt" in err


def test_large_lines_pass_whole(daemon: FakeDaemon, state_home: Path) -> None:
    code = "x" * 5_000_000
    with shim(state_home) as process:
        wire, _ = daemon.accept()
        question = {"id": 1, "method": "tools/call", "params": {"code": code}}
        asking = threading.Thread(target=ask, args=(process, question))
        asking.start()
        with wire.makefile("rb") as reading:
            assert json.loads(reading.readline())["params"]["code"] == code
        asking.join()
        wire.sendall(b'{"jsonrpc":"2.0","id":1,"result":{"text":"' + code.encode() + b'"}}\n')
        assert process.stdout is not None
        assert len(process.stdout.readline()) > 5_000_000


def test_nothing_heavy_is_imported_on_the_way(state_home: Path) -> None:
    code = (
        "import sys, server.shim; heavy = {'mcp', 'pydantic', 'anyio', 'typer', 'asyncio', 'torch'}"
        "; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
