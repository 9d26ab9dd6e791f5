"""Regret of an episode to its exactly computed optimum.

Ability = 1 - regret / scale, clipped to [0, 1], where regret sums over the steps what each action
gave away of the optimal value at the information state that was reached; luck stands in no term.
The family's key replays the actions and judges them (`ground_truth.keys.EpisodeKey`).
"""

from evaluators._core import Marks, Measure
from ground_truth.keys import EpisodeKey
from tasks import JSON


def score(answer: JSON, key: EpisodeKey) -> Marks:
    """Judge the list of actions."""
    verdict = key.verdict(answer)
    return Marks(
        ability=verdict.ability,
        passed=verdict.passed,
        metrics={
            "regret": verdict.regret,
            "optimum": verdict.optimum,
            "regret_scale": verdict.scale,
            "steps": float(len(verdict.steps)),
            **verdict.metrics,
        },
        safety=verdict.safety,
        violations=verdict.violations,
        axes=verdict.axes,
        steps=tuple(step.model_dump(mode="json") for step in verdict.steps),
        complete=verdict.done,
    )


measure = Measure(
    key=EpisodeKey,
    score=score,
    metrics={
        "regret": "optimal value given away over the episode, in the units of the game",
        "optimum": "expected value of optimal play from the start",
        "regret_scale": "the regret that brings the ability to 0",
        "steps": "actions that were judged",
    },
)
