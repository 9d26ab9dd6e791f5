"""opencode: `opencode.json` or `opencode.jsonc`, under `$XDG_CONFIG_HOME/opencode` or in a project.

`$OPENCODE_CONFIG` names another file, which is read after the user's.
"""

from pathlib import Path

from runners._connect._client import Client, Place, Server
from tasks import JSON


def _user(place: Place) -> Path:
    folder = place.folder("XDG_CONFIG_HOME", place.home / ".config") / "opencode"
    return place.folder("OPENCODE_CONFIG", _either(folder))


def _either(folder: Path) -> Path:
    commented = folder / "opencode.jsonc"
    return commented if commented.exists() else folder / "opencode.json"


def _entry(server: Server) -> dict[str, JSON]:
    entry: dict[str, JSON] = {"type": "local", "command": list(server.command), "enabled": True}
    return {**entry, "environment": dict(server.env)} if server.env else entry


client = Client(
    title="opencode",
    program="opencode",
    user=_user,
    project=lambda place: _either(place.here),
    key="mcp",
    entry=_entry,
    first='opencode --prompt "Use proctor: list the tasks, start interp/one_head and solve it."',
)
