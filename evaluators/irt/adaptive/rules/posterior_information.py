"""The most information on average over the posterior (van der Linden 1998, Psychometrika 63).

With few answers the point estimate is a poor place to look at; the average over what the ability
may be is not.
"""

from typing import ClassVar

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing


class PosteriorInformation(Rule):
    """See the module."""

    name: ClassVar[str] = "posterior_information"
    summary: ClassVar[str] = "The most information, averaged over the posterior of the ability."

    def worth(self, standing: Standing) -> Floats:
        """Posterior mean of the information."""
        return standing.expected_information


rule = PosteriorInformation()
