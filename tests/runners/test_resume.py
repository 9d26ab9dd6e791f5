"""What SIGKILL leaves: of a runner, of the daemon, of both. Real processes, real kernels.

The agent is another distribution's. It sits two instances; in the second one it starts a program
of its own, tells the test its process ids through a FIFO, and waits in a cell that does not end.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from server.lifelines import GONE
from server.state import StateFolder
from tasks._record import RunFolder

PROCTOR = Path(sys.executable).parent / "proctor"
GONE_S = 5
"""Seconds after which nothing of a dead run may be left."""

GATE = """
import asyncio, os, sys
from runners import Agent
from runners._core import AgentReport
from runners._desk import sit
from tasks._record import AgentSetup, AgentUsage

LIVE = "import sys; sys.stdin.read()"

async def play(seat):
    async with sit(seat.ticket, seat.family) as desk:
        brief = await desk.start()
        seat.tell(AgentReport(setup=AgentSetup(program="gate 1"), usage=AgentUsage(cost_usd=0.25)))
        session = brief["session_id"]
        kernel = await desk.execute(session, "import os; print(os.getpid())")
        if brief["seed"] == 2 and "GATE" in os.environ:
            own = await asyncio.create_subprocess_exec(
                sys.executable, "-c", LIVE, stdin=asyncio.subprocess.PIPE
            )
            with open(os.environ["GATE"], "w") as gate:
                gate.write(f"{kernel.strip()} {own.pid}")
            await desk.execute(session, "import time; time.sleep(100)")
        await desk.finish(session)

agent = Agent(summary="stops at a gate in its second instance", play=play)
"""


@dataclass
class Run:
    """A command that stops inside its second attempt."""

    folder: Path
    env: dict[str, str]
    words: list[str | Path] = field(default_factory=list[Any])

    @contextlib.contextmanager
    def stopped(self) -> Generator[tuple["subprocess.Popen[str]", list[int]]]:
        """The runner at the gate, and pidfds of the attempt's kernel and the agent's program."""
        fifo = self.folder / "gate"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        runner = subprocess.Popen(
            [PROCTOR, *self.words],
            env={**self.env, "GATE": str(fifo)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        pidfds: list[int] = []
        try:
            assert select.select([reader], [], [], 100)[0], "the agent never came to the gate"
            pids = [int(word) for word in os.read(reader, 100).split()]
            assert len(pids) == 2, runner.communicate(timeout=10)
            pidfds += [os.pidfd_open(pid) for pid in pids]
            yield runner, pidfds
        finally:
            runner.kill()
            runner.communicate()
            for handle in (reader, *pidfds):
                os.close(handle)
            fifo.unlink()

    def again(self) -> dict[str, Any]:
        """The same command, without the gate."""
        done = self.command()
        assert done.returncode == 0, done.stderr
        (run,) = json.loads(done.stdout)["runs"]
        return run

    def command(self) -> "subprocess.CompletedProcess[str]":
        """The same command, to its end."""
        return subprocess.run(
            [PROCTOR, *self.words],
            env=self.env,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=100,
            check=False,
        )


def ended(pidfds: list[int], seconds: float = GONE_S) -> bool:
    return all(select.select([one], [], [], seconds)[0] for one in pidfds)


@pytest.fixture
def run(tmp_path: Path, shared_home: Path) -> Run:
    plugin = tmp_path / "plugin"
    (plugin / "gate-1.dist-info").mkdir(parents=True)
    (plugin / "gate_agent.py").write_text(GATE)
    (plugin / "gate-1.dist-info" / "METADATA").write_text("Name: gate\nVersion: 1\n")
    (plugin / "gate-1.dist-info" / "entry_points.txt").write_text(
        "[proctor.agents]\ngate = gate_agent:agent\n"
    )
    env = {
        **os.environ,
        "PROCTOR_HOME": str(shared_home),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(plugin),
    }
    asked = ["strategic/bayesian_games", "--agents", "gate", "--n", "2", "--concurrent", "1"]
    words = ["run", *asked, "--no-sandbox", "--runs", tmp_path / "runs", "--json"]
    return Run(tmp_path, env, words)


def check(run: Run, result: dict[str, Any]) -> None:
    """Nothing was lost and nothing is counted twice, money least of all."""
    assert (result["kept"], result["played"], result["failed"]) == (1, 1, 0)
    assert result["summary"]["metrics"]["overall"]["n"] == 2
    (folder,) = run.folder.glob("runs/*")
    assert len(RunFolder(folder).attempts()) == 2
    assert [path.name for path in folder.glob("cut/*/*")] == ["1-1"]
    assert list(folder.glob("attempts/*/*/told.json")) == []
    # The attempt that was cut short has cost its quarter too.
    assert result["spent_usd"] == pytest.approx(3 * 0.25)


@pytest.mark.timeout(200)
def test_nothing_outlives_a_killed_runner_and_the_same_command_goes_on(run: Run):
    with run.stopped() as (runner, pidfds):
        second = run.command()
        assert second.returncode == 2
        assert "Another runner plays" in second.stderr
        assert "--runs" in second.stderr
        runner.kill()
        assert ended(pidfds), "the kernel or the agent's own program lives on"
    _wait(lambda: len(list(run.folder.glob("runs/*/attempts/*/*/usage.json"))) == 2)
    (events,) = run.folder.glob("runs/*/attempts/*2/1/events.jsonl")
    assert GONE in events.read_text()
    check(run, run.again())


@pytest.mark.timeout(200)
def test_a_killed_daemon_takes_its_runner_with_it_and_the_same_command_goes_on(
    run: Run, shared_home: Path, end_daemon: Callable[[Path], None]
):
    with run.stopped() as (runner, pidfds):
        end_daemon(shared_home)
        out, err = runner.communicate(timeout=GONE_S + 10)
        assert (runner.returncode, out) == (4, ""), err
        assert "same command goes on" in err
        assert "Traceback" not in err
        assert ended(pidfds)
    check(run, run.again())


@pytest.mark.timeout(200)
def test_an_interrupted_runner_ends_its_attempts_at_once(run: Run):
    with run.stopped() as (runner, pidfds):
        runner.send_signal(signal.SIGINT)
        _, err = runner.communicate(timeout=GONE_S + 10)
        assert runner.returncode == 130, err
        assert ended(pidfds)
    _wait(lambda: len(list(run.folder.glob("runs/*/attempts/*/*/usage.json"))) == 2)
    assert len(list(run.folder.glob("runs/*/attempts/*/*/played.json"))) == 1


@pytest.mark.timeout(200)
def test_runner_and_daemon_killed_together_leave_nothing(
    run: Run, shared_home: Path, end_daemon: Callable[[Path], None]
):
    with run.stopped() as (runner, pidfds):
        runner.send_signal(signal.SIGSTOP)  # it cannot clean up after its daemon
        end_daemon(shared_home)
        runner.kill()
        assert ended(pidfds)
    assert StateFolder(shared_home).holder() is None
    check(run, run.again())


def _wait(holds: Callable[[], bool]) -> None:
    poll, left = select.poll(), 100
    while not holds() and left:
        poll.poll(50)
        left -= 1
    assert holds()
