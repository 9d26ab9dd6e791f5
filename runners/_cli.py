"""`proctor run` and `proctor demo`: play a suite, score it, show it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from runners._adaptive import fingerprint
from runners._conduct import House, conduct, ended
from runners._config import SUFFIXES, Described, described
from runners._core import AGENTS
from runners._evaluation import EngineName, Options, TierName, cores
from runners._plan import Adaptive, EvalConfig
from runners._report import show
from tasks import Split, UsageError, nearest

DEMO = EvalConfig(
    name="demo",
    suite="strategic/bayesian_games,interp/one_head",
    agents=("solver", "random", "nop", "cheater"),
)

TARGET_SE = 0.3
"""Where an adaptive run stops if nothing was said: reliability .91 where abilities have sd 1."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

SuiteOrFile = Annotated[
    str,
    typer.Argument(
        metavar="SUITE|CONFIG.yaml", help="Families, prefixes or tags, by commas; or `all`."
    ),
]
Preset = Annotated[
    str | None, typer.Option(help="A preset's name or `all`; default: each family's first.")
]
Bank = Annotated[
    Path | None, typer.Option(help="Ask as this bank advises (`proctor irt fit … --out`).")
]
TargetSe = Annotated[
    float | None, typer.Option(help="Adaptive: ask until abilities are known so well [0.3].")
]
MaxItems = Annotated[
    int | None, typer.Option(min=1, help="Adaptive: ask each agent so many at most.")
]
Rule = Annotated[str, typer.Option(help="Adaptive: how the next instance is chosen.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder or URL for run folders.")]
Seed = Annotated[int, typer.Option(min=0, help="First instance seed of every family.")]
Count = Annotated[int, typer.Option("--n", min=1, help="Instances of each family and preset.")]
Repeat = Annotated[int, typer.Option(min=1, help="Attempts of an agent on each instance.")]
Concurrent = Annotated[int, typer.Option(min=0, help="Attempts at a time; 0: one a processor.")]
Budget = Annotated[
    float | None, typer.Option("--budget-usd", help="Dollars at most; earlier commands count too.")
]
AllowPaid = Annotated[
    bool, typer.Option("--allow-real-models", help="Let agents play whose model costs money.")
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Play without agents that cannot; they are pending.")
]
Engine = Annotated[EngineName, typer.Option(help="Play here, or on the nodes of a Ray cluster.")]
Address = Annotated[
    str | None, typer.Option(help="Of the Ray cluster, as `ray.init` takes it; default: a new one.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Confirm at once what costs money.")]
Tier = Annotated[str, typer.Option(help="`auto` (the strongest that works) or a tier's name.")]
NoSandbox = Annotated[
    bool, typer.Option("--no-sandbox", help="Kernels without a sandbox; stamped on every result.")
]


@app.command()
def run(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    suite: SuiteOrFile,
    agents: Annotated[str, typer.Option(help="Names, separated by commas.")] = "solver",
    seed: Seed = 1,
    n: Count = 1,
    repeat: Repeat = 1,
    preset: Preset = None,
    split: Annotated[Split, typer.Option(help="`private` is the exam.")] = Split.PRIVATE,
    runs: Runs = Path("runs"),
    sandbox: Tier = "auto",
    no_sandbox: NoSandbox = False,
    concurrent: Concurrent = 0,
    budget_usd: Budget = None,
    allow_real_models: AllowPaid = False,
    skip_missing: SkipMissing = False,
    yes: Yes = False,
    engine: Engine = "local",
    address: Address = None,
    adaptive: Bank = None,
    target_se: TargetSe = None,
    max_items: MaxItems = None,
    rule: Rule = "information",
    json_: AsJson = False,
) -> None:
    """Play a suite with some agents, save every attempt, score.

    An interrupted run goes on where it was when the same command is given again: what was finished
    stays, what was half-done starts afresh. With --adaptive each agent is asked only what tells it
    apart, of what the suite and the bank have in common.

    Exit codes: 0 played · 1 the server never saw some agent · 6 the budget was reached: the same
    command with a higher one goes on.

    Examples: `proctor run strategic --agents solver,random --seed 1 --n 5` ·
    `proctor run circuits --agents claude:scripted,solver --concurrent 2 --repeat 3 --json` ·
    `proctor run strategic --agents claude,codex --budget-usd 5 --allow-real-models` ·
    `proctor run runners/configs/comparison.yaml` ·
    `proctor run strategic --preset all --n 5 --agents claude --adaptive bank --target-se 0.3`
    """
    asked = Asked(suite, agents, seed, n, repeat, preset, split)
    found = _from_file(ctx, Path(suite)) if Path(suite).suffix in SUFFIXES else None
    config = from_bank(found.config if found else asked.config(), adaptive, ctx.params)
    engine = found.engine if found and not _given(ctx, "engine") else engine
    workers = found.concurrent if found and not _given(ctx, "concurrent") else concurrent
    options = Options(
        runs=found.runs if found and not _given(ctx, "runs") else runs,
        sandbox=tier_named(sandbox, no_sandbox),
        concurrent=workers or (cores() if engine == "local" else 0),
        budget_usd=found.budget_usd if found and budget_usd is None else budget_usd,
        allow_real_models=allow_real_models,
        skip_missing=skip_missing,
        engine=engine,
        address=address or (found.address if found else None),
    )
    _play(ctx.obj, config, options, yes=yes, as_json=json_)


@dataclass(frozen=True)
class Asked:
    """What the command line asks to be played; a file says the same in its own words."""

    suite: str
    agents: str
    seed: int
    n: int
    repeat: int
    preset: str | None
    split: Split

    def config(self) -> EvalConfig:
        """The same, checked.

        Raises:
            UsageError: it names no agent.
        """
        names = tuple(filter(None, (name.strip() for name in self.agents.split(","))))
        if not names:
            raise UsageError(f"--agents names nobody. There are {', '.join(AGENTS.names())}.")
        return EvalConfig(
            suite=self.suite,
            agents=names,
            seed=self.seed,
            n=self.n,
            repeat=self.repeat,
            preset=self.preset,
            split=self.split,
        )


def from_bank(config: EvalConfig, bank: Path | None, said: Mapping[str, Any]) -> EvalConfig:
    """The config, adaptive if a bank was named.

    Raises:
        UsageError: options of an adaptive run without a bank, or a bank that is none.
    """
    limits = {name: said[name] for name in ("target_se", "max_items")}
    if bank is None:
        for name, value in limits.items():
            if value is not None:
                raise UsageError(
                    f"--{name.replace('_', '-')} is for an adaptive run; name its bank with "
                    "--adaptive, or leave it out."
                )
        return config
    if limits == {"target_se": None, "max_items": None}:
        limits["target_se"] = TARGET_SE
    if (limits["target_se"] or 1) <= 0:
        raise UsageError("A standard error is above 0; --target-se 0.3 is usual.")
    asked = Adaptive(bank=str(bank), bank_sha256=fingerprint(bank), rule=said["rule"], **limits)
    return config.model_copy(update={"adaptive": asked})


def _from_file(ctx: typer.Context, path: Path) -> Described:
    """What a file describes; no option may say it a second time.

    Raises:
        UsageError: see `described`; or an option asks for what the file says.
    """
    twice = [field.name for field in fields(Asked) if _given(ctx, field.name)]
    twice.remove("suite")
    if twice:
        raise UsageError(
            f"{path} says what is played; --{twice[0]} would say it again. Change the file, or "
            "give a suite's name in its place."
        )
    return described(path)


def _given(ctx: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command()
def demo(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    runs: Runs = Path("runs"),
    seed: Seed = 1,
    n: Count = 2,
    no_sandbox: NoSandbox = False,
    concurrent: Concurrent = 0,
    json_: AsJson = False,
) -> None:
    """Scripted agents sit two families through MCP, end to end; a table of their scores.

    An honest solver, a random one, one that does nothing, and a cheater. No key, and no server to
    start: a daemon is started, and stopped again if none was running before.

    Examples: `proctor demo` · `proctor demo --runs /tmp/demo --json`
    """
    options = Options(
        runs=runs,
        sandbox=tier_named("auto", no_sandbox),
        concurrent=concurrent or cores(),
        keep_daemon=False,
    )
    config = DEMO.model_copy(update={"seed": seed, "n": n})
    _play(ctx.obj, config, options, yes=False, as_json=json_)


def _play(rooms: House, config: EvalConfig, options: Options, *, yes: bool, as_json: bool) -> None:
    results = conduct(config, options, rooms, yes=yes)
    if as_json:
        typer.echo(json.dumps({"runs": [one.as_json() for one in results]}))
    else:
        show(results, rooms.rows([one.report.folder for one in results]), Console())
    code = ended(results)
    if code:
        raise typer.Exit(code)


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
