"""Scored attempts without a run folder: what robustness reads of each."""

from typing import Any, Protocol

import pytest

from evaluators import Score
from evaluators._responses import Response
from evaluators.robustness import Outcome
from tasks import JSON, Stamp


class MakesOutcomes(Protocol):
    """`outcome(seed, variant, answer=…, ability=…)`."""

    def __call__(
        self,
        seed: int,
        variant: str = "",
        *,
        answer: JSON = None,
        ability: float = 1.0,
        n: int = 1,
        family: str = "strategic/v0/prediction_markets",
        response: dict[str, Any] | None = None,
        **facts: Any,
    ) -> Outcome: ...


@pytest.fixture(scope="session")
def outcome() -> MakesOutcomes:
    def make(
        seed: int,
        variant: str = "",
        *,
        answer: JSON = None,
        ability: float = 1.0,
        n: int = 1,
        family: str = "strategic/v0/prediction_markets",
        response: dict[str, Any] | None = None,
        **facts: Any,
    ) -> Outcome:
        name = f"{family}@1:published:public:{seed}" + (f"::{variant}" if variant else "")
        score = Score(
            attempt="a",
            instance=name,
            family=family,
            preset="published",
            agent="tester",
            n=n,
            stamp=Stamp.OPEN,
            sandbox="-",
            status="scored",
            validity=1.0,
            ability=ability,
            passed=facts.pop("passed", ability >= 0.8),
            **facts,
        )
        said = {"answer": answer, "restored": answer, **(response or {})}
        return Outcome(score, Response(**said))

    return make
