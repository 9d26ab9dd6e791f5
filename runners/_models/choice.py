"""Which model an API agent asks, as its name spells it, and what that takes on this machine.

`anthropic/claude-sonnet-4-5+temperature=0`, `openai/gpt-5.2+thinking=low`, `google/gemini-2.5-pro`,
`openai-compatible/MODEL+base_url=https://host/v1+key_env=NAME`, `local/PATH_OR_HUB_ID`, and
`scripted+script=words`, our own endpoint: free, without a key. Keys are read from the environment
when a call is made; nothing here holds one.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from runners._scripted import OPTIONS as SCRIPTED_OPTIONS
from runners._spelling import (
    Reader,
    number,
    on_loopback,
    one_of,
    spelled,
    switch,
    url,
    variable,
    whole,
)
from tasks import JSON, UsageError, nearest
from tasks._record import SCRIPTED

Api = Literal["responses", "chat", "messages", "gemini"]
"""The wire format: OpenAI's two, Anthropic's, Google's."""

LOCAL = "local"
COMPATIBLE = "openai-compatible"
INSTALL = "pip install -e '.[models]'"
MAX_TOKENS = 8_192
"""Output tokens of a call where none were asked for: room for a model that reasons first."""
LOCAL_MAX_TOKENS = 512
"""The same for a local model, whose every token costs time here."""


@dataclass(frozen=True)
class Provider:
    """What is particular to one provider."""

    apis: tuple[Api, ...]
    """Wire formats it speaks; the first is used unless asked otherwise."""
    modules: tuple[str, ...]
    """Importable modules that it needs, beside pydantic-ai."""
    base_url: str = ""
    key_env: tuple[str, ...] = ()
    """Variables that may hold its key, in order."""
    budgets: bool = False
    """Whether thinking can be bounded in tokens; else by a level alone."""


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider(
            ("responses", "chat"), ("openai",), "https://api.openai.com/v1", ("OPENAI_API_KEY",)
        ),
        "anthropic": Provider(
            ("messages",),
            ("anthropic",),
            "https://api.anthropic.com",
            ("ANTHROPIC_API_KEY",),
            budgets=True,
        ),
        "google": Provider(
            ("gemini",),
            ("google.genai",),
            "https://generativelanguage.googleapis.com",
            ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
            budgets=True,
        ),
        COMPATIBLE: Provider(("chat", "responses"), ("openai",)),
        LOCAL: Provider((), ("torch", "transformers")),
        SCRIPTED: Provider(
            ("responses", "chat", "messages", "gemini"), ("openai", "anthropic", "google.genai")
        ),
    }
)


def _thinking(text: str) -> JSON:
    if text in {"low", "medium", "high", "off"}:
        return text
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise ValueError("low, medium, high, off, or a number of tokens")


def _price(text: str) -> str:
    parts = text.split(":")
    read = number()
    if len(parts) != 2:
        raise ValueError("INPUT:OUTPUT, dollars for a million tokens each, such as 0.5:1.5")
    for part in parts:
        read(part)
    return text


OPTIONS: Mapping[str, Reader] = MappingProxyType(
    {
        "temperature": number(0, 2),
        "max_tokens": whole(1),
        "thinking": _thinking,
        "usd": number(above=True),
        "rpm": whole(1),
        "retries": whole(0, 20),
        "timeout": number(above=True),
        "cache": switch,
        "base_url": url,
        "key_env": variable,
        "api": one_of("responses", "chat", "messages", "gemini"),
        "price": _price,
        **SCRIPTED_OPTIONS,
        "gguf": lambda text: text,
    }
)
"""Options of every API agent, beside those of its own."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A model and how it is to be asked."""

    provider: str
    model: str
    """The model's id as the provider names it; for `local` a folder or a hub id."""
    options: Mapping[str, JSON]

    @property
    def name(self) -> str:
        """`provider:model`, '' for the scripted one."""
        return "" if self.provider == SCRIPTED else f"{self.provider}:{self.model}"

    @property
    def api(self) -> Api | None:
        """The wire format; None for a local model."""
        known = PROVIDERS[self.provider].apis
        return cast("Api", self.options.get("api", known[0])) if known else None

    @property
    def base_url(self) -> str:
        """Where it is asked; '' for a local model, and for the scripted one until it is started."""
        return str(self.options.get("base_url", PROVIDERS[self.provider].base_url))

    @property
    def here(self) -> bool:
        """Whether the model runs on this machine: scripted, local, or behind a loopback address."""
        return self.provider in {SCRIPTED, LOCAL} or on_loopback(self.base_url)

    @property
    def paid(self) -> bool:
        """Whether its calls cost money."""
        return not self.here

    @property
    def max_tokens(self) -> int:
        """Output tokens of one call at most."""
        usual = LOCAL_MAX_TOKENS if self.provider == LOCAL else MAX_TOKENS
        return cast("int", self.options.get("max_tokens", usual))

    @property
    def cached(self) -> bool:
        """Whether responses are kept: by default where they cost money.

        What runs on this machine may be another model tomorrow under the same name.
        """
        return bool(self.options.get("cache", self.paid))

    @property
    def usd(self) -> float | None:
        """What one attempt may cost by its own wish."""
        return cast("float | None", self.options.get("usd"))

    @property
    def rates(self) -> tuple[float, float] | None:
        """Dollars for a million tokens in and out, where they were given."""
        given = self.options.get("price")
        if not isinstance(given, str):
            return None
        incoming, outgoing = given.split(":")
        return float(incoming), float(outgoing)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Variables that may hold the key; none where no key is needed."""
        named = self.options.get("key_env")
        if named:
            return (str(named),)
        return () if self.here else PROVIDERS[self.provider].key_env

    def key(self, environ: Mapping[str, str]) -> str:
        """The key, '' where there is none. It goes to the provider's client and nowhere else.

        Raises:
            UsageError: what the variable holds cannot be a key.
        """
        for name in self.key_names:
            value = environ.get(name, "").strip()
            if value and not (value.isascii() and value.isprintable() and " " not in value):
                # A client would refuse it in an exception that shows it.
                raise UsageError(f"What {name} holds is no key: it has spaces or odd characters.")
            if value:
                return value
        return ""

    def missing(self, environ: Mapping[str, str]) -> str:
        """Why it cannot be asked from this machine now and what to do about it; '' if it can."""
        if not installed("pydantic_ai", *PROVIDERS[self.provider].modules):
            return f"The libraries of {self.provider} models are not installed: {INSTALL}."
        if self.key_names and not self.key(environ):
            names = " or ".join(self.key_names)
            return f"No key is set for {self.provider}: set the environment variable {names}."
        if "gguf" in self.options and not installed("gguf"):
            return (
                "GGUF files are read by the package gguf, which is not installed: pip install gguf."
            )
        if self.provider == LOCAL and not _readable(self.model):
            return f"There is no model in the folder {self.model}; it needs a config.json."
        return ""

    def settings(self) -> dict[str, JSON]:
        """What `AgentSetup.settings` says of it: all that was set, and what was assumed."""
        told: dict[str, JSON] = {"max_tokens": self.max_tokens, "cache": self.cached}
        if self.api:
            told["api"] = self.api
        return {**told, **self.options}


def chosen(text: str, own: Mapping[str, Reader], script: str) -> tuple[Choice, Mapping[str, JSON]]:
    """Read an agent's variant: the model, and the agent's own options apart.

    Args:
        text: `provider/model(+key=value)*`, or `scripted(+key=value)*`; '' is `scripted`.
        own: The options that only this agent has.
        script: The script that the scripted model plays unless another was asked for.

    Raises:
        UsageError: an unknown provider or option, or options that do not go together.
    """
    read = spelled(text, {**OPTIONS, **own})
    options = {key: value for key, value in read.options.items() if key not in own}
    provider, _, model = (read.model or SCRIPTED).partition("/")
    if provider not in PROVIDERS:
        raise UsageError(
            f"There is no model provider {provider!r}.{nearest(provider, PROVIDERS)} Write "
            f"PROVIDER/MODEL with one of {', '.join(PROVIDERS)}, such as openai/gpt-5.2."
        )
    if provider == SCRIPTED:
        options.setdefault("script", script)
    if (provider == SCRIPTED) == bool(model):
        what = "has no models: write it alone" if model else f"needs a model: {provider}/MODEL"
        raise UsageError(f"The provider {provider} {what}.")
    choice = Choice(provider=provider, model=model or SCRIPTED, options=MappingProxyType(options))
    _check(choice)
    return choice, {key: value for key, value in read.options.items() if key in own}


def _check(choice: Choice) -> None:
    """Refuse options that do not go together."""
    options, provider = choice.options, PROVIDERS[choice.provider]
    only = {"script": {SCRIPTED}, "faults": {SCRIPTED}, "gguf": {LOCAL}}
    for key, providers in only.items():
        if key in options and choice.provider not in providers:
            raise UsageError(f"The option +{key} belongs to {', '.join(providers)} models alone.")
    if choice.provider in {LOCAL, SCRIPTED}:
        given = {"base_url", "key_env"} & set(options)
        if given:
            raise UsageError(f"A {choice.provider} model takes no +{min(given)}.")
    elif choice.provider == COMPATIBLE and "base_url" not in options:
        raise UsageError(
            f"{COMPATIBLE}/{choice.model} needs its address: +base_url=https://host/v1, and "
            "+key_env=NAME where it wants a key."
        )
    elif (
        choice.provider != COMPATIBLE
        and choice.paid
        and "base_url" in options
        and "key_env" not in options
    ):
        raise UsageError(
            f"Another host would get your {choice.provider} key: say which variable holds the "
            f"key for {choice.base_url} by +key_env=NAME."
        )
    if "api" in options and choice.api not in provider.apis:
        raise UsageError(
            f"{choice.provider} models have no +api={choice.api}; they have "
            f"{', '.join(provider.apis) or 'none to choose'}."
        )
    _check_thinking(choice, provider)


def _check_thinking(choice: Choice, provider: Provider) -> None:
    asked = choice.options.get("thinking")
    if asked is None or choice.provider == SCRIPTED:
        return
    if choice.provider == LOCAL:
        raise UsageError("A local model takes no +thinking; it thinks as its template makes it.")
    if isinstance(asked, int):
        if not provider.budgets:
            raise UsageError(
                f"{choice.provider} models think by level, not by tokens: +thinking=low, medium, "
                "high or off."
            )
        if asked >= choice.max_tokens:
            raise UsageError(
                f"+thinking={asked} leaves nothing for the answer: +max_tokens is "
                f"{choice.max_tokens}; raise it above the thinking budget."
            )


def installed(*modules: str) -> bool:
    """Whether all of these can be imported; imports at most their parents."""
    try:
        return all(find_spec(name) is not None for name in modules)
    except ModuleNotFoundError:
        return False


def _readable(model: str) -> bool:
    """Whether a local model is there, or may be fetched from a hub."""
    folder = Path(model)
    if folder.is_dir():
        return (folder / "config.json").is_file() or any(folder.glob("*.gguf"))
    return not model.startswith((os.sep, ".", "~"))
