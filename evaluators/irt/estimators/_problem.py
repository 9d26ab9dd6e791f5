"""What every estimator takes and gives back."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from evaluators.irt._fit import Population
from evaluators.irt._model import Layout, Model
from evaluators.irt._responses import Cells, Covariates, Floats
from evaluators.irt._vector.options import VectorOptions
from evaluators.irt._vector.plan import Plan
from tasks import Shelf


@dataclass(frozen=True)
class FitOptions:
    """How an estimator goes about it; the defaults are for people."""

    tolerance: float = 1e-4
    """It has converged when a step moves no working parameter by more."""
    max_iterations: int = 500
    priors: bool = True
    """Weak priors on the items (each model's `log_prior`). Without them it is maximum likelihood;
    items that all agents answered alike have none then and are left out."""
    accelerate: bool = True
    """SQUAREM; EM only."""
    standard_errors: bool = True
    """Of the items, and what they add to those of the agents."""
    density: float = 1.0
    """Nodes of the grid per smallest posterior sd; EM only. More costs time and changes nothing."""
    nodes: int = 7
    """Nodes an agent; `laplace` only. 1 is Laplace's approximation."""
    vector: VectorOptions = VectorOptions()  # noqa: RUF009 - frozen
    """Vector models only: how many abilities, or which items ask for which."""


@dataclass(frozen=True)
class Problem:
    """One fit to be done: no constant names, no missing agents or items."""

    model: Model
    layout: Layout
    cells: Cells
    options: FitOptions = FitOptions()
    plan: Plan | None = None
    """Vector models: what is estimated of them."""
    of_agents: Covariates = Covariates()  # noqa: RUF009 - frozen
    of_items: Covariates = Covariates()  # noqa: RUF009 - frozen
    """What is known of both beside the responses, in the order of the cells."""


@dataclass(frozen=True)
class Estimate:
    """What an estimator found."""

    x: Floats
    """(J, p)"""
    covariance: Floats
    """(J, p, p); NaN where it could not be had or was not asked for."""
    population: Population
    theta: Floats
    """(N,)"""
    se: Floats
    """(N,) given the scale of the items, with what is uncertain of the items in it."""
    log_likelihood: float
    path: tuple[float, ...]
    converged: bool
    reason: str
    grid: Floats
    """(Q,) abilities that were integrated over."""
    method: str = "eap"
    """What theta is."""
    notes: tuple[str, ...] = ()
    n_parameters: int | None = None
    """Vector models; None: as many as x has."""


class Estimator(ABC):
    """A module `estimators/<name>.py` that defines `estimator`. Instances hold nothing."""

    summary: ClassVar[str]
    """One sentence, for `--help`."""

    @abstractmethod
    def estimate(self, problem: Problem) -> Estimate:
        """Fit; the same data give the same numbers."""


ESTIMATORS: Shelf[Estimator] = Shelf(
    package="evaluators.irt.estimators",
    attribute="estimator",
    kind=Estimator,
    group="proctor.irt_estimators",
)
