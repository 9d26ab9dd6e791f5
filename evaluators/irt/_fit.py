"""What a fit comes to: calibrated items, abilities, and how far to believe them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._model import Layout, Model
from evaluators.irt._responses import Dropped, Floats, Ints
from tasks import UsageError, nearest


@dataclass(frozen=True)
class Population:
    """The normal distribution that abilities are taken to come from."""

    mean: float = 0.0
    sd: float = 1.0
    correlation: Floats | None = None
    """(D, D) of vector abilities; None: uncorrelated, or one number."""


@dataclass(frozen=True)
class ItemBank:
    """Calibrated items: all that scoring, prediction, linking and adaptive testing need."""

    model: Model
    layout: Layout
    items: tuple[str, ...]
    x: Floats
    """(J, p) working parameters."""
    covariance: Floats
    """(J, p, p) of the working parameters; NaN where it could not be had."""
    population: Population = Population()

    @property
    def parameters(self) -> Mapping[str, Floats]:
        """Reported parameters (`a`, `b`, …), each (J,)."""
        return self.model.report(self.x)

    @property
    def standard_errors(self) -> Mapping[str, Floats]:
        """Standard errors of the reported parameters (delta method), each (J,)."""
        jacobian = self.model.report_jacobian(self.x)
        variance = np.einsum("jrk,jkl,jrl->jr", jacobian, self.covariance, jacobian)
        return dict(zip(self.parameters, np.sqrt(variance).T, strict=True))

    def mean(self, theta: Floats) -> Floats:
        """(J, Q) expected score of one trial at abilities (Q,)."""
        return self.model.mean(self.x, theta, self.layout)

    def information(self, theta: Floats) -> Floats:
        """(J, Q) Fisher information of the ability in one trial at abilities (Q,)."""
        return self.model.ability_information(self.x, theta, self.layout)

    def take(self, places: Sequence[int] | Ints) -> "ItemBank":
        """The bank of some of its items, by place."""
        at = np.asarray(places, dtype=np.int64)
        return replace(
            self,
            items=tuple(self.items[place] for place in at),
            x=self.x[at],
            covariance=self.covariance[at],
        )

    def places(self, items: Sequence[str]) -> Ints:
        """(len(items),) places of named items.

        Raises:
            UsageError: the bank has no such item.
        """
        known = {item: place for place, item in enumerate(self.items)}
        for item in items:
            if item not in known:
                raise UsageError(
                    f"The bank of {len(self.items)} items has no item {item!r}."
                    f"{nearest(item, self.items)} Fit again with it, or calibrate it against this "
                    "bank (fixed-parameter calibration)."
                )
        return np.array([known[item] for item in items], dtype=np.int64)


Z90 = 1.6448536269514722
"""Half the width of a 90 % interval, in standard errors."""


@dataclass(frozen=True)
class Abilities:
    """Abilities of agents on a bank's scale."""

    agents: tuple[str, ...]
    theta: Floats
    """(N,) or (N, D) for D dimensions."""
    se: Floats
    """As `theta`: posterior sd (EAP), else the standard error of the estimate."""
    method: str
    """`eap`, `map`, `ml` or `wle`."""
    low: Floats
    """As `theta`: lower end of the 90 % interval."""
    high: Floats
    """Upper end."""
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    """Agents without responses, estimates that are not finite, …"""


@dataclass(frozen=True)
class Fit:
    """One fitted model."""

    bank: ItemBank
    abilities: Abilities
    log_likelihood: float
    """Marginal, without priors."""
    path: tuple[float, ...]
    """What the estimator climbed (penalised marginal log-likelihood), iteration by iteration."""
    n_parameters: int
    n_cells: int
    estimator: str
    converged: bool
    reason: str
    """Why it stopped: a sentence."""
    grid: Floats
    """(Q,) abilities that were integrated over."""
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know before believing it: constant items, extreme agents, …"""

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, over agents (the independent units of a marginal likelihood)."""
        return float(
            np.log(len(self.abilities.agents)) * self.n_parameters - 2.0 * self.log_likelihood
        )
