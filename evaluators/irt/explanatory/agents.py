"""Ability as LLM plus scaffold, and predicted for combinations that nobody has run.

    theta_i = mu + l_llm(i) + c_scaffold(i) + e_i,   l, c, e normal with variances of their own

A linear mixed model on estimated abilities and their standard errors. Labels that are unknown ('')
have no effect of their own. Source: the additive 1PL of agents (LLM + scaffold); variance
components by restricted maximum likelihood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Covariates, Floats
from evaluators.irt.explanatory._features import indicators, known
from evaluators.irt.explanatory._mixed import Mixed, mixed
from evaluators.irt.explanatory.items import Coefficient
from tasks import UsageError, nearest

PARTS = ("llm", "scaffold")
"""The labels that make an agent, by default."""


@dataclass(frozen=True)
class Part:
    """What one label does."""

    label: str
    sd: float
    """Of its effects: how much the choice of it matters."""
    effects: tuple[Coefficient, ...]
    """By value of the label, best first."""


@dataclass(frozen=True)
class AgentExplanation:
    """What the parts of an agent tell of its ability."""

    intercept: float
    parts: tuple[Part, ...]
    residual_sd: float
    explained: float
    """Share of the true variance of ability that the parts explain."""
    values: tuple[tuple[str, ...], ...]
    """The values of each part that were seen, in the order of `fitted.effects`."""
    fitted: Mixed

    def predict(self, labels: Mapping[str, Sequence[str]]) -> tuple[Floats, Floats]:
        """Mean and sd of the ability of agents made of these parts; each (agents,).

        A value that was never seen stands at 0 with its part's full spread.

        Raises:
            UsageError: a part is missing.
        """
        for part in self.parts:
            if part.label not in labels:
                raise UsageError(
                    f"Of what {part.label} are the agents?{nearest(part.label, list(labels))} The "
                    f"explanation is by {', '.join(one.label for one in self.parts)}."
                )
        blocks = [
            indicators(labels[part.label], seen)
            for part, seen in zip(self.parts, self.values, strict=True)
        ]
        mean, variance = self.fitted.predict(blocks)
        for part, block in zip(self.parts, blocks, strict=True):
            variance = variance + part.sd**2 * (block.sum(axis=1) == 0)
        return mean, np.sqrt(variance)


def explain_agents(
    abilities: Abilities, covariates: Covariates, parts: Sequence[str] = PARTS
) -> AgentExplanation:
    """Split abilities into what their parts bring.

    Args:
        abilities: Of N agents, one dimension.
        covariates: Their labels.
        parts: Which labels; each needs at least two known values.

    Raises:
        UsageError: a label is not there, has fewer than two values, or abilities have dimensions.
    """
    if abilities.theta.ndim != 1:
        raise UsageError("An explanation of agents is of one ability; this fit has several.")
    for label in parts:
        if label not in covariates.labels:
            raise UsageError(
                f"No column {label!r} tells of the agents.{nearest(label, list(covariates.labels))}"
                " Give it beside the scores, or in a side file (`--agents AGENTS.csv`)."
            )
        if len(known(covariates.labels[label])) < 2:
            raise UsageError(
                f"The column {label!r} has fewer than two values; it explains nothing."
            )
    values = tuple(known(covariates.labels[label]) for label in parts)
    blocks = [
        indicators(covariates.labels[label], seen)
        for label, seen in zip(parts, values, strict=True)
    ]
    fitted = mixed(abilities.theta, abilities.se, blocks)
    return AgentExplanation(
        intercept=fitted.mean,
        parts=tuple(
            Part(label, float(np.sqrt(fitted.variances[k])), _ranked(values[k], fitted, k))
            for k, label in enumerate(parts)
        ),
        residual_sd=float(np.sqrt(fitted.residual)),
        explained=fitted.explained,
        values=values,
        fitted=fitted,
    )


def _ranked(values: Sequence[str], fitted: Mixed, k: int) -> tuple[Coefficient, ...]:
    effects = [
        Coefficient(value, float(effect), float(se))
        for value, effect, se in zip(values, fitted.effects[k], fitted.effects_se[k], strict=True)
    ]
    return tuple(sorted(effects, key=lambda effect: (-effect.estimate, effect.name)))
