"""The shell runners: POSIX, clean by shellcheck, thin over `proctor run`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import FAMILIES, family

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "runners").glob("*.sh"))
ALL = ROOT / "runners" / "benchmark_all_providers.sh"
GROUPS = {"strategic", "circuits", "neurons", "probes"}
SHELL = shutil.which("dash") or "/bin/sh"


def sh(script: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SHELL, script, *words],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, **more},
        timeout=110,
        check=False,
    )


def test_every_group_of_families_has_its_runner():
    tags = {tag for name in FAMILIES.names() for tag in family(name).tags}
    wanted = {f"run_{group}.sh" for group in GROUPS & tags}
    assert wanted <= {path.name for path in SCRIPTS}
    assert all(os.access(path, os.X_OK) for path in SCRIPTS)


def test_shellcheck_finds_nothing():
    shellcheck = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run(
        [shellcheck, "--shell=sh", *SCRIPTS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_says_how_it_is_used_and_plays_nothing(script: Path):
    done = sh(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: runners/{script.name} ")
    assert "proctor run" in done.stdout
    assert done.stderr == ""


@pytest.fixture
def echoing(tmp_path: Path) -> Path:
    """The scripts in a checkout whose `proctor` says one argument a line."""
    shutil.copytree(ROOT / "runners", tmp_path / "my runners", ignore=_scripts_alone)
    proctor = tmp_path / ".venv" / "bin" / "proctor"
    proctor.parent.mkdir(parents=True)
    proctor.write_text("#!/bin/sh\nprintf '<%s>\\n' \"$@\"\n")
    proctor.chmod(0o755)
    return tmp_path / "my runners"


def _scripts_alone(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".sh")]


@pytest.mark.parametrize("group", ["strategic", "circuits"])
def test_a_group_hands_everything_on(echoing: Path, group: str):
    done = sh(echoing / f"run_{group}.sh", "--agents", "a b", "--runs=x y", "")
    assert done.stdout.split("\n") == [
        "<run>", f"<{group}>", "<--agents>", "<a b>", "<--runs=x y>", "<>", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "agents", "rest"),
    [
        ([], "claude,codex,gemini", []),
        (["--concurrent", "2"], "claude,codex,gemini", ["--concurrent", "2"]),
        (["--providers", "a,b"], "a,b", []),
        (["--n", "3", "--providers", "a", "--runs", "x y"], "a", ["--n", "3", "--runs", "x y"]),
        (["--yes", "--providers=claude:scripted", ""], "claude:scripted", ["--yes", ""]),
    ],
)  # fmt: skip
def test_all_providers_hands_on_all_but_the_providers(
    echoing: Path, words: list[str], agents: str, rest: list[str]
):
    done = sh(echoing / ALL.name, "strategic", *words)
    said = [line[1:-1] for line in done.stdout.splitlines()]
    assert said == ["run", "strategic", "--agents", agents, "--skip-missing", *rest]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Name a group"),
        (["--providers", "a"], "Name a group"),
        (["all", "--providers"], "needs names"),
        (["all", "--providers", ""], "needs names"),
        (["all", "--agents", "a"], "by --providers"),
    ],
)
def test_wrong_use_is_told_with_the_usage(echoing: Path, words: list[str], told: str):
    done = sh(echoing / ALL.name, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Usage:" in done.stderr
    assert done.stdout == ""


@pytest.mark.timeout(120)
def test_all_providers_really_plays(tmp_path: Path, shared_home: Path):
    words = ["--providers", "solver,nop", "--no-sandbox", "--runs", str(tmp_path), "--json"]
    done = sh(
        ALL, "strategic/bayesian_games", *words, PROCTOR_HOME=str(shared_home), OMP_NUM_THREADS="1"
    )
    assert done.returncode == 0, done.stderr
    runs = {run["agent"]: run["summary"] for run in json.loads(done.stdout)["runs"]}
    mean = {agent: run["metrics"]["overall"]["mean_score"] for agent, run in runs.items()}
    assert mean["solver"] > 0.9
    assert mean["nop"] == 0


def test_an_unknown_group_is_told_with_the_nearest():
    done = sh(ALL, "circuit", "--providers", "solver")
    assert done.returncode == 2
    assert "Did you mean circuits" in done.stderr
