"""Published grade of `bayesian_games` and `hidden_regimes`.

Score = clip(1 - TV) with TV = ½ Σ |p - q|; passes at TV ≤ 0.05. Neither the sum nor the signs of
the stated numbers are checked: that is the published form.
"""

from evaluators._core import Marks, Measure
from evaluators._v0.grading import PARSING, clipped, invalid, number, parsing, read
from ground_truth.strategic.v0._beliefs import BeliefKey
from tasks import JSON

TOLERANCE = 0.05


def score(answer: JSON, key: BeliefKey) -> Marks:
    """Compare the stated probabilities with the exact ones, entry by entry."""
    response = read(answer, key.environment)
    stated = _stated(None if response.parsed is None else response.parsed.get(key.name))
    if stated is None or len(stated) != len(key.exact):
        return invalid(response)
    gaps = [abs(p - q) for p, q in zip(stated, key.exact, strict=True)]
    distance = 0.5 * sum(gaps)
    metrics = {"posterior_tv_error": distance, "posterior_l1_error": 2.0 * distance}
    if key.name == "posterior":
        metrics |= {"posterior_max_error": max(gaps), "answer_sum": sum(stated)}
    return Marks(
        ability=clipped(1.0 - distance),
        passed=distance <= TOLERANCE,
        metrics=metrics | parsing(response),
    )


def _stated(values: JSON) -> list[float] | None:
    if not isinstance(values, list):
        return None
    found = [number(value) for value in values]
    return None if None in found else [value for value in found if value is not None]


measure = Measure(
    key=BeliefKey,
    score=score,
    metrics={
        "posterior_tv_error": "total variation distance to the exact posterior",
        "posterior_l1_error": "sum of absolute errors",
        "posterior_max_error": "largest absolute error of one entry (bayesian_games)",
        "answer_sum": "sum of the stated numbers (bayesian_games)",
        **PARSING,
    },
)
