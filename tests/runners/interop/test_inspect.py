"""Our suites as Inspect tasks, by the real package: eval, log, viewer's reader."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="Inspect is not installed: pip install -e '.[inspect]'")

BIN = Path(sys.executable).parent
FAMILY = "strategic/bayesian_games"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def scripted() -> Iterator[str]:
    """A scripted model endpoint that solves what it is given."""
    command = [BIN / "proctor", "scripted-model", "--script", "solver", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as model:
        assert model.stdout is not None
        assert select.select([model.stdout], [], [], 60)[0], "the model did not start"
        yield json.loads(model.stdout.readline())["url"]
        model.terminate()


@pytest.fixture(scope="module")
def environment(
    shared_home: Path, scripted: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    if not any(entry.name == "proctor" for entry in entry_points(group="inspect_ai")):
        # An installation that is older than the entry point.
        info = tmp_path_factory.mktemp("plugin") / "ours-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: ours\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[inspect_ai]\nproctor = proctor:inspect_tasks\n")
        env["PYTHONPATH"] = str(info.parent)
    return {
        **env,
        "PROCTOR_HOME": str(shared_home),
        "OMP_NUM_THREADS": "1",
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": f"{scripted}/v1",
        "INSPECT_LOG_FORMAT": "eval",
    }


def inspect(env: dict[str, str], cwd: Path, *words: str) -> str:
    done = subprocess.run(
        [BIN / "inspect", *words],
        capture_output=True, text=True, env=env, cwd=cwd, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def evaluated(env: dict[str, str], cwd: Path, *words: str) -> dict[str, Any]:
    """The log of one eval, as Inspect's own reader gives it."""
    played = ["--model", "openai/scripted", "--log-dir", "logs", "--display", "none"]
    inspect(env, cwd, "eval", *words, "-T", "runs=runs", "-T", "sandbox=none", *played)
    (entry,) = json.loads(inspect(env, cwd, "log", "list", "--log-dir", "logs", "--json"))
    assert entry["task"] == words[0].partition("/")[2]
    return json.loads(inspect(env, cwd, "log", "dump", entry["name"]))


@pytest.fixture(scope="module")
def played(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("eval")
    log = evaluated(environment, folder, "proctor/suite", "-T", f"suite={FAMILY}")
    (run,) = (folder / "runs").iterdir()
    return log, run


def test_the_solver_solves_it_and_our_evaluators_say_so(played: tuple[dict[str, Any], Path]):
    log, _ = played
    assert log["status"] == "success"
    means = {one["name"]: one["metrics"]["mean"]["value"] for one in log["results"]["scores"]}
    assert means.pop("ability") == pytest.approx(1.0)
    assert means == {"passed": 1.0, "validity": 1.0, "flagged": 0.0}


def test_a_sample_holds_the_brief_and_no_key(played: tuple[dict[str, Any], Path]):
    log, _ = played
    (sample,) = log["samples"]
    assert sample["id"].startswith(f"{FAMILY}@")
    assert ":private:" in sample["id"]
    assert sample["target"] == ""
    assert f"Task: {FAMILY}" in sample["input"]
    assert set(sample["metadata"]) == {"instance", "family", "preset", "split", "stamp"}
    assert sample["metadata"]["stamp"] == "exam"
    called = [c["function"] for m in sample["messages"] for c in m.get("tool_calls") or ()]
    assert (called[0], called[-1]) == ("start_task", "submit_answer")


def test_the_attempt_is_a_record_like_any_other(
    played: tuple[dict[str, Any], Path], environment: dict[str, str]
):
    _, run = played
    (note,) = run.glob("attempts/*/1/played.json")
    told = json.loads(note.read_text())
    assert (told["tools_listed"], told["failure"]) == (True, "")
    assert told["setup"]["model"] == "scripted"
    assert told["setup"]["program"].startswith("inspect_ai ")
    assert told["usage"]["tokens"]["output"] > 0
    usage = json.loads(note.with_name("usage.json").read_text())
    assert usage["reason"] == "submitted"
    for words in (["runs", "verify", run, "--json"], ["score", run, "--json"]):
        done = subprocess.run(
            [BIN / "proctor", *words],
            capture_output=True, text=True, env=environment, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["overall"]["mean_score"] == pytest.approx(1.0)


@pytest.mark.slow
def test_inspects_basic_agent_plays_a_group_with_repeats(
    environment: dict[str, str], tmp_path: Path
):
    words = ["proctor/circuits", "--solver", "basic_agent", "--epochs", "2", "-T", "split=public"]
    log = evaluated(environment, tmp_path, *words)
    assert log["status"] == "success"
    assert sorted(sample["epoch"] for sample in log["samples"]) == [1, 2]
    assert all(s["scores"]["proctor"]["value"]["validity"] == 1.0 for s in log["samples"])
    (run,) = (tmp_path / "runs").iterdir()
    assert len(list(run.glob("attempts/*/*/played.json"))) == 2


@pytest.mark.slow
def test_an_interrupted_eval_ends_and_leaves_no_attempt_open(
    environment: dict[str, str], tmp_path: Path
):
    command = [BIN / "proctor", "scripted-model", "--faults", "ok,hang", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as model:
        assert model.stdout is not None
        url = json.loads(model.stdout.readline())["url"]
        words = ["eval", "proctor/suite", "--model", "openai/scripted", "--display", "none"]
        given = [f"suite={FAMILY}", "runs=runs", "sandbox=none"]
        with subprocess.Popen(
            [BIN / "inspect", *words, *(word for one in given for word in ("-T", one))],
            env={**environment, "OPENAI_BASE_URL": f"{url}/v1"},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running:
            assert model.stderr is not None
            assert "ok" in model.stderr.readline()
            assert select.select([model.stderr], [], [], 90)[0], "it never hung"
            running.send_signal(signal.SIGINT)
            running.wait(60)
        model.terminate()
    (usage,) = _written(tmp_path, "runs/*/attempts/*/1/usage.json")
    assert json.loads(usage.read_text())["reason"] == "killed"


def _written(folder: Path, pattern: str) -> list[Path]:
    deadline = time.monotonic() + 30
    while not (found := list(folder.glob(pattern))):
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.05)
    return found
