"""Expected value and variance of a lottery; on request the best of several."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from server.calculators._core import Calculator, require_distribution
from tasks import JSON, Frozen

Numbers = Annotated[list[float], Field(min_length=1, max_length=1_000)]


class Arguments(Frozen):
    """One lottery, and others to choose from by name."""

    payoffs: Numbers
    probabilities: Numbers
    actions: Annotated[dict[str, tuple[Numbers, Numbers]], Field(max_length=100)] = Field(
        default_factory=dict[str, tuple[list[float], list[float]]],
        description="name: [payoffs, probabilities]",
    )


def compute(asked: Arguments) -> dict[str, JSON]:
    """`expected_value`, `variance`; with actions also `best_action`, `best_action_ev`.

    Ties go to the first name of the alphabet.

    Raises:
        ValueError: lengths differ, or probabilities are none.
    """
    expected = expected_value("", asked.payoffs, asked.probabilities)
    spread = math.fsum(
        p * (x - expected) ** 2 for x, p in zip(asked.payoffs, asked.probabilities, strict=True)
    )
    result: dict[str, JSON] = {"expected_value": expected, "variance": spread}
    if asked.actions:
        values = {
            name: expected_value(f"actions.{name}: ", payoffs, probabilities)
            for name, (payoffs, probabilities) in asked.actions.items()
        }
        best = max(values.values())
        winners = (name for name, value in values.items() if math.isclose(value, best))
        result |= {"best_action": min(winners), "best_action_ev": best}
    return result


def expected_value(where: str, payoffs: Sequence[float], probabilities: Sequence[float]) -> float:
    """Σ p·x.

    Raises:
        ValueError: lengths differ, or probabilities are none; begins with `where`.
    """
    if len(payoffs) != len(probabilities):
        raise ValueError(f"{where}{len(payoffs)} payoffs, but {len(probabilities)} probabilities")
    require_distribution(f"{where}probabilities", probabilities)
    return math.fsum(x * p for x, p in zip(payoffs, probabilities, strict=True))


calculator = Calculator(
    "Expected value and variance of a lottery; the best of several `actions`.", Arguments, compute
)
