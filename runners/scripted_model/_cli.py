"""`proctor scripted-model`: serve a scripted model, and say how to point a client at it."""

import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import anyio
import typer

from runners.scripted_model._app import Exchange
from runners.scripted_model._faults import KINDS, Faults
from runners.scripted_model._pointers import pointers
from runners.scripted_model._replay import SCRIPTS
from runners.scripted_model._serving import endpoint
from tasks import UsageError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

_FAULTS = f"""What goes wrong, request by request, parted by commas: a status such as 429, 500 or
529, or {", ".join(KINDS)}; x3 for three requests, x* for all that follow; delay=SECONDS before
each. Example: `429x2,ok,cut`."""
_ASK = "Task: strategic/bayesian_games"


@app.command(name="scripted-model")
def scripted_model(  # noqa: PLR0913 - one parameter an option
    script: Annotated[str, typer.Option(help="Which one; `--list` shows them.")] = "solver",
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0: a free one.")] = 0,
    unix: Annotated[
        Path | None, typer.Option(help="Serve on this unix socket instead of a port.")
    ] = None,
    faults: Annotated[str, typer.Option(help=_FAULTS)] = "",
    seed: Annotated[int, typer.Option(help="Of the script's draws.")] = 0,
    list_: Annotated[bool, typer.Option("--list", help="Show the scripts and end.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout; each request to stderr.")
    ] = False,
) -> None:
    """A model without a model, on loopback: try an agent CLI or SDK without a key.

    It speaks Anthropic's Messages, OpenAI's Responses and Chat Completions, and Gemini's
    generateContent, and plays a script. It is no language model; its token counts are made up
    (characters by four). Any key will do. ^C ends it.

    Examples: `proctor scripted-model --script solver --port 0` · `proctor scripted-model --list` ·
    `proctor scripted-model --faults 429x2,cut`
    """
    if list_:
        found = {name: SCRIPTS.find(name).summary for name in SCRIPTS.names()}
        lines = "\n".join(f"{name:10} {summary}" for name, summary in found.items())
        typer.echo(json.dumps({"scripts": found}) if as_json else lines)
        return
    played, plan = SCRIPTS.find(script), Faults.parse(faults)

    async def serve() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with endpoint(played, plan, seed=seed, at=unix or port, listen=_tell) as model:
                typer.echo(_told(script, model.url, unix, as_json=as_json))
                async for _ in signals:
                    return

    try:
        anyio.run(serve)
    except OSError as error:
        where = str(unix) if unix else f"127.0.0.1:{port}"
        raise UsageError(
            f"The scripted model cannot listen at {where}: {error}. Give another --port (0 takes "
            "a free one) or --unix."
        ) from None


def _tell(seen: Exchange) -> None:
    typer.echo(json.dumps(asdict(seen)), err=True)


def _told(script: str, url: str, unix: Path | None, *, as_json: bool) -> str:
    if as_json:
        place = {"unix": str(unix)} if unix else {"url": url, "clients": pointers(url)}
        return json.dumps({"script": script, **place})
    if unix:
        return f"The script {script} answers on the unix socket {unix}."
    lines = [f"The script {script} answers at {url} (any key will do; ^C ends it).", ""]
    for name, how in pointers(url).items():
        lines += [f"{name}:", *(f"  {line}" for line in how.splitlines())]
    lines += ["", f"`proctor connect` adds the tools to a client. Then say to it: {_ASK}"]
    return "\n".join(lines)
