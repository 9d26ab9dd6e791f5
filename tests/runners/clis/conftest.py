"""Real agent CLIs at a real hall, with scripted models; the settings of their user are poison."""

import contextlib
import functools
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import nbformat
import psutil
import pytest
from anyio.from_thread import start_blocking_portal

import tasks._find
from proctor import Rooms
from runners._evaluation import Options
from runners._plan import EvalConfig
from runners._sitting import LocalEngine
from runners._suite import run_suite
from runners.scripted_model import Call, Endpoint, Script, endpoint
from server.operator import Operator
from tasks._record import (
    PLAYED_FILE,
    AttemptFolder,
    Event,
    Kind,
    Played,
    RunFolder,
    read_json,
    read_unverified,
)

STRATEGIC = "strategic/bayesian_games"

POISON = {
    ".claude/settings.json": json.dumps(
        {
            "env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"},
            "hooks": {
                "SessionStart": [{"hooks": [{"type": "command", "command": "touch ~/hooked"}]}]
            },
        }
    ),
    ".claude.json": '{"mcpServers": {"theirs": {"command": "touch", "args": ["/nonexistent"]}}}',
    ".claude/CLAUDE.md": "POISON",
    ".codex/config.toml": "this is [ not TOML",
    ".codex/AGENTS.md": "POISON",
    ".gemini/settings.json": "{ this is not JSON",
    ".gemini/GEMINI.md": "POISON",
    ".gemini/.env": "GEMINI_API_KEY=POISON",
}
"""Settings of a user, by path below HOME: a CLI that read them would fail, or say so."""

KERNEL = "proctor-held"
HOLD = f"""\
import ctypes, time
ctypes.CDLL(None).prctl(15, b"{KERNEL}")  # PR_SET_NAME: to be known from outside
print("holding", flush=True)
while True:
    time.sleep(0.05)
"""


async def _held(call: Call) -> str:
    """Run a cell that does not end; go on as well as one can when that is over."""
    desk = await call.desk()
    session = str((await desk.start())["session_id"])
    lost = await call.result("execute_code", {"session_id": session, "code": HOLD})
    left = await call.result("finish", {"session_id": session})
    return f"The cell gave {lost.text[:200]!r}, finish gave {left.text[:200]!r}."


@dataclass(frozen=True)
class Sat:
    """One sitting of one CLI, from both sides."""

    run: Path
    played: Played
    """Of the attempt that stands."""
    cut: list[Played]
    """Of those that were set aside."""
    attempt: AttemptFolder

    @functools.cached_property
    def events(self) -> list[Event]:
        """The server's record."""
        return read_unverified(self.attempt.events)

    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.events]

    def score(self) -> float | None:
        """Ability, in [0, 1], as the scorer finds it now; None where nothing counts."""
        Rooms().score(self.run)
        summary: Any = read_json(self.run / "results" / "summary.json")
        return summary["metrics"]["overall"]["mean_score"]

    @property
    def transcript(self) -> str:
        return (self.attempt.path / "transcript.jsonl").read_text()

    @property
    def notes(self) -> str:
        """The notebook's Markdown: what a script noted."""
        path = self.run / self.attempt.notebook
        cells: Any = nbformat.read(path, as_version=4).cells  # type: ignore[no-untyped-call]
        return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@dataclass(frozen=True)
class Table:
    """Seats agents, one at a time."""

    home: Path
    runs: Path
    rooms: Rooms

    def play(self, agent: str, suite: str = STRATEGIC) -> Sat:
        """One sitting at the suite's smallest preset."""
        runs = self.runs / f"{time.monotonic_ns():x}"
        config = EvalConfig(suite=suite, agents=(agent,), seed=3)
        stage = Options(runs=runs, sandbox="auto").stage(self.rooms.versions())

        async def play() -> Path:
            async with self.rooms.open_hall() as hall:
                (report,) = await run_suite(config, LocalEngine(hall), stage)
            return report.folder

        self.rooms.start_daemon(runs, "auto")
        folder = RunFolder(anyio.run(play))
        (attempt,) = folder.attempts()
        cut = [
            Played.model_validate(read_json(path))
            for path in sorted(folder.path.glob(f"cut/*/*/attempt/{PLAYED_FILE}"))
        ]
        played = Played.model_validate(read_json(attempt.path / PLAYED_FILE))
        return Sat(folder.path, played, cut, attempt)

    def live(self) -> list[Path]:
        """Event logs of attempts in the runs so far, the newest run last."""
        return sorted(self.runs.glob("*/*/attempts/*/*/events.jsonl"))

    def through(self, rooms: Rooms) -> "Table":
        """The same table in other rooms."""
        return replace(self, rooms=rooms)

    def ours(self, word: str) -> list[psutil.Process]:
        """Processes below this one whose command line holds a word."""
        return [process for process in _below(os.getpid()) if word in _words(process)]

    def killing(self, ripe: Kind, word: str) -> "Killer":
        """Kills processes with a word in their command line once an event was recorded."""
        before = set(self.live())

        def ready() -> bool:
            fresh = [log for log in self.live() if log not in before]
            return any(f'"{ripe}"' in log.read_text() for log in fresh)

        return Killer(ready, lambda: self.ours(word), self.held_kernels)

    def held_kernels(self) -> list[psutil.Process]:
        """Kernels that run the cell that does not end."""
        return [process for process in _below(os.getpid()) if _name(process) == KERNEL]

    def until(self, done: Callable[[], Any], seconds: float, what: str) -> Any:
        """Look at a condition again and again until it holds; give what it gave."""
        limit = time.monotonic() + seconds
        while not (found := done()):
            assert time.monotonic() < limit, f"after {seconds} s: {what}"
            time.sleep(0.02)
        return found

    def attempts(self) -> list[Any]:
        """What the daemon holds now."""

        async def status() -> Any:
            async with Operator(self.home) as operator:
                return (await operator.status()).attempts

        return anyio.run(status)

    def untouched(self) -> bool:
        """Whether the settings of the user are what they were, and nothing lies beside them."""
        here = Path.home()
        files = {p.relative_to(here).as_posix(): p for p in here.rglob("*") if p.is_file()}
        return {name: path.read_text() for name, path in files.items()} == POISON


@dataclass
class Killer:
    """Kills with SIGKILL, from another thread, every victim there is once it is time."""

    ripe: Callable[[], bool]
    victims: Callable[[], Iterable[psutil.Process]]
    kernels: Callable[[], Sequence[psutil.Process]]
    killed: int = 0
    held: int = 0
    """Kernels that were seen at it then."""

    def __enter__(self) -> "Killer":
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            if self.ripe():
                self.held = max(self.held, len(self.kernels()))
                self._kill()

    def _kill(self) -> None:
        for victim in self.victims():
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
                self.killed += 1


def _below(pid: int) -> list[psutil.Process]:
    """The living descendants of a process."""
    try:
        found = psutil.Process(pid).children(recursive=True)
        return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def _name(process: psutil.Process) -> str:
    """The name that it gave itself; '' if it is gone."""
    try:
        return process.name()
    except psutil.Error:
        return ""


def _words(process: psutil.Process) -> str:
    """Its command line; '' if it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture(scope="session")
def hall_home(end_daemon: Callable[[Path], None]) -> Iterator[Path]:
    """A state folder, and with it a daemon, that all tests with real CLIs share."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        end_daemon(Path(folder))


@pytest.fixture(scope="module")
def table(
    agent_clis: str, hall_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Table]:
    """A place at that hall, with scripts of ours; HOME is a decoy."""
    module = ModuleType("plugged_scripts")
    module.held = Script("runs a cell that does not end", _held)  # type: ignore[attr-defined]
    plugged = EntryPoint("held", "plugged_scripts:held", "proctor.scripts")
    real = tasks._find.entry_points

    def with_ours(group: str) -> list[EntryPoint]:
        return [*real(group=group), *([plugged] if group == plugged.group else [])]

    decoy = tmp_path_factory.mktemp("home")
    for name, text in POISON.items():
        (decoy / name).parent.mkdir(exist_ok=True)
        (decoy / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", agent_clis)
        patch.setenv("PROCTOR_HOME", str(hall_home))
        patch.setenv("HOME", str(decoy))
        patch.setenv("OMP_NUM_THREADS", "1")
        for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
            patch.setenv(name, "sk-a-key-that-nobody-may-use-0123456789")
        for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
            patch.delenv(name, raising=False)
        patch.setitem(sys.modules, module.__name__, module)
        patch.setattr(tasks._find, "entry_points", with_ours)
        yield Table(hall_home, tmp_path_factory.mktemp("runs"), Rooms())


@pytest.fixture
def endless() -> Iterator[Endpoint]:
    """A model on loopback that never ends; priced as what it is called."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(endpoint("turns")) as model,
    ):
        yield model
