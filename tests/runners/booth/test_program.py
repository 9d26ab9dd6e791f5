"""Where a CLI lies, what the booth shows of it, and which tools a provider may not run for it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest

from runners._booth import bubble
from runners._booth.doors import with_usage
from runners._booth.hosted import hosted
from runners._booth.program import found, version


def installed(bench: Any, folder: Path, body: str = "") -> Any:
    """A CLI as npm installs it: a link in .bin to a file of its package."""
    tool = bench.tool(body)
    home = folder / "node_modules" / "@nobody" / "fakecli"
    (home / "bin").mkdir(parents=True)
    shutil.move(bench.folder / "bin" / "fakecli", home / "bin" / "cli.js")
    (home / "package.json").write_text(json.dumps({"name": tool.package, "version": "1.2.3"}))
    links = folder / "node_modules" / ".bin"
    links.mkdir()
    (links / "fakecli").symlink_to("../@nobody/fakecli/bin/cli.js")
    bench.environ.setenv("PATH", f"{links}:/usr/bin:/bin")
    return tool


def test_of_an_npm_package_the_outermost_node_modules_is_shown(bench: Any, tmp_path: Path):
    tool = installed(bench, tmp_path / "node_modules" / "outer")
    program = found(tool, os.environ)
    assert program is not None
    there = "/opt/cli/node_modules"
    assert program.inside == f"{there}/outer/node_modules/@nobody/fakecli/bin/cli.js"
    assert (tmp_path / "node_modules", there) in program.binds
    assert version(tool, program) == "1.2.3"


def test_a_program_of_one_file_is_shown_alone_and_asked_for_its_version(bench: Any, tmp_path: Path):
    tool = bench.tool("")
    script = tmp_path / "bin" / "fakecli"
    script.write_text("#!/bin/sh\necho 'Fake CLI, at version 4.5.6'\n")
    program = found(tool, os.environ)
    assert program is not None
    assert program.inside == "/opt/cli/bin/fakecli"
    assert (script, "/opt/cli/bin/fakecli") in program.binds
    assert version(tool, program) == "4.5.6"
    bench.environ.setenv("PATH", "/nonexistent")
    assert found(tool, os.environ) is None


def test_nothing_beside_the_packages_is_shown_and_a_state_folder_among_them_is_covered(
    bench: Any, tmp_path: Path
):
    if bubble.refusal():
        pytest.skip(f"no booth can be sealed here: {bubble.refusal()}")
    body = """
    root = sys.argv[0].split("/@nobody")[0]
    tell(names=sorted(os.listdir(root)), above=sorted(os.listdir(root + "/..")),
         state=os.listdir(root + "/state"), beside=open(root + "/beside/a").read())
    visit()
    """
    tool = installed(bench, tmp_path, body)
    (tmp_path / "secret").write_text("secret")
    for name in ("state", "beside"):
        (tmp_path / "node_modules" / name).mkdir()
        (tmp_path / "node_modules" / name / "a").write_text(name)
    bench.environ.setenv("PROCTOR_HOME", str(tmp_path / "node_modules" / "state"))
    sat = anyio.run(bench.seated, tool)
    told = sat.lines[0]
    assert told["names"] == [".bin", "@nobody", "beside", "state"]
    assert set(told["above"]) <= {"node_modules", "node"}
    assert (told["state"], told["beside"]) == ([], "beside")


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([{"name": "ours", "input_schema": {}}, {"type": "custom", "name": "ours"}], []),
        ([{"type": "function", "name": "mcp__proctor__act"}, {"type": "namespace"}], []),
        ([{"type": "web_search_preview"}, {"type": "mcp"}], ["mcp", "web_search_preview"]),
        ([{"type": "code_execution_20250825"}], ["code_execution_20250825"]),
        ([{"functionDeclarations": [{"name": "googleSearch"}]}], []),
        ([{"googleSearch": {}}, {"url_context": {}}], ["googleSearch", "urlContext"]),
        ("nonsense", []),
        ([None, 3], []),
    ],
)
def test_tools_that_a_provider_runs_are_recognised(tools: Any, expected: list[str]):
    assert hosted({"tools": tools}) == expected


def test_chat_streams_are_asked_for_their_usage():
    asked = json.loads(with_usage(b'{"stream": true, "stream_options": {"a": 1}, "n": 2}'))
    assert asked == {"stream": True, "stream_options": {"a": 1, "include_usage": True}, "n": 2}
    for body in (b'{"stream": false}', b"[]", b"not json"):
        assert with_usage(body) == body
