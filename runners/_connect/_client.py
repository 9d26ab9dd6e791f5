"""What a client is: where an agent CLI keeps its MCP servers, and how it writes one down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks import JSON

SERVER = "proctor"
"""The name that the server gets in every client."""

Scope = Literal["user", "project"]
"""All of a user's projects, or the folder that the command is given in."""


@dataclass(frozen=True)
class Place:
    """The machine as a client sees it; everything that decides where its file lies."""

    home: Path
    here: Path
    env: Mapping[str, str]

    def folder(self, variable: str, otherwise: Path) -> Path:
        """The folder that an environment variable names, else `otherwise`."""
        named = self.env.get(variable)
        return self.here / Path(named).expanduser() if named else otherwise


@dataclass(frozen=True)
class Server:
    """The command that a client starts to speak MCP with."""

    command: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Client:
    """One agent CLI's way of keeping MCP servers."""

    title: str
    program: str
    """Command that starts it."""
    user: Callable[[Place], Path]
    """Its settings file for all of a user's projects."""
    project: Callable[[Place], Path]
    """Its settings file for one project."""
    key: str = "mcpServers"
    """The object or table that holds the servers by name."""
    entry: Callable[[Server], dict[str, JSON]]
    """One server as this client writes it."""
    first: str
    """A first thing to try, in words that follow "Then: "."""

    @property
    def path(self) -> tuple[str, str]:
        """Where our entry lies in the file."""
        return (self.key, SERVER)

    def file(self, scope: Scope, place: Place) -> Path:
        """The settings file of a scope."""
        return (self.user if scope == "user" else self.project)(place)


def plain(server: Server, **more: JSON) -> dict[str, JSON]:
    """The entry as most clients write it: `command`, `args`, `env`."""
    entry: dict[str, JSON] = {
        **more,
        "command": server.command[0],
        "args": list(server.command[1:]),
    }
    return {**entry, "env": dict(server.env)} if server.env else entry
