"""From a manner of using models to an agent with a variant for every model."""

import os
from functools import cache

from runners._core import Agent, Seat
from runners._models.choice import chosen
from runners._models.table import Manner


def api_agent(manner: Manner) -> Agent:
    """The agent of a manner; its variants are spelled `provider/model(+key=value)*`.

    Without a variant it plays against the scripted model.
    """

    # The same name is the same agent, so that a rate limit and a loaded model are shared by all
    # attempts of a process.
    @cache
    def variant(text: str) -> Agent:
        choice, own = chosen(text, manner.options, manner.script)
        shared: list[object] = []

        async def play(seat: Seat) -> None:
            from runners._models.attempt import attend  # the providers' libraries
            from runners._models.opening import Shared

            if not shared:
                shared.append(Shared(choice))
            keeper = shared[0]
            assert isinstance(keeper, Shared)
            await attend(seat, manner, own, keeper)

        return Agent(
            summary=manner.summary,
            play=play,
            model=choice.name,
            paid=choice.paid,
            calls=manner.calls(own),
            per_step=manner.per_step,
            usd=choice.usd,
            rates=choice.rates,
            max_output=choice.max_tokens,
            missing=lambda: choice.missing(os.environ),
            variant=variant,
        )

    return variant("")
