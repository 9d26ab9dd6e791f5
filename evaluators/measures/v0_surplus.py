"""Published grade of `auctions`: relative error of one number.

With x stated and t exact, e = |x - t| / (|t| + 1e-9), score = max(0, 1 - e), passes at e ≤ 0.02.
"""

from evaluators._core import Marks, Measure
from evaluators._v0.grading import PARSING, invalid, number, parsing, read
from ground_truth.strategic.v0.auctions import TINY, SurplusKey
from tasks import JSON

TOLERANCE = 0.02


def score(answer: JSON, key: SurplusKey) -> Marks:
    """Compare the stated surplus with the exact one."""
    response = read(answer, key.environment)
    given = None if response.parsed is None else response.parsed.get("expected_surplus")
    stated = number(given)
    if stated is None:
        return invalid(response)
    gap = abs(stated - key.expected_surplus)
    relative = gap / (abs(key.expected_surplus) + TINY)
    return Marks(
        ability=max(0.0, 1.0 - relative),
        passed=relative <= TOLERANCE,
        metrics={
            "expected_value_abs_error": gap,
            "expected_value_rel_error": relative,
            **parsing(response),
        },
    )


measure = Measure(
    key=SurplusKey,
    score=score,
    metrics={
        "expected_value_abs_error": "absolute error of the expected surplus, in money",
        "expected_value_rel_error": "the same over the exact surplus",
        **PARSING,
    },
)
