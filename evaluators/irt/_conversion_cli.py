"""`proctor irt convert`: responses from any form into another."""

from pathlib import Path
from typing import Annotated

import typer

from evaluators.irt._cli_options import (
    AgentsFile,
    AsJson,
    Data,
    Dataset,
    DropBlank,
    Ignore,
    ItemsFile,
    Rename,
    Repeats,
    Score,
    Wide,
    console,
    file_options,
    losses_json,
    plain,
    read_named,
    tell_losses,
)
from tasks import JSON


def convert(  # noqa: PLR0913 - each is an option of the command line
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The file: .csv, .csv.gz or .parquet.")],
    measurement_db: Annotated[
        bool, typer.Option("--measurement-db", help="In the long form of measurement-db.")
    ] = False,
    benchmark: Annotated[
        str, typer.Option(help="With --measurement-db: where items have no column `benchmark`.")
    ] = "",
    score: Score = "passed",
    agents: AgentsFile = None,
    items: ItemsFile = None,
    dataset: Dataset = "",
    rename: Rename = None,
    ignore: Ignore = None,
    wide: Wide = False,
    drop_blank: DropBlank = False,
    repeats: Repeats = False,
    json_: AsJson = False,
) -> None:
    """Write responses as one file, whatever they came as.

    Examples: `proctor irt convert runs/* --out responses.parquet` · `proctor irt convert scores.csv
    --measurement-db --benchmark mine --out responses.csv`

    What is known of agents and items goes beside it (responses.agents.csv, responses.items.csv):
    name these with --agents and --items when you read it again.

    Exit codes: 0 written · 2 the data cannot be used, or not written in that form · 3 a run was not
    scored, or the file cannot be written.
    """
    from evaluators.irt._writing import write_measurement_db, write_responses

    files = file_options(dataset, rename, ignore, (wide, drop_blank, repeats))
    table = read_named(data, score, (agents, items), files)
    if measurement_db:
        written = write_measurement_db(table, out, benchmark)
    else:
        written = write_responses(table, out)
    if json_:
        told: dict[str, JSON] = {
            "files": [str(path) for path in written],
            "agents": len(table.agents),
            "items": len(table.items),
            "rows": len(table.score),
            "dropped": losses_json(table.dropped),
        }
        typer.echo(plain(told))
        return
    console().print(
        f"{len(table.score):,} rows of {len(table.agents):,} agents and {len(table.items):,} "
        f"items: {', '.join(map(str, written))}",
        markup=False,
    )
    tell_losses(table.dropped, ())
