"""A Ray cluster of several nodes on this machine, and agents that wait to be told."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runners._ray import QUIET

PROCTOR = Path(sys.executable).parent / "proctor"
MEMORY = 80 << 20
"""Bytes of a node's object store: the least that Ray takes, about."""

AGENTS = """
import os
import sys
from pathlib import Path

import anyio
from runners import Agent
from runners._desk import sit

SIGNS = Path(os.environ["WAITING_SIGNS"])

async def waits(seat):
    async with sit(seat.ticket, seat.family) as desk:
        brief = await desk.start()
        sign = SIGNS / f"begun-{os.getpid()}-{seat.ticket.attempt}"
        sign.write_text(os.environ["PROCTOR_HOME"])
        while not (SIGNS / "go").exists():
            await anyio.sleep(0.05)
        await desk.finish(str(brief["session_id"]))

waiting = Agent(summary="a test", play=waits)
homeless = Agent(
    summary="a test",
    play=waits,
    missing=lambda: "no program here" if "default_worker" in sys.argv[0] else "",
)
"""


@dataclass
class Grid:
    """The cluster, and the folders of a user of it."""

    cluster: Any
    env: dict[str, str]
    home: Path
    runs: Path
    signs: Path
    temporary: Path
    nodes: list[Any] = field(default_factory=list[Any])

    def begun(self) -> dict[int, Path]:
        """State folder of every waiting attempt, by the pid of the node's actor."""
        return {int(p.name.split("-")[1]): Path(p.read_text()) for p in self.signs.glob("begun-*")}

    def add(self) -> Any:
        """One more node; the first is the head."""
        return self.cluster.add_node(
            num_cpus=2, object_store_memory=MEMORY, include_dashboard=False
        )

    def proctor(self, *words: "str | Path") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [PROCTOR, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            cwd="/",
        )

    def play(self, *words: str) -> "subprocess.Popen[str]":
        where = ["--engine", "ray", "--address", self.cluster.address, "--runs", str(self.runs)]
        return self.proctor("run", "strategic/v0/auctions", *words, *where, "--json")

    def done(self, process: "subprocess.Popen[str]") -> Any:
        said, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        return json.loads(said)

    def waited(self, holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
        deadline = time.monotonic() + 150
        while not holds():
            assert time.monotonic() < deadline, "it never came"
            if process.poll() is not None:
                pytest.fail(f"the runner ended: {process.communicate()}")
            time.sleep(0.05)

    def alive(self, pid: int) -> bool:
        try:
            return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False


@pytest.fixture
def grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end_daemon: Callable[[Path], None]
) -> Iterator[Grid]:
    """A head and a node beside it, each with two processors to give away."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    plugin = tmp_path / "plugin"
    (plugin / "waiting-1.dist-info").mkdir(parents=True)
    (plugin / "waiting_agents.py").write_text(AGENTS)
    (plugin / "waiting-1.dist-info" / "METADATA").write_text("Name: waiting\nVersion: 1\n")
    (plugin / "waiting-1.dist-info" / "entry_points.txt").write_text(
        "[proctor.agents]\nwaiting = waiting_agents:waiting\nhomeless = waiting_agents:homeless\n"
    )
    # Short, for unix sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as short:
        temporary, home = Path(short) / "t", Path(short) / "h"
        signs = tmp_path / "signs"
        for folder in (temporary / "ray", home, signs):
            folder.mkdir(parents=True)
        env = {
            **{k: v for k, v in os.environ.items() if k != "PROCTOR_TOKEN"},
            **QUIET,
            "OMP_NUM_THREADS": "1",
            "PROCTOR_HOME": str(home),
            "PYTHONPATH": str(plugin),
            "TMPDIR": str(temporary),
            "WAITING_SIGNS": str(signs),
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        grid = Grid(Cluster(), env, home, tmp_path / "runs", signs, temporary)
        try:
            grid.nodes += [grid.add() for _ in range(2)]
            yield grid
        finally:
            grid.cluster.shutdown()
            for state in temporary.glob("proctor-node-*/state"):
                end_daemon(state)
            end_daemon(home)
