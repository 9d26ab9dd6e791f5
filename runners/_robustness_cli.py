"""`proctor robustness run|summarise|list-variants`: perturb tasks, and compare with the base."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table

from runners._cli import (
    AllowPaid,
    AsJson,
    Budget,
    Concurrent,
    Count,
    NoSandbox,
    Runs,
    Seed,
    Tier,
    Yes,
    tier_named,
)
from runners._conduct import House, conduct, ended
from runners._core import AGENTS
from runners._evaluation import Options, cores
from runners._plan import ALL, EvalConfig
from tasks import FAMILIES, JSON, Split, UsageError, family, in_suite
from tasks.strategic._variants import ABOUT, ANSWER_CHANGING, PER_TASK, PRESSURES

Summary = Mapping[str, Any]
Preset = Annotated[
    str | None, typer.Option(help="A preset's name or `all`; default: each family's first.")
]
Types = Annotated[
    str | None,
    typer.Option(help="Types by commas, or `all`; default: the first ones each family has."),
]
PerTask = Annotated[
    int | None,
    typer.Option(min=1, help=f"Default {PER_TASK}; with --variants as many as are named."),
]
PreservingOnly = Annotated[
    bool, typer.Option(help="Only variants whose right answer is written like the base's.")
]


class Comparing(House, Protocol):
    """What robustness asks of the other rooms beside what an evaluation does."""

    def robustness(self, run: Path) -> Summary:
        """What robustness_summary.json holds of a scored run with variants."""
        ...


app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="Perturb tasks, and tell what that did to an agent from its own noise.\n\n"
    "Examples: `proctor robustness run strategic/bayesian_games --agents solver --n 8 --repeat 3` "
    "· `proctor robustness summarise RUN` · `proctor robustness list-variants`",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="robustness")


@group.command()
def run(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    suite: Annotated[str, typer.Argument(help="Families, prefixes or tags, by commas; or `all`.")],
    agents: Annotated[str, typer.Option(help="Names, separated by commas.")] = "solver",
    seed: Seed = 1,
    n: Count = 1,
    repeat: Annotated[
        int, typer.Option(min=1, help="Attempts on each base; from 2 on there is a noise floor.")
    ] = 2,
    variants: Types = None,
    variants_per_task: PerTask = None,
    answer_preserving_only: PreservingOnly = False,
    preset: Preset = None,
    split: Annotated[Split, typer.Option(help="`private` is the exam.")] = Split.PRIVATE,
    runs: Runs = Path("runs"),
    sandbox: Tier = "auto",
    no_sandbox: NoSandbox = False,
    concurrent: Concurrent = 0,
    budget_usd: Budget = None,
    allow_real_models: AllowPaid = False,
    yes: Yes = False,
    json_: AsJson = False,
) -> None:
    """Play instances, repeats of them, and variants of them; score and compare.

    The repeats tell how much an agent's answers differ by themselves. Each variant is played once
    beside its instance; means of the score table are over the instances without their variants.

    Examples: `proctor robustness run strategic/v0 --agents mock:random_valid --seed 123 --n 5` ·
    `proctor robustness run strategic/adversarial_risk --agents solver,random --n 8 --repeat 3
    --variants urgency_pressure,risk_pressure,control --json`
    """
    named = _words(variants or "")
    config = EvalConfig(
        suite=suite,
        name=f"robustness-{suite}",
        agents=_agents(agents),
        seed=seed,
        n=n,
        repeat=repeat,
        preset=preset,
        split=split,
        variants=named or (ALL,),
        variants_per_task=variants_per_task or (None if named else PER_TASK),
        answer_preserving_only=answer_preserving_only,
    )
    _some_variants(suite)
    options = Options(
        runs=runs,
        sandbox=tier_named(sandbox, no_sandbox),
        concurrent=concurrent or cores(),
        budget_usd=budget_usd,
        allow_real_models=allow_real_models,
    )
    rooms: Comparing = ctx.obj
    results = conduct(config, options, rooms, yes=yes)
    _tell({one.report.folder: rooms.robustness(one.report.folder) for one in results}, json_)
    if code := ended(results):
        raise typer.Exit(code)


@group.command()
def summarise(
    ctx: typer.Context,
    runs: Annotated[list[Path], typer.Argument(help="Scored run folders that hold variants.")],
    json_: AsJson = False,
) -> None:
    """Compare scored runs that hold variants.

    Exit codes: 0 shown · 3 a run was not scored, or holds no variants.

    Examples: `proctor robustness summarise runs/robustness-*` ·
    `proctor robustness summarise RUN --json`
    """
    rooms: Comparing = ctx.obj
    _tell({one.absolute(): rooms.robustness(one) for one in runs}, json_)


@group.command("list-variants")
def list_variants(
    name: Annotated[
        str | None, typer.Argument(metavar="[FAMILY]", help="A family; default: every type.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """List the types of variants, or those that one family has.

    Examples: `proctor robustness list-variants` ·
    `proctor robustness list-variants strategic/v0/auctions --json`
    """
    found = _types(FAMILIES.names() if name is None else [name])
    if json_:
        typer.echo(json.dumps({"family": name, "variants": found}))
        return
    table = Table("variant", "is", "answer", "what changes", "families", box=None)
    for row in found:
        table.add_row(
            row["variant"],
            row["kind"],
            "kept" if row["answer_preserving"] else "mapped",
            row["about"],
            str(len(row["families"])) if name is None else "-",
        )
    Console().print(table)


def _types(names: Sequence[str]) -> list[dict[str, JSON]]:
    """One row a type that one of the families has, in the order of the published form."""
    units = {name: family(name) for name in names}
    texts = {v: [n for n, unit in units.items() if v in unit.variants] for v in _known(names)}
    related = {v: [n for n, unit in units.items() if v in unit.relations] for v in texts}
    return [
        {
            "variant": variant,
            "kind": "/".join(_kinds(bool(texts[variant]), bool(related[variant]))),
            "pressure": variant in PRESSURES,
            "answer_preserving": variant not in ANSWER_CHANGING,
            "about": ABOUT.get(variant, ""),
            "families": sorted({*texts[variant], *related[variant]}),
        }
        for variant in texts
    ]


def _kinds(text: bool, relation: bool) -> list[str]:
    return [word for word, holds in (("text", text), ("relation", relation)) if holds]


def _known(names: Sequence[str]) -> list[str]:
    units = [family(name) for name in names]
    every = {v for unit in units for v in (*unit.variants, *unit.relations)}
    return [v for v in ABOUT if v in every] + sorted(every - set(ABOUT))


def _some_variants(suite: str) -> None:
    names = [name for part in _words(suite) for name in in_suite(part)]
    if not _known(names):
        raise UsageError(
            f"No family of {suite!r} has variants. `proctor robustness list-variants` shows which "
            "have."
        )


def _agents(text: str) -> tuple[str, ...]:
    names = _words(text)
    if not names:
        raise UsageError(f"--agents names nobody. There are {', '.join(AGENTS.names())}.")
    return names


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))


def _tell(found: Mapping[Path, Summary], as_json: bool) -> None:
    if as_json:
        rows = [{"folder": str(folder), **one} for folder, one in found.items()]
        typer.echo(json.dumps({"runs": rows}))
        return
    # Piped output is for files: a table cut at 80 columns would lose numbers.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for folder, one in found.items():
        console.print(_table(one))
        console.print(f"{_noise(one['paired']['overall']['noise'])} {one['tolerances']}")
        path = folder / "results" / "robustness_report.md"
        console.print(f"report: {path}\n", markup=False, highlight=False, soft_wrap=True)


def _table(one: Summary) -> Table:
    """Effects of the variant types on one agent."""
    columns = ("variant", "instances", "flips", "noise", "excess", "drop", "unsafe", "verdict")
    table = Table(title=f"{one['agent']} · {one['run']}", title_justify="left", box=None)
    for name in columns:
        left = name in {"variant", "verdict"}
        table.add_column(name, justify="left" if left else "right", no_wrap=name != "verdict")
    overall = one["paired"]["overall"]
    for row in (*overall["pooled"], *overall["types"]):
        table.add_row(
            row["variant_type"],
            str(row["instances"]),
            _number(row["flip_rate"]),
            _number(row["noise_flip_rate"]),
            _effect(row["excess_flip"]),
            _effect(row["score_drop"]),
            _effect(row["unsafe_increase"]),
            row["verdict"],
        )
    return table


def _noise(found: Mapping[str, JSON]) -> str:
    if not found["instances"]:
        return "No base was played twice: there is no noise floor (--repeat 2 or more)."
    return f"Repeats of a base flip at a rate of {found['flip_rate']:.3f}."


def _effect(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "-"
    return f"{found['mean']:.2f} \\[{found['low']:.2f}, {found['high']:.2f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
