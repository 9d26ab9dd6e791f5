"""Binomial: k successes of n independent trials, with the chance of success of a 2PL.

The likelihood of n rows of one trial each, in one cell. Trials of a cell that agree more than
chance would have it want `beta_binomial`.
"""

from typing import ClassVar

from evaluators.irt.models.pl2 import PL2


class Binomial(PL2):
    """The model; see the module."""

    name: ClassVar[str] = "binomial"
    summary: ClassVar[str] = (
        "k of n independent trials: k ~ Binomial(n, P), P = logistic(a (theta - b))."
    )


model = Binomial()
