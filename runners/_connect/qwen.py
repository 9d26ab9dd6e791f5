"""Qwen Code: `~/.qwen/settings.json` (`$QWEN_HOME/settings.json`), or a project's `.qwen/`."""

from runners._connect._client import Client, plain

TIMEOUT_MS = 3_600_000
"""A call's hard limit; 600 s where nothing is said."""

client = Client(
    title="Qwen Code",
    program="qwen",
    user=lambda place: place.folder("QWEN_HOME", place.home / ".qwen") / "settings.json",
    project=lambda place: place.here / ".qwen" / "settings.json",
    entry=lambda server: plain(server) | {"timeout": TIMEOUT_MS},
    first='qwen -i "Use proctor: list the tasks, start interp/one_head and solve it."',
)
