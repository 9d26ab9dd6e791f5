"""`proctor validate-config`: what a YAML file would play, without playing it."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from runners._config import Described, described
from runners._core import agent_named
from runners._plan import sittings
from tasks import JSON

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command("validate-config")
def validate_config(
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
    told = _told(described(config))
    if json_:
        typer.echo(json.dumps(told))
        return
    console = Console()
    families = Table("family", "attempts of each agent", box=None, title_justify="left")
    for name, count in told["families"].items():
        families.add_row(name, str(count))
    agents = Table("agent", "model", "paid", "missing here", box=None, title_justify="left")
    for one in told["agents"]:
        paid = "yes" if one["paid"] else "no"
        agents.add_row(one["agent"], one["model"] or "-", paid, one["missing"] or "-")
    console.print(families)
    console.print(agents)
    console.print(f"{told['name']}: {told['attempts']} attempts; into {told['runs']}", markup=False)


def _told(found: Described) -> dict[str, JSON]:
    plan = sittings(found.config)
    agents = {name: agent_named(name) for name in found.config.agents}
    return {
        "name": found.config.name,
        "runs": str(found.runs),
        "attempts": len(plan) * len(agents),
        "families": dict(Counter(sitting.instance.family for sitting in plan)),
        "agents": [
            {
                "agent": name,
                "model": agent.model,
                "paid": agent.paid,
                "missing": agent.missing(),
            }
            for name, agent in agents.items()
        ],
        "budget_usd": found.budget_usd,
        "engine": found.engine,
        "labels": found.config.labels,
    }
