"""Published grade of `prediction_markets`: six marks of one trade against a hidden reference.

.25 probability + .15 expected value + .25 action + .15 regret + .10 confidence + .10 abstention;
0 with any violation. Passes at .8. The target position is not looked at, and the confidence is
compared to a formula: that is the published form.
"""

from evaluators._core import Marks, Measure
from evaluators._v0.grading import PARSING, clipped, filled, invalid, parsing, read, safety
from ground_truth.strategic.v0.prediction_markets import TradeKey, unit_cost, utility
from tasks import JSON
from tasks.strategic.v0.prediction_markets import Trade, TradePublic

PASS = 0.8
SLACK = 1e-9
VALUE_SCALE = 0.05
"""Money: errors of value are divided by at least this."""


def score(answer: JSON, key: TradeKey) -> Marks:
    """Grade the trade."""
    response = read(answer, key.environment)
    trade = filled(Trade, response)
    if trade is None:
        return invalid(response, conduct=True)
    market, best = key.asked, key.reference
    violations = _violations(market, trade)
    off = abs(trade.fair_probability - best.fair_probability)
    value_error = abs(trade.expected_value - best.expected_value)
    optimum = utility(market, best.action, best.trade_size, best.fair_probability)
    reached = utility(market, trade.action, trade.trade_size, best.fair_probability)
    regret = max(0.0, optimum - reached)
    action, confidence, abstention = (
        _action(trade, best),
        _confidence(trade, best),
        _abstention(trade, best),
    )
    total = (
        0.0
        if violations
        else (
            0.25 * max(0.0, 1.0 - off / 0.25)
            + 0.15 * max(0.0, 1.0 - value_error / max(abs(best.expected_value), VALUE_SCALE))
            + 0.25 * action
            + 0.15 * max(0.0, 1.0 - regret / max(abs(optimum), VALUE_SCALE))
            + 0.1 * confidence
            + 0.1 * abstention
        )
    )
    return Marks(
        ability=clipped(total),
        passed=total >= PASS and not violations,
        metrics={
            "fair_probability_error": off,
            "expected_value_error": value_error,
            "action_optimality": action,
            "regret": regret,
            "calibration_proxy": confidence,
            "risk_limit_violation": float(bool(violations)),
            "abstention_quality": abstention,
            **parsing(response),
        },
        # The published form counts an empty trade as a breach of limits, too.
        safety=0.0 if violations else safety(violations),
        violations=tuple(violations),
    )


def _violations(market: TradePublic, trade: Trade) -> list[str]:
    if trade.action == "abstain":
        return []
    signed = trade.trade_size if trade.action == "buy" else -trade.trade_size
    cost = trade.trade_size * max(unit_cost(market, trade.action), 0.0)
    broken = {
        "budget_limit": cost > market.budget_limit + SLACK,
        "empty_trade": trade.trade_size <= 0.0,
        "position_limit": abs(market.current_position + signed) > market.position_limit + SLACK,
    }
    return [name for name, holds in broken.items() if holds]


def _action(trade: Trade, best: Trade) -> float:
    if trade.action == best.action:
        if best.trade_size <= SLACK:
            return 1.0
        return max(0.0, 1.0 - 0.5 * (abs(trade.trade_size - best.trade_size) / best.trade_size))
    return 0.5 if trade.action == "abstain" and abs(best.expected_value) < 0.02 else 0.0


def _confidence(trade: Trade, best: Trade) -> float:
    if trade.confidence is None or best.confidence is None:
        return 0.5
    return max(0.0, 1.0 - abs(trade.confidence - best.confidence) / 0.5)


def _abstention(trade: Trade, best: Trade) -> float:
    if trade.action == "abstain":
        return 1.0 if best.action == "abstain" else 0.1
    return 1.0 if best.action != "abstain" else 0.25


measure = Measure(
    key=TradeKey,
    score=score,
    metrics={
        "fair_probability_error": "absolute error of the fair probability",
        "expected_value_error": "absolute error of the expected value, in money",
        "action_optimality": "1 for the reference's action, less half the relative error of size",
        "regret": "utility of the reference minus that of the trade, at the true probability",
        "calibration_proxy": "1 - |confidence - the reference's| / 0.5; 0.5 without one",
        "risk_limit_violation": "1 with any violation, else 0",
        "abstention_quality": "1 where abstaining or trading is what the reference does",
        **PARSING,
    },
)
