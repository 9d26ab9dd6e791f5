"""A real hall with real kernels, real records, and a small task and episode plugged into it."""

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from server.callers import Caller, Progress, silent
from server.hall import Hall
from server.kernels import KernelHouse
from server.opening import Clock
from server.replies import Picture, Reply, Text
from server.sandboxes import Sandbox, Setting
from server.sandboxes.none import Plain
from server.sandboxes.zygote import Zygote
from server.tools import EVERY
from server.vault import Vault
from tasks import AgentFault, AttemptRequest, SandboxError
from tasks._record import Closed, Event, Finished, Run, RunFolder, peek, read_log

PLUGIN = '''
"""A third-party family: find a hidden number by asking, then hand it in."""
from typing import Annotated
from pydantic import BaseModel, ConfigDict, Field
from ground_truth import Drawn, Key, Truth
from tasks import AgentFault, BriefText, Budget, Family, Observation, Params, Public

CANARY = "canary-" + "5d0c" * 6

class Range(Params):
    high: int

class Shown(Public):
    high: int

class Number(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: Annotated[int, Field(ge=0, le=1000)]

class Hidden(Key):
    number: int
    note: str = CANARY
    """Planted: stands in every key, and must reach nobody."""

class Search:
    def __init__(self, key):
        self.key, self.asked, self.found = key, 0, False
    def observe(self):
        return Observation({"asked": self.asked}, 0.0, self.found)
    def act(self, action):
        number = action["number"]
        if number > 500:
            raise AgentFault("An action is a number up to 500.")
        self.asked += 1
        self.found = number == self.key.number
        word = "found" if self.found else "higher" if number < self.key.number else "lower"
        return Observation({"asked": self.asked, "it is": word}, float(self.found), self.found)

def make(episode):
    return Family(
        version=1, title="Find the number", summary="Find a hidden number.",
        tags=frozenset({"test"}), params=Range, public=Shown,
        presets={"small": Range(high=100), "large": Range(high=1000)},
        answer=lambda public: Number,
        brief=lambda public: BriefText(
            f"A number from 0 to {public.high} is hidden.", {"instance.json": b'{"high": 100}'}
        ),
        measure="number", notebook=not episode, episode=episode,
        budget=Budget(wall_s=600, tool_calls=60, cell_s=30, answer_checks=2),
    )

def truths(world, given):
    return Truth(
        key=Hidden,
        draw=lambda p, rng: Drawn(Shown(high=p.high), Hidden(number=int(rng.integers(p.high)))),
        oracle=lambda key: given(key.number),
        reference=lambda public: given(public.high // 2),
        noisy=lambda answer, public, rng, level: answer,
        policies={"middle": lambda public, rng: given(public.high // 2)},
        world=world,
    )

find, paper = make(True), make(False)
found = truths(Search, lambda number: lambda seen: {"number": number})
written = truths(None, lambda number: {"number": number})
'''

POINTS = """[proctor.tasks]
test/find = numbers_plugin:find
test/paper = numbers_plugin:paper

[proctor.ground_truth]
test/find = numbers_plugin:found
test/paper = numbers_plugin:written
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Another distribution with the families `test/find` (an episode) and `test/paper`."""
    site = tmp_path_factory.mktemp("site")
    (site / "numbers_plugin.py").write_text(PLUGIN)
    info = site / "numbers_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))
    sys.modules.pop("numbers_plugin", None)


@pytest.fixture(scope="module")
async def house(anyio_backend: str) -> AsyncIterator[KernelHouse]:
    """Kernels of the zygote where it works, else plain processes; `choose` has its own tests."""
    os.environ["PLANTED_API_KEY"] = "no kernel may see this"
    sandbox: Sandbox = Zygote(Setting())
    try:
        await sandbox.open()
    except SandboxError:
        sandbox = Plain(Setting())
    async with KernelHouse(sandbox, spares=1) as opened:
        yield opened
    await sandbox.close()
    del os.environ["PLANTED_API_KEY"]


@dataclass
class Time:
    """A clock that a test can put forward."""

    ahead: float = 0.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(monotonic=lambda: time.monotonic() + self.ahead)


@dataclass
class Hand:
    """An agent's hand: calls tools of a hall and reads what comes back."""

    hall: Hall
    token: str | None = None
    session_id: str | None = None
    pictures: list[Picture] = field(default_factory=list[Picture])

    async def raw(self, tool: str, progress: Progress = silent, **arguments: Any) -> Reply:
        """Call a tool with the session's id filled in."""
        takes = next((t.arguments.model_fields for t in EVERY if t.name == tool), {})
        if self.session_id is not None and "session_id" in takes:
            arguments = {"session_id": self.session_id, **arguments}
        caller = Caller(self.token, "tester", "test")
        reply = await self.hall.call(caller, tool, arguments, progress)
        self.pictures = [part for part in reply if isinstance(part, Picture)]
        assert isinstance(reply[0], Text)
        assert len(reply[0].text) <= 8000
        return reply

    async def __call__(self, tool: str, **arguments: Any) -> Any:
        """Call a tool; its JSON, or its text."""
        first = (await self.raw(tool, **arguments))[0]
        assert isinstance(first, Text)
        return json.loads(first.text) if first.text.startswith("{") else first.text

    async def fault(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must refuse; its words."""
        with pytest.raises(AgentFault) as caught:
            await self.raw(tool, **arguments)
        return str(caught.value)

    async def run(self, code: str, **arguments: Any) -> Any:
        """Run a cell."""
        return await self("execute_code", code=code, **arguments)

    async def text(self, code: str, **arguments: Any) -> str:
        """Run a cell; its text output."""
        ran = await self.run(code, **arguments)
        return "".join(str(item.get("content", item.get("message"))) for item in ran["outputs"])

    async def start(self, **arguments: Any) -> Any:
        """Start a task and take its session."""
        brief = await self("start_task", **arguments)
        self.session_id = brief["session_id"]
        return brief


@dataclass(frozen=True)
class Ended:
    """The log of an attempt that is closed."""

    events: tuple[Event, ...]
    finished: Finished
    closed: Closed


@dataclass
class Place:
    """One hall in a folder of its own."""

    hall: Hall
    home: Path
    runs: Path
    time: Time

    async def exam(self, instance: str, **asked: Any) -> Hand:
        """An agent with a token."""
        folder = RunFolder(self.runs / "exam_tester_1")
        if not folder.path.exists():
            folder.path.mkdir(parents=True)
            folder.write(Run(suite="exam", agent="tester", created="2026-01-01T00:00:00Z"))
        request = AttemptRequest(instance=instance, agent="tester", run=folder.path, **asked)
        return Hand(self.hall, (await self.hall.open_attempt(request)).token)

    def practice(self) -> Hand:
        """An agent without a token."""
        return Hand(self.hall)

    async def notebook(self, name: str = "") -> Hand:
        """Practice in a free notebook."""
        hand = Hand(self.hall)
        hand.session_id = (await hand("start_new_session", experiment_name=name))["session_id"]
        return hand

    def attempt_id(self, hand: Hand) -> str:
        """Id of a hand's attempt."""
        states = self.hall.state()
        return next(s["attempt"] for s in states if s["session_id"] == hand.session_id)

    def record(self, slug_part: str) -> tuple[Ended, Path]:
        """The closed log and the notebook of the one attempt whose folder's name holds this."""
        (folder,) = [
            attempt
            for run in self.runs.iterdir()
            for attempt in RunFolder(run).attempts()
            if slug_part in attempt.slug
        ]
        opened = peek(folder.events)
        key = Vault(self.home).safe(opened.secret_id).record_key(opened.attempt)
        log = read_log(folder.events, key)
        assert log.finished is not None
        assert log.closed is not None
        return Ended(log.events, log.finished, log.closed), folder.run / log.opened.notebook

    def abandon(self, hand: Hand) -> None:
        """Let go of a session as a killed daemon would: its record stays as it is on disk."""
        floor = self.hall._floor
        assert hand.session_id is not None
        session = floor._sessions.pop(hand.session_id)
        session.saver.cancel()
        session.journal.abandon()

    async def reopened(self) -> None:
        """What the next daemon does first."""
        await self.hall._floor.recover()


@pytest.fixture
async def place(house: KernelHouse, tmp_path: Path) -> AsyncIterator[Place]:
    """An open hall."""
    home, runs, turned = tmp_path / "home", tmp_path / "runs", Time()
    sandbox = {"tier": str(house.sandbox.tier)}
    hall = Hall(home, runs, Vault(home), house, sandbox=sandbox, clock=turned.clock)
    async with hall:
        yield Place(hall, home, runs, turned)


@pytest.fixture
async def practice(place: Place) -> Hand:
    """A hand in a fresh free notebook."""
    return await place.notebook()
