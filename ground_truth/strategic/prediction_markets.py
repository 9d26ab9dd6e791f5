"""Truth of `strategic/prediction_markets`: exact play of a market over several rounds.

The optimum is backward induction over (reports counted, position, orders left, outside moves), see
`_prediction_values`; the regret of an action is what it gives away of that value at the state of
information that was reached. The scale is twice the smallest expected regret of the simple rules
of `_prediction_rules`, so a rule that knows every probability but looks one round ahead gets about
one half. A game is drawn anew unless that regret is a fair share of what there is to win.
"""

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.strategic._prediction_draws import course, game
from ground_truth.strategic._prediction_play import PredictionKey, PredictionWorld
from ground_truth.strategic._prediction_players import POLICIES, noisy, optimal
from ground_truth.strategic._prediction_relations import RELATIONS
from tasks.strategic.prediction_markets import PredictionParams, PredictionPublic


def draw(params: PredictionParams, rng: Rng) -> Drawn[PredictionPublic, PredictionKey]:
    """Draw the stated game, then its hidden course.

    Raises:
        ValueError: no game worth playing was found.
    """
    public = game(params, rng)
    outcome, reports, moves = course(public, rng)
    return Drawn(public, PredictionKey(game=public, outcome=outcome, reports=reports, moves=moves))


truth: Truth[PredictionParams, PredictionPublic, PredictionKey] = Truth(
    key=PredictionKey,
    draw=draw,
    oracle=lambda key: optimal(key.game),
    reference=optimal,
    noisy=noisy,
    policies=POLICIES,
    world=PredictionWorld,
    relations=RELATIONS,
)
