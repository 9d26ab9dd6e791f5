"""Asks a model, and keeps account: tokens, money, time, errors, cache, transcript.

Every call of every API agent goes through `Caller.ask`. What it spent is told after each call. A
money limit ends the attempt before the next call once it is reached: one call may overshoot it.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from runners._models.cache import Request, Responses, dumped
from runners._models.choice import Choice
from runners._models.prices import cost
from runners._models.providers import Line
from tasks import JSON, ProctorError
from tasks._record import AgentUsage, CostBasis, Tokens

TRANSCRIPT = "transcript.jsonl"
MAX_ERROR = 600
"""Characters of a provider's error that are told."""


class ProviderError(ProctorError):
    """The provider failed after all retries, or refused the request; tells nothing of the agent."""


class MoneyError(ProctorError):
    """The attempt's money is spent."""


class ModelError(ProctorError):
    """The model itself cannot go on: its window is full, or its output was filtered."""


@dataclass
class Account:
    """What an attempt has spent so far."""

    free: bool
    usd: Decimal | None = Decimal(0)
    """None: a call was made whose price nobody knows."""
    requests: int = 0
    cached: int = 0
    tool_calls: int = 0
    tokens: Tokens | None = field(default_factory=Tokens)
    """None: a response came without a count."""
    model_s: float = 0.0

    def usage(self, provider_errors: int) -> AgentUsage:
        """As it stands in the record."""
        basis: CostBasis = "list" if self.usd is not None else "unknown"
        return AgentUsage(
            requests=self.requests,
            cached_requests=self.cached,
            turns=self.requests,
            tool_calls=self.tool_calls,
            tokens=self.tokens,
            cost_usd=None if self.usd is None else float(self.usd),
            cost_basis="free" if self.free else basis,
            model_s=round(self.model_s, 3),
            provider_errors=provider_errors,
        )


@dataclass(frozen=True)
class Order:
    """What an attempt asks its models for, beside the messages."""

    choice: Choice
    repeat: int
    usd: float | None
    """Dollars at most; None: no limit."""
    transcript: Path


class Caller:
    """A model at an attempt's service."""

    def __init__(
        self,
        order: Order,
        line: Line,
        responses: Responses | None,
        told: Callable[[AgentUsage], None],
    ) -> None:
        self._order = order
        self._line = line
        self._responses = responses
        self._told = told
        free = order.choice.here and "price" not in order.choice.options
        self.account = Account(free=free)

    def usage(self) -> AgentUsage:
        """What was spent so far."""
        return self.account.usage(self._line.tally.errors)

    async def ask(
        self,
        messages: Sequence[ModelMessage],
        tools: Sequence[ToolDefinition] = (),
        tool_choice: "str | list[str] | None" = None,
    ) -> ModelResponse:
        """The model's next message.

        Raises:
            MoneyError: the limit was reached before this call.
            ProviderError: the provider failed after all retries.
            ModelError: the model cannot go on with this conversation.
        """
        self._check_money()
        request = self._request(messages, tools, tool_choice)
        found = self._responses.find(request) if self._responses else None
        self.account.requests += 1
        if found is None:
            response = await self._asked(messages, tools, tool_choice)
            if self._responses:
                self._responses.keep(request, response)
        else:
            self.account.cached += 1
            response = found
        self._write(messages[-1], response)
        self._told(self.usage())
        return response

    def _check_money(self) -> None:
        limit, spent = self._order.usd, self.account.usd
        if limit is not None and spent is not None and spent >= Decimal(str(limit)):
            raise MoneyError(f"${spent:.4f} of ${limit:g} are spent.")

    async def _asked(
        self,
        messages: Sequence[ModelMessage],
        tools: Sequence[ToolDefinition],
        tool_choice: "str | list[str] | None",
    ) -> ModelResponse:
        settings: Any = dict(self._line.settings)
        if tool_choice is not None:
            settings["tool_choice"] = tool_choice
        began = time.monotonic()
        try:
            response = await model_request(
                self._line.model,
                messages,
                model_settings=settings,
                model_request_parameters=ModelRequestParameters(function_tools=list(tools)),
            )
        except (ModelContextWindowExceededError, ContentFilterError) as error:
            raise ModelError(self._clean(error)) from None
        except (ModelAPIError, UnexpectedModelBehavior, httpx2.HTTPError) as error:
            raise ProviderError(self._clean(error)) from None
        finally:
            self.account.model_s += time.monotonic() - began
        self._spend(response)
        return response

    def _spend(self, response: ModelResponse) -> None:
        account, usage = self.account, response.usage
        if usage.unmeasured_requests or not usage.has_values():
            account.tokens = None
            account.usd = Decimal(0) if account.free else None
            return
        tokens = Tokens(
            input=usage.input_tokens,
            output=usage.output_tokens,
            cached=usage.cache_read_tokens,
            reasoning=usage.output_reasoning_tokens,
        )
        if account.tokens is not None:
            account.tokens = account.tokens + tokens
        if not account.free and account.usd is not None:
            price = cost(self._order.choice, tokens)
            account.usd = None if price is None else account.usd + price

    def _clean(self, error: BaseException) -> str:
        """An error in one line, without the key."""
        choice = self._order.choice
        who = f"{choice.provider} ({choice.model})"
        if isinstance(error, ModelHTTPError):
            text = f"{who} answered {error.status_code}: {error.body}"
        else:
            text = f"{who}: {type(error).__name__}: {error}"
        return self._line.secret.taken_out(" ".join(text.split()))[:MAX_ERROR]

    def _request(
        self,
        messages: Sequence[ModelMessage],
        tools: Sequence[ToolDefinition],
        tool_choice: "str | list[str] | None",
    ) -> Request:
        choice = self._order.choice
        asked: Mapping[str, JSON] = {
            "provider": choice.provider,
            "model": choice.model,
            "url": choice.base_url,
            "api": choice.api,
            "script": choice.options.get("script"),
            "settings": {**self._line.settings, "tool_choice": tool_choice},
        }
        offered = [
            {
                "name": tool.name,
                "description": tool.description,
                "schema": tool.parameters_json_schema,
            }
            for tool in tools
        ]
        return Request(asked, offered, messages, self._order.repeat)

    def _write(self, request: ModelMessage, response: ModelResponse) -> None:
        """Add a call to the transcript, a message a line."""
        lines = [json.dumps(one, ensure_ascii=False) for one in dumped([request, response])]
        with self._order.transcript.open("a", encoding="utf-8") as file:
            file.write(self._line.secret.taken_out("".join(f"{line}\n" for line in lines)))
