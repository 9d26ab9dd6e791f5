"""Vector models: integrates out what there is more of.

That is `over_items` where an exploratory fit has more items than agents, else `over_agents`. The
longer side's parameters grow in number with the data; estimating them all would bias what the other
side comes to (Neyman and Scott 1948).
"""

from typing import ClassVar

from evaluators.irt.estimators._problem import Estimate, Estimator, Problem
from evaluators.irt.estimators.over_agents import estimator as over_agents
from evaluators.irt.estimators.over_items import estimator as over_items


class Adaptive(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = (
        "vector models: integrates over items or over agents, whichever there are more of"
    )

    def estimate(self, problem: Problem) -> Estimate:
        """Fit."""
        cells, plan = problem.cells, problem.plan
        wide = plan is not None and plan.exploratory and cells.n_items > cells.n_agents
        return (over_items if wide else over_agents).estimate(problem)


estimator = Adaptive()
