"""Plays one attempt of an API agent: opens what it needs, tells what it spent and how it ended."""

import contextlib
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version

from runners._core import AgentReport, Seat
from runners._desk import Desk, RefusedError, sit
from runners._models.cache import responses
from runners._models.caller import TRANSCRIPT, Caller, MoneyError, Order, ProviderError
from runners._models.choice import Choice
from runners._models.opening import Shared
from runners._models.prices import priced
from runners._models.table import Manner, Table
from tasks import JSON, ProctorError, UsageError
from tasks._record import AgentSetup, AgentUsage, Ending


class TurnsError(ProctorError):
    """The model calls that the agent may make are used up."""


async def attend(seat: Seat, manner: Manner, own: Mapping[str, JSON], shared: Shared) -> None:
    """Sit one attempt.

    Raises:
        UsageError: the model cannot be asked, or a money limit cannot be kept.
        ProviderError: the provider failed after all retries.
    """
    choice = shared.choice
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
        opened = await stack.enter_async_context(shared.line(seat.rng, seat.n))
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


async def _leave(desk: Desk) -> None:
    """End the attempt without an answer."""
    # One that has ended, or was never begun, is left as it is; the suite closes it.
    with contextlib.suppress(RefusedError):
        brief = json.loads(await desk.call("task_info"))
        await desk.finish(str(brief["session_id"]))
