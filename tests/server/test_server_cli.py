"""`proctor serve`, `doctor`, `secret` as an operator types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from server import _doctor
from server._cli import app
from server.launch import DaemonOptions
from server.state import StateFolder
from tasks import UsageError


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def json_of(*words: str, code: int = 0) -> Any:
    result = typed(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_without_a_daemon_status_and_stop_say_so(state_home: Path) -> None:
    assert json_of("serve", "status", code=4) == {"running": False}
    assert json_of("serve", "stop") == {"stopped": False}


def test_a_daemon_is_started_shown_and_stopped(state_home: Path) -> None:
    started = json_of("serve", "start", "--no-sandbox", "--runs", str(state_home / "runs"))
    try:
        assert started["tier"] == "none"
        shown = json_of("serve", "status")
        assert (shown["running"], shown["info"]["pid"]) == (True, started["pid"])
        logged = json_of("serve", "logs", "-n", "5")
        assert any("serving" in line for line in logged["lines"])
    finally:
        assert json_of("serve", "stop") == {"stopped": True, "pid": started["pid"]}
    assert not StateFolder(state_home).held()


def test_sandbox_and_no_sandbox_exclude_each_other(state_home: Path) -> None:
    result = typed("serve", "start", "--no-sandbox", "--sandbox", "bwrap")
    assert isinstance(result.exception, UsageError)
    unknown = typed("serve", "start", "--sandbox", "docker")
    assert isinstance(unknown.exception, UsageError)
    assert unknown.exception.exit_code == 2


def test_the_secret_is_made_rotated_saved_and_restored(state_home: Path) -> None:
    assert json_of("secret", "show")["exists"] is False
    first = json_of("secret", "create")["current"]
    rotated = json_of("secret", "rotate")
    assert rotated["current"] != first
    assert rotated["kept"] == [first]
    backup = state_home / "backup.json"
    json_of("secret", "backup", str(backup))
    assert backup.stat().st_mode & 0o777 == 0o600
    again = typed("secret", "backup", str(backup))
    assert isinstance(again.exception, UsageError)
    Path(json_of("secret", "show")["path"]).unlink()
    assert json_of("secret", "restore", str(backup))["current"] == rotated["current"]
    secrets = json.loads(backup.read_text())["secrets"].values()
    assert not any(secret in typed("secret", "show").stdout for secret in secrets)


def test_doctor_names_what_is_broken_and_what_to_do(
    state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_works() -> list[_doctor.Finding]:
        return [
            _doctor.Finding(
                what="a sandbox", well=False, must=True, found="none", remedy="Install bwrap."
            )
        ]

    monkeypatch.setattr(_doctor, "_sandboxes", none_works)
    found = json_of("doctor", code=1)
    assert found["well"] is False
    broken = [f for f in found["findings"] if f["must"] and not f["well"]]
    assert [(f["what"], f["remedy"]) for f in broken] == [("a sandbox", "Install bwrap.")]
    assert "Install bwrap." in typed("doctor").stdout


def test_options_travel_whole() -> None:
    options = DaemonOptions(home=Path("/h"), runs=Path("/r"), sandbox="bwrap", port=1, open=True)
    assert DaemonOptions.model_validate_json(options.model_dump_json()) == options
