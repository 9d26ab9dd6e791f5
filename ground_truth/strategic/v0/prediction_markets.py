"""Truth of `strategic/v0/prediction_markets`: the published trade, whose utility the brief hides.

The fair probability is the posterior after the signal; with the edge = |fair - price| - cost on
the better side and the impact parameter c, a trade of size x has the utility edge·x - c·x², so
x = edge / (2c), cut to the position limit and the budget.
"""

import numpy as np

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.strategic.v0._form import PublishedKey, heard, said
from tasks import JSON
from tasks.strategic.v0._form import PublishedParams
from tasks.strategic.v0.prediction_markets import Signal, Trade, TradeAction, TradePublic

SIGNALS: tuple[Signal, ...] = ("positive", "negative", "neutral")
EVENTS = (
    "A simulated field trial confirms its first result before the closing date",
    "A made-up index of deliveries settles above its mark",
    "An invented bill leaves its committee with approval",
    "A test model passes a fixed bar in validation",
    "A rehearsed launch goes through its list without a stop",
)
SMALLEST = 1e-9


class TradeKey(PublishedKey):
    """A trade is asked for; it is graded against the market it was asked in."""

    asked: TradePublic
    reference: Trade


def fair_probability(market: TradePublic) -> float:
    """Posterior of the event: a positive signal has the likelihood ratio r : 1 - r."""
    prior, r = market.prior_probability, market.private_signal_reliability
    if market.private_signal == "neutral":
        return prior
    yes, no = (r, 1.0 - r) if market.private_signal == "positive" else (1.0 - r, r)
    weight = prior * yes
    return weight / (weight + (1.0 - prior) * no)


def utility(market: TradePublic, action: TradeAction, size: float, fair: float) -> float:
    """Expected profit of a trade less cost and quadratic impact, in money."""
    if action == "abstain":
        return 0.0
    gain = fair - market.current_market_price
    edge = (gain if action == "buy" else -gain) - market.transaction_cost
    return edge * size - market.market_impact_parameter * size**2


def unit_cost(market: TradePublic, action: TradeAction) -> float:
    """What one share takes of the budget."""
    price = market.current_market_price
    return price if action == "buy" else 1.0 - price


def reference_trade(market: TradePublic) -> Trade:
    """The published reference decision."""
    fair, price, cost = (
        fair_probability(market),
        market.current_market_price,
        market.transaction_cost,
    )
    action: TradeAction = "buy" if fair - price - cost >= price - fair - cost else "sell"
    edge = fair - price - cost if action == "buy" else price - fair - cost
    if edge <= 0.0:
        return _abstention(market, fair, _confidence(fair, price))
    size = min(
        _capacity(market, action),
        market.budget_limit / max(unit_cost(market, action), SMALLEST),
        edge / (2.0 * market.market_impact_parameter),
    )
    if size <= SMALLEST:
        return _abstention(market, fair, 0.74)
    signed = size if action == "buy" else -size
    return Trade(
        action=action,
        target_position=round(market.current_position + signed, 4),
        trade_size=round(size, 4),
        fair_probability=round(fair, 6),
        expected_value=round(utility(market, action, size, fair), 6),
        confidence=round(_confidence(fair, price), 4),
    )


def _capacity(market: TradePublic, action: TradeAction) -> float:
    held = market.current_position if action == "buy" else -market.current_position
    return max(0.0, market.position_limit - held)


def _abstention(market: TradePublic, fair: float, confidence: float) -> Trade:
    return Trade(
        action="abstain",
        target_position=market.current_position,
        fair_probability=round(fair, 6),
        expected_value=0.0,
        confidence=round(confidence, 4),
    )


def _confidence(fair: float, price: float) -> float:
    return max(0.5, min(0.95, 0.55 + 1.5 * abs(fair - price)))


def draw(params: PublishedParams, seed: int) -> Drawn[TradePublic, TradeKey]:
    """The published instance of a seed, draw by draw; the kind of price follows seed % 5."""
    rng = np.random.default_rng(seed)
    prior = round(float(rng.uniform(0.2, 0.8)), 3)
    reliability = round(float(rng.uniform(0.56, 0.9)), 3)
    signal = SIGNALS[int(rng.choice(3, p=(0.42, 0.42, 0.16)))]
    impact = round(float(rng.uniform(0.01, 0.08)), 4)
    cost = round(float(rng.uniform(0.003, 0.02)), 4)
    draft = TradePublic(
        event_description=EVENTS[int(rng.integers(0, len(EVENTS)))],
        current_market_price=prior,
        private_signal=signal,
        private_signal_reliability=reliability,
        prior_probability=prior,
        market_impact_parameter=impact,
        transaction_cost=cost,
        public_evidence=(_evidence(prior),),
        position_limit=float(rng.choice([5.0, 10.0, 15.0, 20.0])),
        budget_limit=float(rng.choice([5.0, 10.0, 20.0, 30.0])),
        current_position=round(float(rng.uniform(-2.0, 2.0)), 2),
    )
    price = fair_probability(draft)
    if seed % 5:
        distance = float(rng.uniform(0.08, 0.22))
        price = price - distance if seed % 5 in {1, 3} else price + distance
    stated = round(min(max(price, 0.03), 0.97), 3)
    public = draft.model_copy(update={"current_market_price": stated})
    reference = reference_trade(public)
    key = TradeKey(environment="prediction_markets", asked=public, reference=reference)
    return Drawn(public, key)


def _evidence(prior: float) -> str:
    if prior >= 0.6:
        return "What is publicly known speaks rather for the event."
    if prior <= 0.4:
        return "What is publicly known speaks rather against the event."
    return "What is publicly known speaks for both sides."


def _answer(trade: Trade) -> JSON:
    return said(trade.model_dump(mode="json", exclude_none=True))


def _abstain(market: TradePublic) -> JSON:
    price = market.current_market_price
    return _answer(Trade(action="abstain", fair_probability=price, expected_value=0.0))


def _prior_trade(market: TradePublic) -> JSON:
    """One who forgets the signal and otherwise follows the hidden rule."""
    return _answer(reference_trade(market.model_copy(update={"private_signal": "neutral"})))


def _largest(market: TradePublic) -> JSON:
    """The right belief and side at the largest size allowed: what the brief itself suggests."""
    best = reference_trade(market)
    if best.action == "abstain":
        return _answer(best)
    fair = fair_probability(market)
    budget = market.budget_limit / unit_cost(market, best.action)
    size = np.floor(min(_capacity(market, best.action), budget) * 1e4) / 1e4
    profit = abs(fair - market.current_market_price) - market.transaction_cost
    expected = float(profit * size)
    sized = best.model_copy(update={"trade_size": float(size), "expected_value": expected})
    return _answer(sized)


def _noisy(answer: JSON, market: TradePublic, rng: Rng, level: float) -> JSON:
    """A belief that is off, and with chance `level` another action of size 1."""
    shift = level * float(rng.uniform(0.05, 0.25) * rng.choice((-1.0, 1.0)))
    other, chance = int(rng.integers(2)), float(rng.random())
    trade = Trade.model_validate(heard(answer))
    fair = min(1.0, max(0.0, trade.fair_probability + shift))
    changes: dict[str, JSON] = {"fair_probability": fair}
    if chance < level:
        actions: list[TradeAction] = ["buy", "sell", "abstain"]
        actions.remove(trade.action)
        action = actions[other]
        changes |= {"action": action, "trade_size": 0.0 if action == "abstain" else 1.0}
    return _answer(trade.model_copy(update=changes))


truth: Truth[PublishedParams, TradePublic, TradeKey] = Truth(
    key=TradeKey,
    draw_open=draw,
    oracle=lambda key: _answer(key.reference),
    reference=lambda public: _answer(reference_trade(public)),
    noisy=_noisy,
    policies={
        "abstain": lambda public, rng: _abstain(public),
        "prior": lambda public, rng: _prior_trade(public),
        "largest_size": lambda public, rng: _largest(public),
    },
)
