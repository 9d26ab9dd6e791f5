"""Opens a line to a chosen model, with whatever must be started for it; shares what is dear."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

from runners._models.choice import LOCAL, Choice
from runners._models.providers import Line, line, settings
from runners._models.transport import Secret, Tally
from tasks import UsageError
from tasks._record import SCRIPTED

if TYPE_CHECKING:
    from runners._models.local import LocalModel

MINUTE_S = 60.0
_V1 = frozenset({"responses", "chat"})
"""Wire formats whose base URL ends in /v1."""


class Shared:
    """What all attempts of one agent in this process share: its rate limit, its loaded model."""

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
        """The local model; it is loaded when it is first asked."""
        from runners._models.local import LocalModel

        if self._local is None:
            gguf = self.choice.options.get("gguf")
            self._local = LocalModel(self.choice.model, gguf=str(gguf) if gguf else None)
        return self._local

    @asynccontextmanager
    async def line(self, rng: random.Random, seed: int = 1) -> AsyncGenerator[Line]:
        """A line to the model; `rng` draws a local model's tokens, `seed` a scripted one's moves.

        Raises:
            UsageError: it cannot be asked from this machine now; says why.
        """
        choice = self.choice
        if lack := choice.missing(os.environ):
            raise UsageError(lack)
        if choice.provider == LOCAL:
            yield Line(self.local().seeded(rng), settings(choice), Secret(""), Tally())
        elif choice.provider == SCRIPTED:
            async with self._scripted(seed) as opened:
                yield opened
        else:
            key = choice.key(os.environ)
            async with line(choice, choice.base_url, key, self.limiter()) as opened:
                yield opened

    @asynccontextmanager
    async def _scripted(self, seed: int) -> AsyncGenerator[Line]:
        from runners.scripted_model import endpoint

        options = self.choice.options
        script, faults = str(options["script"]), str(options.get("faults", ""))
        async with endpoint(script, faults, seed=seed) as model:
            url = f"{model.url}/v1" if self.choice.api in _V1 else model.url
            async with line(self.choice, url, "", self.limiter()) as opened:
                yield opened
