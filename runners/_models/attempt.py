"""Plays one attempt of an API agent: opens what it needs, tells what it spent and how it ended."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

from runners._core import AgentReport, Seat
from runners._desk import Desk, RefusedError, sit
from runners._models.cache import responses
from runners._models.caller import (
    TRANSCRIPT,
    Caller,
    MoneyError,
    Order,
    ProviderError,
)
from runners._models.choice import LOCAL, SCRIPTED, Choice
from runners._models.prices import priced
from runners._models.providers import Line, line, settings
from runners._models.table import Manner, Table
from runners._models.transport import Secret, Tally
from tasks import JSON, ProctorError, UsageError
from tasks._record import AgentSetup, AgentUsage, Ending

if TYPE_CHECKING:
    from runners._models.local import LocalModel

MINUTE_S = 60.0
_V1 = frozenset({"responses", "chat"})
"""Wire formats whose base URL ends in /v1."""


class TurnsError(ProctorError):
    """The model calls that the agent may make are used up."""


class Shared:
    """What all attempts of one agent in this process share."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._limiter: tuple[object, AsyncLimiter] | None = None
        self._local: LocalModel | None = None

    def limiter(self) -> AsyncLimiter | None:
        """The rate limit `+rpm`, evenly spaced; None if there is none."""
        rpm = self.choice.options.get("rpm")
        if not isinstance(rpm, int):
            return None
        loop = asyncio.get_running_loop()
        if self._limiter is None or self._limiter[0] is not loop:
            self._limiter = (loop, AsyncLimiter(1, MINUTE_S / rpm))
        return self._limiter[1]

    def local(self) -> "LocalModel":
        """The local model, loaded when it is first asked."""
        from runners._models.local import LocalModel

        if self._local is None:
            gguf = self.choice.options.get("gguf")
            self._local = LocalModel(self.choice.model, gguf=str(gguf) if gguf else None)
        return self._local


async def attend(seat: Seat, manner: Manner, own: Mapping[str, JSON], shared: Shared) -> None:
    """Sit one attempt.

    Raises:
        UsageError: the model cannot be asked, or a money limit cannot be kept.
        ProviderError: the provider failed after all retries.
    """
    choice = shared.choice
    if lack := choice.missing(os.environ):
        raise UsageError(lack)
    setup = _setup(choice, manner, own)
    seat.tell(AgentReport(setup=setup))
    usd = _limit(choice, seat)

    def told(usage: AgentUsage, ending: Ending = "") -> None:
        written = (seat.folder / TRANSCRIPT).exists()
        seat.tell(
            AgentReport(
                setup=setup,
                usage=usage,
                ending=ending,
                transcript=TRANSCRIPT if written else None,
            )
        )

    async with AsyncExitStack() as stack:
        kept = stack.enter_context(responses()) if choice.cached else None
        opened = await stack.enter_async_context(_line(shared, seat))
        order = Order(choice, seat.n, usd, seat.folder / TRANSCRIPT)
        caller = Caller(order, opened, kept, told)
        desk = await stack.enter_async_context(sit(seat.ticket, seat.family))
        try:
            await manner.play(Table(desk, caller, own))
        except ProviderError:
            told(caller.usage(), "provider")
            raise
        except MoneyError:
            told(caller.usage(), "money")
            if usd == choice.usd:  # else the suite's budget is reached: the attempt is set aside
                await _leave(desk)
        except TurnsError:
            told(caller.usage(), "turns")
            await _leave(desk)
        else:
            told(caller.usage())


def _limit(choice: Choice, seat: Seat) -> float | None:
    limits = [limit for limit in (choice.usd, seat.usd) if limit is not None]
    if limits and not priced(choice):
        raise UsageError(
            f"No price is known for {choice.name}, so that a money limit cannot be kept: give one "
            "by +price=INPUT:OUTPUT (dollars for a million tokens), or set no limit."
        )
    return min(limits, default=None)


def _setup(choice: Choice, manner: Manner, own: Mapping[str, JSON]) -> AgentSetup:
    return AgentSetup(
        kind="api",
        mode=manner.mode,
        provider=choice.provider,
        model=choice.model,
        program=f"pydantic-ai {version('pydantic-ai-slim')}",
        transport="stdio",
        prompt_sha256=manner.words,
        settings={**choice.settings(), **own},
    )


@asynccontextmanager
async def _line(shared: Shared, seat: Seat) -> AsyncGenerator[Line]:
    """A line to the chosen model, with whatever must be started for it."""
    choice = shared.choice
    if choice.provider == LOCAL:
        yield Line(shared.local().seeded(seat.rng), settings(choice), Secret(""), Tally())
        return
    if choice.provider != SCRIPTED:
        key = choice.key(os.environ)
        async with line(choice, choice.base_url, key, shared.limiter()) as opened:
            yield opened
        return
    from runners.scripted_model import endpoint

    script, faults = str(choice.options["script"]), str(choice.options.get("faults", ""))
    async with endpoint(script, faults, seed=seat.n) as model:
        url = f"{model.url}/v1" if choice.api in _V1 else model.url
        async with line(choice, url, "", shared.limiter()) as opened:
            yield opened


async def _leave(desk: Desk) -> None:
    """End the attempt without an answer; the token says which session."""
    with contextlib.suppress(RefusedError, KeyError, ValueError):
        brief = await desk.start()
        await desk.finish(str(brief["session_id"]))
