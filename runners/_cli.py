"""`proctor run` and `proctor demo`: play a suite, score it, show it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from runners._core import AGENTS
from runners._evaluation import Options, Rooms, TierName, cores, evaluate
from runners._plan import EvalConfig
from runners._report import show
from runners._suite import Step
from tasks import Split, UsageError, nearest

DEMO = EvalConfig(
    name="demo",
    suite="strategic/bayesian_games,interp/one_head",
    agents=("solver", "random", "nop", "cheater"),
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder that run folders are made in.")]
Seed = Annotated[int, typer.Option(min=0, help="First instance seed of every family.")]
Count = Annotated[int, typer.Option("--n", min=1, help="Instances of each family and preset.")]
Repeat = Annotated[int, typer.Option(min=1, help="Attempts of an agent on each instance.")]
Jobs = Annotated[int, typer.Option(min=0, help="Attempts at a time; 0: one a processor.")]
Tier = Annotated[str, typer.Option(help="`auto` (the strongest that works) or a tier's name.")]
NoSandbox = Annotated[
    bool, typer.Option("--no-sandbox", help="Kernels without a sandbox; stamped on every result.")
]


@app.command()
def run(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    suite: Annotated[str, typer.Argument(help="Families, prefixes or tags, by commas; or `all`.")],
    agents: Annotated[str, typer.Option(help="Names, separated by commas.")] = "solver",
    seed: Seed = 1,
    n: Count = 1,
    repeat: Repeat = 1,
    preset: Annotated[
        str | None, typer.Option(help="A preset's name or `all`; default: each family's first.")
    ] = None,
    split: Annotated[Split, typer.Option(help="`private` is the exam.")] = Split.PRIVATE,
    runs: Runs = Path("runs"),
    sandbox: Tier = "auto",
    no_sandbox: NoSandbox = False,
    jobs: Jobs = 0,
    json_: AsJson = False,
) -> None:
    """Play a suite with some agents, save every attempt, score.

    An interrupted run goes on where it was when the same command is given again.

    Examples: `proctor run strategic --agents solver,random --seed 1 --n 5` ·
    `proctor run interp/one_head --agents solver --preset all --repeat 3 --json`
    """
    names = tuple(filter(None, (name.strip() for name in agents.split(","))))
    if not names:
        raise UsageError(f"--agents names nobody. There are {', '.join(AGENTS.names())}.")
    config = EvalConfig(
        suite=suite,
        agents=names,
        seed=seed,
        n=n,
        repeat=repeat,
        preset=preset,
        split=split,
    )
    options = Options(runs=runs, sandbox=tier_named(sandbox, no_sandbox), jobs=jobs or cores())
    _evaluate(ctx.obj, config, options, json_)


@app.command()
def demo(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    runs: Runs = Path("runs"),
    seed: Seed = 1,
    n: Count = 2,
    no_sandbox: NoSandbox = False,
    jobs: Jobs = 0,
    json_: AsJson = False,
) -> None:
    """Scripted agents sit two families through MCP, end to end; a table of their scores.

    An honest solver, a random one, one that does nothing, and a cheater. No key, and no server to
    start: a daemon is started, and stopped again if none was running before.

    Examples: `proctor demo` · `proctor demo --runs /tmp/demo --json`
    """
    options = Options(
        runs=runs, sandbox=tier_named("auto", no_sandbox), jobs=jobs or cores(), keep_daemon=False
    )
    config = DEMO.model_copy(update={"seed": seed, "n": n})
    _evaluate(ctx.obj, config, options, json_)


def _evaluate(rooms: Rooms, config: EvalConfig, options: Options, as_json: bool) -> None:
    with progress_bar() as progress:
        scored = evaluate(config, options.showing(progress), rooms)
    if as_json:
        typer.echo(json.dumps({"runs": [one.as_json() for one in scored]}))
    else:
        show(scored, rooms.rows([one.report.folder for one in scored]), Console())
    if any(one.report.unseen for one in scored):
        raise typer.Exit(1)


@contextmanager
def progress_bar() -> Generator[Any]:
    """A bar on stderr; gives what is to be told of every step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("starting the daemon", total=None)

        def step(one: Step) -> None:
            what = "playing" if one.sitting is None else f"{one.agent} · {one.sitting.instance}"
            progress.update(bar, description=what, completed=one.done, total=one.total)
            if one.error:
                progress.console.print(f"{what}: the agent failed: {one.error}", markup=False)

        yield step
        progress.update(bar, description="done")


def tier_named(asked: str, no_sandbox: bool) -> TierName:
    """The sandbox tier that was asked for.

    Raises:
        UsageError: there is none of that name.
    """
    if no_sandbox:
        return "none"
    tiers: tuple[TierName, ...] = get_args(TierName)
    for tier in tiers:
        if tier == asked and tier != "none":
            return tier
    known = [tier for tier in tiers if tier != "none"]
    raise UsageError(
        f"There is no sandbox tier {asked!r}.{nearest(asked, known)} Choose one of "
        f"{', '.join(known)}, or say --no-sandbox."
    )
