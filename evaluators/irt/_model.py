"""What an item response model is, so that one estimator serves them all.

Every unidimensional model here is written as

    log p(y | theta, item) = sum_s t_s(y) * eta_s(theta, item) + const(y)

with few *statistics* t of a cell and *terms* eta of the item (a logistic model: successes with
log P, failures with log(1 - P); graded responses: one indicator a category; Beta responses:
log y and log(1 - y) beside indicators of 0 and 1). Likelihoods over a grid of abilities and the
expected counts of an M-step are then (sparse) matrix products, whatever the model.

Shapes: J items, Q abilities, S statistics, p working parameters, n cells.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import comb
from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Cells, Floats, ScoreKind
from tasks import Shelf


@dataclass(frozen=True)
class Layout:
    """What of the data's form is fixed before a fit and kept with it."""

    levels: Floats = field(default_factory=lambda: np.zeros(0))
    """Ordered categories: the distinct scores, ascending. Overdispersed counts: distinct trials."""
    dimensions: tuple[str, ...] = ()
    """Names of the D abilities, where an ability is a vector; () where it is one number."""


class Model(ABC):
    """One item response model: a module `evaluators/irt/models/<name>.py` that defines `model`.

    Parameters have a *working* form without bounds, in which estimators move (columns of x), and a
    *reported* form (`a`, `b`, …), which people read. Instances hold nothing.
    """

    name: ClassVar[str]
    """As people say it: `2pl`."""
    summary: ClassVar[str]
    """One sentence with the formula, for `--help`."""
    scores: ClassVar[frozenset[ScoreKind]]
    """The kinds of score it is for."""
    estimators: ClassVar[tuple[str, ...]] = ("em", "joint", "laplace")
    """Estimators that can fit it; the first is the default."""
    vector: ClassVar[bool] = False
    """True where an agent has D abilities: theta is then (Q, D) in all that follows, `slope` is
    (S, J, Q, D) and `ability_information` (J, Q, D, D)."""
    free_sd: ClassVar[bool] = False
    """True where the sd of abilities is estimated (Rasch: slopes are 1); else it is 1."""

    @abstractmethod
    def layout(self, cells: Cells) -> Layout:
        """What is fixed before a fit.

        Raises:
            UsageError: the scores are not of its kind; says which model is.
        """

    @abstractmethod
    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(S, n) the statistics t of each cell."""

    @abstractmethod
    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, p) working parameters to start from; a function of the data alone."""

    @abstractmethod
    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q) the terms eta."""

    @abstractmethod
    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q, p) of the terms by the working parameters."""

    @abstractmethod
    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q) of the terms by the ability."""

    @abstractmethod
    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(S, J, Q) expected statistics of one trial: E[t_s | theta].

        Fisher information of the parameters is sum_s weights_s * gradient_s gradient_s' wherever
        the statistics are counts; a model for which it is not overrides `information`.
        """

    def information(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q, p, p) Fisher information of the working parameters in one trial."""
        gradient = self.gradient(x, theta, layout)
        return np.einsum(
            "sjq,sjqk,sjql->jqkl", self.weights(x, theta, layout), gradient, gradient, optimize=True
        )

    def climb(
        self, x: Floats, theta: Floats, counts: Floats, trials: Floats, layout: Layout
    ) -> tuple[Floats, Floats]:
        """Gradient (J, p) and information (J, p, p) of sum_sjq counts_sjq eta_sjq, for an M-step.

        Args:
            x: (J, p) working parameters.
            theta: (Q,) abilities.
            counts: (S, J, Q) expected statistics of the cells, at each ability.
            trials: (J, Q) expected trials.
            layout: Of the fit.
        """
        gradient = np.einsum("sjq,sjqk->jk", counts, self.gradient(x, theta, layout), optimize=True)
        information = self.information(x, theta, layout)
        return gradient, np.einsum("jq,jqkl->jkl", trials, information, optimize=True)

    def ability_information(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) Fisher information of the ability in one trial of each item."""
        slope = self.slope(x, theta, layout)
        return np.einsum("sjq,sjq,sjq->jq", self.weights(x, theta, layout), slope, slope)

    @abstractmethod
    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) expected score of one trial, in [0, 1]."""

    def support(self, trials: int, layout: Layout) -> tuple[Floats, Floats]:
        """(K,) totals that a cell of so many trials may have, and (K,) the logs of their weights.

        exp(weight + sum_s t_s eta_s), normalised over the K, is the distribution of the total.
        Here 0 … `trials` successes and the binomial coefficient; ordered categories override it,
        and a continuous model gives the nodes of a quadrature, with const(y) in the weights.
        """
        del layout
        chosen = [comb(trials, total) for total in range(trials + 1)]
        return np.arange(trials + 1.0), np.log(np.array(chosen, dtype=float))

    @abstractmethod
    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """The weak prior: its log density (J,), gradient (J, p), curvature -d2 (J, p, p)."""

    @abstractmethod
    def report(self, x: Floats) -> Mapping[str, Floats]:
        """The reported parameters, each (J,), in the order of `report_jacobian`'s rows."""

    @abstractmethod
    def report_jacobian(self, x: Floats) -> Floats:
        """(J, r, p) of the reported parameters by the working ones; for standard errors."""

    def free_parameters(self, x: Floats) -> int:
        """How many numbers of (J, p) were estimated; the rest are marks of the model's own."""
        return int(np.isfinite(x).sum())

    @abstractmethod
    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, p) the same items where abilities are measured as slope * theta + shift."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, p) plausible items, for simulations."""

    def simulated_layout(self, trials: int) -> Layout:
        """The layout of drawn data, of which there are no scores yet; goes with `draw`."""
        del trials
        return Layout()

    @abstractmethod
    def sample(self, rng: np.random.Generator, cells: "Draw", layout: Layout) -> Floats:
        """(n,) total scores of cells, drawn from the model."""


@dataclass(frozen=True)
class Draw:
    """Cells whose scores are to be drawn: for each, its item, its agent's ability, its trials."""

    x: Floats
    """(n, p) working parameters of the cell's item."""
    theta: Floats
    """(n,)"""
    trials: Floats
    """(n,)"""


MODELS: Shelf[Model] = Shelf(
    package="evaluators.irt.models", attribute="model", kind=Model, group="proctor.irt_models"
)


def model_named(name: str) -> Model:
    """The model of that name, as people spell it: `2pl` is in models/pl2.py, `1pl` is Rasch.

    Raises:
        UnknownUnitError: there is none; names the nearest.
    """
    word = name.strip().lower().replace("-", "_")
    if word == "1pl":
        return MODELS.find("rasch")
    return MODELS.find(f"pl{word[0]}" if word in {"2pl", "3pl", "4pl"} else word)
