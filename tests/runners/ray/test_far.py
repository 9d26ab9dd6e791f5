"""What is slower to show of a Ray cluster: a killed runner, a URL, a node that cannot play."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_killed_runner_leaves_nothing_running_and_the_same_command_goes_on(grid: Any):
    words = ("--agents", "waiting", "--n", "3", "--concurrent", "1", "--no-sandbox")
    runner = grid.play(*words)
    grid.waited(lambda: len(grid.begun()) == 2, runner)
    actors, homes = list(grid.begun()), list(grid.begun().values())
    daemons = [int((home / "daemon.lock").read_text()) for home in homes]
    assert all((home / "secret.json").stat().st_mode & 0o777 == 0o600 for home in homes)
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    again = grid.play(*words)
    grid.waited(lambda: not any(map(grid.alive, actors)), again)
    (grid.signs / "go").touch()
    (run,) = grid.done(again)["runs"]
    assert run["played"] + run["kept"] == 3
    assert run["summary"]["metrics"]["overall"]["n"] == 3
    assert len(list(grid.runs.glob("strategic*"))) == 1
    assert grid.done(grid.proctor("runs", "verify", run["folder"], "--json"))["holds"]
    states = [p for p in grid.temporary.glob("proctor-node-*/state") if p not in homes]
    assert states == [], "the second runner's nodes took theirs with them"
    assert len(daemons) == 2


def test_attempts_come_home_by_a_url(grid: Any, tmp_path: Path):
    (grid.signs / "go").touch()
    words = ["run", "strategic/v0/auctions", "--agents", "waiting", "--n", "3", "--no-sandbox"]
    where = ["--engine", "ray", "--address", grid.cluster.address, "--json"]
    url = f"file://{tmp_path}/bucket"
    (run,) = grid.done(grid.proctor(*words, *where, "--runs", url))["runs"]
    (published,) = (tmp_path / "bucket").glob("strategic*")
    assert Path(run["folder"]).is_relative_to(grid.home / "mirrors")
    assert len(list(published.glob("attempts/*/1/played.json"))) == 3
    summary = json.loads((published / "results" / "summary.json").read_text())
    assert summary["metrics"]["overall"]["n"] == 3
    assert not list((published / "incoming").glob("*/*"))
    assert grid.done(grid.proctor("runs", "verify", str(published), "--json"))["holds"]


def test_a_node_on_which_an_agent_cannot_play_is_named(grid: Any):
    runner = grid.play("--agents", "homeless", "--no-sandbox")
    _, errors = runner.communicate(timeout=200)
    assert runner.returncode == 2, errors
    assert f"homeless cannot play on the node {os.uname().nodename}: no program here" in errors
    assert "Traceback" not in errors
