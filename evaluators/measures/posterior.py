"""Distance of a stated probability vector to the exact posterior.

Ability = clip(1 - TV, 0, 1) with TV = ½ Σ |p - q|; passes at TV ≤ 0.05 (the published rule of
`bayesian_games` and `hidden_regimes`, with the published metric names).
"""

import math

from evaluators._core import Marks, Measure
from ground_truth.keys import PosteriorKey
from tasks import JSON

TOLERANCE = 0.05
_ROUNDING = 1e-9
"""An answer exactly at the tolerance passes whatever the order of the sum."""


def score(answer: JSON, key: PosteriorKey) -> Marks:
    """Compare `answer["posterior"]` with the key, entry by entry."""
    given = _vector(answer)
    if given is None or len(given) != len(key.posterior):
        return Marks(ability=0.0, passed=False, violations=("no_valid_answer",))
    gaps = [abs(p - q) for p, q in zip(given, key.posterior, strict=True)]
    distance = 0.5 * math.fsum(gaps)
    return Marks(
        ability=min(1.0, max(0.0, 1.0 - distance)),
        passed=distance <= TOLERANCE + _ROUNDING,
        metrics={
            "posterior_tv_error": distance,
            "posterior_l1_error": 2.0 * distance,
            "posterior_max_error": max(gaps),
            "answer_sum": math.fsum(given),
        },
        axes={"belief": min(1.0, max(0.0, 1.0 - distance))},
    )


def _vector(answer: JSON) -> list[float] | None:
    """The numbers of the answer; None if it holds anything but finite ones."""
    values = answer.get("posterior") if isinstance(answer, dict) else None
    if not isinstance(values, list | tuple):
        return None
    numbers = [_number(value) for value in values]
    return None if any(n is None for n in numbers) else [n for n in numbers if n is not None]


def _number(value: JSON) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    # Beyond this no sum of answers is finite, and no probability is near it.
    return number if math.isfinite(number) and abs(number) <= 1e100 else None


measure = Measure(
    key=PosteriorKey,
    score=score,
    metrics={
        "posterior_tv_error": "total variation distance to the exact posterior, in [0, 1]",
        "posterior_l1_error": "sum of absolute errors",
        "posterior_max_error": "largest absolute error of one entry",
        "answer_sum": "sum of the stated numbers",
    },
)
