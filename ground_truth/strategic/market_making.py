"""Truth of `strategic/market_making`: what is drawn, who plays, what the relations are.

The optimum is exact (`_making_optimum`), the score is regret to it at the states reached
(`_making_key`), the floor is the best of the simple rules (`_making_rules`).
"""

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.strategic._making_draw import happenings, worthwhile
from ground_truth.strategic._making_key import MakingKey
from ground_truth.strategic._making_play import noisy, optimal, random, ruled
from ground_truth.strategic._making_relations import paraphrased, permuted, relabelled, rescaled
from tasks.strategic.market_making import MakingParams, MakingPublic

RULES = (
    "tight",
    "middle",
    "wide",
    "spread",
    "double_spread_unwinding",
    "no_quotes",
    "avellaneda_stoikov",
    "best_constant",
    "best_skew",
    "myopic",
    "exit_next",
    "carry_on",
)
"""Rules of `_making_rules`, which every instance has."""


def draw(params: MakingParams, rng: Rng) -> Drawn[MakingPublic, MakingKey]:
    """Draw a market that is worth playing, then what happens in it.

    Raises:
        ValueError: no such market was found.
    """
    public = worthwhile(params, rng)
    path, events = happenings(public, rng)
    return Drawn(public, MakingKey(game=public, path=path, events=events))


truth: Truth[MakingParams, MakingPublic, MakingKey] = Truth(
    key=MakingKey,
    draw=draw,
    oracle=lambda key: optimal(key.game),
    reference=optimal,
    noisy=noisy,
    policies={"random": random} | {name: ruled(name) for name in RULES},
    world=MakingKey.world,
    relations={
        "units": rescaled,
        "relabel": relabelled,
        "permute": permuted,
        "paraphrase": paraphrased,
    },
)
