"""What the published mock agents answer, draw by draw.

Source: MimirBench (MIT, commit 31e04802). Every task has a `random.Random` of its own, seeded by
the first eight bytes of sha256("seed:task id"), so that neither order nor company changes an
answer. The order of the draws is part of the form.
"""

import hashlib
import random
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import Field

from tasks import JSON, Frozen, InstanceId

AGENT_SEED = 123
"""The published configurations' seed of the mock agents."""
FAMILIES = "strategic/v0/"
"""Where the published form lies."""

Public = Mapping[str, JSON]
"""The public half of an instance, as JSON."""
_Draw = Callable[[Public, random.Random], dict[str, JSON]]


def task_id(instance: InstanceId) -> str:
    """The published name of an instance: `bayesian_games-123`, with `::variant` if it has one."""
    base = f"{instance.family.rpartition('/')[2]}-{instance.seed}"
    return f"{base}::{instance.variant}" if instance.variant else base


def generator(instance: InstanceId, seed: int = AGENT_SEED) -> random.Random:
    """The generator of a mock agent at one task."""
    digest = hashlib.sha256(f"{seed}:{task_id(instance)}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - no secret is drawn


def random_valid(environment: str, public: Public, rng: random.Random) -> dict[str, JSON]:
    """A random answer of the environment's shape."""
    return _DRAWS[environment](public, rng)


class Spoiling(Frozen):
    """How the noisy reference departs from the key."""

    posterior_noise: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Standard deviation of Gaussian noise; of a lone number, times 1 + |number|."""
    action_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Chance that a vector or number is replaced by a random one."""
    confidence_bias: Annotated[float, Field(ge=-100, le=100)] = 0.0
    """b ≥ 0 raises a vector to the power 1 + b, b < 0 to 1 / (1 + |b|); numbers grow by 1 + b."""
    risk_violation_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Chance that a field `risk_violation` is added."""


def spoiled(answer: Mapping[str, JSON], spoiling: Spoiling, rng: random.Random) -> dict[str, JSON]:
    """The answer with every vector of numbers and every number spoiled; the rest is as it was."""
    result = {name: _spoiled(value, spoiling, rng) for name, value in answer.items()}
    if spoiling.risk_violation_rate > 0 and rng.random() < spoiling.risk_violation_rate:
        result["risk_violation"] = True
    return result


def _spoiled(value: JSON, spoiling: Spoiling, rng: random.Random) -> JSON:
    if isinstance(value, list):
        entries: list[JSON] = value
        numeric = all(_is_number(entry) for entry in entries)
        return _spoiled_vector(entries, spoiling, rng) if numeric else entries
    return _spoiled_number(float(value), spoiling, rng) if _is_number(value) else value


def _spoiled_vector(values: list[float], spoiling: Spoiling, rng: random.Random) -> list[float]:
    if not values:
        return values
    if rng.random() < spoiling.action_error_rate:
        return _simplex(len(values), rng)
    noisy = [max(0.0, value + rng.gauss(0.0, spoiling.posterior_noise)) for value in values]
    bias = spoiling.confidence_bias
    power = max(0.05, 1.0 + bias if bias > 0 else 1.0 / (1.0 + abs(bias)))
    flat = [1.0 / len(values)] * len(values)
    level = _scaled(noisy, flat)
    return level if bias == 0 else _scaled([value**power for value in level], level)


def _spoiled_number(value: float, spoiling: Spoiling, rng: random.Random) -> float:
    scale = abs(value) + 1.0
    if rng.random() < spoiling.action_error_rate:
        return value + rng.uniform(-scale, scale)
    noisy = value + rng.gauss(0.0, spoiling.posterior_noise * scale)
    return noisy * (1.0 + spoiling.confidence_bias)


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scaled(values: list[float], otherwise: list[float]) -> list[float]:
    total = sum(values)
    return [value / total for value in values] if total > 0 else otherwise


def _simplex(size: int, rng: random.Random) -> list[float]:
    return _scaled([rng.random() for _ in range(size)], [1.0 / size] * size)


def _confidence(rng: random.Random) -> float:
    return round(rng.uniform(0.35, 0.9), 4)


def _auction(public: Public, rng: random.Random) -> dict[str, JSON]:
    return {"expected_surplus": rng.random() * max(public["v_max"], 1.0)}


def _quote(public: Public, rng: random.Random) -> dict[str, JSON]:
    abstain = rng.random() < 0.15
    quote: dict[str, JSON] = {
        "bid_price": None,
        "ask_price": None,
        "bid_size": 0.0,
        "ask_size": 0.0,
    }
    if not abstain:
        mid, spread = public["mid_price"], max(public["spread"], 0.01)
        largest = max(public["max_quote_size"], 0.1)
        quote = {
            "bid_price": round(mid - spread * rng.uniform(0.5, 2.0), 4),
            "ask_price": round(mid + spread * rng.uniform(0.5, 2.0), 4),
            "bid_size": round(rng.random() * largest, 4),
            "ask_size": round(rng.random() * largest, 4),
        }
    reduce = rng.random() < 0.5
    return {
        **quote,
        "reduce_inventory": reduce,
        "abstain": abstain,
        "confidence": _confidence(rng),
    }


def _trade(public: Public, rng: random.Random) -> dict[str, JSON]:
    action = rng.choice(["buy", "sell", "abstain"])
    limit = max(public["position_limit"], 1.0)
    fair = rng.random()
    target = rng.uniform(-limit, limit)
    size = 0.0 if action == "abstain" else rng.random() * limit
    return {
        "action": action,
        "target_position": round(target, 4),
        "trade_size": round(size, 4),
        "fair_probability": round(fair, 6),
        "expected_value": round(rng.uniform(-0.5, 0.5), 6),
        "confidence": _confidence(rng),
    }


def _decision(public: Public, rng: random.Random) -> dict[str, JSON]:
    action = rng.choice(["approve", "reject", "reduce_size", "abstain"])
    sized = action not in ("reject", "abstain")
    size = abs(public["proposed_trade"]) * rng.random() if sized else 0.0
    return {
        "action": action,
        "proposed_size": round(size, 4),
        "risk_policy_followed": rng.random() < 0.75,
        "cited_constraint": rng.choice(["none", "exposure_limit", "daily_loss_limit"]),
        "confidence": _confidence(rng),
    }


_DRAWS: Mapping[str, _Draw] = {
    "bayesian_games": lambda public, rng: {"posterior": _simplex(len(public["priors"]), rng)},
    "auctions": _auction,
    "hidden_regimes": lambda public, rng: {
        "regime_posterior": _simplex(len(public["initial"]), rng)
    },
    "market_making": _quote,
    "prediction_markets": _trade,
    "adversarial_risk": _decision,
}
