"""Three-parameter logistic: 2PL with a floor c, the chance of passing by luck.

P = c + (1 - c) logistic(a (theta - b)) (Birnbaum 1968, in Lord and Novick, Statistical Theories of
Mental Test Scores).
"""

from typing import ClassVar

from evaluators.irt.models._asymptotes import Asymptotes


class PL3(Asymptotes):
    """The model; see the module."""

    name: ClassVar[str] = "3pl"
    summary: ClassVar[str] = (
        "2PL with a floor, for items that can be guessed: P = c + (1 - c) logistic(a (theta - b))."
    )
    n_parameters: ClassVar[int] = 3


model = PL3()
