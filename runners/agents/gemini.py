"""Gemini CLI, headless: `gemini`, `gemini:gemini-2.5-pro+thinking=8192`, `gemini:scripted`.

Its user's `~/.gemini` is never read. Only the policy file takes its own tools away: denied ones are
not offered, and a forced call is answered `not found`. A rule must name server *and* tools: one
that its schema refuses denies nothing and is told on stderr only, so that a test watches over it.
It does not start itself anew with more memory (that takes as long as all the rest), and asks one
fixed model. It tries a failed request again after 5 s and more, six times in all (two minutes).
"""

import json
from typing import Any

from runners._booth import Capabilities, CliSaid, CliSeat, CliTool, Launch, cli_agent, events
from tasks import UsageError
from tasks._record import Ending, Tokens

POLICY = """[[rule]]
mcpName = "proctor"
toolName = "*"
decision = "allow"
priority = 900

[[rule]]
toolName = "*"
decision = "deny"
priority = 800
"""
LONGEST = 400_000
"""Characters of a tool's result; longer ones are cut, and the whole put into a file."""


def launch(seat: CliSeat) -> Launch:
    """One `gemini -p`."""
    policy = f"{seat.home}/policy.toml"
    return Launch(
        argv=(
            *("--prompt", seat.prompt, "--model", seat.model, "--output-format", "stream-json"),
            *("--admin-policy", policy, "--skip-trust"),
        ),
        env={
            "GEMINI_API_KEY": seat.key,
            "GOOGLE_GEMINI_BASE_URL": seat.model_url,
            "GEMINI_CLI_NO_RELAUNCH": "true",
        },
        files={".gemini/settings.json": json.dumps(_settings(seat)), "policy.toml": POLICY},
    )


def _settings(seat: CliSeat) -> dict[str, Any]:
    return {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False, "maxAttempts": 6},
        # Five equal calls are no loop where one waits for a long cell; limits are the booth's.
        "model": {"maxSessionTurns": seat.turns or -1, "disableLoopDetection": True},
        "modelConfigs": {"overrides": _thinking(seat)},
        "tools": {"truncateToolOutputThreshold": LONGEST},
        "mcpServers": {TOOL.server: _server(seat)},
    }


def _server(seat: CliSeat) -> dict[str, Any]:
    if seat.transport == "http":
        where: dict[str, Any] = {"httpUrl": seat.mcp_url}
    else:
        where = {"command": seat.mcp_command[0], "args": seat.mcp_command[1:]}
    return {**where, "trust": True, "timeout": 1000 * (int(seat.wall_s) + 60)}


def _thinking(seat: CliSeat) -> list[dict[str, Any]]:
    """A budget for the models that take one (2.5), a level for the others (3 and later)."""
    asked: dict[str, Any] = {}
    if "thinking" in seat.options:
        asked["thinkingBudget"] = seat.options["thinking"]
    if "effort" in seat.options:
        asked["thinkingLevel"] = str(seat.options["effort"]).upper()
    if len(asked) > 1:
        raise UsageError("A Gemini model takes +thinking=N or +effort=LEVEL, never both.")
    config = {"generateContentConfig": {"thinkingConfig": asked}}
    return [{"match": {"model": seat.model}, "modelConfig": config}] if asked else []


def read(transcript: str) -> CliSaid:
    """The last event, `result`: status and stats."""
    last = next((one for one in events(transcript) if one.get("type") == "result"), None)
    if last is None:
        return CliSaid()
    stats = last.get("stats") or {}
    error = last.get("error") or {}
    ending: Ending = ""
    if last.get("status") == "error":
        ending = "turns" if error.get("type") == "FatalTurnLimitedError" else "provider"
    return CliSaid(
        tokens=_tokens(stats) if stats.get("total_tokens") else None,
        tool_calls=stats.get("tool_calls", 0),
        ending=ending,
        error=str(error.get("message", "")),
    )


def _tokens(stats: dict[str, int]) -> Tokens:
    # Its output leaves thoughts out, its total does not.
    made = max(stats["output_tokens"], stats["total_tokens"] - stats["input_tokens"])
    return Tokens(
        input=stats["input_tokens"],
        output=made,
        cached=stats.get("cached", 0),
        reasoning=made - stats["output_tokens"],
    )


TOOL = CliTool(
    name="Gemini CLI",
    program="gemini",
    package="@google/gemini-cli",
    tested="0.61.0",
    wire="gemini",
    provider="google",
    model="gemini-2.5-flash",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    base_env="GOOGLE_GEMINI_BASE_URL",
    base_url="https://generativelanguage.googleapis.com",
    can=Capabilities(
        builtins_off=True, turns=True, thinking=True, effort=("low", "medium", "high")
    ),
    launch=launch,
    read=read,
)
agent = cli_agent(TOOL)
