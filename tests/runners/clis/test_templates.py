"""Agent CLIs by template: the ready ones, a user's own, and what is told of a wrong one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runners._booth import CliSeat
from runners._core import agent_named
from runners.agents._templates import READY, parsed, template
from tasks import UsageError

READY_NAMES = sorted(path.stem for path in READY.glob("*.yaml"))
GOOD: dict[str, Any] = {
    "name": "Mine",
    "program": "mine",
    "argv": ["--ask", "{prompt}", "--config={mcp_config}", "--model", "x/{model}"],
    "wire": "chat",
    "model": "m-1",
    "env": {"BASE": "{base_url}", "KEY": "{key}"},
}
CLAUDE = """\
name: Claude Code by template
program: claude
package: "@anthropic-ai/claude-code"
tested: 2.1.330
wire: anthropic
provider: anthropic
model: claude-sonnet-4-5
key_env: [ANTHROPIC_API_KEY]
base_env: ANTHROPIC_BASE_URL
base_url: https://api.anthropic.com
builtins_off: true
argv:
  - --print
  - "{prompt}"
  - --model={model}
  - --tools=
  - --mcp-config={mcp_config}
  - --strict-mcp-config
  - --setting-sources=
  - --allowedTools=mcp__{server}
  - --permission-mode=dontAsk
env:
  ANTHROPIC_BASE_URL: "{base_url}"
  ANTHROPIC_API_KEY: "{key}"
  ENABLE_TOOL_SEARCH: "false"
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1"
"""
"""As short as a template of a user can be."""


def seat(transport: Any = "stdio") -> CliSeat:
    return CliSeat(
        prompt='Task: a/b\n"quoted" {model}',
        model="m-2",
        home="/home/agent",
        cwd="/home/agent/work",
        model_url="http://127.0.0.1:1/v1",
        key="the-word",
        transport=transport,
        mcp_command=("/usr/bin/python3", "pipe", "8101"),
        mcp_url="http://127.0.0.1:1/w/mcp",
        wall_s=90.5,
    )


def yaml_of(**changes: Any) -> str:
    whole = {**GOOD, **changes}
    return json.dumps({name: value for name, value in whole.items() if value is not None})


def test_placeholders_are_filled_once_and_structures_stay_structures():
    made = parsed(
        yaml_of(files={"work/a.json": {"{model}": ["{command}", "{seconds}", "s={seconds}"]}}), "t"
    )
    launch = made.tool().launch(seat())
    # What stands in the prompt is the prompt's, whatever it looks like.
    assert launch.argv[1] == 'Task: a/b\n"quoted" {model}'
    assert launch.argv[2:] == ("--config=/home/agent/.proctor/mcp.json", "--model", "x/m-2")
    assert launch.env == {"BASE": "http://127.0.0.1:1/v1", "KEY": "the-word"}
    command = ["/usr/bin/python3", "pipe", "8101"]
    assert json.loads(launch.files["work/a.json"]) == {"m-2": [command, 90, "s=90"]}


@pytest.mark.parametrize(
    ("transport", "entry"),
    [
        ("stdio", {"type": "stdio", "command": "/usr/bin/python3", "args": ["pipe", "8101"]}),
        ("http", {"type": "http", "url": "http://127.0.0.1:1/w/mcp"}),
    ],
)
def test_most_clis_read_the_same_file_of_servers(transport: str, entry: Any):
    launch = parsed(yaml_of(), "t").tool().launch(seat(transport))
    assert json.loads(launch.files[".proctor/mcp.json"]) == {"mcpServers": {"proctor": entry}}


@pytest.mark.parametrize("name", READY_NAMES)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_ready_template_tells_the_cli_all_that_it_needs(name: str, transport: str):
    tool = template(name).tool()
    assert tool.package
    assert tool.tested
    launch = tool.launch(seat(transport))
    told = json.dumps([launch.argv, dict(launch.env), dict(launch.files)])
    door = "http://127.0.0.1:1/w/mcp" if transport == "http" else "8101"
    for needed in ("Task: a/b", "http://127.0.0.1:1/v1", "the-word", "m-2", door):
        assert needed in told
    assert agent_named(f"generic:{name}").paid
    free = agent_named(f"generic:{name}+model=scripted+script=random+turns=9")
    assert (free.paid, free.calls) == (False, 9)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"progam": "x"}, r"no field 'progam' \(Did you mean program"),
        ({"argv": None}, "the field 'argv' is missing"),
        ({"wire": "grpc"}, "wire: input should be 'anthropic', 'responses', 'gemini' or 'chat'"),
        ({"argv": ["{promt}", "{mcp_config}"]}, r"no placeholder {promt} Did you mean prompt"),
        ({"argv": ["{mcp_config}"]}, r"nothing holds {prompt}"),
        ({"env": {}}, r"nothing holds {base_url}"),
        ({"argv": ["{prompt}"]}, r"nothing holds {mcp_config} or {mcp}"),
        ({"transports": []}, "transports"),
    ],
)
def test_a_wrong_template_says_everything_that_is_wrong(changes: Any, says: str):
    with pytest.raises(UsageError, match=says):
        parsed(yaml_of(**changes), "mine.yaml")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("generic:opencde", "Did you mean opencode"),
        ("generic:nothing/there.yaml", "No such file"),
        ("generic:opencode+turn=3", r"no option \+turn\. Did you mean turns"),
        ("generic:opencode+model=a+model=b", "given twice"),
        ("generic:opencode+model=a+script=solver", r"belongs to the model `scripted`"),
    ],
)
def test_a_wrong_name_says_what_there_is(name: str, says: str):
    with pytest.raises(UsageError, match=says):
        agent_named(name)


def test_generic_alone_names_no_cli():
    with pytest.raises(UsageError, match=r"generic:copilot\|opencode\|qwen\|PATH\.yaml"):
        agent_named("generic").ready(("strategic/bayesian_games",))


@pytest.mark.parametrize(
    ("text", "says"), [("a: [", "is not YAML"), ("- a", "a mapping"), ("", "a mapping")]
)
def test_what_is_no_template_at_all_is_told(tmp_path: Path, text: str, says: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        agent_named(f"generic:{path}")


@pytest.mark.npm
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_users_own_template_plays(table: Any, tmp_path: Path, transport: str):
    path = tmp_path / "mine.yaml"
    path.write_text(CLAUDE)
    sat = table.play(f"generic:{path}+model=scripted+transport={transport}")
    assert sat.score() == pytest.approx(1.0, abs=1e-6)
    assert sat.played.usage.metered.input > 0


@pytest.mark.npm
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", READY_NAMES)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_ready_template_plays_with_no_tool_but_ours(table: Any, name: str, transport: str):
    program = template(name).program
    if shutil.which(program) is None:
        tool = template(name).tool()
        pytest.skip(f"`{program}` is not installed: npm install -g {tool.package}@{tool.tested}")
    plain = f"generic:{name}+model=scripted+transport={transport}"
    assert table.play(plain).score() == pytest.approx(1.0, abs=1e-6)
    assert "built-in tools ran: none." in table.play(f"{plain}+script=builtin").notes
