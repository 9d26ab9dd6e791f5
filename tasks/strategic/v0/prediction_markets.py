"""Published form: one trade in a binary contract. What is graded is not all told."""

from typing import Literal

from tasks._core import Family, Frozen, Public
from tasks.strategic.v0._form import About, Number, PublishedParams, Share, Size, published

Signal = Literal["positive", "negative", "neutral"]
TradeAction = Literal["buy", "sell", "abstain"]


class TradePublic(Public):
    """The market and the private signal; prices and probabilities in [0, 1]."""

    event_description: str
    current_market_price: float
    private_signal: Signal
    private_signal_reliability: float
    prior_probability: float
    market_impact_parameter: float
    transaction_cost: float
    public_evidence: tuple[str, ...]
    position_limit: float
    budget_limit: float
    current_position: float


class Trade(Frozen):
    """What the response's JSON object must hold; a key more makes it invalid."""

    action: TradeAction
    target_position: Number | None = None
    trade_size: Size = 0.0
    fair_probability: Share
    expected_value: Number
    confidence: Share | None = None
    reasoning_summary: str | None = None


def text(public: TradePublic) -> str:
    """The prompt."""
    return (
        "You may trade once in a contract that pays 1 if an event happens and 0 if it does not.\n\n"
        f"- Event: {public.event_description}\n"
        f"- Market price of YES: {public.current_market_price:.3f}\n"
        f"- Probability of the event before your signal: {public.prior_probability:.3f}\n"
        f"- Your private signal: {public.private_signal}\n"
        f"- Reliability of the signal: {public.private_signal_reliability:.3f}\n"
        f"- Market impact parameter: {public.market_impact_parameter:.4f}\n"
        f"- Cost per share traded: {public.transaction_cost:.4f}\n"
        f"- Public evidence: {' '.join(public.public_evidence)}\n"
        f"- Your position: {public.current_position:.2f}\n"
        f"- Position limit: {public.position_limit:.2f} on either side\n"
        f"- Budget for this decision: {public.budget_limit:.2f}\n\n"
        "Give a JSON object with the keys `action` (buy, sell or abstain), `target_position`, "
        "`trade_size`, `fair_probability`, `expected_value`, `confidence`, `reasoning_summary`."
    )


family: Family[PublishedParams, TradePublic] = published(
    "prediction_markets",
    400,
    TradePublic,
    text,
    "v0_trade",
    About(
        title="Prediction markets (published form)",
        summary="One trade in a binary contract after a private signal.",
        calculators=("bayes_calculator", "ev_calculator", "risk_checker"),
    ),
)
