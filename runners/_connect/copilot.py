"""Copilot CLI: `~/.copilot/mcp-config.json` (`$COPILOT_HOME`), or `.github/mcp.json`."""

from runners._connect._client import Client, plain

client = Client(
    title="Copilot CLI",
    program="copilot",
    user=lambda place: place.folder("COPILOT_HOME", place.home / ".copilot") / "mcp-config.json",
    project=lambda place: place.here / ".github" / "mcp.json",
    entry=lambda server: plain(server, type="local") | {"tools": ["*"]},
    first='copilot -i "Use proctor: list the tasks, start interp/one_head and solve it."',
)
