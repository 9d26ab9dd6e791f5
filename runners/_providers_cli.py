"""`proctor check-provider` and `proctor estimate`: can a model be asked, and what may it cost."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table

from runners._estimate import Estimate, estimate
from runners._models.choice import PROVIDERS, Choice, chosen, installed
from runners._plan import EvalConfig
from tasks import Brief, UsageError, nearest
from tasks._record import SCRIPTED

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]


class Briefs(Protocol):
    """What `estimate` asks of the other rooms."""

    def brief(self, name: str, preset: str | None, seed: int) -> Brief:
        """The brief of a public instance, as an agent gets it."""
        ...


@dataclass(frozen=True)
class Checked:
    """What is known of one model, or of one provider."""

    name: str
    installed: bool
    key: str
    """`set`, `not needed`, or which variable to set."""
    paid: bool
    call: str
    """`ok`, or why there was none, or how it failed."""
    seconds: float | None = None
    ok: bool = True


@app.command("check-provider")
def check_provider(
    names: Annotated[
        list[str], typer.Argument(help="PROVIDER, or PROVIDER/MODEL as an agent's name has it.")
    ],
    base_url: Annotated[
        str, typer.Option(help="Address of an OpenAI-compatible (or another) endpoint.")
    ] = "",
    key_env: Annotated[str, typer.Option(help="NAME of the variable with its key.")] = "",
    allow_real_models: Annotated[
        bool, typer.Option("--allow-real-models", help="Make a tiny call also where it costs.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Can these models be asked: library installed, key set, does one tiny call work.

    A key is never shown. The scripted model and those on loopback are called without asking.

    Examples: `proctor check-provider openai anthropic google` ·
    `proctor check-provider anthropic/claude-haiku-4-5 --allow-real-models` ·
    `proctor check-provider openai-compatible/qwen3 --base-url http://127.0.0.1:8000/v1`
    """
    more = [f"+base_url={base_url}"] * bool(base_url) + [f"+key_env={key_env}"] * bool(key_env)
    found = [_checked(name, "".join(more), paying=allow_real_models) for name in names]
    if json_:
        typer.echo(json.dumps({"providers": [asdict(one) for one in found]}))
    else:
        _show_checks(found)
    if not all(one.ok for one in found):
        raise typer.Exit(1)


def _checked(name: str, more: str, *, paying: bool) -> Checked:
    if "/" not in name and name.partition("+")[0] != SCRIPTED:
        return _provider(name)
    choice, _ = chosen(f"{name}{more}", {}, "words")
    present = installed("pydantic_ai", *PROVIDERS[choice.provider].modules)
    lack = choice.missing(os.environ)
    if lack:
        return Checked(name, present, _key(choice), choice.paid, lack, ok=False)
    if choice.paid and not paying:
        call = "not made: it costs money; --allow-real-models makes it"
        return Checked(name, present, _key(choice), choice.paid, call)
    import anyio

    from runners._models.probe import probe  # the providers' libraries

    made = anyio.run(probe, choice)
    return Checked(
        name,
        present,
        _key(choice),
        choice.paid,
        f"failed: {made.error}" if made.error else "ok",
        made.seconds,
        ok=not made.error,
    )


def _provider(name: str) -> Checked:
    """A provider without a model: no call can be made."""
    if name not in PROVIDERS:
        raise UsageError(
            f"There is no model provider {name!r}.{nearest(name, PROVIDERS)} "
            f"There are {', '.join(PROVIDERS)}."
        )
    bare = Choice(provider=name, model="", options={})
    present = installed("pydantic_ai", *PROVIDERS[name].modules)
    keyed = not bare.key_names or bool(bare.key(os.environ))
    call = f"not made: name a model, {name}/MODEL"
    if not present:
        call = "not made: pip install -e '.[models]'"
    return Checked(name, present, _key(bare), bare.paid, call, ok=present and keyed)


def _key(choice: Choice) -> str:
    if not choice.key_names:
        return "not needed"
    return "set" if choice.key(os.environ) else f"missing: set {' or '.join(choice.key_names)}"


def _show_checks(found: Sequence[Checked]) -> None:
    table = Table("model", "library", "key", "call", "s", box=None)
    for one in found:
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        library = "installed" if one.installed else "missing"
        table.add_row(one.name, library, one.key, one.call, seconds)
    Console().print(table)


@app.command("estimate")
def estimate_cost(  # noqa: PLR0913 - one parameter an option
    ctx: typer.Context,
    suite: Annotated[str, typer.Argument(help="Families, prefixes or tags, by commas; or `all`.")],
    agents: Annotated[str, typer.Option(help="Names, separated by commas.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Instances of a family and preset.")] = 1,
    repeat: Annotated[int, typer.Option(min=1, help="Attempts on each instance.")] = 1,
    preset: Annotated[str | None, typer.Option(help="A preset's name or `all`.")] = None,
    json_: AsJson = False,
) -> None:
    """What a run may cost, by sample prompts and the price table; calls no model.

    Examples: `proctor estimate strategic --agents direct:openai/gpt-5.2 --n 20` ·
    `proctor estimate circuits --agents tool:anthropic/claude-haiku-4-5+usd=0.5 --json`
    """
    names = tuple(filter(None, (name.strip() for name in agents.split(","))))
    if not names:
        raise UsageError("--agents names nobody, so there is nothing to estimate.")
    config = EvalConfig(suite=suite, agents=names, n=n, repeat=repeat, preset=preset)
    rooms: Briefs = ctx.obj
    found = estimate(config, lambda one: rooms.brief(one.family, one.preset, 1).prompt)
    if json_:
        typer.echo(json.dumps(found.as_json()))
    else:
        show_estimate(found, Console())


def show_estimate(found: Estimate, console: Console) -> None:
    """Print an estimate: a row an agent, and the sum."""
    table = Table("agent", "attempts", "calls ≤", "tokens in ~", "out ≤", "USD ≤", box=None)
    for row in found.rows:
        numbers = (row.attempts, row.calls, row.input_tokens, row.output_tokens)
        table.add_row(row.agent, *(f"{number:,}" for number in numbers), _dollars(row.usd))
    console.print(table)
    total: Any = _dollars(found.usd)
    if found.unknown:
        known = sum(row.usd for row in found.rows if row.usd is not None)
        total = f"unknown (at least the known {known:.2f}); no price of {', '.join(found.unknown)}"
    console.print(f"USD at most: {total}. Characters by four; conversations with tools grow.")


def _dollars(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:.2f}"
