"""Rasch on what was seen, placed among all agents and items."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluators.irt._fitting import fit
from evaluators.irt._responses import Floats, ResponseTable
from tasks import UsageError


@dataclass(frozen=True)
class Calibrated:
    """Estimates; NaN for an agent or item of which nothing was seen."""

    theta: Floats
    b: Floats
    b_se: Floats


def calibrated(train: ResponseTable) -> Calibrated:
    """Fit Rasch to the seen rows.

    Raises:
        UsageError: see `fit`.
    """
    smaller = train.observed()
    found = fit(smaller, "rasch" if smaller.kind == "binary" else "binomial")
    theta = np.full(len(train.agents), np.nan)
    b, se = np.full((2, len(train.items)), np.nan)
    places = {name: k for k, name in enumerate(train.items)}
    fitted = np.array([places[name] for name in found.bank.items])
    sitters = {name: k for k, name in enumerate(train.agents)}
    theta[[sitters[name] for name in found.abilities.agents]] = found.abilities.theta
    b[fitted] = found.bank.parameters["b"]
    se[fitted] = found.bank.standard_errors["b"]
    return Calibrated(theta, b, se)


def of_features(train: ResponseTable) -> Mapping[str, Floats]:
    """The item features of a table.

    Raises:
        UsageError: there are none.
    """
    if not train.of_items.numbers:
        raise UsageError(
            "A prediction from item features needs number columns of the items; give a side file "
            "(`--items FEATURES.csv`), or choose `rasch` or `agent_mean`."
        )
    return train.of_items.numbers
