"""The most Fisher information at the ability as it is now thought to be (Birnbaum 1968)."""

from typing import ClassVar

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing


class Information(Rule):
    """See the module."""

    name: ClassVar[str] = "information"
    summary: ClassVar[str] = "The most information at the estimated ability."

    def worth(self, standing: Standing) -> Floats:
        """Information at the posterior mean."""
        return standing.at_theta(standing.curves.information)


rule = Information()
