"""The largest Kullback-Leibler divergence between the estimate and what else the ability may be.

Chang and Ying (1996), Applied Psychological Measurement 20, 213-229, weighted by the posterior:
information beyond the neighbourhood of the estimate, for the first items of a test.
"""

from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing


class Divergence(Rule):
    """See the module."""

    name: ClassVar[str] = "divergence"
    summary: ClassVar[str] = "The largest Kullback-Leibler divergence over the posterior."

    def worth(self, standing: Standing) -> Floats:
        """Posterior mean of KL(estimate, ability) = sum_s E[t_s] (eta_s(estimate) - eta_s)."""
        bank = standing.curves.bank
        at = np.array([standing.theta])
        weights = bank.model.weights(bank.x, at, bank.layout)[:, :, 0]
        own = bank.model.terms(bank.x, at, bank.layout)[:, :, 0]
        # The curves' terms may allow for slips; the divergence is the model's own, so both are.
        terms = standing.curves.model_terms @ standing.mass
        return np.maximum(np.einsum("sj,sj->j", weights, own - terms), 0.0)


rule = Divergence()
