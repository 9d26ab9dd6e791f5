"""Templates of agent CLIs: a CLI without a file of its own, told in a YAML file.

Its texts may hold placeholders. One that is the whole of a text in `files` or `mcp` stays what it
is (a list, a number, an object); within a text it is written as text.

    {prompt} {model}        what the CLI is asked, and by which name it calls its model
    {base_url} {key}        its model endpoint, and what it sends there as its key
    {home} {cwd}            its private home and the working folder in it
    {mcp_config}            path of a file `{"mcpServers": {SERVER: {mcp}}}`, which most CLIs read
    {mcp}                   the template's `mcp` entry for the chosen transport
    {server}                our MCP server's name in all this
    {command} {program} {args}    stdio: its command as one list, and as first word and rest
    {url}                   http: its address
    {seconds} {milliseconds}      that the attempt may take, for timeouts of tool calls
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from runners._booth import Capabilities, CliSaid, CliSeat, CliTool, Launch, Transport, Wire
from tasks import JSON, Frozen, UsageError, nearest

READY = Path(__file__).with_name("_ready")
MCP_CONFIG = ".proctor/mcp.json"
LARGEST = 100_000
"""Bytes of a template."""
_PLACE = re.compile(r"\{([a-z_]+)\}")
_STANDARD: dict[Transport, JSON] = {
    "stdio": {"type": "stdio", "command": "{program}", "args": "{args}"},
    "http": {"type": "http", "url": "{url}"},
}
_TOLD = ("prompt", "model", "base_url", "key", "home", "cwd")
_MCP = ("mcp_config", "mcp", "server", "command", "program", "args", "url")
_PLACES = frozenset({*_TOLD, *_MCP, "seconds", "milliseconds"})


class Template(Frozen):
    """One CLI; a field that is left out has the value that stands here."""

    name: str
    """As people call it."""
    program: str
    """As it is called on PATH."""
    argv: tuple[str, ...]
    """Its arguments."""
    wire: Wire
    """Protocol of its model endpoint: anthropic, responses, gemini or chat."""
    model: str
    """The model where none is named."""
    package: str = ""
    """npm package that brings it."""
    tested: str = ""
    """Version that the template was tested with."""
    provider: str = "openai"
    """As the price table names it."""
    key_env: tuple[str, ...] = ("OPENAI_API_KEY",)
    """Variables that may hold the provider's key, outside; the CLI is given `{key}`."""
    base_env: str = "OPENAI_BASE_URL"
    base_url: str = "https://api.openai.com/v1"
    """The provider's own address."""
    server: str = "proctor"
    """What our MCP server is called; no underscore, some CLIs cut names there."""
    transports: tuple[Transport, ...] = Field(default=("stdio", "http"), min_length=1)
    builtins_off: bool = False
    """Whether none of its own tools is left. If one is, the CLI runs in a sandbox or not at all."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    files: dict[str, JSON] = Field(default_factory=dict[str, JSON])
    """By path below its home; a text as it is, anything else as JSON. Its working folder is
    `work`."""
    mcp: dict[Transport, JSON] = _STANDARD
    """What `{mcp}` stands for, by transport."""

    def tool(self) -> CliTool:
        """What the booth takes."""
        return CliTool(
            name=self.name,
            program=self.program,
            package=self.package,
            tested=self.tested,
            wire=self.wire,
            provider=self.provider,
            model=self.model,
            key_env=self.key_env,
            base_env=self.base_env,
            base_url=self.base_url,
            can=Capabilities(builtins_off=self.builtins_off, transports=self.transports),
            launch=partial(launch, self),
            read=read,
            server=self.server,
        )

    def texts(self) -> Iterator[str]:
        """Every text that may hold placeholders."""
        for part in (self.argv, self.env, self.files, self.mcp):
            yield from _texts(part)


def launch(template: Template, seat: CliSeat) -> Launch:
    """The template with its placeholders filled."""
    command = list(seat.mcp_command)
    values: dict[str, JSON] = {
        "prompt": seat.prompt,
        "model": seat.model,
        "base_url": seat.model_url,
        "key": seat.key,
        "home": seat.home,
        "cwd": seat.cwd,
        "mcp_config": f"{seat.home}/{MCP_CONFIG}",
        "server": template.server,
        "command": command,
        "program": command[0] if command else "",
        "args": command[1:],
        "url": seat.mcp_url,
        "seconds": int(seat.wall_s),
        "milliseconds": 1000 * int(seat.wall_s),
    }
    values["mcp"] = filled(template.mcp.get(seat.transport, _STANDARD[seat.transport]), values)
    files = {path: filled(content, values) for path, content in template.files.items()}
    files[MCP_CONFIG] = {"mcpServers": {template.server: values["mcp"]}}
    return Launch(
        argv=tuple(_text(filled(word, values)) for word in template.argv),
        env={name: _text(filled(value, values)) for name, value in template.env.items()},
        files={path: _text(content) for path, content in files.items()},
    )


def read(transcript: str) -> CliSaid:
    """Nothing: the booth's door has counted tokens, and no two CLIs write alike."""
    return CliSaid()


def filled(value: JSON, values: Mapping[str, JSON]) -> JSON:
    """A structure with the placeholders in its texts filled."""
    if isinstance(value, dict):
        return {_within(name, values): filled(part, values) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, values) for part in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole and whole[1] in values:
        return values[whole[1]]
    return _within(value, values)


def _within(text: str, values: Mapping[str, JSON]) -> str:
    return _PLACE.sub(lambda found: _text(values.get(found[1], found[0])), text)


def template(name: str) -> Template:
    """The ready template of that name, or the one in that YAML file.

    Raises:
        UsageError: there is none, or it is not a template; all that is wrong, with nearest names.
    """
    ready = sorted(path.stem for path in READY.glob("*.yaml"))
    if name in ready:
        return parsed((READY / f"{name}.yaml").read_text(), f"generic:{name}")
    path = Path(name).expanduser()
    if path.suffix not in {".yaml", ".yml"}:
        raise UsageError(
            f"There is no template {name!r}.{nearest(name, ready)} Ready are "
            f"{', '.join(f'generic:{one}' for one in ready)}; generic:PATH.yaml takes your own."
        )
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"The template {path} cannot be read: {error.strerror}.") from None
    if len(text) > LARGEST:
        raise UsageError(f"The template {path} is larger than {LARGEST:,} bytes.")
    return parsed(text.decode(errors="replace"), str(path))


def parsed(text: str, source: str) -> Template:
    """Read a template; `source` names it in errors.

    Raises:
        UsageError: it is not YAML, or no template; everything that is wrong with it.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is not YAML: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{source} is no template: a mapping with name, program, argv, … is.")
    try:
        made = Template.model_validate(found)
    except ValidationError as error:
        wrong = "; ".join(_wrong(item) for item in error.errors())
        raise UsageError(f"{source} is no template: {wrong}.") from None
    wrong = "; ".join(_misplaced(made))
    if wrong:
        raise UsageError(f"{source} is no template: {wrong}.")
    return made


def _wrong(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        hint = nearest(where, Template.model_fields).rstrip("?").strip()
        known = hint or f"there are {', '.join(Template.model_fields)}"
        return f"there is no field {where!r} ({known})"
    if item["type"] == "missing":
        return f"the field {where!r} is missing"
    return f"{where}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _misplaced(made: Template) -> Iterator[str]:
    used = {name for text in made.texts() for name in _PLACE.findall(text)}
    for name in sorted(used - _PLACES):
        yield f"there is no placeholder {{{name}}}{nearest(name, _PLACES).rstrip('?')}"
    if "prompt" not in used:
        yield "nothing holds {prompt}, so the CLI would not know what is asked of it"
    if "base_url" not in used:
        yield "nothing holds {base_url}, so the CLI would not find its model"
    if not used & {"mcp", "mcp_config"}:
        yield "nothing holds {mcp_config} or {mcp}, so the CLI would not find our tools"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)
