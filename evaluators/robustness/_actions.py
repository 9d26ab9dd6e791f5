"""What counts as the same action, in the published form and in ours.

Published: one canonical action a family (`published_action`), compared for equality; the surplus of
an auction is an action to four decimals, so that rounding alone is a flip. Ours: a gap in [0, 1]
between two answers to the same instance (`gap`), with stated tolerances:

- a probability vector (`SLACK` around a sum of 1): the choice it makes, i.e. 1 if the entries of
  largest mass differ and neither vector has the other's choice within `TIE` of its own largest;
- any other number: 1 if they differ by more than `RELATIVE` of the larger magnitude (and `TINY`);
- text, truth values, null: 1 if they differ;
- an object: its `action` if that differs, else the largest gap among its fields; what explains an
  answer (`PROSE`) and how sure it is (`confidence`) is no action;
- an episode, or any other list: the share of positions that differ.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

from tasks import JSON

RELATIVE = 0.02
"""The published tolerance of a numeric answer (auctions pass within 2 %)."""
TINY = 1e-6
TIE = 0.01
SLACK = 1e-3
PROSE = frozenset(
    {"reasoning", "reasoning_summary", "rationale", "explanation", "comment", "note", "confidence"}
)
STATED = (
    f"Probability vectors flip when their largest entry does (ties within {TIE:g} are no flip); "
    f"other numbers when they differ by more than {RELATIVE:.0%}; names when they differ; an "
    "episode by the share of its steps that differ."
)
"""The tolerances in words, for reports."""


def gap(one: JSON, other: JSON) -> float:
    """How far two answers to one instance lie apart as actions: 0 the same, 1 another one."""
    if one is None or other is None:
        return float(one is not other)
    if isinstance(one, dict) and isinstance(other, dict):
        return _objects(one, other)
    if _sequence(one) and _sequence(other):
        return _lists(one, other)
    if _number(one) and _number(other):
        far = abs(one - other) > max(RELATIVE * max(abs(one), abs(other)), TINY)
        return float(far)
    # A truth value is no number, whatever Python says.
    return float(isinstance(one, bool) != isinstance(other, bool) or one != other)


def _objects(one: Mapping[str, JSON], other: Mapping[str, JSON]) -> float:
    if "action" in one and one.get("action") != other.get("action"):
        return 1.0
    names = sorted((set(one) | set(other)) - PROSE)
    return max((gap(one.get(name), other.get(name)) for name in names), default=0.0)


def _lists(one: Sequence[JSON], other: Sequence[JSON]) -> float:
    if _distribution(one) and _distribution(other) and len(one) == len(other):
        return float(_choice_differs(one, other))
    longest = max(len(one), len(other))
    if longest == 0:
        return 0.0
    differing = math.fsum(gap(a, b) for a, b in zip(one, other, strict=False))
    return (differing + abs(len(one) - len(other))) / longest


def _choice_differs(one: Sequence[float], other: Sequence[float]) -> bool:
    first, second = one.index(max(one)), other.index(max(other))
    tied = one[second] >= one[first] - TIE or other[first] >= other[second] - TIE
    return first != second and not tied


def _distribution(values: Sequence[JSON]) -> TypeGuard[Sequence[float]]:
    numbers = len(values) > 1 and all(_number(value) and value >= 0.0 for value in values)
    return numbers and abs(math.fsum(values) - 1.0) <= SLACK


def _number(value: JSON) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sequence(value: JSON) -> TypeGuard[Sequence[JSON]]:
    return isinstance(value, list | tuple)


def published_action(environment: str, answer: JSON) -> JSON:
    """The canonical action of one environment of the published form; None without one."""
    if not isinstance(answer, dict):
        return None
    return _PUBLISHED.get(environment, _named)(answer)


def _most(name: str) -> Callable[[Mapping[str, JSON]], JSON]:
    def index(answer: Mapping[str, JSON]) -> JSON:
        values = answer.get(name)
        if not _sequence(values) or not values or not all(_number(v) for v in values):
            return None
        return values.index(max(values))

    return index


def _surplus(answer: Mapping[str, JSON]) -> JSON:
    value = answer.get("expected_surplus")
    return round(float(value), 4) if _number(value) else None


def _quote(answer: Mapping[str, JSON]) -> JSON:
    if answer.get("abstain"):
        return "abstain"
    return "reduce" if answer.get("reduce_inventory") else "quote"


def _named(answer: Mapping[str, JSON]) -> JSON:
    return answer.get("action")


_PUBLISHED: Mapping[str, Callable[[Mapping[str, JSON]], JSON]] = {
    "bayesian_games": _most("posterior"),
    "hidden_regimes": _most("regime_posterior"),
    "auctions": _surplus,
    "market_making": _quote,
}
