"""What is compared of one attempt: nine numbers, each None where the attempt has none.

score           ability; 0 without a valid answer
normalised      on the scale from floor (0) to ceiling (1) of its family and preset
regret          value given away: a share of the episode's scale, else in the measure's own units
posterior_error total variation distance of the stated to the exact posterior
validity        1 if a valid answer came (an episode: played to its end), else 0
risk_violation  1 if a hard limit was broken or conduct fell short, else 0
parse_failure   1 if nothing that was sent in could be read as an answer, else 0
latency_ms      from `start_task` to the end, as the daemon saw it; none where an answer of the
                model came from our own cache
cost_usd        None is `not estimated`, never 0
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evaluators._core import Score
from evaluators._floors import Floor
from evaluators._summary import Scales
from evaluators.robustness import unsafe
from evaluators.tables._readings import Sat

_POSTERIOR = ("posterior_tv_error", "now_tv_error")


@dataclass(frozen=True)
class Quantity:
    """One number of an attempt."""

    title: str
    value: Callable[[Sat, Scales], float | None]
    up: bool
    """Whether more is better."""
    digits: int = 3


def normalised(score: Score, scales: Scales) -> float | None:
    """The ability on its scale; None without a scale."""
    scale = scales.get((score.family, score.preset))
    return scale.normalised(score.ability or 0.0) if isinstance(scale, Floor) else None


def parse_failure(score: Score) -> bool:
    """Whether nothing that was sent in could be read as an answer."""
    told = score.metrics.get("parse_failure")
    return told > 0.0 if told is not None else score.validity < 1.0 and not score.steps


def latency_ms(sat: Sat) -> float | None:
    """Wall time of the attempt; None where an answer of the model came from our cache."""
    wall = sat.score.usage.get("wall_s")
    cached = sat.usage is not None and sat.usage.cached_requests > 0
    return None if cached or not isinstance(wall, int | float) else 1000.0 * wall


def cost_usd(sat: Sat) -> float | None:
    """What the model's calls cost; None where nobody can say."""
    return None if sat.usage is None else sat.usage.cost_usd


def _regret(score: Score) -> float | None:
    regret, scale = score.metrics.get("regret"), score.metrics.get("regret_scale")
    return regret / scale if regret is not None and scale else regret


def _posterior(score: Score) -> float | None:
    return next((score.metrics[name] for name in _POSTERIOR if name in score.metrics), None)


QUANTITIES: Mapping[str, Quantity] = {
    "score": Quantity("score", lambda sat, _: sat.score.ability or 0.0, up=True),
    "normalised": Quantity(
        "normalised", lambda sat, scales: normalised(sat.score, scales), up=True
    ),
    "regret": Quantity("regret", lambda sat, _: _regret(sat.score), up=False),
    "posterior_error": Quantity("posterior error", lambda sat, _: _posterior(sat.score), up=False),
    "validity": Quantity("validity", lambda sat, _: sat.score.validity, up=True),
    "risk_violation": Quantity(
        "risk violations", lambda sat, _: float(unsafe(sat.score)), up=False
    ),
    "parse_failure": Quantity(
        "parse failures", lambda sat, _: float(parse_failure(sat.score)), up=False
    ),
    "latency_ms": Quantity("latency, ms", lambda sat, _: latency_ms(sat), up=False, digits=0),
    "cost_usd": Quantity("cost, USD", lambda sat, _: cost_usd(sat), up=False, digits=5),
}
