"""Suites played for real, and the flags on every attempt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from evaluators._integrity import flags, read_late
from ground_truth import SecretStore, record_key
from proctor import Rooms
from runners import EvalConfig
from runners._sitting import LocalEngine
from runners._suite import Stage, run_suite
from tasks._record import CellOutput, Log, RunFolder, peek, read_log


@dataclass(frozen=True)
class Sat:
    """One attempt that was played."""

    agent: str
    family: str
    log: Log
    flags: tuple[str, ...]
    run: Path

    @property
    def shown(self) -> str:
        """All text that its cells put out."""
        outputs = (e.data.output for e in self.log.events if isinstance(e.data, CellOutput))
        return "".join(str(output.get("text", "")) for output in outputs)


Play = Callable[..., list[Sat]]


def _sat(home: Path, run: RunFolder, agent: str) -> Iterator[Sat]:
    for folder in run.attempts():
        claims = peek(folder.events)
        key = record_key(SecretStore(home).get(claims.secret_id), claims.attempt)
        log = read_log(folder.events, key)
        found = flags(log, read_late(folder.late))
        yield Sat(agent, str(claims.family), log, found, run.path)


@pytest.fixture(scope="module")
def home_env(shared_home: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROCTOR_HOME", str(shared_home))
        yield shared_home


@pytest.fixture(scope="module")
def play(home_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Plays a suite with some agents in the strongest sandbox, or in `tier`."""
    rooms = Rooms()

    def played(tier: str = "auto", /, **asked: object) -> list[Sat]:
        runs = tmp_path_factory.mktemp("runs")
        rooms.start_daemon(runs, tier)  # pyright: ignore[reportArgumentType] - a tier's name

        async def suite() -> list[Sat]:
            async with rooms.open_hall() as hall:
                stage = Stage(runs=runs, concurrent=2)
                config = EvalConfig.model_validate(asked, strict=False)
                reports = await run_suite(config, LocalEngine(hall), stage)
            return [
                sat
                for report in reports
                for sat in _sat(home_env, RunFolder(report.folder), report.agent)
            ]

        return anyio.run(suite)

    return played
