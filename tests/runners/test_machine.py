"""What `proctor doctor` is told of agent CLIs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proctor import Rooms
from runners import _machine
from runners._booth import bubble
from runners._machine import Look, looked_at, tools
from server import _doctor
from server._cli import app

SECRET = "sk-never-to-be-seen"


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    """A PATH with a Claude Code of the asked version, as npm lays it."""

    def lay(version: str, **env: str) -> dict[str, str]:
        package = tmp_path / "node_modules" / "@anthropic-ai" / "claude-code"
        package.mkdir(parents=True, exist_ok=True)
        named = {"name": "@anthropic-ai/claude-code", "version": version}
        (package / "package.json").write_text(json.dumps(named))
        (package / "cli.js").write_text("#!/bin/sh\n")
        (package / "cli.js").chmod(0o755)
        places = tmp_path / "node_modules" / ".bin"
        places.mkdir(exist_ok=True)
        (places / "claude").unlink(missing_ok=True)
        (places / "claude").symlink_to(package / "cli.js")
        return {"PATH": str(places), **env}

    return lay


def looks(environ: dict[str, str]) -> dict[str, Look]:
    return {look.what: look for look in looked_at(environ)}


def test_every_cli_is_looked_at():
    names = [name for name, _ in tools()]
    assert {"claude", "codex", "gemini"} <= set(names)
    assert {"generic:opencode", "generic:qwen", "generic:copilot"} <= set(names)


def test_a_missing_cli_comes_with_the_command_that_brings_it(tmp_path: Path):
    for name, tool in tools():
        look = looks({"PATH": str(tmp_path)})[f"agent CLI {name}"]
        assert not look.well
        assert f"npm install -g {tool.package}@{tool.tested}" in look.remedy


def test_the_tested_version_and_a_later_one_are_well_an_older_one_is_not(machine: Any):
    tested = dict(tools())["claude"].tested
    for version, well in ((tested, True), ("99.0.0", True), ("1.0.9", False)):
        look = looks(machine(version))["agent CLI claude"]
        assert look.well is well
        assert f"{version} (tested: {tested})" in look.found
    assert f"@anthropic-ai/claude-code@{tested}" in look.remedy


def test_of_a_key_it_is_said_whether_it_is_set_and_no_more(machine: Any):
    without = looks(machine("99.0.0"))["agent CLI claude"]
    assert "no key set" in without.found
    assert "ANTHROPIC_API_KEY" in without.remedy
    assert "claude:scripted" in without.remedy
    everything = looks(machine("99.0.0", ANTHROPIC_API_KEY=SECRET))
    assert ", key set" in everything["agent CLI claude"].found
    assert SECRET not in repr(everything)


def test_without_a_booth_only_clis_without_tools_of_their_own_play(
    machine: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bubble, "refusal", lambda: "setting up uid map: Permission denied")
    found = looks(machine("99.0.0"))
    assert found["booth for agent CLIs"].found == "setting up uid map: Permission denied"
    assert not found["booth for agent CLIs"].well
    tool = dict(tools())["claude"]
    mode = "unsealed" if tool.can.builtins_off else "no headless attempts here"
    assert mode in found["agent CLI claude"].found


def test_a_missing_extra_comes_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_machine, "EXTRAS", {"models": "no_such_module"})
    look = looks({"PATH": ""})["extra models"]
    assert (look.well, look.remedy) == (False, "`pip install -e '.[models]'`, if you need it.")


def test_the_doctor_tells_it_and_none_of_it_is_a_must(home: Path, monkeypatch: pytest.MonkeyPatch):
    async def none_looked_at() -> list[_doctor.Finding]:
        return []

    monkeypatch.setattr(_doctor, "_sandboxes", none_looked_at)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    done = CliRunner().invoke(app, ["doctor", "--json"], obj=Rooms())
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    told = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert told["agent CLI claude"]["must"] is False
    assert "npm install" in told["agent CLI codex"]["remedy"]
