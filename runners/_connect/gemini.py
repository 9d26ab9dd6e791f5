"""Gemini CLI: `.gemini/settings.json` in the home (`$GEMINI_CLI_HOME`) or in a project."""

from runners._connect._client import Client, plain

TIMEOUT_MS = 3_600_000
"""A call's hard limit; 600 s where nothing is said."""

client = Client(
    title="Gemini CLI",
    program="gemini",
    user=lambda place: place.folder("GEMINI_CLI_HOME", place.home) / ".gemini" / "settings.json",
    project=lambda place: place.here / ".gemini" / "settings.json",
    entry=lambda server: plain(server) | {"timeout": TIMEOUT_MS},
    first='gemini -i "Use proctor: list the tasks, start interp/one_head and solve it."',
)
