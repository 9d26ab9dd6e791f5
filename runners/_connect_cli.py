"""`proctor connect`: add Proctor to an agent CLI for practice by hand, or take it out again."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, NamedTuple, get_args

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runners._connect import CLIENTS, Client, Scope
from runners._connect._client import SERVER, Place, Server, plain
from runners._connect._settings import TAIL, Settings, State, read
from runners._evaluation import Rooms
from tasks import JSON, ProctorError, UsageError, home, nearest

CODES = "Exit codes: 0 done · 2 no such client, or its file cannot be changed · 4 the daemon."
_SAID: dict[State, str] = {
    "absent": "no",
    "ours": "yes",
    "other": "another server of that name",
    "unreadable": "its file is broken",
}


class _Row(NamedTuple):
    """One client on this machine."""

    client: str
    title: str
    installed: bool
    state: State
    file: str


app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command(epilog=CODES)
def connect(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="claude, codex, gemini, opencode, qwen or copilot.")
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Be the MCP server: speak it on stdin and stdout.")
    ] = False,
    print_: Annotated[bool, typer.Option("--print", help="Show the entry, write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take our entry out again.")] = False,
    scope: Annotated[
        str, typer.Option(help="`user`: all your projects; `project`: this folder.")
    ] = "user",
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Add Proctor to an agent CLI's own settings; without a name: which CLIs have it.

    The CLI then starts `proctor connect --stdio`, the MCP server, by itself; that starts the
    daemon if there is none, and never writes anything but JSON-RPC to stdout. The daemon is also
    started now: some CLIs begin without a server that keeps them waiting.

    Examples: `proctor connect` · `proctor connect claude` · `proctor connect codex --print` ·
    `proctor connect gemini --scope project` · `proctor connect claude --undo`
    """
    if stdio:
        raise UsageError(
            "`proctor connect --stdio` is the MCP server: an agent CLI starts it, with nothing "
            "else on its command line."
        )
    if name is None:
        _list(as_json=json_)
        return
    if print_ and undo:
        raise UsageError("--print and --undo exclude each other.")
    client, wanted = CLIENTS.find(name), _scope(scope)
    settings = read(client, client.file(wanted, _place()))
    if undo:
        _undo(name, wanted, settings, as_json=json_)
    else:
        _connect(name, wanted, settings, write=not print_, as_json=json_)
        if not print_ and ctx.obj is not None:
            _warm(ctx.obj)


def _connect(name: str, scope: Scope, settings: Settings, *, write: bool, as_json: bool) -> None:
    server = _server()
    client = settings.client
    changed = settings.connect(server) if write else settings.state() != "ours"
    undo = f"proctor connect {name} --undo" + ("" if scope == "user" else " --scope project")
    said: dict[str, JSON] = {
        "client": name,
        "file": str(settings.asked),
        "scope": scope,
        "key": ".".join(client.path),
        "entry": client.entry(server),
        "written": write and changed,
        "undo": undo,
    }
    if not write:
        head = f"For {settings.asked} (nothing was written):"
    elif changed:
        head = f"Added to {settings.asked}:"
    else:
        head = f"{settings.asked} has it already:"
    lines = (head, "", settings.snippet(server), f"To undo: {undo}", f"Then: {client.first}")
    _say(said, "\n".join(lines), as_json=as_json)
    if shutil.which(client.program) is None:
        typer.echo(f"`{client.program}` is not on PATH: install {client.title} first.", err=True)


def _warm(rooms: Rooms) -> None:
    """Have a daemon ready; that there can be none is told, and the entry stays."""
    try:
        if rooms.start_daemon(Path("runs").absolute(), "auto"):
            typer.echo("The daemon is started; practice runs go to ./runs.", err=True)
    except ProctorError as error:
        typer.echo(f"Practice will not work yet: {error}", err=True)


def _undo(name: str, scope: Scope, settings: Settings, *, as_json: bool) -> None:
    gone = settings.disconnect()
    said: dict[str, JSON] = {
        "client": name,
        "file": str(settings.asked),
        "scope": scope,
        "removed": gone,
    }
    word = f"Taken out of {settings.asked}." if gone else f"{settings.asked} has no entry of ours."
    _say(said, word, as_json=as_json)


def _list(*, as_json: bool) -> None:
    rows = [_row(name, CLIENTS.find(name)) for name in CLIENTS.names()]
    entry = plain(_server())
    if as_json:
        clients = [row._asdict() for row in rows]
        typer.echo(json.dumps({"clients": clients, "mcpServers": {SERVER: entry}}))
        return
    table = Table("connect", "what", "installed", "has Proctor", "its file")
    for row in rows:
        installed = "yes" if row.installed else "no"
        cells = (row.client, row.title, installed, _SAID[row.state], row.file)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    console = Console()
    console.print(table)
    console.print(
        Text(
            "`proctor connect NAME` adds it, `proctor connect NAME --undo` takes it out.\n\n"
            f"Any other client: {json.dumps({'mcpServers': {SERVER: entry}})}\n"
            "Streamable HTTP: `proctor serve status` gives the URL; send "
            f"`Authorization: Bearer $(cat {home() / 'practice_token'})`."
        ),
        soft_wrap=True,
    )


def _row(name: str, client: Client) -> _Row:
    file = client.file("user", _place())
    try:
        state = read(client, file).state()
    except UsageError:
        state = "unreadable"
    return _Row(name, client.title, shutil.which(client.program) is not None, state, str(file))


def _server() -> Server:
    """What a client is to start. Clients pass few variables on: the state folder is said."""
    beside = Path(sys.executable).with_name("proctor")
    script = beside if beside.exists() else Path(sys.argv[0]).absolute()
    named = {"PROCTOR_HOME": str(home())} if os.environ.get("PROCTOR_HOME") else {}
    return Server((str(script), *TAIL), named)


def _place() -> Place:
    return Place(Path.home(), Path.cwd(), os.environ)


def _scope(asked: str) -> Scope:
    known: tuple[Scope, ...] = get_args(Scope)
    for scope in known:
        if scope == asked:
            return scope
    raise UsageError(f"No scope is called {asked!r}.{nearest(asked, known)} Say user or project.")


def _say(value: dict[str, JSON], text: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(value))
    else:
        Console(highlight=False).print(Text(text), soft_wrap=True)
