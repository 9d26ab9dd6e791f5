"""Codex: `~/.codex/config.toml` (`$CODEX_HOME/config.toml`), or a project's `.codex/config.toml`.

A cell may run for minutes: Codex gives a call 300 s and a server 10 s to start where nothing is
said, both hard.
"""

from runners._connect._client import Client, Server, plain
from tasks import JSON


def _entry(server: Server) -> dict[str, JSON]:
    return {**plain(server), "startup_timeout_sec": 60, "tool_timeout_sec": 3600}


client = Client(
    title="Codex",
    program="codex",
    user=lambda place: place.folder("CODEX_HOME", place.home / ".codex") / "config.toml",
    project=lambda place: place.here / ".codex" / "config.toml",
    key="mcp_servers",
    entry=_entry,
    first='codex "Use proctor: list the tasks, start interp/one_head and solve it."',
)
