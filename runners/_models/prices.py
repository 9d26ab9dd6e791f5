"""What model calls cost, by genai-prices' table; what it does not know is unknown, never 0."""

from decimal import Decimal

from runners._models.choice import COMPATIBLE, Choice
from tasks._record import Tokens

MILLION = 1_000_000


def cost(choice: Choice, tokens: Tokens) -> Decimal | None:
    """Dollars for so many tokens of a paid model; None where no price is known."""
    if choice.rates is not None:
        return at(choice.rates, tokens)
    if choice.provider == COMPATIBLE:
        return listed(choice.model, tokens, url=choice.base_url)
    return listed(choice.model, tokens, provider=choice.provider)


def at(rates: tuple[float, float], tokens: Tokens) -> Decimal:
    """Dollars at so many for a million tokens in and out."""
    incoming, outgoing = (Decimal(str(rate)) for rate in rates)
    return (incoming * tokens.input + outgoing * tokens.output) / MILLION


def listed(
    model: str,
    tokens: Tokens,
    *,
    provider: str | None = None,
    url: str | None = None,
    written: int = 0,
) -> Decimal | None:
    """Dollars by the price table, of a provider by its id or by its address; None if unlisted.

    `written`: of the input tokens, those written to the provider's cache.
    """
    from genai_prices import Usage, calc_price

    usage = Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cached,
        cache_write_tokens=written,
    )
    try:
        if url is not None:
            return calc_price(usage, model, provider_api_url=url).total_price
        return calc_price(usage, model, provider_id=provider).total_price
    except (LookupError, ValueError):
        return None


def priced(choice: Choice) -> bool:
    """Whether a money limit can be kept: its calls are free, or their price is known."""
    free = choice.here and "price" not in choice.options
    return free or cost(choice, Tokens(input=1, output=1)) is not None
