"""Claude Code: what its transcripts tell, and the real one at two exams from inside its booth."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from runners._booth import CliSeat, bubble
from runners._booth.verdict import CliError
from runners._core import Seat
from runners.agents.claude import agent, launch, read
from tasks import Ticket, UsageError
from tasks._record import Tokens

ROOT = Path(__file__).parents[3]
# Recorded with 2.1.330, cut to what is read.
INIT = {
    "type": "system",
    "subtype": "init",
    "mcp_servers": [{"name": "proctor", "status": "connected", "source": "dynamic"}],
}
CALL = {
    "type": "assistant",
    "message": {"content": [{"type": "tool_use", "name": "mcp__proctor__start_task"}]},
}
RESULT: dict[str, Any] = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "num_turns": 6,
    "result": "Done.",
    "total_cost_usd": 0.057603,
    "usage": {
        "input_tokens": 14360,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 5110,
        "output_tokens": 866,
    },
    "modelUsage": {"claude-sonnet-4-5": {"costUSD": 0.057603, "costBasis": "list"}},
}


def lines(*events: Any) -> str:
    return "\n".join(json.dumps(event) for event in events)


def seat(**given: Any) -> CliSeat:
    fixed: dict[str, Any] = {
        "prompt": "Task: a/b",
        "model": "claude-sonnet-4-5",
        "home": "/home/agent",
        "cwd": "/home/agent/work",
        "model_url": "http://127.0.0.1:8100",
        "key": "word",
        "transport": "stdio",
        "mcp_command": ("python", "inside.py", "pipe"),
        "mcp_url": "http://127.0.0.1:8100/word/mcp",
        "wall_s": 60.0,
    }
    return CliSeat(**{**fixed, **given})


def test_a_whole_transcript_is_read():
    # U+2028 ends a line for Python, and stands unescaped in what node writes.
    odd = {"type": "assistant", "message": {"content": [{"type": "text", "text": "a\u2028b"}]}}
    odd_call = {**CALL, "note": "\u2028"}
    written = json.dumps(odd_call, ensure_ascii=False)
    text = "\n".join([lines(INIT, CALL, odd), written, lines(RESULT), "not json", "{broken"])
    said = read(text)
    assert said.tokens == Tokens(input=19480, output=866, cached=5110)
    assert (said.cost_usd, said.turns, said.tool_calls) == (0.057603, 6, 2)
    assert (said.ending, said.error) == ("", "")


def test_endings_are_read():
    def with_end(**changed: Any) -> Any:
        return read(lines(INIT, CALL, {**RESULT, "is_error": True, **changed}))

    assert with_end(subtype="error_max_turns").ending == "turns"
    assert with_end(subtype="error_max_budget_usd", result=None).ending == "money"
    failed = with_end(result="API Error: 500")
    assert (failed.ending, failed.error) == ("", "API Error: 500")
    refused = {**INIT, "mcp_servers": [{"name": "proctor", "status": "failed"}]}
    assert read(lines(refused, RESULT)).ending == "tools"
    assert read(lines(INIT, CALL)).tokens is None
    assert read("").turns == 0


def test_a_price_that_it_made_up_is_no_price():
    models = {"some-model": {"costUSD": 1.0, "costBasis": "unknown"}}
    assert read(lines({**RESULT, "modelUsage": models})).cost_usd is None


def test_only_our_tools_are_there_and_nothing_of_the_user(tmp_path: Path):
    plan = launch(seat(turns=7, usd=0.5, options={"effort": "low", "thinking": 2048}))
    words = dict(zip(plan.argv, plan.argv[1:], strict=False))
    assert words["--tools"] == words["--setting-sources"] == ""
    assert words["--allowedTools"] == "mcp__proctor"
    assert "--strict-mcp-config" in words
    assert (words["--max-turns"], words["--max-budget-usd"]) == ("7", "0.5")
    assert (words["--effort"], plan.env["MAX_THINKING_TOKENS"]) == ("low", "2048")
    assert plan.env["CLAUDE_CONFIG_DIR"].startswith("/home/agent/")
    stdio = json.loads(plan.files["mcp.json"])["mcpServers"]["proctor"]
    assert (stdio["command"], stdio["args"]) == ("python", ["inside.py", "pipe"])
    http = json.loads(launch(seat(transport="http")).files["mcp.json"])["mcpServers"]["proctor"]
    assert (http["type"], http["url"]) == ("http", "http://127.0.0.1:8100/word/mcp")


def test_its_variants_are_checked():
    assert agent.variant is not None
    assert agent.variant("scripted+effort=max").model == ""
    assert agent.variant("claude-opus-4-5").model == "anthropic:claude-opus-4-5"
    with pytest.raises(UsageError, match="one of low"):
        agent.variant("scripted+effort=huge")
    with pytest.raises(UsageError, match="thinking"):
        agent.variant("scripted+thinking=lots")


@pytest.mark.npm
@pytest.mark.timeout(300)
def test_a_server_that_does_not_start_is_an_ending_of_its_own(
    bench: Any, agent_clis: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", agent_clis)
    told: list[Any] = []
    ticket = Ticket(attempt="a1", token="t" * 20, url="", command=("false",), env={})
    seat = Seat("a/b", ticket, random.Random(1), bench.folder, 60.0, tell=told.append)
    assert agent.variant is not None
    with pytest.raises(CliError, match="'proctor': 'failed'"):
        anyio.run(agent.variant("scripted+script=nop").play, seat)
    assert told[-1].ending == "tools"


def events(attempt: Path) -> list[Any]:
    return [json.loads(line) for line in (attempt / "events.jsonl").read_text().splitlines()]


def proctor(path: str, home: Path, words: Sequence[str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "proctor", *words, "--json"],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "PROCTOR_HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.npm
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_real_one_solves_a_circuit_over_http_by_the_command_line(
    agent_clis: str, tmp_path: Path, shared_home: Path
):
    """The short form, and every transport with both groups of tasks: tests/runners/clis."""
    if bubble.refusal():
        pytest.skip(f"no booth can be sealed here: {bubble.refusal()}")
    name = "claude:scripted+transport=http"
    words = ["run", "interp/one_head", "--agents", name, "--n", "1", "--runs", str(tmp_path)]
    (run,) = proctor(agent_clis, shared_home, words)["runs"]
    assert run["summary"]["metrics"]["families"]["interp/one_head"]["pass_rate"] == 1.0
    (attempt,) = Path(run["folder"]).glob("attempts/*/1")
    assert "tools.listed" in [event["kind"] for event in events(attempt)]
    played = json.loads((attempt / "played.json").read_text())
    setup, usage = played["setup"], played["usage"]
    assert (setup["transport"], setup["sandbox"]) == ("http", "bwrap")
    assert setup["program"].startswith("claude 2.")
    assert (played["error"], played["ending"]) == ("", "")
    # Two counts of one thing: the CLI's own, and ours on the way.
    assert usage["tokens"] == usage["metered"]
    assert (usage["cost_usd"], usage["cost_basis"]) == (0.0, "free")
    assert (attempt / played["transcript"]).stat().st_size > 1000
