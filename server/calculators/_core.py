"""What a calculator is, and what calculators share."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tasks import JSON, Frozen, Shelf

SUM_TOLERANCE = 1e-9
"""How far from 1 the sum of a probability vector may be."""


@dataclass(frozen=True)
class Calculator:
    """A pure function with a model of its arguments."""

    description: str
    """One line for the agent; it is paid for in tokens."""
    arguments: type[Frozen]
    compute: Callable[[Any], dict[str, JSON]]
    """Takes an instance of `arguments`; raises ValueError where they make no sense together."""

    def run(self, raw: Mapping[str, JSON]) -> dict[str, JSON]:
        """Check the arguments and compute; null means "not given".

        Raises:
            ValueError: the text tells what is wrong, in words for the agent.
        """
        given = {name: value for name, value in raw.items() if value is not None}
        try:
            asked = self.arguments.model_validate(given)
        except ValidationError as error:
            raise ValueError(_problems(error)) from None
        try:
            result = self.compute(asked)
        except ArithmeticError as error:
            raise ValueError(f"the numbers are too large or too small: {error}") from None
        if not _finite(result):
            raise ValueError("the result is not finite: the numbers are too large")
        return result


CALCULATORS: Shelf[Calculator] = Shelf(
    package="server.calculators",
    attribute="calculator",
    kind=Calculator,
    group="proctor.calculators",
)


def require_distribution(name: str, values: Sequence[float]) -> None:
    """Refuse what is no probability vector.

    Raises:
        ValueError: a negative entry, or a sum that is not 1 within `SUM_TOLERANCE`.
    """
    if any(value < 0 for value in values):
        raise ValueError(f"{name} has a negative entry; probabilities are from 0 to 1")
    total = math.fsum(values)
    if abs(total - 1) > SUM_TOLERANCE:
        raise ValueError(f"{name} must sum to 1, and sums to {total:.6g}")


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'arguments'}: {item['msg']}"
        for item in error.errors()[:5]
    )


def _finite(value: JSON) -> bool:
    if isinstance(value, dict):
        return all(_finite(part) for part in value.values())
    if isinstance(value, list):
        return all(_finite(part) for part in value)
    return not isinstance(value, float) or math.isfinite(value)
