"""Claude Code, headless: `claude`, `claude:MODEL`, `claude:scripted`.

Every built-in tool is off (`--tools ""`; one that the model names all the same is refused at
execution), settings of users and projects are not read, only our server is known to it. Its
account home is empty and private to the attempt.
"""

import json

from runners._booth import Capabilities, CliSaid, CliSeat, CliTool, Launch, cli_agent, events
from tasks import JSON
from tasks._record import Ending, Tokens

_START_MS = 120_000
"""For our server to start on a busy machine; after that the CLI would go on without it."""
_ENDINGS: dict[str, Ending] = {"error_max_turns": "turns", "error_max_budget_usd": "money"}


def launch(seat: CliSeat) -> Launch:
    """Its command line, environment and the one file it reads."""
    wall_ms = str(int(seat.wall_s * 1000))
    server: dict[str, JSON] = {"timeout": int(wall_ms), "alwaysLoad": True}
    if seat.transport == "http":
        server |= {"type": "http", "url": seat.mcp_url}
    else:
        command, *args = seat.mcp_command
        server |= {"type": "stdio", "command": command, "args": args, "env": {}}
    argv = ["-p", seat.prompt, "--model", seat.model, "--tools", ""]
    argv += ["--mcp-config", f"{seat.home}/mcp.json", "--strict-mcp-config"]
    argv += ["--setting-sources", "", "--allowedTools", f"mcp__{TOOL.server}"]
    argv += ["--permission-mode", "dontAsk", "--output-format", "stream-json", "--verbose"]
    argv += ["--max-turns", str(seat.turns)] if seat.turns else []
    argv += ["--max-budget-usd", str(seat.usd)] if seat.usd else []
    argv += ["--effort", str(seat.options["effort"])] if "effort" in seat.options else []
    env = {
        "ANTHROPIC_BASE_URL": seat.model_url,
        "ANTHROPIC_API_KEY": seat.key,
        "CLAUDE_CONFIG_DIR": f"{seat.home}/.claude",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "ENABLE_TOOL_SEARCH": "false",
        # Ten, its default, take minutes; the others' CLIs give up after six too.
        "CLAUDE_CODE_MAX_RETRIES": "6",
        # Wait for our server instead of beginning without it.
        "MCP_TIMEOUT": str(_START_MS),
        "MCP_CONNECT_TIMEOUT_MS": str(_START_MS),
        "MCP_CONNECTION_NONBLOCKING": "false",
        # The hall bounds every call; over HTTP five silent minutes would end one otherwise.
        "MCP_TOOL_TIMEOUT": wall_ms,
        "CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT": "0",
    }
    if "thinking" in seat.options:
        env["MAX_THINKING_TOKENS"] = str(seat.options["thinking"])
    return Launch(
        argv=tuple(argv),
        env=env,
        files={"mcp.json": json.dumps({"mcpServers": {TOOL.server: server}})},
    )


def read(transcript: str) -> CliSaid:
    """Its stream-json events: servers in the first, usage, cost and ending in the last."""
    calls, ending, error = 0, "", ""
    last: dict[str, JSON] = {}
    for event in events(transcript):
        if event.get("type") == "system" and event.get("subtype") == "init":
            states = {one["name"]: one.get("status") for one in event.get("mcp_servers", [])}
            if states.get(TOOL.server) == "failed":
                ending, error = "tools", f"its MCP servers: {states}"
        elif event.get("type") == "assistant":
            content = event["message"].get("content", [])
            calls += sum(part.get("type") == "tool_use" for part in content)
        elif event.get("type") == "result":
            last = event
    if last.get("is_error"):
        error = error or str(last.get("result") or last.get("errors") or last.get("subtype"))
    return CliSaid(
        tokens=_tokens(last.get("usage") or {}),
        cost_usd=_cost(last),
        turns=last.get("num_turns", 0),
        tool_calls=calls,
        ending=_ENDINGS.get(str(last.get("subtype")), ending),
        error=error,
    )


def _tokens(usage: dict[str, int]) -> Tokens | None:
    if "input_tokens" not in usage:
        return None
    cached = usage.get("cache_read_input_tokens", 0)
    written = usage.get("cache_creation_input_tokens", 0)
    return Tokens(
        input=usage["input_tokens"] + cached + written,
        output=usage["output_tokens"],
        cached=cached,
    )


def _cost(last: dict[str, JSON]) -> float | None:
    # For a model that it does not know it invents a price.
    models = last.get("modelUsage") or {}
    if any(one.get("costBasis") == "unknown" for one in models.values()):
        return None
    return last.get("total_cost_usd")


TOOL = CliTool(
    name="Claude Code",
    program="claude",
    package="@anthropic-ai/claude-code",
    tested="2.1.330",
    wire="anthropic",
    provider="anthropic",
    model="claude-sonnet-4-5",
    key_env=("ANTHROPIC_API_KEY",),
    base_env="ANTHROPIC_BASE_URL",
    base_url="https://api.anthropic.com",
    can=Capabilities(
        builtins_off=True,
        turns=True,
        usd=True,
        effort=("low", "medium", "high", "xhigh", "max"),
        thinking=True,
    ),
    launch=launch,
    read=read,
)
agent = cli_agent(TOOL)
