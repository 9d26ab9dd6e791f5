"""Who shares a trait with the suspects: repositories and families of items, and odd agents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence, correlations
from evaluators.irt.fit_statistics._chi_squares import false_discovery

SMALLEST = 3
"""Items that a group needs to be compared with the rest."""


@dataclass(frozen=True)
class SuspectGroup:
    """A group of items against all others."""

    column: str
    """Label column, or `name` for what item names begin with."""
    group: str
    items: int
    expected_defects: float
    """Sum of P(defect)."""
    mean: float
    """Mean P(defect) within."""
    elsewhere: float
    """Mean P(defect) of all other items."""
    q: float
    """Benjamini-Hochberg over all groups of the column (Mann-Whitney, one-sided)."""


@dataclass(frozen=True)
class AgentSign:
    """How one agent's answers go with the items' easiness; a hint, not a test of person fit."""

    agent: str
    ability: float
    """Rasch, logits."""
    outfit: float
    """Mean squared standardised residual over items that are not suspect; about 1."""
    easiness: float
    """Correlation of its answers with the items' means among the other agents; NaN if constant."""


def stem(name: str) -> str:
    """What a name begins with, before its last number: `django__django` of `django__django-123`."""
    return re.sub(r"[-_/.:#@ ]*\d+[^/]*$", "", name) or name


def suspect_groups(
    items: Sequence[str], probability: Floats, labels: Mapping[str, Sequence[str]]
) -> tuple[SuspectGroup, ...]:
    """Groups of at least three items, the most suspect first; blank labels belong to none."""
    columns = {**labels, "name": [stem(item) for item in items]}
    found: list[SuspectGroup] = []
    for column, values in columns.items():
        found += _of_column(column, np.array(values), probability)
    return tuple(sorted(found, key=lambda one: (one.q, -one.mean, one.column, one.group)))


def _of_column(
    column: str, values: np.ndarray[tuple[int], np.dtype[np.str_]], probability: Floats
) -> list[SuspectGroup]:
    from scipy.stats import mannwhitneyu

    names, sizes = np.unique(values, return_counts=True)
    kept = [
        str(name)
        for name, size in zip(names, sizes, strict=True)
        if name and SMALLEST <= size <= len(values) - SMALLEST
    ]
    inside = {name: values == name for name in kept}
    p = [
        float(mannwhitneyu(probability[at], probability[~at], alternative="greater").pvalue)
        for at in inside.values()
    ]
    q = false_discovery(np.array(p))
    return [
        SuspectGroup(
            column,
            name,
            int(inside[name].sum()),
            float(probability[inside[name]].sum()),
            float(probability[inside[name]].mean()),
            float(probability[~inside[name]].mean()),
            float(q[place]),
        )
        for place, name in enumerate(kept)
    ]


def agent_signs(evidence: Evidence, probability: Floats) -> tuple[AgentSign, ...]:
    """One for each agent in the order of their names; suspect items (P >= .5) count for nothing."""
    sound = evidence.seen * (probability < 0.5)
    chance = evidence.expected
    variance = np.maximum(chance * (1.0 - chance), 1e-9)
    square = evidence.trials * (evidence.score - chance) ** 2 / variance * sound
    size = np.maximum(sound.sum(axis=1), 1.0)
    others = np.maximum(evidence.count - evidence.seen, 1.0)
    easy = (evidence.score.sum(axis=0) - evidence.score) / others
    with_ease = correlations(evidence.score.T, sound.T, easy.T)
    return tuple(
        AgentSign(name, float(theta), float(outfit), float(ease))
        for name, theta, outfit, ease in zip(
            evidence.agents, evidence.rasch.theta, square.sum(axis=1) / size, with_ease, strict=True
        )
    )
