"""A price path: arithmetic Brownian motion, the same for the same seed.

s_{t+1} = s_t + drift + volatility · z_t,   z_t from numpy's default generator
"""

from typing import Annotated

from pydantic import Field

from server.calculators._core import Calculator
from tasks import JSON, Frozen

MAX_STEPS = 300
"""What one reply can show."""


class Arguments(Frozen):
    """The path's length, start and moments per step."""

    n_steps: Annotated[int, Field(ge=0, le=MAX_STEPS)]
    start: float = 100.0
    drift: float = 0.0
    volatility: Annotated[float, Field(ge=0)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


def compute(asked: Arguments) -> dict[str, JSON]:
    """`path`: n_steps + 1 prices, the first of them the start."""
    import numpy as np  # the daemon answers before it is loaded

    rng = np.random.default_rng(asked.seed)
    with np.errstate(over="ignore", invalid="ignore"):  # told as a result that is not finite
        steps = asked.drift + asked.volatility * rng.standard_normal(asked.n_steps)
        walked = asked.start + np.cumsum(steps)
    return {"path": [asked.start, *(float(price) for price in walked)]}


calculator = Calculator(
    "A simulated price path (arithmetic Brownian motion) for a seed.", Arguments, compute
)
