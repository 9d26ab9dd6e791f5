"""Groups of items (families, presets) in their target shares; within one, the best for the score.

The next item comes from the group that is furthest below its share (Kingsbury and Zara 1989,
Applied Measurement in Education 2, 359-375), so that shares hold at every length, up to one item.
"""

from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing
from tasks import UsageError


class Balanced(Rule):
    """See the module."""

    name: ClassVar[str] = "balanced"
    summary: ClassVar[str] = "Content-balanced: target shares of groups; within one, by `score`."

    def worth(self, standing: Standing) -> Floats:
        """Expected fall of the full score's variance, lifted in the group that is due.

        Raises:
            UsageError: nothing was said of groups.
        """
        if not standing.content.groups:
            raise UsageError(
                "The rule `balanced` needs the items' groups: Plan(groups={item: group, …}), and "
                "Plan(shares={group: share, …}) unless shares are to be the bank's own."
            )
        groups = np.array(standing.content.groups)
        after = len(standing.asked) + 1
        lacking = {
            group: share * after - float(np.sum(groups[standing.asked] == group))
            for group, share in standing.content.shares.items()
            if share > 0.0 and np.any(standing.open & (groups == group))
        }
        worth = standing.variance_explained()
        if not lacking:
            return worth
        due = max(sorted(lacking), key=lambda group: lacking[group])
        return np.where(groups == due, 1.0 + worth / max(float(worth.max()), 1e-300), 0.0)


rule = Balanced()
