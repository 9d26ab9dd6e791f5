"""Agents as a YAML file describes them, and the names that this makes of them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field, model_validator

from runners._config.strict import Strict
from runners._core import AGENTS, agent_named
from tasks import JSON, UsageError, nearest

API = ("direct", "reflective", "tool")
"""Agents that call a provider's model without a CLI."""
CLIS = ("claude", "codex", "gemini", "generic")
PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "gemini": "google",
        "generic_http": "openai-compatible",
        "openai_compatible": "openai-compatible",
        "huggingface": "local",
        "hf": "local",
    }
)
"""Published names of providers that have another one here."""
TYPES: Mapping[str, str] = MappingProxyType(
    {"api": "direct", "model": "direct", "tool_agent": "tool", "noisy_reference": "mock"}
)
"""Published names of agents that have another one here."""

_MODEL = frozenset({"provider", "model"})
_COMMON = frozenset({"max_retries", "timeout_seconds", "base_url", "api_key_env", "usd", "options"})
_SAMPLING = frozenset({"temperature", "max_tokens", "thinking", "pricing", "rpm"})
_MOCK = frozenset(
    {
        "behaviour",
        "seed",
        "posterior_noise",
        "action_error_rate",
        "confidence_bias",
        "risk_violation_rate",
    }
)
_CLI = frozenset({"model", "turns", "base_url", "api_key_env", "usd", "options", "effort"})


class Pricing(Strict):
    """Dollars that a provider asks."""

    input_usd_per_1k: float | None = Field(None, ge=0)
    output_usd_per_1k: float | None = Field(None, ge=0)
    input_usd_per_1m: float | None = Field(None, ge=0)
    output_usd_per_1m: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _both(self) -> "Pricing":
        if None in self._per_million():
            raise ValueError("needs the prices of input and of output, per 1k or per 1m tokens")
        return self

    def spelled(self) -> str:
        """As the option `price` takes it: dollars for a million tokens."""
        return ":".join(_number(price) for price in self._per_million())

    def _per_million(self) -> tuple[Any, Any]:
        thousand = (self.input_usd_per_1k, self.output_usd_per_1k)
        million = (self.input_usd_per_1m, self.output_usd_per_1m)
        return tuple(  # pyright: ignore[reportReturnType] - two in, two out
            m if m is not None else None if t is None else round(t * 1000, 9)
            for m, t in zip(million, thousand, strict=True)
        )


class AgentEntry(Strict):
    """One agent."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "top_p": "write it as options: {…} once the agent knows it; temperature is known",
        "request_extra": "requests are ours, so that two runs of one name are alike",
        "do_sample": "a local model samples exactly where temperature is above 0",
        "device": "a local model runs where PyTorch finds its device",
        "system_prompt": "every agent gets the same words; their hash is recorded",
        "backend": "the type and the provider say it",
        "checkpoint_path": "a checkpoint is played as provider: local, model: FOLDER",
        "allowed_tools": "the task fixes its tools",
        "max_new_tokens": "max_tokens says it for every provider",
        "model_name": "model says it for every provider",
        "max_steps": "turns says it for every agent",
        "api_key": "a key never stands in a file; api_key_env names the variable that holds it",
    }

    type: str
    """`mock`, `reference`, `direct`, `cli`, …, or an agent's whole name."""
    name: str | None = None
    """What it is called in this file (`baseline_agent`); for `type: cli` the CLI's own name."""
    model: str | None = None
    provider: str | None = None
    behaviour: str | None = None
    seed: int | None = Field(None, ge=0)
    posterior_noise: float | None = None
    action_error_rate: float | None = None
    confidence_bias: float | None = None
    risk_violation_rate: float | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking: str | int | None = None
    max_retries: int | None = Field(None, ge=1)
    """Attempts at a call in all, the first included."""
    timeout_seconds: float | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    pricing: Pricing | None = None
    usd: float | None = None
    rpm: int | None = None
    turns: int | None = None
    tool_max_steps: int | None = None
    tool_policy: str | None = None
    require_tool_first: bool | None = None
    effort: str | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict[str, Any])
    """Further options of the agent, as its name spells them: `+key=value`."""

    @model_validator(mode="after")
    def _playable(self) -> "AgentEntry":
        try:
            agent_named(self.spelled())
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    def spelled(self, cache: bool | None = None) -> str:
        """The name of the agent that this describes.

        Args:
            cache: The run's own word on caching responses; None: each agent's default.

        Raises:
            UsageError: no such type, or a key that the type does not take.
        """
        kind = TYPES.get(self.type, self.type)
        if kind == "mock":
            return self._mock()
        if kind == "cli" or kind in CLIS:
            return self._cli(kind)
        if kind in API:
            return self._api(kind, cache)
        if ":" in kind:
            self._only(frozenset())
            return kind
        if kind not in AGENTS.names():
            known = sorted({*AGENTS.names(), *TYPES, "cli"})
            raise UsageError(
                f"there is no agent type {self.type!r}.{nearest(self.type, known)} "
                f"There are {', '.join(known)}."
            )
        self._only(frozenset())
        return kind

    def _mock(self) -> str:
        self._only(_MOCK)
        noisy = self.type == "noisy_reference"
        behaviour = self.behaviour or ("noisy_reference" if noisy else "random_valid")
        return _named("mock", behaviour, self._given(_MOCK - {"behaviour"}))

    def _cli(self, kind: str) -> str:
        self._only(_CLI)
        if kind == "cli" and not self.name:
            raise UsageError(f"a CLI is named by `name`: one of {', '.join(CLIS)}, or another.")
        program = str(self.name) if kind == "cli" else kind
        known = _CLI - {"model", "options"}
        return _named(program, self.model or "", {**self._given(known), **self.options})

    def _api(self, kind: str, cache: bool | None) -> str:
        if kind == "tool" and self.tool_policy == "reference":
            self._only(frozenset({"tool_policy"}))
            return "tool_reference"
        if self.tool_policy not in (None, "model"):
            raise UsageError(f"tool_policy is `model` or `reference`, not {self.tool_policy!r}.")
        own = {"tool_policy", "tool_max_steps", "turns", "require_tool_first"}
        self._only(_MODEL | _COMMON | _SAMPLING | (own if kind == "tool" else set[str]()))
        if not self.model:
            raise UsageError(f"the type {self.type} calls a model: name it by `model`.")
        provider = PROVIDERS.get(self.provider or "", self.provider)
        known = (_COMMON | _SAMPLING | own) - {"options", "tool_policy"}
        given = {**self._given(known), **self.options}
        if cache is not None:
            given.setdefault("cache", cache)
        return _named(kind, f"{provider}/{self.model}" if provider else self.model, given)

    def _only(self, taken: frozenset[str]) -> None:
        strange = sorted(self.model_fields_set - taken - {"type", "name"})
        if strange:
            allowed = ", ".join(sorted(taken)) or "nothing more"
            raise UsageError(
                f"the type {self.type} takes no {', '.join(strange)}; it takes {allowed}."
            )

    def _given(self, names: frozenset[str]) -> dict[str, JSON]:
        """Fields that were set, as options of our agents."""
        spelled: dict[str, JSON] = {}
        for name in sorted(names & self.model_fields_set):
            value = getattr(self, name)
            if value is not None:
                key, change = _OPTIONS.get(name, (name, _same))
                spelled[key] = change(value)
        return spelled


def _same(value: JSON) -> JSON:
    return value


def _again(attempts: int) -> int:
    return attempts - 1


_OPTIONS: Mapping[str, tuple[str, Callable[[Any], JSON]]] = MappingProxyType(
    {
        "max_retries": ("retries", _again),
        "timeout_seconds": ("timeout", _same),
        "api_key_env": ("key_env", _same),
        "pricing": ("price", Pricing.spelled),
        "tool_max_steps": ("turns", _same),
    }
)


def _named(agent: str, text: str, options: Mapping[str, JSON]) -> str:
    tail = "".join(f"+{key}={_spelled(value)}" for key, value in sorted(options.items()))
    return f"{agent}:{text}{tail}" if text or tail else agent


def _spelled(value: JSON) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = _number(value) if isinstance(value, float) else str(value)
    if "+" in text or "," in text:
        raise UsageError(f"an option's value may hold no `+` and no comma, got {text!r}.")
    return text


def _number(value: float) -> str:
    return format(value, ".12g")
