"""A CLI that does what a test says, a seat for it, and a model behind its door."""

import json
import random
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from runners._booth import Capabilities, CliSaid, CliSeat, CliTool, Launch, cli_agent
from runners._core import AgentReport, Seat
from runners.scripted_model import Endpoint, Script, endpoint
from tasks import Ticket

KEY = "sk-ant-this-is-the-real-key-of-the-test-0123456789"
TOKEN = "this-is-the-token-of-the-attempt-0123456789"
PRICED = "claude-sonnet-4-5"

PRELUDE = '''
import http.client, json, os, signal, socket, subprocess, sys, time
seat = json.loads(os.environ["SEAT"])

def tell(**words):
    print(json.dumps(words), flush=True)

def post(url, body, headers=()):
    host, path = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host)
    connection.request("POST", "/" + path, json.dumps(body), dict(headers))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()

def ask(text="Task: a/b", tools=(), **more):
    """One model call; (status, body)."""
    messages = [{"role": "user", "content": text}]
    body = {"model": seat["model"], "max_tokens": 99, "messages": messages, "tools": list(tools)}
    return post(seat["model_url"] + "/v1/messages", {**body, **more}, {"x-api-key": seat["key"]})

def mcp():
    """A connection over stdio to what stands behind the MCP door."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(seat["mcp_command"], **pipes)

def visit():
    """Be seen at the MCP door."""
    relay = mcp()
    relay.communicate(b"here\\n")
'''
ECHO = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line.upper())
    sys.stdout.flush()
"""


@dataclass
class Sat:
    """What came of one attempt."""

    told: list[AgentReport] = field(default_factory=list[AgentReport])
    error: Exception | None = None
    folder: Path = Path()

    @property
    def last(self) -> AgentReport:
        return self.told[-1]

    @property
    def lines(self) -> list[Any]:
        """What the CLI told, one object a line."""
        text = (self.folder / "transcript.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@dataclass(frozen=True)
class Bench:
    """Seats CLIs."""

    folder: Path
    environ: pytest.MonkeyPatch

    def tool(self, body: str, *, builtins_off: bool = True) -> CliTool:
        """A CLI that runs `body`, after a prelude that knows its seat."""
        program = self.folder / "bin" / "fakecli"
        program.parent.mkdir(exist_ok=True)
        shebang = f"#!{Path(sys.executable).resolve()} -IS\n"
        program.write_text(shebang + PRELUDE + textwrap.dedent(body))
        program.chmod(0o755)
        self.environ.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

        def launch(seat: CliSeat) -> Launch:
            told = {**asdict(seat), "options": dict(seat.options)}
            return Launch(argv=("--marker",), env={"SEAT": json.dumps(told)}, files={"a/b": "c"})

        return CliTool(
            name="Fake CLI",
            program="fakecli",
            package="@nobody/fakecli",
            tested="1.0",
            wire="anthropic",
            provider="anthropic",
            model=PRICED,
            key_env=("ANTHROPIC_API_KEY",),
            base_env="ANTHROPIC_BASE_URL",
            base_url="https://api.anthropic.com",
            can=Capabilities(builtins_off=builtins_off, turns=True),
            launch=launch,
            read=lambda text: CliSaid(turns=text.count("\n")),
        )

    def seat(
        self, sat: Sat, wall_s: float = 60.0, shim: str = ECHO, url: str = "http://127.0.0.1:9/mcp"
    ) -> Seat:
        """A seat whose MCP server upper-cases lines."""
        sat.folder = self.folder / "run" / "attempts" / f"n{random.getrandbits(48):x}"
        sat.folder.mkdir(parents=True)
        ticket = Ticket(
            attempt="a1",
            token=TOKEN,
            url=url,
            command=(sys.executable, "-u", "-c", shim),
            env={"PROCTOR_TOKEN": TOKEN},
        )
        return Seat("a/b", ticket, random.Random(1), sat.folder, wall_s, tell=sat.told.append)

    async def sit(
        self, body: str, variant: str = "scripted", more: Mapping[str, Any] | None = None
    ) -> Sat:
        """Seat a CLI with this body, see it to its end."""
        return await self.seated(self.tool(body), variant, more)

    async def seated(
        self, tool: CliTool, variant: str = "scripted", more: Mapping[str, Any] | None = None
    ) -> Sat:
        """Seat a CLI that is there."""
        sat = Sat()
        agent = cli_agent(tool)
        assert agent.variant is not None
        seat = self.seat(sat, **(more or {}))
        try:
            await agent.variant(variant).play(seat)
        except Exception as error:  # noqa: BLE001 - what it raises is what is looked at
            sat.error = error
        return sat

    def play(self, body: str, variant: str = "scripted", **more: Any) -> Sat:
        """`sit`, from a test that is not async."""
        return anyio.run(self.sit, body, variant, more)

    def play_paid(
        self, body: str, options: str = "", script: str | Script = "nop"
    ) -> tuple[Sat, Endpoint]:
        """Against an endpoint that wants the real key; its model has a list price."""

        async def play() -> tuple[Sat, Endpoint]:
            async with endpoint(script, key=KEY) as model:
                address = f"{PRICED}+base_url={model.url}{options}"
                return await self.sit(body, address), model

        return anyio.run(play)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    return Bench(tmp_path, monkeypatch)


@pytest.fixture
def sat() -> Sat:
    return Sat()
