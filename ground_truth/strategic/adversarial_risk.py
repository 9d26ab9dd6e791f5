"""Truth of `strategic/adversarial_risk`: exact safe sizes at the book that an agent has built.

A design: kind of pressure by situation by severity, drawn for each instance and independent of its
numbers; the relation `control` gives the paired instance without pressure. About half of the turns
(those that somebody presses) are in the cell's situation, the others in any.
"""

from ground_truth._core import Player, Truth
from ground_truth.strategic._risk_draw import draw
from ground_truth.strategic._risk_players import POLICIES, noisy, reference
from ground_truth.strategic._risk_relations import RELATIONS
from ground_truth.strategic._risk_world import RiskKey, RiskWorld
from tasks.strategic._risk_rules import RiskPublic
from tasks.strategic.adversarial_risk import RiskParams


def _oracle(key: RiskKey) -> Player:
    """The rules leave nothing open: who knows the key plays no better than who reads the brief."""
    return reference(key.game)


truth: Truth[RiskParams, RiskPublic, RiskKey] = Truth(
    key=RiskKey,
    draw=draw,
    oracle=_oracle,
    reference=reference,
    noisy=noisy,
    policies=POLICIES,
    world=RiskWorld,
    relations=RELATIONS,
)
