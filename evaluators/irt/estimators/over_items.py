"""Exploratory vector models with more items than agents: abilities by marginal maximum likelihood.

What there is much of is integrated out (`evaluators/irt/_vector/exchange.py`): items have a
posterior each, under a normal distribution that is estimated with the abilities.
"""

from typing import ClassVar

from evaluators.irt._vector.exchange import over_items
from evaluators.irt._vector.results import estimated
from evaluators.irt.estimators._problem import Estimate, Estimator, Problem
from tasks import UsageError


class OverItems(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = (
        "exploratory vector models of few agents: abilities by marginal maximum likelihood"
    )

    def estimate(self, problem: Problem) -> Estimate:
        """Fit, items integrated out.

        Raises:
            UsageError: the model is not an exploratory one.
        """
        if problem.plan is None or not problem.plan.exploratory:
            raise UsageError(
                "The estimator over_items is for exploratory fits: fixed zeros of a pattern or of "
                "groups need `over_agents`."
            )
        return estimated(problem, over_items)


estimator = OverItems()
