"""Claude Code: `~/.claude.json` (`$CLAUDE_CONFIG_DIR/.claude.json`), or a project's `.mcp.json`.

Without `alwaysLoad` it hides a server's tools behind a search, and may begin before they are there.
"""

from runners._connect._client import Client, plain

TIMEOUT_MS = 3_600_000
"""A call's hard limit."""

client = Client(
    title="Claude Code",
    program="claude",
    user=lambda place: place.folder("CLAUDE_CONFIG_DIR", place.home) / ".claude.json",
    project=lambda place: place.here / ".mcp.json",
    entry=lambda server: plain(server, type="stdio") | {"timeout": TIMEOUT_MS, "alwaysLoad": True},
    first='claude --allowedTools "mcp__proctor" '
    '"Use proctor: list the tasks, start interp/one_head and solve it."',
)
