"""`proctor irt dif|odd|reliability|dependence|explain|heldout`: what a fit alone does not tell."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluators.irt._cli_options import (
    AgentsFile,
    AsJson,
    Data,
    Dataset,
    ItemsFile,
    Score,
    console,
    file_options,
    losses_json,
    plain,
    read_named,
    tell_losses,
    tell_table,
)
from tasks import JSON, UsageError

if TYPE_CHECKING:
    from evaluators.irt._fit import Fit
    from evaluators.irt._responses import Floats, Ints, ResponseTable
    from evaluators.irt.explanatory.items import Coefficient

Model = Annotated[str, typer.Option(help="The model that agents are measured by.")]
Level = Annotated[float, typer.Option(help="False discovery rate of what is named.")]

EFFECT = ("what", "estimate", "se")


def dif(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    by: Annotated[str, typer.Option(help="Column of the agents: `llm`, `scaffold`, `date`, …")],
    focal: Annotated[
        str | None, typer.Option(help="The group in question; of two, the later in the alphabet.")
    ] = None,
    cut: Annotated[
        str | None, typer.Option(help="Of a date: agents from it on against those before.")
    ] = None,
    families: Annotated[
        bool, typer.Option("--families", help="Group by the first word: `GPT-4o` is `gpt`.")
    ] = False,
    score: Score = "passed",
    agents: AgentsFile = None,
    dataset: Dataset = "",
    json_: AsJson = False,
) -> None:
    """Items that treat agents of equal ability differently by group (Mantel-Haenszel, ETS classes).

    Examples: `proctor irt dif scores.csv --agents agents.csv --by scaffold --focal OpenHands` ·
    `proctor irt dif scores.csv --agents agents.csv --by date --cut 20250101` (contamination) ·
    `proctor irt dif runs/* --by llm --families --focal claude --json`

    Exit codes: 0 compared · 2 no such column or group, or too few agents in one.
    """
    from evaluators.irt._fitting import fit
    from evaluators.irt.dif.groups import before_after, labels_of, two_groups
    from evaluators.irt.dif.groups import families as family_names
    from evaluators.irt.dif.mantel_haenszel import mantel_haenszel

    table = _read(data, score, (agents, None), dataset)
    groups: Sequence[str] = labels_of(table, by)
    if families:
        groups = family_names(groups)
    if cut is not None:
        groups = before_after(groups, cut)
    compared = two_groups(table, groups, focal or (f"from {cut}" if cut else None))
    complete = table.cells.size == len(table.agents) * len(table.items)
    found = mantel_haenszel(table, compared, None if complete else fit(table, "2pl").abilities)
    columns = {"odds_ratio": found.odds_ratio, "delta": found.delta, "se": found.delta_se}
    rows = [
        (item, found.ets[k], *(float(one[k]) for one in columns.values()), float(found.q[k]))
        for k, item in enumerate(found.items)
    ]
    rows.sort(key=lambda row: (row[5] != row[5], row[5]))
    heads = ("item", "class", *columns, "q")
    if json_:
        items = [dict(zip(heads, row, strict=True)) for row in rows]
        typer.echo(plain({"reference": found.reference, "focal": found.focal, "items": items}))
        return
    tell_table(f"{found.focal} against {found.reference}", [heads, *rows])
    _say(found.words() or ("No item is of class B or C at a false discovery rate of .05.",))


def odd(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    model: Model = "2pl",
    level: Level = 0.05,
    score: Score = "passed",
    agents: AgentsFile = None,
    dataset: Dataset = "",
    json_: AsJson = False,
) -> None:
    """Agents whose answers do not go together: contaminated, broken by a harness, or odd.

    Examples: `proctor irt odd scores.csv` · `proctor irt odd runs/* --level 0.01 --json`

    Exit codes: 0 looked at · 2 the data cannot be used.
    """
    from evaluators.irt.person_fit.odd_agents import odd_agents

    table, found = _fitted(data, model, score, (agents, None), dataset)
    odds = odd_agents(table, found.bank, found.abilities, level=level)
    if json_:
        typer.echo(plain({"agents": [asdict(one) for one in odds], **_losses(found)}))
        return
    rows = [(one.agent, one.lz_star, one.q, one.infit, one.outfit) for one in odds]
    tell_table("odd agents, oddest first", [("agent", "lz*", "q", "infit", "outfit"), *rows])
    _say([one.text for one in odds] or ["No agent stands out."])
    tell_losses(found.dropped, ())


def reliability(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    se: Annotated[float, typer.Option(help="Wanted for an agent's mean score, in [0, 1].")] = 0.02,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Of the mean over all such items, not of ranks.")
    ] = False,
    item_cost: Annotated[float, typer.Option(help="Of setting an item up, once.")] = 0.0,
    run_cost: Annotated[float, typer.Option(help="Of one trial, in the same unit.")] = 1.0,
    score: Score = "passed",
    dataset: Dataset = "",
    json_: AsJson = False,
) -> None:
    """How far scores would repeat, and how many items and repeats a standard error takes.

    Examples: `proctor irt reliability scores.csv --se 0.02` · `proctor irt reliability runs/* --se
    0.01 --absolute --item-cost 5 --run-cost 1 --json`

    Exit codes: 0 computed · 2 the data cannot be used, or no design reaches the error.
    """
    from evaluators.irt.reliability.decision import Cost, decide
    from evaluators.irt.reliability.generalizability import components, generalizability

    table = _read(data, score, (None, None), dataset)
    found = components(table)
    now = generalizability(found, len(table.items), max(1, round(found.trials)))
    kind = "absolute" if absolute else "relative"
    choice = decide(found, se, kind=kind, cost=Cost(item_cost, run_cost))
    if json_:
        told: dict[str, JSON] = {"components": asdict(found), "now": asdict(now)}
        typer.echo(plain({**told, "decision": asdict(choice)}))
        return
    parts = ("agent", "item", "interaction", "run")
    rows = [(name, value) for name in parts if (value := getattr(found, name)) is not None]
    shares = [(name, value, value / found.total) for name, value in rows]
    tell_table("variance of a single trial", [("part", "variance", "share"), *shares])
    _say(
        [
            f"As it stands ({now.items} items, {now.repeats} trials): G = {now.g:.3f}, Phi = "
            f"{now.phi:.3f}; standard error of a mean {now.relative_se:.4f} among agents on these "
            f"items, {now.absolute_se:.4f} over all such items.",
            choice.text,
        ]
    )
    tell_losses((), found.notes)


def dependence(
    data: Data,
    model: Model = "2pl",
    score: Score = "passed",
    dataset: Dataset = "",
    json_: AsJson = False,
) -> None:
    """Items that go together beyond ability (Q3): duplicates, shared repositories or set-ups.

    Examples: `proctor irt dependence scores.csv` · `proctor irt dependence scores.csv --json`

    Exit codes: 0 looked at · 2 the data cannot be used.
    """
    from evaluators.irt.fit_statistics.q3 import local_dependence

    table, found = _fitted(data, model, score, (None, None), dataset)
    q3 = local_dependence(table, found.bank, found.abilities)
    if json_:
        clusters: list[JSON] = [asdict(one) for one in q3.clusters]
        pairs: list[JSON] = [asdict(one) for one in q3.pairs]
        typer.echo(plain({"cut": q3.cut, "pairs": pairs, "clusters": clusters, **_losses(found)}))
        return
    rows = [tuple(asdict(one).values()) for one in q3.pairs]
    heads = tuple(asdict(q3.pairs[0])) if rows else ("pair",)
    tell_table(f"pairs beyond the cut of {q3.cut:.2f}", [heads, *rows])
    tell_losses((*found.dropped, *q3.dropped), ())


def explain(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    model: Model = "2pl",
    score: Score = "passed",
    agents: AgentsFile = None,
    items: ItemsFile = None,
    dataset: Dataset = "",
    json_: AsJson = False,
) -> None:
    """What item features tell of difficulty, and what LLM and scaffold bring to ability.

    Examples: `proctor irt explain scores.csv --items features.csv --agents agents.csv` ·
    `proctor irt explain runs/* --json`

    Exit codes: 0 explained · 2 nothing is known of items or agents, or the data cannot be used.
    """
    from evaluators.irt.explanatory.informed import features_of, parts_of

    table, found = _fitted(data, model, score, (agents, items), dataset)
    parts = parts_of(table.of_agents.labels)
    features = features_of(table.of_items)
    if not parts and not features:
        raise UsageError(
            "Nothing is known of items or agents beside their scores. Give number columns of the "
            "items (--items FEATURES.csv), or llm and scaffold of the agents (--agents AGENTS.csv)."
        )
    told: dict[str, JSON] = _losses(found)
    if features:
        told["items"] = _of_items(table, found, features, tell=not json_)
    if parts:
        told["agents"] = _of_agents(table, found, parts, tell=not json_)
    if json_:
        typer.echo(plain(told))
    else:
        tell_losses(found.dropped, ())


def _of_items(
    table: "ResponseTable", found: "Fit", features: "Mapping[str, Floats]", *, tell: bool
) -> JSON:
    from evaluators.irt.explanatory.items import explain_items

    at = _places(table.items, found.bank.items)
    why = explain_items(found.bank, {name: column[at] for name, column in features.items()})
    listed = sorted(why.coefficients, key=lambda one: -abs(one.estimate))
    if tell:
        title = f"difficulty, logits for one sd; {why.explained:.0%} explained"
        tell_table(title, [EFFECT, *(_effect(one) for one in listed)], limit=len(listed))
    return {
        "explained": why.explained,
        "residual_sd": why.residual_sd,
        "coefficients": [asdict(one) for one in listed],
    }


def _of_agents(table: "ResponseTable", found: "Fit", parts: Sequence[str], *, tell: bool) -> JSON:
    from evaluators.irt.explanatory.agents import explain_agents

    labels = table.of_agents.take(_places(table.agents, found.abilities.agents))
    who = explain_agents(found.abilities, labels, parts)
    for part in who.parts if tell else ():
        title = f"ability by {part.label}, sd {part.sd:.2f}"
        tell_table(title, [EFFECT, *(_effect(one) for one in part.effects)])
    return {
        "explained": who.explained,
        "residual_sd": who.residual_sd,
        "parts": [asdict(part) for part in who.parts],
    }


def _effect(one: "Coefficient") -> tuple[str, float, float]:
    return one.name, one.estimate, one.se


def heldout(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    predictors: Annotated[
        str, typer.Option(help="Names, by commas; `seen:NAME` may look at what is held out.")
    ] = "constant,agent_mean,rasch,seen:rasch",
    hold: Annotated[str, typer.Option(help="What is held out: items, agents, cells.")] = "items",
    folds: Annotated[int, typer.Option(min=2)] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Rounds of folds.")] = 3,
    score: Score = "passed",
    agents: AgentsFile = None,
    items: ItemsFile = None,
    dataset: Dataset = "",
    json_: AsJson = False,
) -> None:
    """How well held-out scores are foretold, predictor beside predictor on the same folds.

    Examples: `proctor irt heldout scores.csv` · `proctor irt heldout scores.csv --items
    features.csv --predictors agent_mean,rasch_ridge,explanatory --json`

    Exit codes: 0 judged · 2 no such predictor, or the data cannot be divided so.
    """
    from evaluators.irt.prediction import splits
    from evaluators.irt.prediction.evaluation import evaluate

    ways = {
        "items": splits.held_out_items,
        "agents": splits.held_out_agents,
        "cells": splits.held_out_cells,
    }
    if hold not in ways:
        raise UsageError(f"--hold takes {', '.join(ways)}, not {hold!r}.")
    table = _read(data, score, (agents, items), dataset)
    names = [name for word in predictors.split(",") if (name := word.strip())]
    rows = evaluate(table, names, lambda t, seed: ways[hold](t, folds, seed), range(seeds))
    if json_:
        typer.echo(plain({"rows": [{"predictor": r.predictor, **asdict(r.mean)} for r in rows]}))
        return
    heads = ("predictor", "AUC", "within agents", "log loss", "Brier", "ECE")
    lines = [
        (
            row.predictor,
            row.mean.auc,
            row.mean.auc_within_agents,
            row.mean.log_loss,
            row.mean.brier,
            row.mean.calibration_error,
        )
        for row in rows
    ]
    tell_table(f"held-out {hold}, {folds} folds x {seeds}", [heads, *lines], limit=len(lines))


def _read(
    data: Sequence[Path], score: str, sides: tuple[Path | None, Path | None], dataset: str
) -> "ResponseTable":
    """Plain long form; `proctor irt convert` makes it of any other."""
    options = file_options(dataset, None, None, (False, False, False))
    return read_named(data, score, sides, options)


def _fitted(
    data: Sequence[Path],
    model: str,
    score: str,
    sides: tuple[Path | None, Path | None],
    dataset: str,
) -> "tuple[ResponseTable, Fit]":
    from evaluators.irt._fitting import fit

    table = _read(data, score, sides, dataset)
    return table, fit(table, model)


def _places(names: Sequence[str], wanted: Sequence[str]) -> "Ints":
    import numpy as np

    places = {name: k for k, name in enumerate(names)}
    return np.array([places[name] for name in wanted], dtype=np.int64)


def _losses(found: "Fit") -> dict[str, JSON]:
    return {"dropped": losses_json(found.dropped)}


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        console().print(line, markup=False)
