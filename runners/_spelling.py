"""How a variant of an agent is spelled: `model+key=value+key=value`, each part optional.

`claude:claude-sonnet-4-5+turns=40`, `codex:scripted`, `tool:anthropic/claude-haiku-4-5+usd=0.5`.
What follows the colon is read here and nowhere else. A value may hold anything but `+` and the
comma that separates agents. No refusal repeats a value that might be a key put in by mistake.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from urllib.parse import urlsplit

from tasks import JSON, UsageError, nearest

Reader = Callable[[str], JSON]
"""Reads an option's value; raises `ValueError` whose text says what a value must be."""


@dataclass(frozen=True)
class Spelling:
    """A variant, read."""

    model: str
    """What stands before the first `+`; '' where nothing does."""
    options: Mapping[str, JSON]
    """Those that were given, read; in the order in which they were given."""


def spelled(text: str, known: Mapping[str, Reader]) -> Spelling:
    """Read `model(+key=value)*`; `known` reads the value of each key.

    Raises:
        UsageError: an unknown key (with the nearest ones), one given twice or without a value, or
            a value that its reader refuses.
    """
    model, *given = text.split("+")
    options: dict[str, JSON] = {}
    for part in given:
        key, equals, value = part.partition("=")
        if key not in known:
            raise UsageError(_unknown(key, known))
        if not equals:
            raise UsageError(f"The option +{key} has no value; write +{key}=….")
        if key in options:
            raise UsageError(f"The option +{key} is given twice; once says it.")
        try:
            options[key] = known[key](value)
        except ValueError as error:
            raise UsageError(f"The option +{key} must be {error}.") from None
    return Spelling(model.strip(), options)


def _unknown(key: str, known: Mapping[str, Reader]) -> str:
    named = key if key.isidentifier() and key.islower() and len(key) <= 24 else "…"
    allowed = ", ".join(f"+{name}=…" for name in known) or "none"
    hint = " A key is never written there: it is read from the environment." if "key" in key else ""
    return f"There is no option +{named}.{nearest(named, known)} It may be {allowed}.{hint}"


def whole(low: int = 1, high: int | None = None) -> Reader:
    """A reader of whole numbers, both bounds included."""
    limits = f"from {low} to {high}" if high is not None else f"of at least {low}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"a whole number {limits}") from None
        if number < low or (high is not None and number > high):
            raise ValueError(f"a whole number {limits}")
        return number

    return read


def number(low: float = 0.0, high: float = inf, *, above: bool = False) -> Reader:
    """A reader of numbers in [low, high]; with `above`, in (low, high]."""
    start = f"above {low:g}" if above else f"of at least {low:g}"
    limits = f"a number {start}" + (f" and at most {high:g}" if isfinite(high) else "")

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(limits) from None
        if not isfinite(value) or not low <= value <= high or (above and value == low):
            raise ValueError(limits)
        return value

    return read


def one_of(*words: str) -> Reader:
    """A reader of one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def switch(text: str) -> bool:
    """Read `on` or `off`."""
    if text not in {"on", "off"}:
        raise ValueError("on or off")
    return text == "on"


def word(text: str) -> str:
    """Read anything that is not empty."""
    if not text.strip():
        raise ValueError("something, not nothing")
    return text.strip()


def variable(text: str) -> str:
    """Read the name of an environment variable (never a key itself)."""
    if not text.isidentifier() or not text.isupper() or len(text) > 64:
        raise ValueError("the NAME of an environment variable in capitals, not the key itself")
    return text


def url(text: str) -> str:
    """Read an http(s) address without credentials in it."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address like http://host:port/v1")
    if parts.username or parts.password or parts.query:
        raise ValueError("an address without user, password or query; a key is named by +key_env=")
    return text.rstrip("/")


def on_loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    return urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}
