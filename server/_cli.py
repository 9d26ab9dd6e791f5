"""`proctor serve`, `doctor` and `secret`: the operator's hand on the server."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from rich.console import Console
from rich.table import Table

from server.launch import DaemonOptions, TierName, start_daemon
from server.operator import DaemonStatus, Operator
from server.state import DaemonInfo, StateFolder
from tasks import JSON, DaemonError, UsageError, home

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]

CODES = "Exit codes: 0 done · 1 failed · 2 wrong usage or no sandbox · 3 record · 4 daemon."

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
serve_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    epilog=CODES,
    help="The daemon that owns attempts, kernels and leases. It starts by itself when needed.\n\n"
    "Examples: `proctor serve start` · `proctor serve status --json` · `proctor serve stop`",
)
secret_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    epilog=CODES,
    help="The secret that exams of the private split are drawn from. Made on first use.\n\n"
    "Examples: `proctor secret show` · `proctor secret backup ~/proctor-secret.json`",
)
app.add_typer(serve_app, name="serve")
app.add_typer(secret_app, name="secret")


@serve_app.command(epilog=CODES)
def start(  # noqa: PLR0913 - each is an option of the command line
    foreground: Annotated[bool, typer.Option(help="Stay in this terminal; ^C stops.")] = False,
    sandbox: Annotated[
        str, typer.Option(help="`auto`, `zygote`, `bwrap` or `landlock` (reduced).")
    ] = "auto",
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Kernels run unsealed; every result says so.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    runs: Annotated[Path, typer.Option(help="Folder for practice runs.")] = Path("runs"),
    idle_exit: Annotated[
        float, typer.Option(min=0, help="Seconds unused after which it ends; 0: never.")
    ] = 3600.0,
    spares: Annotated[
        int, typer.Option(min=0, max=16, help="Kernels kept warm for the next attempt.")
    ] = 1,
    open_: Annotated[
        bool, typer.Option("--open", help="Practice over loopback HTTP needs no token.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Start the daemon, or say which one runs already.

    Examples: `proctor serve start` · `proctor serve start --foreground --port 8765` ·
    `proctor serve start --sandbox bwrap --idle-exit 0`
    """
    options = DaemonOptions(
        home=home(),
        runs=runs.absolute(),
        sandbox=_tier(sandbox, no_sandbox=no_sandbox),
        port=port,
        idle_exit_s=idle_exit,
        spares=spares,
        open=open_,
    )
    if foreground:
        raise typer.Exit(_stay(options, as_json=json_))
    if not json_:
        typer.echo("Starting the daemon (probing the sandbox) …", err=True)
    _show_info(start_daemon(options), as_json=json_)


@serve_app.command(epilog=CODES)
def stop(json_: AsJson = False) -> None:
    """Stop the daemon; live attempts end and their notebooks are saved.

    Examples: `proctor serve stop`
    """
    state = StateFolder(home())
    if not state.held():
        _say({"stopped": False}, f"No daemon serves {state.home}.", as_json=json_)
        return
    pid = state.holder()
    try:
        anyio.run(Operator(state.home).stop)
    except (DaemonError, TimeoutError):
        if pid is None:
            raise DaemonError(
                f"Some process holds {state.lock_file}, but left no note of its id. "
                f"`fuser {state.lock_file}` names it."
            ) from None
        os.kill(pid, signal.SIGTERM)
    _say({"stopped": True, "pid": pid}, f"The daemon (pid {pid}) has stopped.", as_json=json_)


@serve_app.command(epilog=CODES)
def status(json_: AsJson = False) -> None:
    """Whether a daemon runs, and what it does; exit code 4 if none runs.

    Examples: `proctor serve status` · `proctor serve status --json`
    """
    state = StateFolder(home())
    if not state.held():
        _say({"running": False}, f"No daemon serves {state.home}.", as_json=json_)
        raise typer.Exit(DaemonError.exit_code)
    found = anyio.run(Operator(state.home).status)
    if json_:
        typer.echo(json.dumps({"running": True, **found.model_dump(mode="json")}))
        return
    _show_status(found)


@serve_app.command(epilog=CODES)
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many.")] = 50,
    json_: AsJson = False,
) -> None:
    """The end of the daemon's log.

    Examples: `proctor serve logs -n 200`
    """
    state = StateFolder(home())
    kept = [
        line
        for path in (state.output, state.log)
        if path.is_file()
        for line in path.read_text(errors="replace").splitlines()
    ][-lines:]
    _say({"log": str(state.log), "lines": kept}, "\n".join(kept), as_json=json_)


@app.command(epilog=CODES)
def doctor(ctx: typer.Context, json_: AsJson = False) -> None:
    """What works on this machine, and what to do about the rest; exit code 1 if a must fails.

    Agent CLIs, keys and extras are optional; of keys it is said whether one is set, never which.

    Examples: `proctor doctor` · `proctor doctor --json`
    """
    from server._doctor import Finding, examine

    findings = anyio.run(examine, StateFolder(home()))
    if ctx.obj is not None:
        findings += [Finding(must=False, **look) for look in ctx.obj.agent_clis()]
    broken = [finding for finding in findings if finding.must and not finding.well]
    if json_:
        rows = [finding.model_dump(mode="json") for finding in findings]
        typer.echo(json.dumps({"well": not broken, "findings": rows}))
    else:
        table = Table("", "what", "found", "do", show_lines=False)
        for column in table.columns:
            column.overflow = "fold"
        for finding in findings:
            mark = (
                "[green]ok[/]"
                if finding.well
                else "[red]no[/]"
                if finding.must
                else "[yellow]--[/]"
            )
            table.add_row(mark, finding.what, finding.found, finding.remedy)
        Console().print(table)
    raise typer.Exit(1 if broken else 0)


@secret_app.command(epilog=CODES)
def show(json_: AsJson = False) -> None:
    """Where the secret lives and its fingerprints; never the secret itself.

    Examples: `proctor secret show --json`
    """
    store = _secrets()
    if not store.path.exists():
        text = f"There is no secret yet; the first exam makes {store.path} (or `secret create`)."
        _say({"path": str(store.path), "exists": False}, text, as_json=json_)
        return
    _show_secret(store, as_json=json_)


@secret_app.command(epilog=CODES)
def create(json_: AsJson = False) -> None:
    """Make the secret now, if there is none.

    Examples: `proctor secret create`
    """
    _show_secret(_secrets(), as_json=json_)


@secret_app.command(epilog=CODES)
def rotate(json_: AsJson = False) -> None:
    """Put a fresh secret in force; old ones stay, so that old runs can still be scored.

    Examples: `proctor secret rotate`
    """
    store = _secrets()
    store.rotate()
    _show_secret(store, as_json=json_)


@secret_app.command(epilog=CODES)
def backup(target: Path, json_: AsJson = False) -> None:
    """Write all secrets to a new file, readable by you alone.

    Examples: `proctor secret backup ~/proctor-secret.json`
    """
    store = _secrets()
    store.back_up(target)
    _say({"written": str(target)}, f"Written: {target}. Keep it where no agent can.", as_json=json_)


@secret_app.command(epilog=CODES)
def restore(source: Path, json_: AsJson = False) -> None:
    """Add the secrets of a backup; the one in force stays, if there is one.

    Examples: `proctor secret restore ~/proctor-secret.json`
    """
    store = _secrets()
    store.restore(source)
    _show_secret(store, as_json=json_)


def _secrets() -> Any:
    from server.vault import secret_store

    return secret_store(home())


def _show_secret(store: Any, *, as_json: bool) -> None:
    current, *older = store.fingerprints()
    text = f"{store.path}\nin force: {current}\nkept: {', '.join(older) or 'none'}"
    found = {"path": str(store.path), "exists": True, "current": current, "kept": older}
    _say(found, text, as_json=as_json)


def _tier(asked: str, *, no_sandbox: bool) -> TierName:
    if no_sandbox:
        if asked != "auto":
            raise UsageError(f"--no-sandbox and --sandbox {asked} exclude each other.")
        return "none"
    match asked:
        case "auto" | "zygote" | "bwrap" | "landlock":
            return asked
        case _:
            raise UsageError(
                f"No sandbox is called {asked!r}. There are auto, zygote, bwrap and landlock; "
                "--no-sandbox runs without one."
            )


def _stay(options: DaemonOptions, *, as_json: bool) -> int:
    from server.assembly import EVERY, open_house
    from server.daemon import open_log, run

    state = StateFolder(options.home)
    state.prepare()
    open_log(state)

    def tell(word: dict[str, JSON]) -> None:
        if "ok" in word:
            _show_info(DaemonInfo.model_validate(word["ok"]), as_json=as_json)
            sys.stdout.flush()
        elif "error" in word:
            typer.echo(f"proctor: {word['error']['text']}", err=True)

    return run(options, EVERY, open_house, tell)


def _show_info(info: DaemonInfo, *, as_json: bool) -> None:
    text = f"The daemon (pid {info.pid}) serves {info.url}, sandbox: {info.tier}."
    _say(info.model_dump(mode="json"), text, as_json=as_json)


def _show_status(found: DaemonStatus) -> None:
    info = found.info
    table = Table(show_header=False, box=None)
    for name, value in (
        ("pid", str(info.pid)),
        ("HTTP", info.url + (" (open: practice without a token)" if info.open else "")),
        ("sandbox", info.tier),
        ("since", info.started),
        ("idle", f"{found.idle_s:.0f} s"),
        ("shims", str(found.connections)),
        ("calls running", str(found.calls_running)),
        ("attempts", str(len(found.attempts))),
    ):
        table.add_row(name, value)
    Console().print(table)
    for attempt in found.attempts:
        Console().print_json(data=attempt)


def _say(value: dict[str, JSON], text: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(value) if as_json else text)
