"""The most for the money: the fall of the full score's variance per second or dollar.

Costs are what the plan says of each item, in any one unit; a ratio of worth to cost is the greedy
rule of a knapsack, within a constant of the best set for what is (nearly) submodular.
"""

from typing import ClassVar

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing


class Thrifty(Rule):
    """See the module."""

    name: ClassVar[str] = "thrifty"
    summary: ClassVar[str] = "Cost-aware: the fall of the full score's variance per unit of cost."

    def worth(self, standing: Standing) -> Floats:
        """Expected fall over cost."""
        return standing.variance_explained() / standing.costs


rule = Thrifty()
