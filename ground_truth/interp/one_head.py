"""Truth of interp/one_head: draw, solvers and floors."""

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.interp._circuits import POLICIES, halves, noisy, oracle, reference
from ground_truth.keys import EdgeSetKey
from ground_truth.organisms.one_head import draw_one_head
from tasks.interp.one_head import OneHeadParams, OneHeadPublic


def _draw(params: OneHeadParams, rng: Rng) -> Drawn[OneHeadPublic, EdgeSetKey]:
    return halves(draw_one_head(params, rng), OneHeadPublic, rng)


truth = Truth(
    key=EdgeSetKey,
    draw=_draw,
    oracle=oracle,
    reference=reference,
    noisy=noisy,
    policies=POLICIES,
)
