"""Published form: one quote of a market maker under limits. What is graded is not all told."""

from tasks._core import Family, Frozen, Public
from tasks.strategic.v0._form import About, Number, PublishedParams, Share, Size, published


class QuotePublic(Public):
    """The desk's state. Money per unit for prices, units for inventory and sizes."""

    mid_price: float
    inventory: float
    position_limit: float
    max_daily_loss: float
    current_daily_pnl: float
    volatility: float
    spread: float
    adverse_selection_risk: float
    order_arrival_intensity: float
    risk_aversion: float
    recent_price_path: tuple[float, ...]
    """Begins at the mid price and goes on after it: it tells nothing of the past."""
    max_quote_size: float
    tick_size: float = 0.01
    candidate_actions: tuple[str, ...] = ("quote_two_sided", "reduce_inventory", "abstain")


class Quote(Frozen):
    """What the response's JSON object must hold; a key more makes it invalid."""

    bid_price: Number | None = None
    ask_price: Number | None = None
    bid_size: Size = 0.0
    ask_size: Size = 0.0
    reduce_inventory: bool = False
    abstain: bool = False
    confidence: Share | None = None
    reasoning_summary: str | None = None


def text(public: QuotePublic) -> str:
    """The prompt."""
    path = ", ".join(f"{price:.2f}" for price in public.recent_price_path)
    return (
        "You make a market in one instrument and decide on your next quote.\n\n"
        f"- Mid price: {public.mid_price:.2f}\n"
        f"- Your inventory: {public.inventory:.2f}\n"
        f"- Position limit: {public.position_limit:.2f} on either side\n"
        f"- Largest loss allowed in a day: {public.max_daily_loss:.2f}\n"
        f"- Profit and loss today: {public.current_daily_pnl:.2f}\n"
        f"- Volatility: {public.volatility:.4f}\n"
        f"- Base spread on display: {public.spread:.2f}\n"
        f"- Risk of adverse selection: {public.adverse_selection_risk:.3f}\n"
        f"- Intensity of arriving orders: {public.order_arrival_intensity:.3f}\n"
        f"- Risk aversion: {public.risk_aversion:.3f}\n"
        f"- Largest size to quote on a side: {public.max_quote_size:.2f}\n"
        f"- Path of the mid price: {path}\n"
        f"- What you may do: {', '.join(public.candidate_actions)}\n\n"
        "Give a JSON object with the keys `bid_price`, `ask_price`, `bid_size`, `ask_size`, "
        "`reduce_inventory`, `abstain`, `confidence`, `reasoning_summary`. To abstain, set both "
        "sizes to 0."
    )


family: Family[PublishedParams, QuotePublic] = published(
    "market_making",
    300,
    QuotePublic,
    text,
    "v0_quote",
    About(
        title="Market making (published form)",
        summary="One two-sided quote, or none, under position and loss limits.",
        calculators=("risk_checker", "ev_calculator", "market_simulator"),
    ),
)
