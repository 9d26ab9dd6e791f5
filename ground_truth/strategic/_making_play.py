"""Players of `strategic/market_making`: the optimal one, the rules, a spoiled and a random one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ground_truth._core import Player, Rng
from ground_truth.strategic._making_game import BUYER, SELLER, Floats, Game, game
from ground_truth.strategic._making_optimum import NONE, Rule, Side, Stage
from ground_truth.strategic._making_rules import book
from ground_truth.strategic._making_solution import NO_QUOTE, Place, Quote, fill, solved
from ground_truth.strategic._making_world import cut, placed
from tasks import JSON, Observation
from tasks.strategic.market_making import MakingPublic


@dataclass(frozen=True)
class Desk:
    """An instance, and its numbers."""

    public: MakingPublic
    market: Game


def action(desk: Desk, place: Place, quotes: tuple[Quote, Quote], belief: Floats) -> JSON:
    """The action that posts these quotes and states what follows from a belief."""
    public, market = desk.public, desk.market
    out: dict[str, JSON] = {"regime_probabilities": belief.tolist()}
    for side, name in ((SELLER, "bid"), (BUYER, "ask")):
        quote, _ = cut(public, place, side, quotes[side])
        out[f"{name}_offset"] = None if quote.level == NONE else public.offsets[quote.level]
        out[f"{name}_size"] = quote.size
        out[f"fill_probability_{name}"] = fill(market, place.session, belief, side, quote)
    return out


def optimal(public: MakingPublic) -> Player:
    """Plays the optimum."""
    solution = solved(public)
    desk = Desk(public, solution.market)

    def player(observed: Observation) -> JSON:
        place = placed(public, observed.view)
        bid, ask, _ = solution.table(place).best
        return action(desk, place, (bid, ask), solution.belief(place))

    return player


def ruled(name: str) -> Callable[[MakingPublic, Rng], Player]:
    """Makes players of a rule of the book."""

    def policy(public: MakingPublic, rng: Rng) -> Player:
        rules, market = book(public), game(public)
        reads = name in rules.reading
        rule = rules.reading[name] if reads else rules.blind[name]

        def player(observed: Observation) -> JSON:
            place = placed(public, observed.view)
            counts = place.counts if reads else (0, 0, 0, 0)
            belief = market.belief(place.last, counts)
            stage = Stage(
                market,
                place.session,
                place.left(market),
                belief[None, None, :],
                np.array([place.inventory]),
            )
            return action(Desk(public, market), place, _one(rule, stage), belief)

        return player

    return policy


def _one(rule: Rule, stage: Stage) -> tuple[Quote, Quote]:
    bid, ask = rule(stage)
    return _quote(bid), _quote(ask)


def _quote(side: Side) -> Quote:
    level, size = int(side.level.ravel()[0]), int(side.size.ravel()[0])
    return NO_QUOTE if level == NONE else Quote(level, size)


def random(public: MakingPublic, rng: Rng) -> Player:
    """Quotes drawn evenly over the grid, none included; flat beliefs."""
    flat = np.full(len(public.regimes), 1.0 / len(public.regimes))

    def quote() -> Quote:
        level = int(rng.integers(NONE, len(public.offsets)))
        size = int(rng.integers(1, len(public.size_uninformed) + 1))
        return NO_QUOTE if level == NONE else Quote(level, size)

    desk = Desk(public, game(public))

    def player(observed: Observation) -> JSON:
        return action(desk, placed(public, observed.view), (quote(), quote()), flat)

    return player


def noisy(reference: Player, public: MakingPublic, rng: Rng, level: float) -> Player:
    """The reference, at each step replaced by a random action with probability `level`."""
    other = random(public, rng)

    def player(observed: Observation) -> JSON:
        spoil = rng.random() < level
        return other(observed) if spoil else reference(observed)

    return player
