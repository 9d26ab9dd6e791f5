"""What a predictor of scores is."""

from collections.abc import Callable
from dataclasses import dataclass

from evaluators.irt._responses import Floats, Ints, ResponseTable
from tasks import Shelf


@dataclass(frozen=True)
class Predictor:
    """One way to foretell scores: a module `predictors/<name>.py` that defines `predictor`."""

    summary: str
    """One sentence for tables."""
    predict: Callable[[ResponseTable, Ints, Ints], Floats]
    """`predict(train, agent, item)`: (n,) expected scores of cells. `train` has the covariates of
    all agents and items and no held-out score; agents and items may have no row in it."""


PREDICTORS: Shelf[Predictor] = Shelf(
    package="evaluators.irt.prediction.predictors",
    attribute="predictor",
    kind=Predictor,
    group="proctor.irt_predictors",
)
