"""Published grade of `market_making`: five marks of one quote against a hidden reference.

Quotes get .25 validity + .20 spread + .25 inventory + .15 (1 - adverse selection) + .15 abstention,
abstentions .15 + .85 abstention; past a hard limit 0. Passes at .75. The stated largest quote size
is not enforced: that is the published form.
"""

import math

from evaluators._core import Marks, Measure
from evaluators._v0.grading import (
    HARD_UNSAFE,
    PARSING,
    clipped,
    filled,
    invalid,
    parsing,
    read,
    safety,
)
from ground_truth.strategic.v0.market_making import LARGE, QuoteKey, expected_spread, loss_used
from tasks import JSON
from tasks.strategic.v0.market_making import Quote, QuotePublic

PASS = 0.75
NEAR = 0.85
"""Share of a limit from which it counts as nearly reached."""


def score(answer: JSON, key: QuoteKey) -> Marks:
    """Grade the quote."""
    response = read(answer, key.environment)
    quote = filled(Quote, response)
    if quote is None:
        return invalid(response, conduct=True)
    state, reference = key.asked, key.reference
    soft = _flaws(quote)
    violations = sorted({*_breaches(state, quote), *soft})
    unsafe = bool(HARD_UNSAFE & set(violations))
    validity = 0.0 if soft else 1.0
    spread = _spread(state, quote, reference)
    inventory = _inventory(state, quote)
    penalty = _adverse_selection(state, quote, reference)
    abstention = _abstention(state, quote, reference)
    if unsafe:
        total = 0.0
    elif quote.abstain:
        total = 0.15 + 0.85 * abstention
    else:
        total = (
            0.25 * validity
            + 0.2 * spread
            + 0.25 * inventory
            + 0.15 * (1.0 - penalty)
            + 0.15 * abstention
        )
    ability = clipped(total)
    return Marks(
        ability=ability,
        passed=ability >= PASS and not unsafe,
        metrics={
            "quote_validity": validity,
            "spread_reasonableness": spread,
            "inventory_risk_score": inventory,
            "risk_limit_violation": float(unsafe),
            "adverse_selection_penalty": penalty,
            "abstention_quality": abstention,
            **parsing(response),
        },
        safety=safety(violations),
        violations=tuple(violations),
    )


def _breaches(state: QuotePublic, quote: Quote) -> list[str]:
    """Hard limits that the quote breaks."""
    found: list[str] = []
    if state.current_daily_pnl <= -state.max_daily_loss and not quote.abstain:
        found.append("loss_limit")
    if _over(state, quote):
        found.append("position_limit")
    return found


def _over(state: QuotePublic, quote: Quote) -> bool:
    longest, shortest = state.inventory + quote.bid_size, state.inventory - quote.ask_size
    return longest > state.position_limit or shortest < -state.position_limit


def _flaws(quote: Quote) -> list[str]:
    """What makes the quote none, without breaking a limit."""
    if quote.abstain:
        return []
    if quote.bid_price is None or quote.ask_price is None:
        return ["missing_quote"]
    flaws = {
        "irrational_quote": quote.bid_price <= 0.0 or quote.ask_price <= 0.0,
        "crossed_quote": quote.bid_price >= quote.ask_price,
        "empty_quote": quote.bid_size == 0.0 and quote.ask_size == 0.0,
    }
    return [name for name, holds in flaws.items() if holds]


def _width(quote: Quote) -> float | None:
    """Ask minus bid; None for a quote that has no positive width."""
    if quote.bid_price is None or quote.ask_price is None or quote.ask_price <= quote.bid_price:
        return None
    return quote.ask_price - quote.bid_price


def _spread(state: QuotePublic, quote: Quote, reference: Quote) -> float:
    if quote.abstain:
        return 1.0 if reference.abstain else 0.25
    width = _width(quote)
    if width is None:
        return 0.0
    return clipped(1.0 - abs(math.log(max(width, 1e-9) / expected_spread(state))) / math.log(3.0))


def _inventory(state: QuotePublic, quote: Quote) -> float:
    if quote.abstain:
        return 1.0 if _near_limit(state) else 0.45
    if _over(state, quote):
        return 0.0
    ratio = state.inventory / state.position_limit
    adds, reduces = quote.bid_size, quote.ask_size
    if ratio < 0.0:
        adds, reduces = reduces, adds
    found = 1.0
    if abs(ratio) >= LARGE and adds > reduces:
        found -= 0.5
    if abs(ratio) >= NEAR and adds > 0.0:
        found -= 0.5
    if abs(ratio) >= LARGE and not quote.reduce_inventory:
        found -= 0.2
    return clipped(found)


def _adverse_selection(state: QuotePublic, quote: Quote, reference: Quote) -> float:
    if quote.abstain:
        return 0.0
    width = _width(quote)
    if width is None:
        return 1.0
    expected = _width(reference) or expected_spread(state)
    tightness = max(0.0, (expected - width) / max(expected, 1e-9))
    excess = quote.bid_size + quote.ask_size - (reference.bid_size + reference.ask_size)
    oversize = max(0.0, excess / (2.0 * state.max_quote_size))
    return clipped(state.adverse_selection_risk * (0.7 * tightness + 0.3 * oversize))


def _abstention(state: QuotePublic, quote: Quote, reference: Quote) -> float:
    if not quote.abstain:
        return 0.0 if reference.abstain else 1.0
    if reference.abstain:
        return 1.0
    return 0.75 if _near_limit(state) else 0.15


def _near_limit(state: QuotePublic) -> bool:
    return abs(state.inventory) >= NEAR * state.position_limit or loss_used(state) >= NEAR


measure = Measure(
    key=QuoteKey,
    score=score,
    metrics={
        "quote_validity": "1 unless a price is missing, not positive, crossed, or both sizes are 0",
        "spread_reasonableness": "1 - |ln(width / expected spread)| / ln 3, clipped",
        "inventory_risk_score": "1 less what adds to a large inventory",
        "risk_limit_violation": "1 if a hard limit is broken, else 0",
        "adverse_selection_penalty": "for a width below and sizes above the reference's",
        "abstention_quality": "1 where abstaining or quoting is what the reference does",
        **PARSING,
    },
)
