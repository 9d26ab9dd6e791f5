"""`proctor export harbor` writes a suite as Harbor tasks; `proctor export serve` is their gate."""

import json
import signal
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import anyio
import typer
from anyio.abc import SocketAttribute

from runners._core import Hall
from runners._evaluation import TierName
from runners._harbor import Index, read_index, write_tasks
from runners._harbor_gate import Gate, Tokens
from runners._plan import EvalConfig, sittings
from tasks import JSON, Brief, InstanceId, Split, UsageError
from tasks._record import Run, RunFolder

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]


class ExportRooms(Protocol):
    """What these commands ask of the other rooms; the front door hands it in."""

    def start_daemon(self, runs: Path, sandbox: TierName) -> bool:
        """Make sure that a daemon serves."""
        ...

    def open_hall(self) -> AbstractAsyncContextManager[Hall]:
        """Connect to the daemon."""
        ...

    def exam_brief(self, instance: InstanceId) -> Brief:
        """The brief of an instance, as a graded attempt gets it."""
        ...

    def score_attempt(self, run: Path, slug: str, n: int) -> Mapping[str, JSON]:
        """The score of one finished attempt, made in the score process."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions that stand in run.json."""
        ...


app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="Suites for other harnesses: `harbor` writes task folders, `serve` is the gate that they "
    "reach Proctor by.\n\n"
    "Examples: `proctor export harbor strategic --out tasks` · `proctor export serve tasks`",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="export")


@group.command()
def harbor(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    suite: Annotated[str, typer.Argument(help="Families, prefixes or tags, by commas; or `all`.")],
    out: Annotated[Path, typer.Option(help="A new folder; one task folder an instance.")],
    seed: Annotated[int, typer.Option(min=0, help="First instance seed of every family.")] = 1,
    n: Annotated[int, typer.Option("--n", min=1, help="Instances of each family and preset.")] = 1,
    preset: Annotated[
        str | None, typer.Option(help="A preset's name or `all`; default: each family's first.")
    ] = None,
    split: Annotated[Split, typer.Option(help="`private` is the exam.")] = Split.PRIVATE,
    json_: AsJson = False,
) -> None:
    """Write a suite as Harbor tasks: briefs, a relay to this machine, and no key.

    The tasks run as long as `proctor export serve OUT` does, here: it opens an attempt for each
    trial and scores it.

    Examples: `proctor export harbor strategic --out tasks --n 3` ·
    `proctor export harbor circuits --out tasks --preset all --json`
    """
    rooms: ExportRooms = ctx.obj
    config = EvalConfig(suite=suite, agents=("harbor",), seed=seed, n=n, preset=preset, split=split)
    briefs = [rooms.exam_brief(one.instance) for one in sittings(config)]
    folders = write_tasks(briefs, out, rooms.versions()["proctor"])
    if json_:
        typer.echo(json.dumps({"out": str(out), "tasks": [str(folder) for folder in folders]}))
    else:
        typer.echo(f"{len(folders)} tasks in {out}. Next: proctor export serve {out}")


@group.command()
def serve(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="What `proctor export harbor` wrote.")],
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; containers must reach it, nobody else should.")
    ] = "127.0.0.1:0",
    trials: Annotated[int, typer.Option(min=1, help="Trials of each task at most.")] = 1,
    runs: Annotated[Path, typer.Option(help="Folder that run folders are made in.")] = Path("runs"),
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Kernels without a sandbox; stamped on all.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Serve exported Harbor tasks until ^C: an attempt a trial, and its score.

    It says which variables `harbor run` needs. Docker's containers reach the host's address on the
    docker bridge, as in `--listen 172.17.0.1:8701`.

    Examples: `proctor export serve tasks` ·
    `proctor export serve tasks --listen 172.17.0.1:8701 --trials 3`
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--listen takes HOST:PORT, as in 127.0.0.1:8701, not {listen!r}.")
    index, rooms = read_index(out), ctx.obj
    runs = runs.expanduser().absolute()
    rooms.start_daemon(runs, "none" if no_sandbox else "auto")
    anyio.run(_serve, rooms, index, _folders(rooms, out, runs), (host, int(port), trials, json_))


async def _serve(
    rooms: Any,
    index: Index,
    folders: Mapping[bool, RunFolder],
    where: tuple[str, int, int, bool],
) -> None:
    host, port, trials, as_json = where
    tokens = Tokens.drawn()
    listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    address = listener.extra(SocketAttribute.local_address)  # noqa: S610 - anyio's, not Django's
    async with rooms.open_hall() as hall, listener, anyio.create_task_group() as tasks:
        gate = Gate(index, tokens, hall, rooms, folders, trials)
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            tasks.start_soon(listener.serve, gate.serve)
            typer.echo(_told(f"{address[0]}:{address[1]}", tokens, folders, as_json=as_json))
            async for _ in signals:
                break
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await gate.close()


def _told(gate: str, tokens: Tokens, folders: Mapping[bool, RunFolder], *, as_json: bool) -> str:
    variables = {
        "PROCTOR_GATE": gate,
        "PROCTOR_GATE_TOKEN": tokens.gate,
        "PROCTOR_ORACLE_TOKEN": tokens.oracle,
    }
    if as_json:
        return json.dumps({"variables": variables, "run": str(folders[False].path)})
    exports = "\n".join(f"export {name}={value}" for name, value in variables.items())
    return f"{exports}\n# records: {folders[False].path}\n# ^C ends the gate"


def _folders(rooms: ExportRooms, out: Path, runs: Path) -> dict[bool, RunFolder]:
    now = datetime.now(UTC)
    created = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        diagnostic: RunFolder.create(
            runs,
            Run(
                suite=out.absolute().name,
                agent=agent,
                created=created,
                asked={"export": "harbor"},
                versions=dict(rooms.versions()),
            ),
            now,
        )
        for diagnostic, agent in ((False, "harbor"), (True, "harbor-oracle"))
    }
