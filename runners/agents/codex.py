"""Codex CLI, headless: `codex`, `codex:MODEL+effort=high+turns=40`, `codex:scripted`.

Its user's `~/.codex` is never read. It knows one provider (the booth's door) and one MCP server
(ours). Shell, patches, image viewing, web search, skills, apps and sub-agents are off. Some of that
hangs on the model: for those in its catalogue it offers `apply_patch`, hides our tools behind a
tool search, or puts them into JavaScript cells. So it gets a catalogue of one plain model, and the
same tools for all. A catalogue must hold instructions; its own speak of a shell that is not there,
so ours are short. What stays reads our server's resources, or asks a user, whom nobody plays.
"""

import json
from typing import Any

from runners._booth import Capabilities, CliSaid, CliSeat, CliTool, Launch, cli_agent, events
from tasks._record import Tokens

KEY = "OPENAI_API_KEY"
OFF = ("shell_tool", "view_image", "apps", "plugins", "image_generation", "goals", "hooks")
RETRIES = {"wire_api": "responses", "request_max_retries": 6, "stream_max_retries": 2}
LONGEST = 200_000
"""Tokens of a tool's result: else the middle of longer ones is cut out at 12,000 characters."""
NAMES = ("input", "output", "cached", "reasoning")
SAID = ("input", "output", "cached_input", "reasoning_output")
INSTRUCTIONS = """You are Codex, an agent. You work in one go, without anybody to ask: use the tools
that you are given until what the user asks is done. You have no shell and no files of your own."""
QUIET: dict[str, Any] = {
    "approval_policy": "never",
    "sandbox_mode": "read-only",
    "web_search": "disabled",
    "check_for_update_on_startup": False,
    "project_doc_max_bytes": 0,
    "include_permissions_instructions": False,
    "include_apps_instructions": False,
    "tool_output_token_limit": LONGEST,
    "skills": {"include_instructions": False, "bundled": {"enabled": False}},
    "analytics": {"enabled": False},
    "agents": {"enabled": False},
    "features": dict.fromkeys(OFF, False),
}


def launch(seat: CliSeat) -> Launch:
    """One `codex exec`."""
    import tomlkit  # for the agent that plays, not for the shelf that lists it

    effort = seat.options.get("effort")
    provider = {"name": "proctor", "base_url": seat.model_url, "env_key": KEY}
    config: dict[str, Any] = {
        "model": seat.model,
        "model_provider": "proctor",
        "model_catalog_json": f"{seat.home}/.codex/models.json",
        **({"model_reasoning_effort": effort} if effort else {}),
        **QUIET,
        "model_providers": {"proctor": {**provider, **RETRIES}},
        "mcp_servers": {TOOL.server: _server(seat)},
    }
    return Launch(
        argv=("exec", "--json", "--skip-git-repo-check", "--strict-config", seat.prompt),
        env={KEY: seat.key},
        files={
            ".codex/config.toml": tomlkit.dumps(config),
            ".codex/models.json": json.dumps({"models": [_plain(seat.model)]}),
        },
    )


def _server(seat: CliSeat) -> dict[str, Any]:
    stdio = {"command": seat.mcp_command[0], "args": list(seat.mcp_command[1:])}
    return {
        **({"url": seat.mcp_url} if seat.transport == "http" else stdio),
        "required": True,
        "default_tools_approval_mode": "approve",
        "startup_timeout_sec": 120,
        "tool_timeout_sec": int(seat.wall_s) + 60,
    }


def _plain(model: str) -> dict[str, Any]:
    return {
        "slug": model,
        "display_name": model,
        "visibility": "list",
        "priority": 1,
        "supported_in_api": True,
        "support_verbosity": False,
        "supported_reasoning_levels": [],
        "shell_type": "disabled",
        "experimental_supported_tools": [],
        "base_instructions": INSTRUCTIONS,
        "context_window": 272_000,
        "input_modalities": ["text", "image"],
        "truncation_policy": {"mode": "tokens", "limit": LONGEST},
    }


def read(transcript: str) -> CliSaid:
    """Usage from `turn.completed`, calls from the items, the last failure."""
    tokens, calls, error = None, 0, ""
    for event in events(transcript):
        error = ""  # a failed try that anything follows was mended
        match event:
            case {"type": "item.completed", "item": {"type": "mcp_tool_call"}}:
                calls += 1
            case {"type": "turn.completed", "usage": dict(usage)}:
                found = (usage.get(f"{name}_tokens", 0) for name in SAID)
                tokens = Tokens(**dict(zip(NAMES, found, strict=True)))
            case {"error": {"message": str(error)}} | {"type": "error", "message": str(error)}:
                pass
            case _:
                pass
    ending = "" if not error else "tools" if "MCP" in error else "provider"
    return CliSaid(tokens=tokens, tool_calls=calls, ending=ending, error=error)


TOOL = CliTool(
    name="Codex",
    program="codex",
    package="@openai/codex",
    tested="0.169.0",
    wire="responses",
    provider="openai",
    model="gpt-5.5",
    key_env=(KEY, "CODEX_API_KEY"),
    base_env="OPENAI_BASE_URL",
    base_url="https://api.openai.com/v1",
    can=Capabilities(builtins_off=True, effort=("minimal", "low", "medium", "high", "xhigh")),
    launch=launch,
    read=read,
)
agent = cli_agent(TOOL)
