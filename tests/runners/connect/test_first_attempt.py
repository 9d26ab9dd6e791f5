"""From an installed CLI to a first scored attempt: connect, one command of the CLI, score.

The CLIs run with their users' own kind of settings (a decoy home), not with ours for suites; the
model behind them is scripted, on loopback.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from evaluators import score_run
from runners._connect import CLIENTS
from runners.scripted_model import endpoint

PROCTOR = Path(sys.executable).parent / "proctor"
FAMILY = "strategic/bayesian_games"
PROMPT = f"Task: {FAMILY}\nUse proctor: start the task and solve it."
FREE = "--dangerously-bypass-approvals-and-sandbox"
QUIET = """\
check_for_update_on_startup = false
model = "gpt-5.2"
model_provider = "mine"  # a comment of mine
analytics.enabled = false
[model_providers.mine]
name = "mine"
base_url = "{url}/v1"
env_key = "MY_KEY"
wire_api = "responses"
"""

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class User:
    """One CLI as its user has it: settings of their own, a key, one command without a dialog."""

    settings: str
    content: str
    env: Mapping[str, str]
    words: tuple[str, ...]


USERS = {
    "claude": User(
        settings=".claude.json",
        content='{"hasCompletedOnboarding": true}',
        env={
            "ANTHROPIC_BASE_URL": "{url}",
            "ANTHROPIC_API_KEY": "test",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        words=("-p", PROMPT, "--allowedTools", "mcp__proctor"),
    ),
    "codex": User(
        settings=".codex/config.toml",
        content=QUIET,
        env={"MY_KEY": "test"},
        words=(
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            PROMPT,
        ),
    ),
    "gemini": User(
        settings=".gemini/settings.json",
        content=json.dumps(
            {
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "privacy": {"usageStatisticsEnabled": False},
                "general": {"enableAutoUpdate": False},
            }
        ),
        env={"GEMINI_API_KEY": "test", "GOOGLE_GEMINI_BASE_URL": "{url}"},
        words=("-p", PROMPT, "-m", "gemini-2.5-flash", "--skip-trust", "--approval-mode", "yolo"),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the users work: the daemon that the first CLI starts writes practice runs there."""
    return tmp_path_factory.mktemp("work")


@pytest.mark.parametrize("name", USERS)
def test_connect_then_one_command_gives_a_scored_attempt(
    name: str, agent_clis: str, shared_home: Path, folder: Path, tmp_path: Path
):
    user = USERS[name]
    env = {"PATH": agent_clis, "HOME": str(tmp_path), "PROCTOR_HOME": str(shared_home)}
    before = set(folder.glob("runs/*"))

    def run(*words: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**env, **more},
            stdin=subprocess.DEVNULL,
            timeout=200,
            check=False,
        )

    async def play() -> "subprocess.CompletedProcess[str]":
        async with endpoint("solver") as model:
            settings = tmp_path / user.settings
            settings.parent.mkdir(exist_ok=True)
            settings.write_text(user.content.replace("{url}", model.url))
            connected = run(PROCTOR, "connect", name)
            assert connected.returncode == 0, connected.stderr
            keys = {key: value.replace("{url}", model.url) for key, value in user.env.items()}
            return await anyio.to_thread.run_sync(
                lambda: run(CLIENTS.find(name).program, *user.words, **keys)
            )

    done = anyio.run(play)
    runs = [*({*folder.glob("runs/*")} - before)]
    assert len(runs) == 1, done.stdout[-2000:] + done.stderr[-2000:]
    (score,) = score_run(runs[0], shared_home).scores
    assert (score.family, score.status, score.passed) == (FAMILY, "scored", True)
    assert score.ability == pytest.approx(1.0)
    assert score.flags == ()
    undone = run(PROCTOR, "connect", name, "--undo")
    assert undone.returncode == 0, undone.stderr
    assert "proctor" not in (tmp_path / user.settings).read_text()
