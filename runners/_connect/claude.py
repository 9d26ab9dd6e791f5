"""Claude Code: `~/.claude.json` (`$CLAUDE_CONFIG_DIR/.claude.json`), or a project's `.mcp.json`."""

from runners._connect._client import Client, plain

client = Client(
    title="Claude Code",
    program="claude",
    user=lambda place: place.folder("CLAUDE_CONFIG_DIR", place.home) / ".claude.json",
    project=lambda place: place.here / ".mcp.json",
    entry=lambda server: plain(server, type="stdio"),
    first='claude --allowedTools "mcp__proctor" '
    '"Use proctor: list the tasks, start interp/one_head and solve it."',
)
