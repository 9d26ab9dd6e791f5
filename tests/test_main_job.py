"""The main job on real input: real agents, real MCP, real daemon, real kernels, real scores."""

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from server.state import StateFolder
from tasks import in_suite
from tasks._record import RunFolder

PROCTOR = Path(sys.executable).parent / "proctor"
FAMILIES = ["interp/one_head", "strategic/bayesian_games"]

GATE = """
import os
from runners import Agent
from runners._desk import sit

async def play(seat):
    async with sit(seat.ticket, seat.family) as desk:
        brief = await desk.start()
        session = brief["session_id"]
        await desk.execute(session, "print('seen by nobody yet')")
        if brief["seed"] == 2 and "GATE" in os.environ:
            with open(os.environ["GATE"], "w") as gate:
                gate.write("here")
            await desk.execute(session, "import time; time.sleep(100)")
        await desk.finish(session)

agent = Agent(summary="stops at a gate in its second instance", play=play)
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PROCTOR_HOME": str(home), "OMP_NUM_THREADS": "1", **more}


def proctor(*words: str | Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROCTOR, *words],
        capture_output=True,
        text=True,
        env=env,
        cwd="/",
        timeout=240,
        check=False,
    )


def said(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> dict[str, Any]:
    runs = tmp_path_factory.mktemp("demo")
    done = proctor("demo", "--n", "1", "--runs", runs, "--json", env=environment(shared_home))
    if done.returncode == 2:
        pytest.skip(f"no sandbox works on this machine: {done.stderr}")
    return {run["agent"]: run for run in said(done)["runs"]}


@pytest.mark.timeout(300)
def test_the_demo_scores_every_agent_on_both_families(demo: dict[str, Any]):
    assert list(demo) == ["solver", "random", "nop", "cheater"]
    for run in demo.values():
        assert (run["played"], run["failed"], run["unseen"]) == (2, 0, 0)
        families = run["summary"]["metrics"]["families"]
        assert list(families) == FAMILIES
        for metrics in (run["summary"]["metrics"]["overall"], *families.values()):
            assert {"n", "mean_score", "normalised_score", "pass_rate", "validity_rate"} <= {
                *metrics
            }
            assert {"mean_score", "normalised_score", "pass_rate"} <= {*metrics["intervals"]}
    for name in FAMILIES:
        mean = {a: run["summary"]["metrics"]["families"][name] for a, run in demo.items()}
        assert mean["solver"]["mean_score"] == pytest.approx(1.0)
        assert mean["solver"]["normalised_score"] == pytest.approx(1.0)
        assert mean["nop"]["validity_rate"] == 0
        assert mean["random"]["validity_rate"] == 1
        assert mean["cheater"]["mean_score"] < 1.0


def test_the_demo_flags_the_cheater_and_nobody_else(demo: dict[str, Any]):
    assert {agent: len(run["flagged"]) for agent, run in demo.items()} == {
        "solver": 0,
        "random": 0,
        "nop": 0,
        "cheater": 2,
    }


def test_the_demo_leaves_valid_notebooks_and_sealed_records(
    demo: dict[str, Any], shared_home: Path
):
    for run in demo.values():
        for path in run["notebooks"]:
            nbformat.validate(nbformat.read(path, as_version=4))
        assert RunFolder(Path(run["folder"])).read().sandbox["tier"] != "none"
        checked = said(
            proctor("runs", "verify", run["folder"], "--json", env=environment(shared_home))
        )
        assert "changed" not in json.dumps(checked["attempts"])


def test_the_demo_stops_the_daemon_it_started(demo: dict[str, Any], shared_home: Path):
    assert StateFolder(shared_home).info() is None


def test_scoring_again_changes_nothing(demo: dict[str, Any], shared_home: Path):
    folder = Path(demo["cheater"]["folder"])
    before = {p.name: p.read_bytes() for p in (folder / "results").iterdir()}
    said(proctor("score", folder, "--json", env=environment(shared_home)))
    assert {p.name: p.read_bytes() for p in (folder / "results").iterdir()} == before


@pytest.mark.timeout(300)
def test_diagnostic_agents_bound_the_scale_and_are_never_ranked(tmp_path: Path, shared_home: Path):
    words = ["run", "all", "--agents", "oracle,reference,noisy", "--no-sandbox", "--n", "2"]
    done = proctor(*words, "--runs", tmp_path, "--json", env=environment(shared_home))
    runs = {run["agent"]: run["summary"] for run in said(done)["runs"]}
    for name in FAMILIES:
        mean = {a: run["metrics"]["families"][name]["mean_score"] for a, run in runs.items()}
        assert mean["oracle"] == pytest.approx(1.0)
        assert mean["noisy"] < mean["reference"] <= mean["oracle"] + 1e-9
    assert all(run["stamps"] == {"diagnostic": 2 * len(in_suite("all"))} for run in runs.values())
    assert not any(run["ranked"] for run in runs.values())


class Gate:
    """A suite that stops inside its second attempt; its agent is another distribution's."""

    def __init__(self, folder: Path, shared_home: Path) -> None:
        self.runs = folder / "runs"
        self._fifo = folder / "gate"
        plugin = folder / "plugin"
        (plugin / "gate-1.dist-info").mkdir(parents=True)
        (plugin / "gate_agent.py").write_text(GATE)
        (plugin / "gate-1.dist-info" / "METADATA").write_text("Name: gate\nVersion: 1\n")
        (plugin / "gate-1.dist-info" / "entry_points.txt").write_text(
            "[proctor.agents]\ngate = gate_agent:agent\n"
        )
        self._env = environment(shared_home, PYTHONPATH=str(plugin))
        family = ["strategic/bayesian_games", "--agents", "gate", "--n", "3", "--concurrent", "1"]
        self._words = ["run", *family, "--no-sandbox", "--runs", str(self.runs), "--json"]

    @contextlib.contextmanager
    def stopped(self) -> Generator["subprocess.Popen[str]"]:
        """The runner while its second attempt runs a long cell."""
        os.mkfifo(self._fifo)
        reader = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        runner = subprocess.Popen(
            [PROCTOR, *self._words],
            env={**self._env, "GATE": str(self._fifo)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        try:
            assert select.select([reader], [], [], 100)[0], "the agent never came to the gate"
            yield runner
        finally:
            runner.kill()
            runner.communicate()
            os.close(reader)

    def again(self) -> dict[str, Any]:
        """The same command, without the gate."""
        (run,) = said(proctor(*self._words, env=self._env))["runs"]
        return run

    def check(self, run: dict[str, Any]) -> None:
        """Nothing was lost and nothing is counted twice."""
        folder = Path(run["folder"])
        assert (run["kept"], run["played"], run["failed"]) == (1, 2, 0)
        assert len(list(self.runs.iterdir())) == 1
        assert run["summary"]["metrics"]["overall"]["n"] == 3
        assert len(RunFolder(folder).attempts()) == 3
        (cut,) = (folder / "cut").glob("*/1-1")
        assert {"attempt", "notebook.ipynb"} <= {p.name for p in cut.iterdir()}
        assert "seen by nobody yet" in (cut / "notebook.ipynb").read_text()


@pytest.mark.timeout(300)
def test_a_killed_runner_loses_nothing_and_the_same_command_goes_on(
    tmp_path: Path, shared_home: Path
):
    gate = Gate(tmp_path, shared_home)
    with gate.stopped() as runner:
        runner.kill()
        runner.wait()
    gate.check(gate.again())


@pytest.mark.timeout(300)
def test_a_killed_daemon_loses_nothing_and_the_same_command_goes_on(
    tmp_path: Path, shared_home: Path, end_daemon: Callable[[Path], None]
):
    gate = Gate(tmp_path, shared_home)
    with gate.stopped() as runner:
        end_daemon(shared_home)
        out, err = runner.communicate(timeout=60)
        assert (runner.returncode, out) == (4, ""), err
        assert "Traceback" not in err
    gate.check(gate.again())
