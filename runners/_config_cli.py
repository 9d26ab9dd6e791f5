"""`proctor validate-config`: what a YAML file would play, without playing it."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from runners._conduct import House
from runners._config import Described, described
from runners._core import agent_named
from runners._plan import sittings
from runners._seating import reasons
from tasks import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command("validate-config")
def validate_config(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="The file.")],
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Check a file and show what it would play: nothing is started, nothing is called.

    Exit codes: 0 it fits · 2 it does not; every problem is told.

    Examples: `proctor validate-config runners/configs/comparison.yaml` ·
    `proctor validate-config runners/configs/leaderboard.yaml --json`
    """
    from runners._estimate import estimate  # a price table: only who asks for it pays it
    from runners._providers_cli import show_estimate

    rooms: House = ctx.obj
    found = described(config)
    cost = estimate(found.config, lambda one: rooms.brief(one.family, one.preset, 1).prompt)
    told = {**_told(found), "estimate": cost.as_json()}
    if json_:
        typer.echo(json.dumps(told))
        return
    console = Console()
    families = Table("family", "attempts of each agent", box=None, title_justify="left")
    for name, count in told["families"].items():
        families.add_row(name, str(count))
    console.print(families)
    show_estimate(cost, console)
    for why in reasons(told["pending"]):
        console.print(why, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{told['name']}: {told['attempts']} attempts; into {told['runs']}", markup=False)


def _told(found: Described) -> dict[str, JSON]:
    plan = sittings(found.config)
    agents = {name: agent_named(name) for name in found.config.agents}
    return {
        "name": found.config.name,
        "runs": str(found.runs),
        "attempts": len(plan) * len(agents),
        "families": dict(Counter(sitting.instance.family for sitting in plan)),
        "agents": list(agents),
        "paid": [name for name, agent in agents.items() if agent.paid],
        "pending": {name: why for name, agent in agents.items() if (why := agent.missing())},
        "budget_usd": found.budget_usd,
        "engine": found.engine,
        "labels": found.config.labels,
    }
