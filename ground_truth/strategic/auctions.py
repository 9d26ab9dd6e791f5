"""Truth of `strategic/auctions`: an exactly solved sale, its world, and the rules of its floor."""

from ground_truth._core import Player, Rng, Truth
from ground_truth.strategic._auction_draw import draw
from ground_truth.strategic._auction_key import AuctionKey
from ground_truth.strategic._auction_policies import POLICIES, any_bid
from ground_truth.strategic._auction_relations import RELATIONS
from ground_truth.strategic._auction_solver import solved
from ground_truth.strategic._auction_view import action, state_of
from ground_truth.strategic._auction_world import AuctionWorld
from tasks import JSON, Observation
from tasks.strategic._auction_sale import AuctionPublic
from tasks.strategic.auctions import AuctionParams


def _reference(public: AuctionPublic) -> Player:
    """Bid the optimum of the exact solution, and state the exact beliefs."""
    solution = solved(public)

    def play(seen: Observation) -> JSON:
        state = state_of(public, solution.board, seen)
        bid = solution.best(state)
        win, worth = solution.chance(state, bid or solution.board.lots[state.lot][1])
        return action(public, bid, win, worth if win > 0 else 0.0)

    return play


def _noisy(reference: Player, public: AuctionPublic, rng: Rng, level: float) -> Player:
    """With probability `level` any allowed bid in the place of the reference's; beliefs drift."""
    board = solved(public).board

    def play(seen: Observation) -> JSON:
        given = reference(seen)
        if rng.random() >= level:
            return given
        bid = any_bid(board, state_of(public, board, seen), rng)
        win = (1.0 - level) * given["win_probability"] + level * rng.random()
        worth = given["expected_value"] * (1.0 - level * rng.random())
        return action(public, bid, win, worth / public.tick)

    return play


truth: Truth[AuctionParams, AuctionPublic, AuctionKey] = Truth(
    key=AuctionKey,
    draw=draw,
    oracle=lambda key: _reference(key.sale),
    reference=_reference,
    noisy=_noisy,
    policies=POLICIES,
    world=lambda key: AuctionWorld(key.sale, key.fates),
    relations=RELATIONS,
)
