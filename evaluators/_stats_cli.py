"""`proctor stats power|compare|summary`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from evaluators._core import Score
from evaluators._runs import find_run
from evaluators._scoring import read_results
from tasks import JSON, UsageError
from tasks._record import Run

if TYPE_CHECKING:
    from evaluators.stats.power import Design

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the resampling: the same gives the same.")]
Resamples = Annotated[int, typer.Option(min=100, max=100_000, help="How many are drawn.")]
HERE = Path("runs")

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="Power before a run; intervals, paired comparisons and pass^k after it.\n\n"
    "Examples: `proctor stats power --n 120 --sd 0.3` · `proctor stats compare RUN_A RUN_B` · "
    "`proctor stats summary RUN --json`",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="stats")


@group.command()
def power(  # noqa: PLR0913 - each is an option of the command line
    n: Annotated[int | None, typer.Option(min=2, help="Values of each agent (pairs).")] = None,
    effect: Annotated[float | None, typer.Option(help="Difference of means to be found.")] = None,
    sd: Annotated[float, typer.Option(help="Standard deviation of one score.")] = 0.3,
    correlation: Annotated[
        float, typer.Option(help="Of the two agents' scores on the same instance.")
    ] = 0.5,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Other instances each.")] = False,
    per_cluster: Annotated[int, typer.Option(help="Values in a cluster, e.g. repeats.")] = 1,
    icc: Annotated[float, typer.Option(help="Share of variance between clusters.")] = 0.0,
    level: Annotated[float, typer.Option("--power", help="Chance to find the effect.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Chance to find one that is not there.")] = 0.05,
    json_: AsJson = False,
) -> None:
    """Plan a comparison: what --n can find, what --effect takes, or the power of both.

    Two-sided t tests of cluster means. The default sd and correlation are guesses: `proctor stats
    summary` and `compare` of a small run give yours.

    Exit codes: 0 told · 2 wrong usage.

    Examples: `proctor stats power --n 120` · `proctor stats power --effect 0.05 --sd 0.25` ·
    `proctor stats power --n 300 --effect 0.04 --per-cluster 3 --icc 0.6 --json`
    """
    if n is None and effect is None:
        raise UsageError("Say --n (for the effect), --effect (for the n), or both (for the power).")
    from evaluators.stats import power as plans

    design = _design(
        sd=sd,
        paired=not unpaired,
        correlation=0.0 if unpaired else correlation,
        per_cluster=per_cluster,
        icc=icc,
        alpha=alpha,
        power=level,
    )
    told: dict[str, JSON] = {"design": design.model_dump(), "design_effect": design.design_effect}
    if n is not None:
        told |= {"n": n, "minimal_effect": plans.minimal_effect(n, design)}
        told["mean_interval_width"] = plans.published_width(n, sd)
    if effect is not None:
        told |= {"effect": effect, "required_n": plans.required(effect, design)}
    if n is not None and effect is not None:
        told["power"] = plans.power_of(effect, n, design)
    if json_:
        typer.echo(json.dumps(told))
    else:
        _tell_power(told)


def _design(**fields: float | bool) -> "Design":
    from evaluators.stats.power import Design

    try:
        return Design.model_validate(fields)
    except ValidationError as error:
        wrong = "; ".join(
            f"--{str(item['loc'][0]).replace('_', '-')}: {item['msg']}, not {item['input']}"
            for item in error.errors()
        )
        raise UsageError(f"That cannot be planned: {wrong}.") from None


def _tell_power(told: dict[str, JSON]) -> None:
    design = told["design"]
    kind = "paired" if design["paired"] else "unpaired"
    typer.echo(
        f"{kind} t test, alpha {design['alpha']:g}, sd {design['sd']:g}, "
        f"correlation {design['correlation']:g}, design effect {told['design_effect']:.3g}"
    )
    if "minimal_effect" in told:
        typer.echo(
            f"n = {told['n']:,} finds a difference of {told['minimal_effect']:.4f} with power "
            f"{design['power']:g}; the 95 % interval of one mean is "
            f"{told['mean_interval_width']:.4f} wide"
        )
    if "required_n" in told:
        typer.echo(
            f"a difference of {told['effect']:g} takes n = {told['required_n']:,} of each agent "
            f"for power {design['power']:g}"
        )
    if "power" in told:
        typer.echo(f"n = {told['n']:,} finds {told['effect']:g} with power {told['power']:.3f}")


@group.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Scored runs; the first is the baseline.")],
    where: Runs = HERE,
    passed: Annotated[bool, typer.Option("--passed", help="Pass rates, not abilities.")] = False,
    seed: Seed = 20260606,
    resamples: Resamples = 2000,
    json_: AsJson = False,
) -> None:
    """Compare runs with the first, paired by instance and repeat, family by family.

    p: sign flips of the seeds' differences; Holm over all rows of a family; the last row of a
    candidate is over all families. Fewer than two common seeds: Welch's test, unpaired.

    Exit codes: 0 shown · 2 nothing in common, no such run · 3 a run was not scored.

    Examples: `proctor stats compare RUN_A RUN_B` · `proctor stats compare BASE A B C --passed` ·
    `proctor stats compare RUN_A RUN_B --json`
    """
    if len(runs) < 2:
        raise UsageError("Name the baseline's run and at least one more.")
    from evaluators.stats.reports import comparisons
    from evaluators.stats.sample import Resampling

    read = [_read(run, where) for run in runs]
    base, others = read[0], _apart(runs[1:], read[1:])
    resampling = Resampling(resamples=resamples, seed=seed)
    rows = comparisons(base[1], others, resampling, passed=passed)
    if json_:
        listed = [row.model_dump(mode="json") for row in rows]
        typer.echo(json.dumps({"baseline": base[0].agent, "passed": passed, "rows": listed}))
        return
    table = _table("family", "preset", "candidate", "pairs", base[0].agent, "candidate's")
    for name in ("delta [95 %]", "p", "p (Holm)", "Wilcoxon", "McNemar"):
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        one = row.comparison
        table.add_row(
            row.family or "all",
            row.preset or "all",
            row.candidate,
            str(one.pairs) if one.paired else "unpaired",
            f"{one.baseline:.3f}",
            f"{one.candidate:.3f}",
            _spread(one.delta.value, one.delta.low, one.delta.high, signed=True),
            *(_number(p) for p in (one.p, one.p_holm, one.wilcoxon, one.mcnemar)),
        )
    _console().print(table)


@group.command()
def summary(
    run: Annotated[str, typer.Argument(help="A scored run: its folder, or its name in --runs.")],
    where: Runs = HERE,
    seed: Seed = 20260606,
    resamples: Resamples = 2000,
    json_: AsJson = False,
) -> None:
    """Intervals of a run, family by family: means, pass rates, pass^k, variance components.

    Exit codes: 0 shown · 2 no such run, or nothing measured · 3 it was not scored.

    Examples: `proctor stats summary RUN` · `proctor stats summary RUN --json`
    """
    from evaluators.stats.reports import run_statistics
    from evaluators.stats.sample import Resampling

    described, scores = _read(run, where)
    resampling = Resampling(resamples=resamples, seed=seed)
    found = run_statistics(described.suite, described.agent, scores, resampling)
    if json_:
        typer.echo(json.dumps(found.model_dump(mode="json")))
        return
    table = _table("family", "preset", "n", "instances", "mean [95 %]", "pass [Wilson]")
    for name in ("pass^k", "sd between", "sd within"):
        table.add_column(name, justify="right", overflow="fold")
    for part in found.groups:
        table.add_row(
            part.family,
            part.preset,
            str(part.n),
            str(part.instances),
            _spread(part.mean.value, part.mean.low, part.mean.high),
            _spread(part.pass_rate, *(part.wilson or (None, None))),
            " ".join(f"{k}: {one.value:.3f}" for k, one in part.pass_hat.items()),
            _root(part.variance.between),
            _root(part.variance.within),
        )
    _console().print(table)
    for name in ("hierarchical", "stratified", "macro"):
        one = getattr(found, name)
        typer.echo(f"all, {name}: {_spread(one.value, one.low, one.high)} ({one.method})")


def _read(run: str, where: Path) -> tuple[Run, list[Score]]:
    folder = find_run(run, where)
    return folder.read(), read_results(folder.path)[0]


def _apart(names: list[str], read: list[tuple[Run, list[Score]]]) -> dict[str, list[Score]]:
    """Scores by agent; by run where two are of one agent."""
    agents = [described.agent for described, _ in read]
    titles = [
        agent if agents.count(agent) == 1 else f"{agent} ({name})"
        for agent, name in zip(agents, names, strict=True)
    ]
    return {title: scores for title, (_, scores) in zip(titles, read, strict=True)}


def _table(*names: str) -> Table:
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _spread(value: float, low: float | None, high: float | None, *, signed: bool = False) -> str:
    shown = f"{value:+.3f}" if signed else f"{value:.3f}"
    return shown if low is None or high is None else f"{shown} [{low:.3f}, {high:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _root(variance: float | None) -> str:
    return "-" if variance is None else f"{variance**0.5:.3f}"


def _console() -> Console:
    # Piped output is for files: a table cut at 80 columns would lose numbers.
    return Console(width=None if sys.stdout.isatty() else 160)
