"""Test information and standard errors along the ability, and the reliabilities that follow.

    marginal  = 1 - E[1 / (I(theta) + 1 / sd²)] / sd²        (Green et al. 1984; EAP, population)
    empirical = var(theta^) / (var(theta^) + mean(se²))      (of scored agents, EAP or MAP)
    score     = var(T(theta)) / (var(T(theta)) + E[sum P Q])

*score* is the reliability of the number passed, T its expectation: the model's own omega (Green and
Yang 2009 for a logistic model), which needs neither tau-equivalence nor Pearson correlations.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Floats
from evaluators.irt.fit_statistics._cells import blocks
from evaluators.irt.fit_statistics._posterior import population_grid
from evaluators.irt.scoring._matching import refuse_vector
from tasks import UsageError


@dataclass(frozen=True)
class InformationCurve:
    """Of a whole bank."""

    theta: Floats
    """(Q,)"""
    information: Floats
    """(Q,) Fisher information of the ability in one pass over the items."""
    se: Floats
    """(Q,) 1 / sqrt(information): of an ML or WLE ability."""
    posterior_se: Floats
    """(Q,) 1 / sqrt(information + 1 / sd²): of an EAP or MAP ability."""


def information_curve(
    bank: ItemBank, theta: Floats | None = None, *, trials: float = 1.0
) -> InformationCurve:
    """Information and standard errors at abilities.

    Args:
        bank: The items.
        theta: (Q,); None: 121 abilities, four sds to either side of the population's mean.
        trials: Of each item, taken as independent.

    Raises:
        UsageError: no item, no trials, or a model of several abilities.
    """
    refuse_vector(bank)
    if not bank.items or trials <= 0:
        raise UsageError(
            f"Information of {len(bank.items)} items with {trials:g} trials each is nothing; give "
            "at least one item and more than 0 trials."
        )
    population = bank.population
    if theta is None:
        theta = population.mean + population.sd * np.linspace(-4.0, 4.0, 121)
    total = np.zeros(len(theta))
    for block in blocks(len(bank.items), len(theta)):
        part = bank.take(np.arange(block.start, block.stop))
        total += trials * part.information(theta).sum(axis=0)
    with np.errstate(divide="ignore"):
        se = 1.0 / np.sqrt(total)
    return InformationCurve(theta, total, se, 1.0 / np.sqrt(total + 1.0 / population.sd**2))


def marginal_reliability(bank: ItemBank, *, trials: float = 1.0) -> float:
    """Share of the population's variance that abilities scored on the bank would hold.

    Raises:
        UsageError: no item, or no trials.
    """
    theta, mass = population_grid(bank)
    curve = information_curve(bank, theta, trials=trials)
    return float(1.0 - mass @ curve.posterior_se**2 / bank.population.sd**2)


def empirical_reliability(abilities: Abilities) -> float:
    """Share of the variance of scored agents that is not error.

    Raises:
        UsageError: fewer than two agents, several dimensions, or ML or WLE abilities that are not
            finite.
    """
    theta, se = abilities.theta, abilities.se
    if theta.ndim != 1 or len(theta) < 2 or not np.all(np.isfinite(theta) & np.isfinite(se)):
        raise UsageError(
            f"Empirical reliability is of two or more finite abilities of one dimension; here are "
            f"{theta.shape}. Score with `eap`."
        )
    variance, error = float(np.var(theta, ddof=1)), float(np.mean(se**2))
    if abilities.method in {"ml", "wle"}:
        return max(0.0, 1.0 - error / variance) if variance > 0 else 0.0
    return variance / (variance + error) if variance > 0 else 0.0


def score_reliability(bank: ItemBank, *, trials: int = 1) -> float:
    """Reliability of the number passed in the bank's population.

    Raises:
        UsageError: a model of scores other than passes, or no item.
    """
    if not bank.model.scores & {"binary", "counts"} or not bank.items or trials < 1:
        raise UsageError(
            f"The number passed is of items that are passed or failed; {bank.model.name} with "
            f"{len(bank.items)} items and {trials} trials has none. Use marginal_reliability."
        )
    theta, mass = population_grid(bank)
    chance = bank.mean(theta)
    true = chance.sum(axis=0) * trials
    between = float(mass @ (true - mass @ true) ** 2)
    within = float(mass @ (chance * (1.0 - chance)).sum(axis=0)) * trials
    return between / (between + within)
