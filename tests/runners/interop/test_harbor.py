"""Harbor tasks: what is written, that no key is in it, and that a container's desk can play it."""

import json
import os
import random
import select
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from ground_truth import SecretStore, draw
from runners._core import Seat, agent_named
from runners._harbor import HarborTask
from tasks import JSON, InstanceId, Ticket

BIN = Path(sys.executable).parent
SUITE = "strategic/bayesian_games,strategic/auctions"
pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def environment(shared_home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PROCTOR_HOME": str(shared_home), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def exported(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "tasks"
    words = [BIN / "proctor", "export", "harbor", SUITE, "--out", out, "--json"]
    done = subprocess.run(
        words, capture_output=True, text=True, env=environment, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["tasks"]) == 2
    return out


def folders(exported: Path) -> list[Path]:
    return sorted(path for path in exported.iterdir() if path.is_dir())


def test_a_task_has_the_files_that_harbor_documents(exported: Path):
    for folder in folders(exported):
        names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert {
            "task.toml", "instruction.md", "environment/Dockerfile", "tests/test.sh",
            "solution/solve.sh",
        } <= names  # fmt: skip
        for script in ("tests/test.sh", "solution/solve.sh"):
            assert os.access(folder / script, os.X_OK)
            checked = subprocess.run(
                [BIN / "shellcheck", folder / script], capture_output=True, text=True, check=False
            )
            assert checked.returncode == 0, checked.stdout


def test_task_toml_has_harbors_fields_and_reads_back_as_the_same(exported: Path):
    for folder in folders(exported):
        text = (folder / "task.toml").read_text()
        task = HarborTask.read(text)
        assert task.toml() == text
        assert task.task.name == f"proctor/{folder.name}"
        (server,) = task.environment.mcp_servers
        assert (server.transport, server.args[-1]) == ("stdio", folder.name)
        raw = tomllib.loads(text)
        assert set(raw) == {
            "schema_version", "task", "metadata", "verifier", "agent", "environment", "solution",
        }  # fmt: skip
        brief = (folder / "instruction.md").read_text()
        assert f"Task: {raw['metadata']['family']}" in brief


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('transport = "stdio"', 'transport = "carrier pigeon"'),
        ("cpus = 1", "cpu_count = 1"),
        ('schema_version = "1.4"', 'schema_version = "9"'),
        ('name = "proctor/', 'name = "proctor of '),
    ],
)
def test_what_harbor_does_not_know_is_refused(exported: Path, old: str, new: str):
    text = (folders(exported)[0] / "task.toml").read_text()
    assert old in text
    with pytest.raises(ValidationError):
        HarborTask.read(text.replace(old, new))


def test_no_key_and_no_secret_is_in_the_folder(exported: Path, shared_home: Path):
    secret = SecretStore(shared_home).get()
    whole = b"\n".join(path.read_bytes() for path in exported.rglob("*") if path.is_file())
    assert secret.hex().encode() not in whole
    assert secret not in whole
    index = json.loads((exported / "export.json").read_text())["tasks"]
    hidden = 0
    for name in index.values():
        drawn = draw(InstanceId.parse(name), secret)
        stated = set(long_numbers(drawn.public.model_dump(mode="json")))
        for number in set(long_numbers(drawn.key.model_dump(mode="json"))) - stated:
            hidden += 1
            assert number.encode() not in whole
    assert hidden, "keys hold long numbers that nobody is told"


def long_numbers(value: JSON) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from long_numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from long_numbers(inner)
    elif isinstance(value, float) and len(repr(value)) >= 10:
        yield repr(value)


def test_a_folder_that_holds_something_is_not_written_into(
    exported: Path, environment: dict[str, str]
):
    done = subprocess.run(
        [BIN / "proctor", "export", "harbor", SUITE, "--out", exported],
        capture_output=True, text=True, env=environment, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 2
    assert "not an empty folder" in done.stderr


@pytest.fixture(scope="module")
def gate(
    exported: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    runs = tmp_path_factory.mktemp("runs")
    words = ["export", "serve", exported, "--runs", runs, "--no-sandbox", "--json"]
    with subprocess.Popen(
        [BIN / "proctor", *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as serving:
        assert serving.stdout is not None
        assert select.select([serving.stdout], [], [], 90)[0], "the gate did not open"
        yield json.loads(serving.stdout.readline())
        serving.send_signal(signal.SIGINT)
        assert serving.wait(30) == 0


def desk(folder: Path, gate: dict[str, Any], root: Path, *words: str) -> "tuple[int, str]":
    """Run a script of the exported task as its container would."""
    env = {"PATH": os.environ["PATH"], "PROCTOR_ROOT": str(root), **gate["variables"]}
    done = subprocess.run(
        [sys.executable, "-I", folder / "desk.py", *words],
        capture_output=True, text=True, env=env, check=False, timeout=100,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def sat(folder: Path, gate: dict[str, Any], root: Path, agent: str, family: str) -> None:
    """An agent sits down in the container: its MCP server is the exported desk."""
    ticket = Ticket(
        attempt="unknown",
        token="unknown",
        url="",
        command=(sys.executable, str(folder / "environment" / "desk.py"), "sit", folder.name),
        env={"PROCTOR_ROOT": str(root), **gate["variables"]},
    )
    seat = Seat(family=family, ticket=ticket, rng=random.Random(1), folder=root, wall_s=100)
    anyio.run(agent_named(agent).play, seat)


def test_an_agent_in_a_container_plays_by_the_desk_and_is_scored_outside(
    exported: Path, gate: dict[str, Any], environment: dict[str, str], tmp_path: Path
):
    folder = next(f for f in folders(exported) if "bayesian" in f.name)
    code, said = desk(folder / "tests", gate, tmp_path, "score")
    assert code == 1
    assert "never saw an agent" in said
    assert not (tmp_path / "logs").exists(), "no reward is no zero"
    sat(folder, gate, tmp_path, "solver", "strategic/bayesian_games")
    code, said = desk(folder / "tests", gate, tmp_path, "score")
    assert code == 0, said
    rewards = json.loads((tmp_path / "logs" / "verifier" / "reward.json").read_text())
    assert rewards.pop("reward") == pytest.approx(1.0)
    assert rewards == {"passed": 1.0, "validity": 1.0, "flagged": 0.0}
    again, said = desk(folder / "tests", gate, tmp_path / "another", "sit", folder.name)
    assert again == 1
    assert "was opened 1 times" in said
    verified = subprocess.run(
        [BIN / "proctor", "runs", "verify", gate["run"], "--json"],
        capture_output=True, text=True, env=environment, check=False, timeout=100,
    )  # fmt: skip
    assert json.loads(verified.stdout)["holds"]


def test_harbors_oracle_reaches_the_ceiling_by_a_diagnostic_attempt(
    exported: Path, gate: dict[str, Any], tmp_path: Path
):
    folder = next(f for f in folders(exported) if "auctions" in f.name)
    code, said = desk(folder / "solution", gate, tmp_path, "solve", folder.name)
    assert code == 0, said
    code, said = desk(folder / "tests", gate, tmp_path, "score")
    assert code == 0, said
    assert json.loads(said)["reward"] == pytest.approx(1.0)


def test_who_has_not_the_token_is_not_let_in(exported: Path, gate: dict[str, Any], tmp_path: Path):
    folder = folders(exported)[0]
    stranger = {**gate, "variables": {**gate["variables"], "PROCTOR_GATE_TOKEN": "guessed"}}
    for words in (("sit", folder.name), ("score",)):
        code, said = desk(folder / "tests", stranger, tmp_path, *words)
        assert code == 1
        assert "does not know this token" in said
