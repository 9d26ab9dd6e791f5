"""Difficulty explained by features of the item, and predicted for items that nobody has answered.

    b_j = mu + x_j . w + u_j,   u_j ~ N(0, s_u^2)

The linear logistic test model with residual (Fischer 1973; De Boeck 2008; Janssen et al. 2004),
fitted to calibrated difficulties with their standard errors, w ~ N(0, s_w^2) on standardised
features; s_w and s_u by restricted maximum likelihood, so that no penalty is chosen by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Floats
from evaluators.irt.explanatory._features import Standardised, standardised
from evaluators.irt.explanatory._mixed import Mixed, mixed
from evaluators.irt.models._sigmoid import expit
from tasks import UsageError

NODES = 21
"""Gauss-Hermite nodes for the residual of a new item: exact to 1e-9 for sd up to 3 logits."""


@dataclass(frozen=True)
class Coefficient:
    """One effect."""

    name: str
    estimate: float
    """Logits for one standard deviation of a feature, or for having a label."""
    se: float


@dataclass(frozen=True)
class Difficulties:
    """Difficulties of items as their features foretell them."""

    mean: Floats
    """(items,)"""
    sd: Floats
    """(items,): residual and estimation error together."""

    def expected(self, theta: Floats, slope: float = 1.0) -> Floats:
        """(agents, items) expected scores with the difficulty integrated out.

        Plugging the mean in its place would make every prediction too sure of itself.

        Args:
            theta: (agents,) abilities.
            slope: Discrimination that is taken for all of them.
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        total = np.zeros((len(theta), len(self.mean)))
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            total += weight * expit(slope * (theta[:, None] - self.mean - node * self.sd))
        return total


@dataclass(frozen=True)
class ItemExplanation:
    """What features tell of difficulty."""

    intercept: float
    coefficients: tuple[Coefficient, ...]
    """In the order of the features; the effect of one standard deviation."""
    residual_sd: float
    """s_u: what features leave open."""
    explained: float
    """Share of the true variance of difficulty that they explain."""
    residuals: Mapping[str, float]
    """By item: harder (above 0) than its features say."""
    scale: Standardised
    fitted: Mixed

    def predict(self, features: Mapping[str, Floats]) -> Difficulties:
        """Difficulties of other items, by name of feature; each column as long as the items.

        Raises:
            UsageError: a feature is missing.
        """
        mean, variance = self.fitted.predict([self.scale(features)])
        return Difficulties(mean, np.sqrt(variance))


def explain_items(
    bank: ItemBank, features: Mapping[str, Floats], names: Sequence[str] | None = None
) -> ItemExplanation:
    """Regress a bank's difficulties on features of its items.

    Args:
        bank: Calibrated items of a model with a difficulty `b`.
        features: Columns as long as the bank's items; NaN where unknown.
        names: Which of them; None for all.

    Raises:
        UsageError: no features, too few items, or a model without a difficulty `b`.
    """
    if "b" not in bank.parameters:
        raise UsageError(
            f"The model {bank.model.name} has no single difficulty b to explain; it has "
            f"{', '.join(bank.parameters)}. Fit `rasch` or `2pl`."
        )
    b, se = bank.parameters["b"], bank.standard_errors["b"]
    scale = standardised(features, names)
    fitted = mixed(b, se, [scale(features)])
    return ItemExplanation(
        intercept=fitted.mean,
        coefficients=tuple(
            Coefficient(name, float(w), float(s))
            for name, w, s in zip(scale.names, fitted.effects[0], fitted.effects_se[0], strict=True)
        ),
        residual_sd=float(np.sqrt(fitted.residual)),
        explained=fitted.explained,
        residuals=dict(zip(bank.items, fitted.residuals.tolist(), strict=True)),
        scale=scale,
        fitted=fitted,
    )
