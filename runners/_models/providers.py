"""A chosen model as pydantic-ai's: its client, its settings, and the connection it lives on."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from runners._models.choice import LOCAL, Choice
from runners._models.transport import RETRIES, TIMEOUT_S, Secret, Tally, Terms, client, proxy_for
from tasks._record import SCRIPTED

if TYPE_CHECKING:
    import httpx2
    from aiolimiter import AsyncLimiter

NO_KEY = "none"
"""Sent where a client insists on a key and the address needs none."""


@dataclass(frozen=True)
class Line:
    """A model that can be asked now."""

    model: Model
    settings: ModelSettings
    secret: Secret
    tally: Tally


@dataclass(frozen=True)
class _Reach:
    """Where a provider is, and by what."""

    model: str
    url: str
    key: str
    http: "httpx2.AsyncClient"


@asynccontextmanager
async def line(
    choice: Choice, url: str, key: str, limiter: "AsyncLimiter | None" = None
) -> AsyncGenerator[Line]:
    """A line to a provider's model at the address `url` (the provider's own, or a base URL)."""
    options, tally, secret = choice.options, Tally(), Secret(key)
    terms = Terms(
        secret=secret,
        retries=cast("int", options.get("retries", RETRIES)),
        timeout_s=cast("float", options.get("timeout", TIMEOUT_S)),
        limiter=limiter,
        proxy=proxy_for(url),
    )
    async with client(terms, tally) as http:
        # Looked up by wire format: a provider may speak more than one.
        assert choice.api is not None, "a local model has no line"
        reach = _Reach(choice.model, url, key or NO_KEY, http)
        model = _MODELS[choice.api](reach)
        yield Line(model, settings(choice), secret, tally)


def settings(choice: Choice) -> ModelSettings:
    """What is asked of the model, in pydantic-ai's words."""
    options = choice.options
    asked: dict[str, Any] = {"max_tokens": choice.max_tokens}
    if choice.provider != LOCAL:
        # Our transport retries; a second layer of retries would multiply them.
        asked |= {"max_retries": 0, "timeout": options.get("timeout", TIMEOUT_S)}
        if choice.api == "gemini":
            del asked["max_retries"]
    if "temperature" in options:
        asked["temperature"] = options["temperature"]
    thinking = options.get("thinking")
    if isinstance(thinking, int) and choice.api == "messages":
        asked["anthropic_thinking"] = {"type": "enabled", "budget_tokens": thinking}
    elif isinstance(thinking, int) and choice.api == "gemini":
        asked["google_thinking_config"] = {"thinking_budget": thinking}
    elif thinking is not None and choice.provider != SCRIPTED:
        asked["thinking"] = False if thinking == "off" else thinking
    return cast("ModelSettings", asked)


def _responses(reach: _Reach) -> Model:
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=reach.url, api_key=reach.key, http_client=reach.http)
    return OpenAIResponsesModel(reach.model, provider=provider)


def _chat(reach: _Reach) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    if reach.url.startswith("https://api.openai.com"):
        provider: Any = OpenAIProvider(
            base_url=reach.url, api_key=reach.key, http_client=reach.http
        )
    else:
        provider = OpenAICompatibleProvider(
            "openai-compatible", base_url=reach.url, api_key=reach.key, http_client=reach.http
        )
    return OpenAIChatModel(reach.model, provider=provider)


def _messages(reach: _Reach) -> Model:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(base_url=reach.url, api_key=reach.key, http_client=reach.http)
    return AnthropicModel(reach.model, provider=provider)


def _gemini(reach: _Reach) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(base_url=reach.url, api_key=reach.key, http_client=reach.http)
    return GoogleModel(reach.model, provider=provider)


_MODELS: Mapping[str, Callable[[_Reach], Model]] = MappingProxyType(
    {"responses": _responses, "chat": _chat, "messages": _messages, "gemini": _gemini}
)
