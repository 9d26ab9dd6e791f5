"""What this machine has of agent CLIs and extras, for `proctor doctor`. Plays nothing.

Of keys it is told whether one is set, never which.
"""

import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runners._booth import CliTool, bubble
from runners._booth.program import found, version
from runners._core import AGENTS
from runners.agents._templates import READY, template

EXTRAS = {"models": "pydantic_ai", "ray": "ray", "inspect": "inspect_ai"}
"""Optional extras and the module that each brings."""
_NUMBERS = re.compile(r"\d+")


class Look(NamedTuple):
    """One thing that was looked at; none of them is a must."""

    what: str
    well: bool
    found: str
    remedy: str = ""


def looked_at(environ: Mapping[str, str]) -> list[Look]:
    """The booth, every CLI that an agent drives, and the extras, as `environ` shows them."""
    return [
        _booth(),
        *(_cli(name, tool, environ) for name, tool in tools()),
        *(_extra(name, module) for name, module in EXTRAS.items()),
    ]


def tools() -> Iterator[tuple[str, CliTool]]:
    """The CLIs by the names of their agents: those with a file, then those with a template."""
    for name in sorted(AGENTS.own()):
        tool = getattr(importlib.import_module(f"{AGENTS.package}.{name}"), "TOOL", None)
        if isinstance(tool, CliTool):
            yield name, tool
    for path in sorted(READY.glob("*.yaml")):
        yield f"generic:{path.stem}", template(path.stem).tool()


def _booth() -> Look:
    what = "booth for agent CLIs"
    refusal = bubble.refusal()
    if not refusal:
        return Look(what, True, "bubblewrap works: CLIs run sealed")
    remedy = "What mends `sandbox bwrap` above mends this; +sandbox=none plays without."
    return Look(what, False, refusal, remedy)


def _cli(name: str, tool: CliTool, environ: Mapping[str, str]) -> Look:
    what = f"agent CLI {name}"
    program = found(tool, environ)
    install = f"`npm install -g {tool.package}@{tool.tested}`"
    if program is None:
        return Look(what, False, f"no `{tool.program}` on PATH", f"{install} (needs Node).")
    has = version(tool, program)
    told = (
        f"{has or 'unknown version'} (tested: {tool.tested}), {_mode(tool)}, {_key(tool, environ)}"
    )
    if not _plays(tool):
        return Look(what, False, told, f"{tool.name} plays in the booth only: see the booth.")
    if has and _numbers(has) < _numbers(tool.tested):
        return Look(what, False, told, f"{install} brings the tested version.")
    return Look(what, True, told, _unlocked(name, tool, environ))


def _plays(tool: CliTool) -> bool:
    return tool.can.builtins_off or not bubble.refusal()


def _mode(tool: CliTool) -> str:
    if not _plays(tool):
        return "no headless attempts here"
    return "headless attempts unsealed" if bubble.refusal() else "headless attempts sealed"


def _key(tool: CliTool, environ: Mapping[str, str]) -> str:
    return "key set" if any(environ.get(name) for name in tool.key_env) else "no key set"


def _unlocked(name: str, tool: CliTool, environ: Mapping[str, str]) -> str:
    """What a missing key leaves; '' where there is one."""
    if any(environ.get(one) for one in tool.key_env):
        return ""
    free = f"{name}+model=scripted" if name.startswith("generic:") else f"{name}:scripted"
    return f"Set {' or '.join(tool.key_env)}, or play `{free}`, which needs none."


def _extra(name: str, module: str) -> Look:
    what = f"extra {name}"
    if importlib.util.find_spec(module) is not None:
        return Look(what, True, f"{module} is installed")
    return Look(what, False, "missing", f"`pip install -e '.[{name}]'`, if you need it.")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _NUMBERS.findall(text)[:3])
