"""API agents at the real server: one daemon a module, a run for each command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROCTOR = Path(sys.executable).parent / "proctor"


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Callable[..., Any]:
    """Runs `proctor run FAMILY --agents …`; gives each agent's result by its name."""

    def run(family: str, *agents: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("runs")
        words = ["run", family, "--agents", ",".join(agents), "--no-sandbox", "--json"]
        done = subprocess.run(
            [PROCTOR, *words, "--runs", str(folder)],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PROCTOR_HOME": str(shared_home),
                "OMP_NUM_THREADS": "1",
                **(env or {}),
            },
            cwd="/",
            timeout=240,
            check=False,
        )
        assert done.stdout, done.stderr
        return {run["agent"]: run for run in json.loads(done.stdout)["runs"]}

    return run


@pytest.fixture
def played() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What the runner wrote of a run's only attempt."""

    def read(run: dict[str, Any]) -> dict[str, Any]:
        (note,) = Path(run["folder"]).glob("attempts/*/*/played.json")
        return json.loads(note.read_text())

    return read
