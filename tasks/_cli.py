"""`proctor tasks list|show|check`: the families, one brief, and whether a family keeps its word."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Protocol

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from tasks._checks import Check
from tasks._core import JSON, Brief
from tasks._suites import FAMILIES, family, in_suite

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Name = Annotated[str, typer.Argument(help="A family, `group/name`.")]


class Rooms(Protocol):
    """What these commands ask of the other rooms; the front door hands it in."""

    def brief(self, name: str, preset: str | None, seed: int) -> Brief:
        """The brief of a public instance."""
        ...

    def check(self, name: str) -> Sequence[Check]:
        """Run the conformance checks of one family."""
        ...


app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
group = typer.Typer(
    no_args_is_help=True,
    help="The task families: list them, show a brief, check one.\n\n"
    "Examples: `proctor tasks list --json` · `proctor tasks show interp/one_head` · "
    "`proctor tasks check strategic/bayesian_games`",
    rich_markup_mode="markdown",
)
app.add_typer(group, name="tasks")


@group.command("list")
def list_(
    suite: Annotated[
        str | None, typer.Argument(help="`all`, a prefix, or a tag; every family if left out.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """List the families of a suite, or all there are.

    Families marked *open* follow a published form: their keys are public, and a suite has them only
    where their folder is named, as in `proctor run strategic/v0`.

    Examples: `proctor tasks list` · `proctor tasks list circuits --json`
    """
    rows = [entry(name) for name in (FAMILIES.names() if suite is None else in_suite(suite))]
    if json_:
        typer.echo(json.dumps({"tasks": rows}))
        return
    # Two columns, for a terminal of 80: the sentence, and below it what a command line may name.
    table = Table("family", "what is asked", box=SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for row in rows:
        kinds = [word for word in ("open", "episode") if row[word]]
        words = (*row["presets"],), (*row["tags"],), (row["measure"],), kinds
        facts = " · ".join(", ".join(part) for part in words if part)
        table.add_row(row["name"], f"{row['summary']}\n[dim]{facts}[/]")
    Console().print(table)


@group.command()
def show(
    ctx: typer.Context,
    name: Name,
    preset: Annotated[str | None, typer.Option(help="Default: the first.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the public instance.")] = 1,
    json_: AsJson = False,
) -> None:
    """Show a family and the brief of one of its public instances, as an agent gets it.

    Examples: `proctor tasks show strategic/bayesian_games --preset hard --seed 7`
    """
    rooms: Rooms = ctx.obj
    facts = entry(name)
    brief = rooms.brief(name, preset, seed)
    shown = {
        "instance": str(brief.instance),
        "title": brief.title,
        "prompt": brief.prompt,
        "answer_schema": brief.answer_schema,
        "files": {path: len(data) for path, data in brief.files.items()},
        "budget": brief.budget.model_dump(),
        "stamp": brief.stamp.value,
    }
    if json_:
        typer.echo(json.dumps({**facts, "brief": shown}))
        return
    console = Console()
    console.print(f"[bold]{name}[/] version {facts['version']}: {facts['summary']}")
    console.print(f"presets: {', '.join(facts['presets'])}; measure: {facts['measure']}")
    files = ", ".join(f"task/{path} ({len(data):,} bytes)" for path, data in brief.files.items())
    console.print(f"instance: {brief.instance}; files: {files or 'none'}\n")
    console.print(Markdown(brief.prompt))
    console.print("\n[bold]Answer schema[/]")
    console.print_json(data=brief.answer_schema)


@group.command()
def check(ctx: typer.Context, name: Name, json_: AsJson = False) -> None:
    """Check that a family keeps the promises of every family; exit code 1 if it breaks one.

    For authors: run it on your own family, installed through an entry point or in this checkout.
    Examples: `proctor tasks check strategic/bayesian_games`
    """
    rooms: Rooms = ctx.obj
    family(name)
    checks = rooms.check(name)
    broken = sum(not one.holds for one in checks)
    if json_:
        rows = [asdict(one) for one in checks]
        typer.echo(json.dumps({"name": name, "broken": broken, "checks": rows}))
    else:
        console = Console()
        for one in checks:
            mark = "[green]holds[/] " if one.holds else "[red]broken[/]"
            console.print(f"{mark} {one.promise}")
            if one.detail and not one.holds:
                console.print(f"       {one.detail}", markup=False)
        console.print(f"{name}: {len(checks)} promises, {broken} broken")
    raise typer.Exit(1 if broken else 0)


def entry(name: str) -> dict[str, JSON]:
    """What `tasks list --json` says of one family."""
    unit = FAMILIES.find(name)
    return {
        "name": name,
        "version": unit.version,
        "title": unit.title,
        "summary": unit.summary,
        "tags": sorted(unit.tags),
        "presets": list(unit.presets),
        "default_preset": unit.default_preset,
        "measure": unit.measure,
        "notebook": unit.notebook,
        "episode": unit.episode,
        "open": unit.open_keys,
        "variants": [*unit.variants, *unit.relations],
        "budget": unit.budget.model_dump(),
    }
