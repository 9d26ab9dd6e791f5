"""`proctor irt predict|next`: what a saved fit says of agents, without fitting again."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluators.irt._cli_options import (
    AsJson,
    Dataset,
    DropBlank,
    Ignore,
    Rename,
    Repeats,
    Score,
    Seed,
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
from evaluators.irt._long_form import PLAIN
from tasks import JSON, UsageError, nearest

if TYPE_CHECKING:
    from evaluators.irt._fit import Abilities
    from evaluators.irt._responses import Floats, ResponseTable
    from evaluators.irt.adaptive.session import NextItems
    from evaluators.irt.scoring.scores import Predictions

Bank = Annotated[Path, typer.Argument(help="The folder that `proctor irt fit --out` wrote.")]
Answers = Annotated[
    list[Path], typer.Argument(help="Responses to items of the bank: files or run folders.")
]
PREDICTIONS, EXPECTED = "predictions.csv", "expected.csv"


def predict(  # noqa: PLR0913 - each is an option of the command line
    bank: Bank,
    data: Answers,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write predictions.csv and expected.csv here.")
    ] = None,
    norms: Annotated[
        list[Path] | None,
        typer.Option(help="Responses of known agents, none of them to be predicted; repeatable."),
    ] = None,
    level: Annotated[float, typer.Option(help="Of the interval.")] = 0.9,
    drop_unknown: Annotated[
        bool, typer.Option("--drop-unknown", help="Leave out, and count, items not in the bank.")
    ] = False,
    score: Score = "passed",
    dataset: Dataset = "",
    rename: Rename = None,
    ignore: Ignore = None,
    wide: Wide = False,
    drop_blank: DropBlank = False,
    repeats: Repeats = False,
    json_: AsJson = False,
) -> None:
    """Full scores of agents on a bank, from the items they were asked.

    Examples: `proctor irt predict out new_agent.csv` · `proctor irt predict out new.csv --norms
    scores.csv --json`

    The fit is not touched: abilities are scored on its scale. With --norms the errors seen in known
    agents correct the prediction and its interval.

    Exit codes: 0 told · 2 the data cannot be used, or an item is not in the bank · 3 no fit there.
    """
    from evaluators.irt._saving import read_fit
    from evaluators.irt.scoring.abilities import score_agents
    from evaluators.irt.scoring.norms import norms_of
    from evaluators.irt.scoring.scores import predict as predicted

    items = read_fit(bank).bank
    files = file_options(dataset, rename, ignore, (wide, drop_blank, repeats))
    table = read_named(data, score, (None, None), files)
    unknown = "drop" if drop_unknown else "error"
    known = norms_of(items, read_named(norms, score, (None, None), files)) if norms else None
    found = predicted(items, table, norms=known, level=level, unknown=unknown)
    rows = _prediction_rows(found, score_agents(items, table, unknown=unknown))
    written = [] if out is None else _write(out, rows, found)
    if json_:
        told: dict[str, JSON] = {
            "level": level,
            "agents": records(rows),
            "dropped": losses_json(found.dropped),
            "notes": list(found.notes),
            "files": [str(path) for path in written],
        }
        typer.echo(plain(told))
        return
    tell_table(f"full score on {len(items.items):,} items", rows, 50)
    tell_losses(found.dropped, found.notes)
    for path in written:
        console(errors=True).print(f"written: {path}", markup=False)


def _write(out: Path, rows: list[tuple[object, ...]], found: "Predictions") -> list[Path]:
    from evaluators._saving import save_files
    from evaluators.irt._fit_tables import grid_csv

    files = {PREDICTIONS: grid_csv(rows), EXPECTED: grid_csv(_expected_rows(found))}
    return save_files(out, files, what="prediction")


def _prediction_rows(found: "Predictions", abilities: "Abilities") -> list[tuple[object, ...]]:
    header = ("agent", "score", "low", "high", "asked", "theta", "se")
    columns: tuple[Floats, ...] = (found.score, found.low, found.high)
    rows = zip(
        found.agents,
        *(column.tolist() for column in columns),
        found.asked.tolist(),
        abilities.theta.tolist(),
        abilities.se.tolist(),
        strict=True,
    )
    return [header, *rows]


def _expected_rows(found: "Predictions") -> list[tuple[object, ...]]:
    return [
        ("agent", "item", "expected"),
        *(
            (agent, item, float(value))
            for agent, row in zip(found.agents, found.expected, strict=True)
            for item, value in zip(found.items, row, strict=True)
        ),
    ]


def next_(  # noqa: PLR0913 - each is an option of the command line
    bank: Bank,
    data: Annotated[
        list[Path] | None, typer.Argument(help="Responses so far: files or run folders.")
    ] = None,
    agent: Annotated[str, typer.Option(help="Whose; needed where the data have several.")] = "",
    answer: Annotated[
        list[str] | None, typer.Option(help="ITEM=SCORE, a response so far; repeatable.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Items to be asked at once.")] = 1,
    rule: Annotated[str, typer.Option(help="How items are chosen.")] = "score",
    se: Annotated[float | None, typer.Option(help="Stop at this error of the ability.")] = None,
    width: Annotated[
        float | None, typer.Option(help="Stop when the full score's interval is as narrow.")
    ] = None,
    most: Annotated[int | None, typer.Option(help="Stop after so many items.")] = None,
    items: Annotated[
        Path | None, typer.Option("--items", help="A side file with costs or groups of items.")
    ] = None,
    cost_by: Annotated[str, typer.Option(help="Its column of costs (rule thrifty).")] = "",
    group_by: Annotated[str, typer.Option(help="Its column of groups (rule balanced).")] = "",
    score: Score = "passed",
    seed: Seed = 0,
    json_: AsJson = False,
) -> None:
    """The next items to ask an agent: those that tell most, given its answers so far.

    Examples: `proctor irt next out` · `proctor irt next out --answer item-3=1 --answer item-9=0 -n
    5` · `proctor irt next out scores.csv --agent mine --rule thrifty --items items.csv --cost-by
    seconds`

    Says also where the agent stands: ability, predicted full score; and, where a stop was asked for
    and is reached, why the test is over.

    Exit codes: 0 told · 2 no such agent, item or rule · 3 no fit there.
    """
    from evaluators.irt._saving import read_fit
    from evaluators.irt.adaptive._plan import Plan, Stop
    from evaluators.irt.adaptive.session import next_items

    items_of = read_fit(bank).bank
    answered = _stated(answer or [])
    if data:
        table = read_named(data, score, (None, None), PLAIN)
        answered |= _answers(table, agent)
    costs, groups = _by_item(items, cost_by, group_by)
    plan = Plan(
        rule=rule,
        stop=Stop(se=se, width=width, items=most),
        costs=costs,
        groups=groups,
        seed=seed,
    )
    found = next_items(items_of, answered, n=n, plan=plan)
    if json_:
        told: dict[str, JSON] = {name: getattr(found, name) for name in found.__dataclass_fields__}
        typer.echo(plain(told))
        return
    _tell_next(found)


def _tell_next(found: "NextItems") -> None:
    if found.stop:
        console().print(f"Nothing more: {found.stop}", markup=False)
    for item, worth in zip(found.items, found.worth, strict=True):
        console().print(f"{item}  ({found.rule} {worth:.4g})", markup=False)
    console(errors=True).print(
        f"after {found.answered} answers: ability {found.theta:.3f} (se {found.se:.3f}), full "
        f"score {found.score:.3f} [{found.score_low:.3f}, {found.score_high:.3f}]",
        markup=False,
    )


def _stated(answers: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in answers:
        item, sign, value = one.rpartition("=")
        try:
            found[item] = float(value)
        except ValueError:
            sign = ""
        if not (item and sign):
            raise UsageError(f"--answer takes ITEM=SCORE, such as item-3=1, not {one!r}.")
    return found


def _answers(table: "ResponseTable", agent: str) -> dict[str, float]:
    """Mean scores of one agent's items."""
    first, *others = table.agents
    if others and not agent:
        raise UsageError(
            f"The data are of {len(table.agents)} agents: say with --agent whose next items are "
            f"asked for ({', '.join(table.agents[:5])}, …)."
        )
    name = agent or first
    if name not in table.agents:
        raise UsageError(
            f"The data have no agent {name!r}.{nearest(name, table.agents)} They have "
            f"{', '.join(table.agents[:20])}."
        )
    cells = table.cells
    mine = cells.agent == table.agents.index(name)
    places, means = cells.item[mine].tolist(), cells.mean[mine].tolist()
    return {table.items[at]: float(mean) for at, mean in zip(places, means, strict=True)}


def _by_item(
    file: Path | None, cost_by: str, group_by: str
) -> tuple[Mapping[str, float] | None, Mapping[str, str] | None]:
    """Costs and groups of items, from the columns of a side file."""
    if file is None:
        if cost_by or group_by:
            raise UsageError("--cost-by and --group-by name columns of a file: give --items FILE.")
        return None, None
    from evaluators.irt._side_files import read_side

    side = read_side(file, "item", PLAIN)
    numbers, labels = side.covariates.numbers, side.covariates.labels
    if (cost_by and cost_by not in numbers) or (group_by and group_by not in labels):
        raise UsageError(
            f"{file.name} has the number columns {', '.join(numbers) or '(none)'} and the text "
            f"columns {', '.join(labels) or '(none)'}: costs are numbers, groups are text."
        )
    costs = dict(zip(side.names, numbers[cost_by].tolist(), strict=True)) if cost_by else None
    groups = dict(zip(side.names, labels[group_by], strict=True)) if group_by else None
    return costs, groups
