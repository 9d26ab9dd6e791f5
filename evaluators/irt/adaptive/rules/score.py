"""The item whose answer lowers the variance of the full score most.

What is to be known is often the score on all items, not the ability: an answer tells of the unseen
items by the ability they share, and settles its own item for good, which counts the more the fewer
there are. The expected reduction is cov(total, answer)^2 / var(answer) under the posterior:
Bayesian experimental design with squared error of the total as the loss (Chaloner and Verdinelli
1995).
"""

from typing import ClassVar

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing


class FullScore(Rule):
    """See the module."""

    name: ClassVar[str] = "score"
    summary: ClassVar[str] = "The largest expected fall of the full score's variance."

    def worth(self, standing: Standing) -> Floats:
        """Expected fall, in squared items."""
        return standing.variance_explained()


rule = FullScore()
