"""`proctor irt fit|design|models|simulate`; beside them `_bank_cli`, `_inquiry_cli`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluators._saving import save_files
from evaluators.irt._analysis_cli import dependence, dif, explain, heldout, odd, reliability
from evaluators.irt._bank_cli import next_, predict
from evaluators.irt._cli_options import (
    AgentsFile,
    AsJson,
    Data,
    Dataset,
    Dimensions,
    DropBlank,
    Groups,
    Ignore,
    ItemsFile,
    Out,
    Rename,
    Repeats,
    Score,
    Seed,
    Testlet,
    Turn,
    Wide,
    console,
    file_options,
    losses_json,
    plain,
    read_named,
    records,
    tell_losses,
    tell_table,
)
from evaluators.irt._conversion_cli import convert
from evaluators.irt._inquiry_cli import diagnose, link
from tasks import JSON, UsageError

if TYPE_CHECKING:
    from evaluators.irt._fit import Fit
    from evaluators.irt._responses import ResponseTable
    from evaluators.irt.pictures._material import Material

FEWEST = 3
"""Agents and items that a diagnosis needs."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="Item response theory: ability, difficulty, sound items, fewer questions.\n\n"
    "Examples: `proctor irt fit scores.csv --model 2pl --out out` · `proctor irt fit runs/* --out "
    "out` · `proctor irt design scores.csv` · `proctor irt models`\n\n"
    "Takes a CSV with the columns agent, item, score as well as run folders.",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="irt")
group.command("diagnose")(diagnose)
group.command("predict")(predict)
group.command("next")(next_)
group.command("link")(link)
group.command("convert")(convert)
for more in (dif, odd, dependence, reliability, explain, heldout):
    group.command()(more)


@app.callback()
def about() -> None:
    """Item response theory."""


@group.command()
def fit(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    out: Out,
    model: Annotated[str, typer.Option(help="A name of `proctor irt models`.")] = "2pl",
    estimator: Annotated[
        str | None, typer.Option(help="em, laplace or joint; the model's own choice if not said.")
    ] = None,
    priors: Annotated[
        bool, typer.Option(help="Weak priors on items; without: maximum likelihood.")
    ] = True,
    max_iterations: Annotated[int, typer.Option(min=1, help="Where to give up.")] = 500,
    dimensions: Dimensions = 2,
    rotation: Turn = "varimax",
    groups: Groups = "family",
    testlet: Testlet = False,
    score: Score = "passed",
    agents: AgentsFile = None,
    items: ItemsFile = None,
    dataset: Dataset = "",
    rename: Rename = None,
    ignore: Ignore = None,
    wide: Wide = False,
    drop_blank: DropBlank = False,
    repeats: Repeats = False,
    picture: Annotated[bool, typer.Option(help="The Wright map, wright.png.")] = True,
    report: Annotated[
        bool, typer.Option("--report", help="report.html with all pictures (PNG, SVG, PDF).")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Fit a model to responses.

    Examples: `proctor irt fit scores.csv --model 2pl --out out` · `proctor irt fit runs/* --out
    out` · `proctor irt fit grades.parquet --rename model=agent --rename task=item --out out --json`

    Writes agents.csv (agent, theta, se, …), items.csv (item, a, b, …), a picture, and fit.json.

    What a reader should know (items that nobody passes, what was left out, a fit that did not
    converge) is told on stderr and stands in fit.json.

    Exit codes: 0 fitted and written (converged or not: it says) · 2 the data or the model cannot be
    used · 3 a run was not scored, or the folder cannot be written.
    """
    from evaluators.irt._fitting import FitOptions
    from evaluators.irt._fitting import fit as fitted
    from evaluators.irt._saving import write_fit
    from evaluators.irt._vector.options import vector_options

    files = file_options(dataset, rename, ignore, (wide, drop_blank, repeats))
    table = read_named(data, score, (agents, items), files)
    vector = vector_options(dimensions, rotation, groups, testlet=testlet)
    options = FitOptions(priors=priors, max_iterations=max_iterations, vector=vector)
    found = fitted(table, model, estimator=estimator, options=options)
    asked = _asked(data, score, dataset, asdict(options))
    drawn = _pictures(found, table, picture=picture, report=report)
    written = write_fit(found, out, table=table, asked=asked) + save_files(out, drawn)
    if json_:
        typer.echo(plain(_fit_json(found, table, written)))
    else:
        _tell_fit(found, table, written)


def _asked(data: list[Path], score: str, dataset: str, options: dict[str, JSON]) -> dict[str, JSON]:
    """What fit.json remembers of the command; `score` is of attempts, of which a file has none."""
    runs = any(path.is_dir() for path in data)
    return {
        "data": [str(path) for path in data],
        "score": score if runs else "",
        "dataset": dataset,
        "options": options,
    }


def _pictures(
    found: "Fit", table: "ResponseTable", *, picture: bool, report: bool
) -> dict[str, bytes]:
    if not (picture or report):
        return {}
    from evaluators.irt.pictures._material import Material

    material = Material(found, table)
    if report:
        return _reported(material)
    from evaluators._figures import figure_files
    from evaluators.irt.pictures.wright import picture as wright

    figure = wright.draw(material)
    return {} if figure is None else figure_files("wright", figure, ("png",))


def _reported(material: "Material") -> dict[str, bytes]:
    """The report, with what a diagnosis says of the items and the agents' own oddities."""
    from dataclasses import replace

    from evaluators.irt.diagnostics import diagnose as diagnosed
    from evaluators.irt.pictures._report import Reported, report_files

    if len(material.table.agents) < FEWEST or len(material.table.items) < FEWEST:
        return report_files(Reported(material))
    found = diagnosed(material.table, material.fit if material.one_dimensional else None)
    # Items that all passed or failed are told of in the notes: their cards would crowd out those
    # that the responses have something to say of.
    known = {
        card.item: card.defect_score
        for card in found.cards
        if not {"all_fail", "all_pass"} & {*card.flags}
    }
    evidence = {card.item: card.evidence for card in found.cards}
    return report_files(Reported(replace(material, defects=known), evidence))


def _fit_json(found: "Fit", table: "ResponseTable", written: list[Path]) -> dict[str, JSON]:
    from evaluators.irt._fit_tables import Counts, agent_rows, item_rows

    counts = Counts.of(table)
    return {
        "model": found.bank.model.name,
        "estimator": found.estimator,
        "converged": found.converged,
        "reason": found.reason,
        "log_likelihood": found.log_likelihood,
        "aic": found.aic,
        "bic": found.bic,
        "n_parameters": found.n_parameters,
        "n_cells": found.n_cells,
        "dropped": losses_json(found.dropped),
        "notes": list(found.notes),
        "files": [str(path) for path in written],
        "agents": records(agent_rows(found, counts)),
        "items": records(item_rows(found, counts)),
    }


def _tell_fit(found: "Fit", table: "ResponseTable", written: list[Path]) -> None:
    from evaluators.irt._fit_tables import Counts, agent_rows, item_rows

    counts = Counts.of(table)
    for title, rows, by in (
        ("agents, ablest first", [*agent_rows(found, counts)], 1),
        ("items, hardest first", [*item_rows(found, counts)], -1),
    ):
        # Abilities are the first number of a row, mean scores the last.
        down = sorted(rows[1:], key=lambda row: float(str(row[by])), reverse=by == 1)
        tell_table(title, [rows[0], *down])
    say = console()
    say.print(
        f"{found.bank.model.name} by {found.estimator}: {len(found.abilities.agents):,} agents, "
        f"{len(found.bank.items):,} items, {found.n_cells:,} cells; log-likelihood "
        f"{found.log_likelihood:.2f}, BIC {found.bic:.1f}. {found.reason}",
        markup=False,
    )
    losses = found.dropped
    warning = () if found.converged else (f"NOT CONVERGED: {found.reason}",)
    tell_losses(losses, (*warning, *found.notes))
    console(errors=True).print(f"written: {', '.join(map(str, written))}", markup=False)


@group.command()
def design(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    score: Score = "passed",
    dataset: Dataset = "",
    rename: Rename = None,
    ignore: Ignore = None,
    wide: Wide = False,
    drop_blank: DropBlank = False,
    repeats: Repeats = False,
    json_: AsJson = False,
) -> None:
    """What responses can bear, before any fit.

    Examples: `proctor irt design scores.csv` · `proctor irt design runs/* --json`

    Tells size, density, parts that share neither agent nor item,
    items that nobody or everybody passes, agents and items with few responses, doubles.

    Exit codes: 0 told · 2 the data cannot be used · 3 a run was not scored.
    """
    from evaluators.irt._design import design as designed

    files = file_options(dataset, rename, ignore, (wide, drop_blank, repeats))
    table = read_named(data, score, (None, None), files)
    found = designed(table)
    if not json_:
        console().print(found.summary, markup=False)
        for remark in found.remarks:
            console().print(f"- {remark.text}", markup=False)
        if not found.remarks:
            console().print("Nothing stands against a fit.", markup=False)
        tell_losses(table.dropped, ())
        return
    told: dict[str, JSON] = {
        "agents": found.agents,
        "items": found.items,
        "cells": found.cells,
        "trials": found.trials,
        "density": found.density,
        "kind": found.kind,
        "blocks": [
            {"agents": list(one.agents), "items": list(one.items), "cells": one.cells}
            for one in found.blocks
        ],
        "remarks": [
            {"about": one.about, "text": one.text, "names": list(one.names)}
            for one in found.remarks
        ],
        "dropped": losses_json(table.dropped),
    }
    typer.echo(plain(told))


@group.command()
def models(json_: AsJson = False) -> None:
    """The models: for which scores, by which estimators, with their formula.

    Examples: `proctor irt models` · `proctor irt models --json`
    """
    from evaluators.irt._model import MODELS

    found = [MODELS.find(name) for name in MODELS.names()]
    if json_:
        listed = [
            {
                "model": one.name,
                "scores": sorted(one.scores),
                "estimators": list(one.estimators),
                "summary": one.summary,
            }
            for one in found
        ]
        typer.echo(plain({"models": listed}))
        return
    rows = [
        (one.name, ", ".join(sorted(one.scores)), ", ".join(one.estimators), one.summary)
        for one in sorted(found, key=lambda one: one.name)
    ]
    tell_table("models", [("model", "scores", "estimators", "what it says"), *rows], len(rows))


@group.command()
def simulate(  # noqa: PLR0913 - each is an option of the command line
    out: Annotated[Path, typer.Option("--out", help="The file: .csv, .csv.gz or .parquet.")],
    model: Annotated[str, typer.Option(help="A name of `proctor irt models`.")] = "2pl",
    agents: Annotated[int, typer.Option(min=1, help="How many agents.")] = 200,
    items: Annotated[int, typer.Option(min=1, help="How many items.")] = 100,
    observed: Annotated[float, typer.Option(help="Share of the items each agent meets.")] = 1.0,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each pair.")] = 1,
    seed: Seed = 20260606,
    json_: AsJson = False,
) -> None:
    """Draw responses from known abilities and items.

    Examples: `proctor irt simulate --agents 50 --items 200 --out scores.csv` · `proctor irt
    simulate --model binomial --trials 5 --observed 0.3 --out scores.parquet`

    The truth goes beside them (x.agents.csv, x.items.csv), so that a fit can be held against it.

    Exit codes: 0 written · 2 no such model, or the numbers make no sense · 3 cannot be written.
    """
    from dataclasses import replace

    from evaluators.irt._responses import Covariates
    from evaluators.irt._simulation import simulate as simulated
    from evaluators.irt._writing import write_responses

    truth = simulated(model, agents, items, seed=seed, observed=observed, trials=trials)
    if truth.theta.ndim > 1:
        raise UsageError(f"Abilities of {model} are vectors: draw from it in Python.")
    table = replace(
        truth.table,
        of_agents=Covariates({}, {"theta": truth.theta}),
        of_items=Covariates({}, truth.bank.parameters),
    )
    written = write_responses(table, out)
    told: dict[str, JSON] = {
        "files": [str(path) for path in written],
        "rows": len(table.score),
        "mean": float(table.cells.mean.mean()),
    }
    if json_:
        typer.echo(plain(told))
    else:
        console().print(
            f"{told['rows']:,} rows, mean score {told['mean']:.3f}: {', '.join(told['files'])}",
            markup=False,
        )
