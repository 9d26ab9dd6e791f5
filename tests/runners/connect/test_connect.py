"""`proctor connect`: one entry in a client's own settings, in and out, and nothing else touched."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from runners._connect import CLIENTS, _json_text, _toml_text
from runners._connect_cli import app
from tasks import UnknownUnitError, UsageError

FILES = {
    "claude": ".claude.json",
    "codex": ".codex/config.toml",
    "copilot": ".copilot/mcp-config.json",
    "gemini": ".gemini/settings.json",
    "opencode": ".config/opencode/opencode.json",
    "qwen": ".qwen/settings.json",
}
PROJECT = {
    "claude": ".mcp.json",
    "codex": ".codex/config.toml",
    "copilot": ".github/mcp.json",
    "gemini": ".gemini/settings.json",
    "opencode": "opencode.json",
    "qwen": ".qwen/settings.json",
}
MOVED = {
    "claude": ("CLAUDE_CONFIG_DIR", "{}", ".claude.json"),
    "codex": ("CODEX_HOME", "{}", "config.toml"),
    "copilot": ("COPILOT_HOME", "{}", "mcp-config.json"),
    "gemini": ("GEMINI_CLI_HOME", "{}", ".gemini/settings.json"),
    "opencode": ("OPENCODE_CONFIG", "{}/my.json", "my.json"),
    "qwen": ("QWEN_HOME", "{}", "settings.json"),
}
PATHS = {name: CLIENTS.find(name).path for name in FILES}


@pytest.fixture
def decoy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody's; the current folder is a project in it."""
    for variable in ("XDG_CONFIG_HOME", *(moved[0] for moved in MOVED.values())):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROCTOR_HOME", str(tmp_path / "state"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return tmp_path


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> Any:
    result = typed(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def parsed(file: Path) -> Any:
    read = tomllib.loads if file.suffix == ".toml" else json.loads
    return read(file.read_text())


def entry_in(file: Path, name: str) -> Any:
    key, server = PATHS[name]
    return parsed(file)[key][server]


def content(name: str) -> str:
    """Settings of somebody who has another server already, written by hand."""
    if name == "codex":
        return '# mine\nmodel = "x"   # fast\n\n[mcp_servers.other]\ncommand = "o"\n\n[t]\na = 1\n'
    servers = f'"{PATHS[name][0]}" : {{ "other": {{"command":"o"}} }}'
    return '{"n": 1.50, "big": 1e400,\n\t' + servers + ',  "z":[]}'


def test_every_client_has_a_row_here():
    assert sorted(FILES) == sorted(PROJECT) == sorted(MOVED) == CLIENTS.names()


@pytest.mark.parametrize("name", FILES)
def test_where_there_was_no_file_one_is_made_and_gone_again(decoy: Path, name: str):
    told = said(name)
    file = decoy / FILES[name]
    assert told["file"] == str(file)
    entry = entry_in(file, name)
    assert entry == told["entry"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    flat = json.dumps(entry)
    assert '"connect", "--stdio"]' in flat
    assert str(decoy / "state") in flat, "clients pass few variables on"
    assert said(name)["written"] is False, "a second time there is nothing to do"
    assert said(name, "--undo")["removed"] is True
    assert not file.exists()
    assert said(name, "--undo")["removed"] is False


@pytest.mark.parametrize("name", FILES)
def test_what_was_there_stays_and_comes_back_byte_for_byte(decoy: Path, name: str):
    file = decoy / FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content(name))
    file.chmod(0o640)
    assert said(name)["written"] is True
    other = {key: value for key, value in parsed(file)[PATHS[name][0]].items() if key != "proctor"}
    assert other == {"other": {"command": "o"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    typed(name, "--undo")
    assert file.read_text() == content(name)
    assert [one.name for one in file.parent.iterdir() if "before-proctor" in one.name] == []


@pytest.mark.parametrize("name", FILES)
def test_what_the_client_wrote_since_stays(decoy: Path, name: str):
    file = decoy / FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("" if name == "codex" else "{}")
    said(name)
    if name == "codex":
        file.write_text(file.read_text() + "\n[later]\nx = 1\n")
    else:
        file.write_text(json.dumps({**parsed(file), "later": {"x": 1}}))
    said(name, "--undo")
    assert parsed(file) == {"later": {"x": 1}}


@pytest.mark.parametrize("name", FILES)
def test_print_writes_nothing_and_shows_what_would_stand_there(decoy: Path, name: str):
    shown = typed(name, "--print").stdout
    assert not (decoy / FILES[name]).exists()
    said(name)
    assert (decoy / FILES[name]).read_text().strip() in shown


@pytest.mark.parametrize("name", FILES)
def test_a_project_gets_a_file_of_its_own(decoy: Path, name: str):
    assert said(name, "--scope", "project")["file"] == str(decoy / "project" / PROJECT[name])
    assert entry_in(decoy / "project" / PROJECT[name], name)
    assert not (decoy / FILES[name]).exists()
    typed(name, "--scope", "project", "--undo")
    assert not (decoy / "project" / PROJECT[name]).exists()


@pytest.mark.parametrize("name", FILES)
def test_the_variable_that_moves_a_clients_settings_is_honoured(
    decoy: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    variable, value, rest = MOVED[name]
    monkeypatch.setenv(variable, value.format(decoy / "moved"))
    assert said(name)["file"] == str(decoy / "moved" / rest)
    assert entry_in(decoy / "moved" / rest, name)
    row = next(row for row in said()["clients"] if row["client"] == name)
    assert (row["file"], row["state"]) == (str(decoy / "moved" / rest), "ours")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "broken",
    ["{", "= 1", "[1, 2", "\0", '{"a": 1}}', "x" * 100, "[" * 20_000],
    ids=["open", "toml", "array", "null", "twice", "word", "deep"],
)
def test_a_broken_file_is_named_and_left_alone(decoy: Path, name: str, broken: str):
    file = decoy / FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(broken)
    for words in ((name,), (name, "--undo")):
        error = typed(*words).exception
        assert isinstance(error, UsageError)
        assert str(file) in str(error)
    assert file.read_text() == broken
    assert [one.name for one in file.parent.iterdir() if one.is_file()] == [file.name]
    row = next(row for row in said()["clients"] if row["client"] == name)
    assert row["state"] == "unreadable"


@pytest.mark.parametrize("name", sorted(set(FILES) - {"codex"}))
@pytest.mark.parametrize("value", ["[]", "3", '"text"'])
def test_servers_that_are_no_object_are_not_written_over(decoy: Path, name: str, value: str):
    file = decoy / FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{{"{PATHS[name][0]}": {value}}}')
    before = file.read_bytes()
    assert isinstance(typed(name).exception, UsageError)
    assert file.read_bytes() == before


def test_comments_that_would_be_lost_are_a_reason_to_refuse(decoy: Path):
    file = decoy / ".config" / "opencode" / "opencode.jsonc"
    file.parent.mkdir(parents=True)
    file.write_text('{\n  // mine\n  "theme": "dark",\n}\n')
    error = typed("opencode").exception
    assert isinstance(error, UsageError)
    assert "comments" in str(error)
    assert "proctor connect opencode --print" in str(error)
    shown = typed("opencode", "--print")
    assert '"type": "local"' in shown.stdout
    assert "// mine" in file.read_text()


def test_comments_of_a_toml_file_stay(decoy: Path):
    file = decoy / FILES["codex"]
    file.parent.mkdir()
    file.write_text(content("codex"))
    said("codex")
    assert file.read_text().startswith(content("codex"))


@pytest.mark.parametrize("name", FILES)
def test_a_server_of_our_name_that_is_not_ours_is_left_alone(decoy: Path, name: str):
    file = decoy / FILES[name]
    file.parent.mkdir(parents=True, exist_ok=True)
    key = PATHS[name][0]
    if name == "codex":
        file.write_text(f'[{key}.proctor]\nurl = "https://example.org"\n')
    else:
        file.write_text(json.dumps({key: {"proctor": {"url": "https://example.org"}}}))
    before = file.read_bytes()
    for words in ((name,), (name, "--undo")):
        assert isinstance(typed(*words).exception, UsageError)
    assert file.read_bytes() == before


def test_an_entry_of_another_installation_is_replaced(decoy: Path):
    file = decoy / FILES["claude"]
    old = {"command": "/old/proctor", "args": ["connect", "--stdio"]}
    file.write_text(json.dumps({"mcpServers": {"proctor": old, "z": {}}}))
    assert said("claude")["written"] is True
    assert entry_in(file, "claude")["command"] != "/old/proctor"
    assert list(parsed(file)["mcpServers"]) == ["proctor", "z"]


def test_a_link_is_followed_and_stays_a_link(decoy: Path):
    real = decoy / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text('{"a": 1}')
    link = decoy / FILES["claude"]
    link.symlink_to(real)
    said("claude")
    assert link.is_symlink()
    assert "proctor" in parsed(real)["mcpServers"]
    said("claude", "--undo")
    assert (link.is_symlink(), real.read_text()) == (True, '{"a": 1}')


def test_a_byte_order_mark_and_line_ends_are_kept(decoy: Path):
    file = decoy / FILES["gemini"]
    file.parent.mkdir()
    file.write_bytes(b'\xef\xbb\xbf{\r\n    "a": 1\r\n}\r\n')
    said("gemini")
    assert file.read_bytes().startswith(b'\xef\xbb\xbf{\r\n    "a": 1,\r\n    "mcpServers"')
    said("gemini", "--undo")
    assert file.read_bytes() == b'\xef\xbb\xbf{\r\n    "a": 1\r\n}\r\n'


def test_bad_words_are_answered(decoy: Path):
    assert isinstance(typed("claud").exception, UnknownUnitError)
    assert "claude" in str(typed("claud").exception)
    assert isinstance(typed("claude", "--scope", "team").exception, UsageError)
    assert isinstance(typed("claude", "--print", "--undo").exception, UsageError)
    (decoy / FILES["claude"]).mkdir()
    assert isinstance(typed("claude").exception, UsageError)


def test_the_list_names_every_client_and_the_entry_for_others(decoy: Path):
    said("codex")
    listed = said()
    states = {row["client"]: row["state"] for row in listed["clients"]}
    assert states == {name: "ours" if name == "codex" else "absent" for name in FILES}
    assert listed["mcpServers"]["proctor"]["args"] == ["connect", "--stdio"]
    assert all(CLIENTS.find(name).title in typed().stdout for name in FILES)


KEYS = st.text(max_size=8) | st.sampled_from(["mcpServers", "proctor", "other"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
PATH = ("mcpServers", "proctor")
ENTRY = {"command": "p", "args": ["connect", "--stdio"], "env": {"A": '"}{'}}


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.dictionaries(KEYS, VALUES, max_size=4) | st.none(),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_any_json_gets_the_entry_and_gives_it_back(
    whole: dict[str, Any], servers: dict[str, Any] | None, indent: Any, ascii_: bool
):
    whole.pop("mcpServers", None)
    if servers is not None:
        servers.pop("proctor", None)
        whole["mcpServers"] = servers
    text = json.dumps(whole, indent=indent, ensure_ascii=ascii_)
    new = _json_text.put(text, PATH, ENTRY)
    assert repr(json.loads(new)) == repr(
        {**whole, "mcpServers": {**(servers or {}), "proctor": ENTRY}}
    )
    assert _json_text.found(new, PATH) == ENTRY
    back = _json_text.take(new, PATH)
    assert repr(json.loads(back)) == repr({**whole, "mcpServers": servers or {}})
    if servers:
        assert back == text, "where something is left, not a byte differs"


TABLES = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.text("ab #'=[]\"\\é", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text("abc.-", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMED = st.dictionaries(st.text("abc.-", min_size=1, max_size=3), TABLES, max_size=4)


@settings(max_examples=40)
@given(NAMED, NAMED, st.sampled_from(["", "# a comment\n", "\n\n", "x = 1 # kept\n"]))
def test_any_toml_gets_the_table_and_gives_it_back(
    whole: dict[str, Any], servers: dict[str, Any], head: str
):
    text = head + tomlkit.dumps({**whole, **({"mcp_servers": servers} if servers else {})})
    path = ("mcp_servers", "proctor")
    new = _toml_text.put(text, path, ENTRY)
    assert new.startswith(text)
    before = tomllib.loads(text)
    assert tomllib.loads(new) == {
        **before,
        "mcp_servers": {**before.get("mcp_servers", {}), "proctor": ENTRY},
    }
    back = tomllib.loads(_toml_text.take(new, path))
    assert {k: v for k, v in back.items() if v != {} or k in before} == before


@pytest.mark.parametrize(
    "text",
    [
        "mcp_servers = {}\n",
        'mcp_servers = { o = { command = "x" } }\n',
        'mcp_servers.o.command = "x"\n',
        '[mcp_servers]\no.command = "x"\n[z]\n',
        '["mcp_servers"."o"]\ncommand = "x"',
    ],
)
def test_every_way_to_write_tables_takes_the_entry(text: str):
    path = ("mcp_servers", "proctor")
    new = _toml_text.put(text, path, ENTRY)
    assert tomllib.loads(new)["mcp_servers"]["proctor"] == ENTRY
    assert tomllib.loads(_toml_text.take(new, path)) == tomllib.loads(text)
