"""One attempt's account with its model: tokens, money, failures, and the limits."""

from dataclasses import dataclass, field

import anyio

from runners._booth.meter import Reading
from runners._models.prices import listed
from tasks._record import Ending, Tokens

_OWN_FAULT = frozenset({400, 405, 413, 422})
"""By these a provider refuses the request as such: the CLI's failure, not its own."""


def price(provider: str, model: str, reading: Reading) -> float | None:
    """Dollars by the price table; None: it does not know the model, or nothing was told."""
    if reading.tokens is None:
        return None
    found = listed(model, reading.tokens, provider=provider, written=reading.cache_writes)
    return None if found is None else float(found)


def priced(provider: str, model: str) -> bool:
    """Whether the list knows a model."""
    return price(provider, model, Reading(model, Tokens(input=1, output=1))) is not None


@dataclass
class Account:
    """Written by the model door, read by the attempt."""

    provider: str
    model: str
    """As the CLI was told; prices are its own where the endpoint names another that has none."""
    turns: int
    usd: float | None
    free: bool = False
    """Whether it costs nothing: scripted, or a local model that the price list does not know."""
    requests: int = 0
    """Answers that came."""
    errors: int = 0
    tokens: Tokens | None = None
    spent: float | None = 0.0
    """Dollars by the list; None once an answer came that has no price."""
    model_s: float = 0.0
    failing: str = ""
    """What went wrong with the latest request, '' if nothing."""
    blamed: bool = False
    """Whether that was the provider's failure."""
    stopped: anyio.Event = field(default_factory=anyio.Event)
    """Set once a limit is reached and the CLI is to be ended."""
    ending: Ending = ""

    def limit(self) -> Ending:
        """The limit that forbids another request, '' if none does."""
        if self.requests >= self.turns:
            return "turns"
        if self.usd is not None and (self.spent is None or self.spent >= self.usd):
            return "money"
        return ""

    def stop(self, ending: Ending) -> None:
        """Have the CLI ended."""
        self.ending = self.ending or ending
        self.stopped.set()

    def answered(self, reading: Reading, seconds: float) -> None:
        """Enter an answer."""
        self.requests += 1
        self.model_s += seconds
        self.failing, self.blamed = "", False
        if reading.tokens is not None:
            self.tokens = (self.tokens or Tokens()) + reading.tokens
        cost = price(self.provider, reading.model or self.model, reading)
        if cost is None:
            cost = price(self.provider, self.model, reading)
        self.spent = None if cost is None or self.spent is None else self.spent + cost

    def failed(self, status: int, text: str, seconds: float = 0.0) -> None:
        """Enter a failed request; status 0: the provider could not be reached."""
        self.errors += 1
        self.model_s += seconds
        self.failing = f"status {status}: {text}" if status else text
        self.blamed = status not in _OWN_FAULT
