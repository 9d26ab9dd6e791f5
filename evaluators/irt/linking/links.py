"""Puts one bank on another's scale by the items they share: theta_old = slope theta_new + shift.

Moment methods compare difficulties and slopes: mean-sigma (Marco 1977) and mean-mean (Loyd and
Hoover 1980). Curve methods compare what the curves say: Haebara (1980) item by item, Stocking and
Lord (1983) in their sum. All in Kolen and Brennan (2014), Test Equating, Scaling, and Linking,
chapter 6. Concurrent calibration is one `fit` of both tables.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank, Population
from evaluators.irt._responses import Floats
from evaluators.irt.linking._anchors import Anchors, anchors_of, places_of
from tasks import UsageError, nearest

Method = Literal["mean_sigma", "mean_mean", "haebara", "stocking_lord"]

NODES = 81
STEP = 1e-5
"""Relative step of numerical derivatives."""


@dataclass(frozen=True)
class Link:
    """From the new bank's scale to the old one's."""

    slope: float
    shift: float
    method: str
    anchors: tuple[str, ...]
    distance: float
    """Root mean squared difference of the anchors' expected scores after linking."""

    @property
    def words(self) -> str:
        """In a sentence."""
        return (
            f"Abilities on the old scale are {self.slope:.4g} times those on the new one, "
            f"{'plus' if self.shift >= 0 else 'minus'} {abs(self.shift):.4g} "
            f"({self.method.replace('_', '-')} over {len(self.anchors)} shared items, whose "
            f"curves then differ by {self.distance:.3g} on average)."
        )


def link(
    new: ItemBank,
    old: ItemBank,
    method: Method = "stocking_lord",
    *,
    anchors: tuple[str, ...] | None = None,
) -> Link:
    """The line that takes the new bank's abilities to the old bank's scale.

    Args:
        new: The bank to be moved.
        old: The bank whose scale is to hold.
        method: `mean_sigma`, `mean_mean`, `haebara` or `stocking_lord`. Where slopes are all 1
            (Rasch), only the shift is sought.
        anchors: Shared items to link by; None: all.

    Raises:
        UsageError: no such method; different models; fewer than two shared items.
    """
    if method not in get_args(Method):
        raise UsageError(
            f"There is no linking method {method!r}.{nearest(method, get_args(Method))} "
            f"There are {', '.join(get_args(Method))}."
        )
    return linked(anchors_of(new, old, anchors), method)


def linked(shared: Anchors, method: Method) -> Link:
    """`link` for items that are known to be shared."""
    slope, shift = _moments(shared, "mean_mean" if method != "mean_sigma" else method)
    if method in {"haebara", "stocking_lord"}:
        slope, shift = _curves(shared, method, (slope, shift))
    return Link(slope, shift, method, shared.items, _distance(shared, slope, shift))


def move_bank(bank: ItemBank, by: Link) -> ItemBank:
    """The bank on the old scale, population and covariances (delta method) with it."""
    if not by.slope > 0.0:
        raise UsageError(f"A link must have a slope above 0, not {by.slope:g}.")
    x = bank.model.rescaled(bank.x, by.slope, by.shift)
    jacobian = _jacobian(bank, by)
    covariance = np.einsum("jkl,jlm,jnm->jkn", jacobian, bank.covariance, jacobian)
    population = Population(
        by.slope * bank.population.mean + by.shift, by.slope * bank.population.sd
    )
    return replace(bank, x=x, covariance=covariance, population=population)


def move_abilities(abilities: Abilities, by: Link) -> Abilities:
    """Abilities on the old scale; standard errors and intervals stretch with the slope."""
    return replace(
        abilities,
        theta=by.slope * abilities.theta + by.shift,
        se=by.slope * abilities.se,
        low=by.slope * abilities.low + by.shift,
        high=by.slope * abilities.high + by.shift,
    )


def fixed_slopes(bank: ItemBank) -> bool:
    """Whether the model has no slopes to stretch (Rasch): a link can then only shift."""
    return bank.model.free_sd


def _moments(shared: Anchors, method: str) -> tuple[float, float]:
    new, old = places_of(shared.new), places_of(shared.old)
    if fixed_slopes(shared.new):
        slope = 1.0
    elif method == "mean_sigma":
        spread = float(new.difficulty.std())
        if spread == 0.0:
            raise UsageError(
                "All shared items are equally difficult in the new bank: mean-sigma cannot tell "
                "the slope. Link by `mean_mean` or `stocking_lord`."
            )
        slope = float(old.difficulty.std()) / spread
    else:
        slope = float(new.slope.mean() / old.slope.mean())
    return slope, float(old.difficulty.mean() - slope * new.difficulty.mean())


def _curves(shared: Anchors, method: str, start: tuple[float, float]) -> tuple[float, float]:
    from scipy import optimize

    theta, weights = _nodes(shared.old)
    target = shared.old.mean(theta)
    fixed = fixed_slopes(shared.new)

    def residual(at: Floats) -> Floats:
        slope, shift = (1.0, at[0]) if fixed else (float(np.exp(at[0])), at[1])
        x = shared.new.model.rescaled(shared.new.x, slope, float(shift))
        apart = shared.new.model.mean(x, theta, shared.new.layout) - target
        apart = apart.sum(axis=0, keepdims=True) if method == "stocking_lord" else apart
        return (apart * np.sqrt(weights)).ravel()

    begin = [start[1]] if fixed else [np.log(start[0]), start[1]]
    found = optimize.least_squares(residual, begin, xtol=1e-14, ftol=1e-14, gtol=1e-14)
    return (1.0, float(found.x[0])) if fixed else (float(np.exp(found.x[0])), float(found.x[1]))


def _nodes(bank: ItemBank) -> tuple[Floats, Floats]:
    """Abilities of the old population and their weights."""
    z = np.linspace(-4.0, 4.0, NODES)
    weights = np.exp(-0.5 * z * z)
    return bank.population.mean + bank.population.sd * z, weights / weights.sum()


def _distance(shared: Anchors, slope: float, shift: float) -> float:
    theta, weights = _nodes(shared.old)
    x = shared.new.model.rescaled(shared.new.x, slope, shift)
    apart = shared.new.model.mean(x, theta, shared.new.layout) - shared.old.mean(theta)
    return float(np.sqrt((apart**2 @ weights).mean()))


def _jacobian(bank: ItemBank, by: Link) -> Floats:
    """(J, p, p) of the moved working parameters by the old ones, by central differences."""
    columns: list[Floats] = []
    for at in range(bank.x.shape[1]):
        move = np.zeros_like(bank.x)
        move[:, at] = STEP * np.maximum(np.abs(bank.x[:, at]), 1.0)
        up = bank.model.rescaled(bank.x + move, by.slope, by.shift)
        down = bank.model.rescaled(bank.x - move, by.slope, by.shift)
        columns.append((up - down) / (2.0 * move[:, at])[:, None])
    return np.stack(columns, axis=-1)
