"""Truth of `strategic/v0/market_making`: the published quote policy, which the brief hides.

With volatility s, adverse selection a, risk aversion r and arrival rate l of the brief,

    full spread  S = max(spread·(1 + 8s + 1.2a + 0.25r + 0.15/max(l, 0.1)), tick),
    reservation    = mid - (inventory / limit)·spread·(1 + 3s + r),

quotes lie S/2 on either side, rounded to the tick; sizes shrink with used-up loss, adverse
selection and inventory.
"""

import numpy as np

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.strategic.v0._form import PublishedKey, heard, said
from tasks import JSON
from tasks.strategic.v0._form import PublishedParams
from tasks.strategic.v0.market_making import Quote, QuotePublic

LARGE = 0.65
"""Share of the position limit from which a quote should reduce the inventory."""


class QuoteKey(PublishedKey):
    """A quote is asked for; it is graded against the state it was asked in."""

    asked: QuotePublic
    reference: Quote


def expected_spread(state: QuotePublic) -> float:
    """S: the spread that the published grade asks for, in money."""
    multiple = (
        1.0
        + 8.0 * state.volatility
        + 1.2 * state.adverse_selection_risk
        + 0.25 * state.risk_aversion
        + 0.15 / max(state.order_arrival_intensity, 0.1)
    )
    return max(state.spread * multiple, state.tick_size)


def loss_used(state: QuotePublic) -> float:
    """Share of the day's loss limit that is used up, from 0."""
    if state.max_daily_loss <= 0.0:
        return 1.0 if state.current_daily_pnl < 0.0 else 0.0
    return max(0.0, -state.current_daily_pnl / state.max_daily_loss)


def reference_quote(state: QuotePublic) -> Quote:
    """The published reference policy."""
    used = loss_used(state)
    if state.current_daily_pnl <= -state.max_daily_loss:
        return Quote(abstain=True, reduce_inventory=state.inventory != 0.0, confidence=0.95)
    if used >= 0.92 and abs(state.inventory) < 0.1 * state.position_limit:
        return Quote(abstain=True, confidence=0.86)
    bid_size, ask_size = _sizes(state, used)
    if bid_size <= 0.0 and ask_size <= 0.0:
        return Quote(abstain=True, reduce_inventory=state.inventory != 0.0, confidence=0.9)
    reduces = abs(state.inventory / state.position_limit) >= LARGE or used >= 0.82
    bid, ask = _prices(state)
    return Quote(
        bid_price=bid,
        ask_price=ask,
        bid_size=round(max(0.0, bid_size), 4),
        ask_size=round(max(0.0, ask_size), 4),
        reduce_inventory=reduces,
        confidence=0.78 if reduces else 0.72,
    )


def _prices(state: QuotePublic) -> tuple[float, float]:
    half = 0.5 * expected_spread(state)
    ratio = state.inventory / state.position_limit
    # In the published order of multiplication: a tick may hang on the last bit.
    shift = -ratio * state.spread * (1.0 + 3.0 * state.volatility + state.risk_aversion)
    reservation = state.mid_price + shift
    bid, ask = _on_tick(reservation - half, state), _on_tick(reservation + half, state)
    return bid, ask if ask > bid else _on_tick(bid + state.tick_size, state)


def _on_tick(price: float, state: QuotePublic) -> float:
    return round(round(price / state.tick_size) * state.tick_size, 10)


def _sizes(state: QuotePublic, used: float) -> tuple[float, float]:
    base = min(state.max_quote_size, max(1.0, state.order_arrival_intensity * 1.5))
    base *= 0.5 if used >= 0.82 else 1.0
    base *= 0.6 if state.adverse_selection_risk >= 0.75 else 1.0
    ratio = state.inventory / state.position_limit
    # A short book mirrors a long one: the side that adds to it, then the side that reduces it.
    room = max(0.0, state.position_limit - abs(state.inventory))
    way_out = max(0.0, state.position_limit + abs(state.inventory))
    adds, reduces = min(base, room), min(base, way_out)
    if abs(ratio) >= 0.85:
        adds, reduces = 0.0, min(max(base, 1.0), way_out)
    elif abs(ratio) >= 0.55:
        adds *= max(0.0, 1.0 - abs(ratio)) ** 2
        reduces = min(max(base, reduces), way_out)
    if used >= 0.82 and state.inventory != 0.0:
        adds, reduces = 0.0, min(max(reduces, 1.0), way_out)
    return (reduces, adds) if state.inventory < 0.0 else (adds, reduces)


def best_quote(key: QuoteKey) -> Quote:
    """What the published grade scores highest: the reference at the unrounded spread.

    The reference itself loses a little of the spread's mark to the tick. Where the tick widened it
    nothing reaches 1, since the grade also charges what is tighter than the reference.
    """
    bid, ask = key.reference.bid_price, key.reference.ask_price
    if key.reference.abstain or bid is None or ask is None:
        return key.reference
    spread = expected_spread(key.asked)
    return key.reference.model_copy(update={"ask_price": bid + spread})


def draw(params: PublishedParams, seed: int) -> Drawn[QuotePublic, QuoteKey]:
    """The published instance of a seed, draw by draw."""
    rng = np.random.default_rng(seed)
    mid = round(float(rng.uniform(40.0, 160.0)), 2)
    limit = float(rng.choice([8.0, 10.0, 12.0, 15.0, 20.0]))
    inventory = round(float(rng.uniform(-0.95, 0.95) * limit), 2)
    if rng.random() < 0.2:
        inventory = round(float(rng.choice([-0.9, 0.9]) * limit), 2)
    loss = float(rng.choice([100.0, 150.0, 250.0, 400.0]))
    pnl = round(float(rng.uniform(-0.95 * loss, 0.35 * loss)), 2)
    if rng.random() < 0.12:
        pnl = round(float(rng.uniform(-1.1 * loss, -0.98 * loss)), 2)
    volatility = round(float(rng.uniform(0.01, 0.09)), 4)
    public = QuotePublic(
        mid_price=mid,
        inventory=inventory,
        position_limit=limit,
        max_daily_loss=loss,
        current_daily_pnl=pnl,
        volatility=volatility,
        spread=round(float(rng.uniform(0.05, 0.75)), 2),
        adverse_selection_risk=round(float(rng.uniform(0.05, 0.95)), 3),
        order_arrival_intensity=round(float(rng.uniform(0.5, 4.0)), 3),
        risk_aversion=round(float(rng.uniform(0.2, 2.5)), 3),
        max_quote_size=float(rng.choice([2.0, 3.0, 5.0])),
        recent_price_path=_path(mid, volatility, seed),
    )
    reference = reference_quote(public)
    return Drawn(public, QuoteKey(environment="market_making", asked=public, reference=reference))


def _path(mid: float, volatility: float, seed: int) -> tuple[float, ...]:
    rng = np.random.default_rng(seed + 17)
    scale = max(mid * volatility * 0.2, 0.01)
    path = [mid]
    for _ in range(4):
        path.append(round(max(0.01, path[-1] + float(rng.normal(0.0, scale))), 2))
    return tuple(path)


def _answer(quote: Quote) -> JSON:
    return said(quote.model_dump(mode="json", exclude_none=True))


def _centred(state: QuotePublic, width: float, *, one_sided: bool = False) -> JSON:
    """A quote of size 1, within the position limit, around the mid; none past the loss limit.

    With `one_sided` only the side is quoted that reduces a large inventory. At twice the displayed
    spread that is the rule of three lines which beats every published model (.947).
    """
    if state.current_daily_pnl <= -state.max_daily_loss:
        return _answer(Quote(abstain=True))
    ratio = state.inventory / state.position_limit
    quote = Quote(
        bid_price=state.mid_price - 0.5 * width,
        ask_price=state.mid_price + 0.5 * width,
        bid_size=0.0 if one_sided and ratio >= LARGE else _room(state, state.inventory),
        ask_size=0.0 if one_sided and ratio <= -LARGE else _room(state, -state.inventory),
        reduce_inventory=abs(ratio) >= LARGE,
    )
    return _answer(quote)


def _room(state: QuotePublic, held: float) -> float:
    return min(1.0, max(0.0, state.position_limit - held))


def _both_sides(state: QuotePublic) -> JSON:
    """The displayed spread at the largest size, whatever the limits say."""
    return _answer(
        Quote(
            bid_price=state.mid_price - 0.5 * state.spread,
            ask_price=state.mid_price + 0.5 * state.spread,
            bid_size=state.max_quote_size,
            ask_size=state.max_quote_size,
        )
    )


def _noisy(answer: JSON, state: QuotePublic, rng: Rng, level: float) -> JSON:
    """Widen the quote; where the reference abstains, quote instead with chance `level`."""
    error, quotes = float(rng.uniform(0.4, 1.2)), bool(rng.random() < level)
    quote = Quote.model_validate(heard(answer))
    if quote.abstain or quote.bid_price is None or quote.ask_price is None:
        return _both_sides(state) if quotes else answer
    if level == 0.0:
        return answer
    add = 0.5 * (quote.ask_price - quote.bid_price) * (float(np.exp(level * error)) - 1.0)
    prices = {"bid_price": quote.bid_price - add, "ask_price": quote.ask_price + add}
    return _answer(quote.model_copy(update=prices))


truth: Truth[PublishedParams, QuotePublic, QuoteKey] = Truth(
    key=QuoteKey,
    draw_open=draw,
    oracle=lambda key: _answer(best_quote(key)),
    reference=lambda public: _answer(reference_quote(public)),
    noisy=_noisy,
    policies={
        "abstain": lambda public, rng: _answer(Quote(abstain=True)),
        "displayed_spread": lambda public, rng: _centred(public, public.spread),
        "double_spread": lambda public, rng: _centred(public, 2.0 * public.spread, one_sided=True),
        "full_size": lambda public, rng: _both_sides(public),
    },
)
