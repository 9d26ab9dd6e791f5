"""What a predictor of scores is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.prediction._calibration import Calibrated, calibrated
from tasks import Shelf


@dataclass(frozen=True)
class Known:
    """What a predictor may learn from; what several predictors want of it is computed once."""

    table: ResponseTable
    """No held-out score; the covariates of all agents and items, some of which have no row."""

    @cached_property
    def rasch(self) -> Calibrated:
        """A Rasch calibration of it."""
        return calibrated(self.table)


@dataclass(frozen=True)
class Predictor:
    """One way to foretell scores: a module `predictors/<name>.py` that defines `predictor`."""

    summary: str
    """One sentence for tables."""
    predict: Callable[[Known, Ints, Ints], Floats]
    """`predict(known, agent, item)`: (n,) expected scores of cells."""


PREDICTORS: Shelf[Predictor] = Shelf(
    package="evaluators.irt.prediction.predictors",
    attribute="predictor",
    kind=Predictor,
    group="proctor.irt_predictors",
)
