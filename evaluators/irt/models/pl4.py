"""Four-parameter logistic: 3PL with a ceiling d, as some strong agents fail whatever their ability.

P = c + (d - c) logistic(a (theta - b)) (Barton and Lord 1981, ETS Research Report 81-20). The
ceiling is parametrised within what the floor leaves, d = c + (1 - c) v.
"""

from typing import ClassVar

from evaluators.irt.models._asymptotes import Asymptotes


class PL4(Asymptotes):
    """The model; see the module."""

    name: ClassVar[str] = "4pl"
    summary: ClassVar[str] = (
        "3PL with a ceiling, for items that strong agents fail too: "
        "P = c + (d - c) logistic(a (theta - b))."
    )
    n_parameters: ClassVar[int] = 4


model = PL4()
