"""Why a CLI cannot play on this machine now, and what to do about it."""

from collections.abc import Mapping
from typing import cast

from runners._booth import bubble
from runners._booth.account import priced
from runners._booth.asked import Asked
from runners._booth.program import found
from tasks import UsageError


def lack(asked: Asked, environ: Mapping[str, str]) -> str:
    """A sentence on the first thing that is missing, '' if nothing is. Tells no key."""
    return _program(asked, environ) or _key(asked, environ) or _sandbox(asked) or _money(asked)


def sealed(asked: Asked) -> bool:
    """Whether the CLI runs in the sandbox.

    Raises:
        UsageError: it must and cannot.
    """
    if asked.sandbox == "none":
        return False
    refusal = bubble.refusal()
    if refusal and (asked.sandbox == "bwrap" or not asked.tool.can.builtins_off):
        raise UsageError(_sandbox(asked))
    return not refusal


def money(asked: Asked, seat_usd: float | None) -> float | None:
    """What the attempt may cost at most: the tighter of the agent's and the run's limit."""
    limits = [usd for usd in (asked.options.get("usd"), seat_usd) if usd is not None]
    return min(cast("list[float]", limits), default=None)


def _program(asked: Asked, environ: Mapping[str, str]) -> str:
    tool = asked.tool
    if found(tool, environ):
        return ""
    return (
        f"{tool.name} is not installed: there is no `{tool.program}` on PATH. "
        f"`npm install -g {tool.package}@{tool.tested}` brings the version that was tested."
    )


def _key(asked: Asked, environ: Mapping[str, str]) -> str:
    if not asked.paid(environ) or asked.key(environ):
        return ""
    return (
        f"No key for {asked.tool.provider}: {' or '.join(asked.key_names())} is not set. Set it, "
        f"or play `{asked.tool.program}:scripted`, which needs none and costs nothing."
    )


def _sandbox(asked: Asked) -> str:
    refusal = bubble.refusal()
    if not refusal or asked.sandbox == "none":
        return ""
    if asked.sandbox == "auto" and asked.tool.can.builtins_off:
        return ""
    return (
        f"{asked.tool.name} keeps tools of its own, so it runs in a sandbox only, and none can be "
        f"made here: {refusal}. `proctor doctor` tells what mends it; +sandbox=none plays without."
    )


def _money(asked: Asked) -> str:
    if asked.options.get("usd") is None or asked.scripted:
        return ""
    if priced(asked.tool.provider, asked.model):
        return ""
    return (
        f"The limit +usd cannot be kept: the price list does not know {asked.model!r} of "
        f"{asked.tool.provider}. Leave it out, and limit the attempt by +turns=N."
    )
