"""Any item, all alike: the baseline."""

from typing import ClassVar

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing


class Random(Rule):
    """See the module."""

    name: ClassVar[str] = "random"
    summary: ClassVar[str] = "Any item, by the seed: the baseline."
    discounted: ClassVar[bool] = False

    def worth(self, standing: Standing) -> Floats:
        """Uniform numbers."""
        return standing.rng.random(len(standing.open))


rule = Random()
