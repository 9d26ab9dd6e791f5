"""Scores to make statistics of."""

from collections.abc import Callable
from typing import Any

import pytest

from evaluators import Score
from tasks import Stamp


def build(seed: int, ability: float | None, *, variant: str = "", **facts: Any) -> Score:
    family, preset = facts.get("family", "strategic/bayesian_games"), facts.get("preset", "easy")
    tail = f"::{variant}" if variant else ""
    return Score.model_validate(
        {
            "attempt": f"a{seed}",
            "instance": f"{family}@1:{preset}:private:{seed}{tail}",
            "family": family,
            "preset": preset,
            "agent": "tester",
            "n": 1,
            "stamp": Stamp.EXAM,
            "sandbox": "zygote",
            "status": "scored",
            "validity": 1.0,
            "ability": ability,
            "passed": bool(ability and ability > 0.9),
            **facts,
        }
    )


@pytest.fixture(scope="session")
def make_score() -> Callable[..., Score]:
    return build
