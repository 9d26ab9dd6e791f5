"""What a response to each published environment must hold: fields, aliases, synonyms, codes."""

from collections.abc import Callable, Mapping
from typing import get_args

from tasks import JSON, UsageError, nearest
from tasks.strategic.v0._form import Environment

Answer = Mapping[str, JSON]

ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)
_BELIEFS: Mapping[str, str] = {
    "bayesian_games": "posterior",
    "hidden_regimes": "regime_posterior",
}
_ALIASES_OF_ACTION = ("decision", "recommended_action", "recommendation", "choice")
_ALIASES_OF_BELIEF = (
    "posterior",
    "regime_posterior",
    "distribution",
    "probabilities",
    "beliefs",
)
_SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "prediction_markets": {
        "buy": ("long", "yes", "bid"),
        "sell": ("short", "no", "ask"),
        "abstain": ("hold", "pass", "no_trade", "none", "do_nothing", "wait"),
    },
    "adversarial_risk": {
        "approve": ("accept", "allow", "ok"),
        "reject": ("deny", "decline", "block"),
        "reduce_size": ("reduce", "resize", "reduce_position", "downsize"),
        "abstain": ("hold", "escalate"),
    },
}
_ACTIONS: Mapping[str, Mapping[str, str]] = {
    name: {word: action for action, words in table.items() for word in (action, *words)}
    for name, table in _SYNONYMS.items()
}


def known(environment: str) -> Environment:
    """The short name of an environment, from it or from the family's.

    Raises:
        UsageError: there is none of that name.
    """
    short = environment.rpartition("/")[2]
    for name in ENVIRONMENTS:
        if name == short:
            return name
    raise UsageError(
        f"There is no published environment {environment!r}.{nearest(short, ENVIRONMENTS)} "
        f"There are {', '.join(ENVIRONMENTS)}."
    )


def renamed(answer: Answer, environment: Environment) -> Answer:
    """The answer with the field that an alias stands for, where it is missing; the alias stays."""
    if environment in _BELIEFS:
        wanted, aliases, kind = _BELIEFS[environment], _ALIASES_OF_BELIEF, list
    elif environment in _SYNONYMS:
        wanted, aliases, kind = "action", _ALIASES_OF_ACTION, str
    else:
        return answer
    if wanted in answer:
        return answer
    found = next((alias for alias in aliases if isinstance(answer.get(alias), kind)), None)
    return answer if found is None else {**answer, wanted: answer[found]}


def canonical(answer: Answer, environment: Environment) -> Answer:
    """The answer with its action in the word of the schema; words that nobody knows stay."""
    action = answer.get("action")
    if environment not in _ACTIONS or not isinstance(action, str):
        return answer
    word = action.strip().lower().replace("-", "_").replace(" ", "_")
    return {**answer, "action": _ACTIONS[environment].get(word, word)}


def decision(answer: Answer, environment: Environment) -> str | None:
    """The decision in one word; None where a belief or a number is asked for."""
    if environment == "market_making":
        if answer.get("abstain") is True:
            return "abstain"
        return "reduce" if answer.get("reduce_inventory") else "quote"
    action = answer.get("action")
    return action if isinstance(action, str) else None


def errors(answer: Answer, environment: Environment) -> list[str]:
    """Codes of what keeps the answer from being graded in full; [] if nothing does."""
    return _CHECKS[environment](answer)


def is_number(value: JSON) -> bool:
    """Whether it is a number; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(answer: Answer, name: str) -> list[str]:
    if name not in answer:
        return [f"missing_field:{name}"]
    return [] if is_number(answer[name]) else [f"invalid_field:{name}"]


def _numbers(name: str) -> Callable[[Answer], list[str]]:
    def check(answer: Answer) -> list[str]:
        values = answer.get(name)
        if name in answer and not (
            isinstance(values, list) and values and all(is_number(value) for value in values)
        ):
            return [f"invalid_field:{name}"]
        return [] if name in answer else [f"missing_field:{name}"]

    return check


def _action(answer: Answer, environment: str) -> list[str]:
    action = answer.get("action")
    if action is None:
        return ["missing_field:action"]
    valid = isinstance(action, str) and action in _SYNONYMS[environment]
    return [] if valid else ["invalid_field:action"]


def _trade(answer: Answer) -> list[str]:
    return [
        *_action(answer, "prediction_markets"),
        *_number(answer, "fair_probability"),
        *_number(answer, "expected_value"),
    ]


def _risk(answer: Answer) -> list[str]:
    name = "risk_policy_followed"
    found = _action(answer, "adversarial_risk")
    if name not in answer:
        return [*found, f"missing_field:{name}"]
    return found if isinstance(answer[name], bool) else [*found, f"invalid_field:{name}"]


def _quote(answer: Answer) -> list[str]:
    if answer.get("abstain") is True:
        return []
    quoted = is_number(answer.get("bid_price")) and is_number(answer.get("ask_price"))
    return [] if quoted else ["invalid_field:quote"]


_CHECKS: Mapping[str, Callable[[Answer], list[str]]] = {
    "bayesian_games": _numbers("posterior"),
    "hidden_regimes": _numbers("regime_posterior"),
    "auctions": lambda answer: _number(answer, "expected_surplus"),
    "market_making": _quote,
    "prediction_markets": _trade,
    "adversarial_risk": _risk,
}
