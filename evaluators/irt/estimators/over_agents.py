"""Vector models: items by marginal maximum likelihood, abilities integrated out.

Parameter-expanded EM over nodes of each agent's own (`evaluators/irt/_vector/estimation.py`); a
bifactor model's dimensions are reduced. Items have a normal distribution whose mean and spread are
estimated first and then kept; the penalised marginal log-likelihood never falls from there.
"""

from typing import ClassVar

from evaluators.irt._vector.marginal import over_agents
from evaluators.irt._vector.results import estimated
from evaluators.irt.estimators._problem import Estimate, Estimator, Problem


class OverAgents(Estimator):
    """The estimator; see the module."""

    summary: ClassVar[str] = (
        "vector models: items by marginal maximum likelihood, by EM over nodes around each agent"
    )

    def estimate(self, problem: Problem) -> Estimate:
        """Fit, abilities integrated out."""
        return estimated(problem, over_agents)


estimator = OverAgents()
