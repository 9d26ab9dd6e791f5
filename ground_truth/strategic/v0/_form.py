"""What the published truths share: keys, draws of small distributions, answers as text."""

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ground_truth._core import Key, Rng
from tasks import JSON
from tasks.strategic.v0._form import Environment

Vector = npt.NDArray[np.float64]


class PublishedKey(Key):
    """Grades a response of one published environment."""

    environment: Environment


def said(answer: Mapping[str, JSON]) -> JSON:
    """The answer as an agent submits it: one JSON object as text."""
    return {"response": json.dumps(answer)}


def heard(answer: JSON) -> dict[str, JSON]:
    """The object of an answer that `said` made."""
    return json.loads(answer["response"])


def weights(rng: Rng, count: int) -> list[float]:
    """The published small distribution: integers 1 to 9, divided by their sum."""
    drawn = rng.integers(1, 10, size=count).astype(np.float64)
    return (drawn / drawn.sum()).tolist()


def normalised(values: Vector) -> list[float]:
    """Divided by their sum."""
    return (values / values.sum()).tolist()


def spoiled(chances: list[float], rng: Rng, level: float) -> list[float]:
    """Gaussian noise of standard deviation `level` / 2 on a posterior, put back on the simplex."""
    if level == 0.0:
        return chances
    noisy = np.array(chances) + 0.5 * level * rng.standard_normal(len(chances))
    clipped = np.clip(noisy, 1e-9, None)
    return normalised(clipped)
