"""Belief, decision and forecast about a hidden Markov world, each against its exact value.

Ability = .4 belief + .35 decision + .25 calibration, as the brief states it. Belief is 1 minus the
mean total variation distance of the two posteriors; decision weighs the regret of the chosen plan
(.7) and the error of its stated value (.3), both on the scale of best minus mean plan; calibration
is 1 - √(½ Σ (p - q)²), where Σ (p - q)² is the expected Brier score of the forecast p above that of
the exact q (Murphy, "A new vector partition of the probability score", J. Appl. Meteorol. 12,
1973). It passes if every one of the five gaps is at most .05.
"""

from evaluators._core import Marks, Measure
from ground_truth.strategic._regimes_key import RegimesKey
from tasks import JSON


def score(answer: JSON, key: RegimesKey) -> Marks:
    """Compare the five parts of the answer with the key."""
    gaps = key.gaps(answer)
    return Marks(
        ability=gaps.ability,
        passed=gaps.passes,
        metrics={
            "now_tv_error": gaps.now,
            "earlier_tv_error": gaps.earlier,
            "passage_brier_error": gaps.passage,
            "regret": gaps.regret,
            "value_error": gaps.value,
        },
        axes={
            "belief": gaps.belief,
            "decision": gaps.decision,
            "calibration": gaps.calibration,
        },
    )


measure = Measure(
    key=RegimesKey,
    score=score,
    metrics={
        "now_tv_error": "total variation distance to the exact present posterior, in [0, 1]",
        "earlier_tv_error": "total variation distance to the exact smoothed posterior, in [0, 1]",
        "passage_brier_error": "root of half the excess expected Brier score, in [0, 1]",
        "regret": "pay-off given away by the chosen plan, in units of best minus mean, at most 1",
        "value_error": "error of the stated value, in units of best minus mean, at most 1",
    },
)
