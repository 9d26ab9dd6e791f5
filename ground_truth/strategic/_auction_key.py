"""The key of a sale, and how a sequence of bids is judged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ground_truth.keys import EpisodeKey, Step, Verdict
from ground_truth.strategic._auction_solver import Solution, State, solved
from ground_truth.strategic._auction_view import action, bid_of, money
from ground_truth.strategic._auction_world import AuctionWorld, Fate
from tasks import JSON, AgentFault
from tasks.strategic._auction_sale import PASS_MARK, WIN_SPREAD, AuctionPublic

_CLOSE = 1e-9
"""Ticks of regret that are rounding."""


class AuctionKey(EpisodeKey):
    """The hidden draws of a sale."""

    sale: AuctionPublic
    house_type: int
    """Index of the house's type; 0 where there is no house."""
    fates: tuple[Fate, ...]
    """One a lot."""

    def verdict(self, actions: Sequence[JSON]) -> Verdict:
        """Judge the bids by exact regret, and the stated beliefs by the exact ones."""
        solution, world = solved(self.sale), AuctionWorld(self.sale, self.fates)
        given = [*actions, *[None] * len(self.fates)][: len(self.fates)]
        judged = [_judged(self.sale, solution, world, one) for one in given]
        verdict = _verdict(self.sale, solution.optimum, judged, done=len(actions) >= len(given))
        return verdict.model_copy(update={"metrics": {"surplus": world.surplus, **verdict.metrics}})


@dataclass(frozen=True)
class _Judged:
    """One bid beside the optimum; amounts in ticks."""

    state: State
    bid: int
    best: int
    best_chance: tuple[float, float]
    """P(win) and E[value | win] of the optimal bid."""
    given: JSON
    regret: float
    win: float
    worth: float
    """E[value | the bid wins]; NaN where it cannot win."""
    cursed: bool
    """Common value: E[price | win] above E[value | win]; private value: the bid above the value."""
    refused: bool


def _judged(public: AuctionPublic, solution: Solution, world: AuctionWorld, given: JSON) -> _Judged:
    """Take one step and judge it; an action that was not taken, or was refused, passes."""
    state, board = world.state, solution.board
    refused = False
    try:
        bid = 0 if given is None else bid_of(public, board, state, given)
    except AgentFault:
        bid, refused = 0, True
    worths = solution.worths(state)
    regret = float(worths.max() - worths[bid])
    best, reserve = solution.best(state), board.lots[state.lot][1]
    win, worth = solution.chance(state, bid or reserve)
    common = board.classes[board.lots[state.lot][0]].common
    price = solution.price(state, bid) if common and bid else bid
    world.act({"bid": money(public, bid)})
    return _Judged(
        state=state,
        bid=bid,
        best=best,
        best_chance=solution.chance(state, best or reserve),
        given=given,
        regret=regret if regret > _CLOSE else 0.0,
        win=win,
        worth=worth,
        cursed=bid > 0 and price > worth + _CLOSE,
        refused=refused,
    )


def _verdict(
    public: AuctionPublic, optimum: float, judged: list[_Judged], *, done: bool
) -> Verdict:
    regret = money(public, math.fsum(one.regret for one in judged))
    ability = min(1.0, max(0.0, 1.0 - regret / public.scale))
    wins = [_closeness(_win_error(one) / WIN_SPREAD) for one in judged]
    values = [_closeness(error) for error in _value_errors(public, judged)]
    axes = {"decision": ability, "calibration": _mean(wins)}
    if values:
        axes["belief"] = _mean(values)
    return Verdict(
        ability=ability,
        passed=done and ability >= PASS_MARK,
        regret=regret,
        optimum=money(public, optimum),
        scale=public.scale,
        done=done,
        steps=tuple(_step(public, one) for one in judged),
        axes=axes,
        metrics=_conduct(public, judged),
        violations=("refused_bid",) if any(one.refused for one in judged) else (),
    )


def _closeness(error: float) -> float:
    return max(0.0, 1.0 - error)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _number(given: JSON, field: str) -> float | None:
    value = given.get(field) if isinstance(given, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _win_error(one: _Judged) -> float:
    """Distance of the stated probability to the exact one; 1 if none was stated."""
    stated = _number(one.given, "win_probability")
    return 1.0 if stated is None else abs(stated - one.win)


def _value_errors(public: AuctionPublic, judged: Sequence[_Judged]) -> list[float]:
    """Errors of `expected_value` on common-value lots, in spreads; 1 where none was stated."""
    errors: list[float] = []
    for one in judged:
        lot_class = public.classes[public.lots[one.state.lot].lot_class]
        if lot_class.basis == "common" and not math.isnan(one.worth):
            stated = _number(one.given, "expected_value")
            exact = money(public, one.worth)
            errors.append(1.0 if stated is None else abs(stated - exact) / lot_class.spread)
    return errors


def _conduct(public: AuctionPublic, judged: Sequence[_Judged]) -> dict[str, float]:
    """Rates of passing, and of bids that win too dear, apart by where the value comes from."""
    found = {"pass_rate": _mean([float(one.bid == 0) for one in judged])}
    for basis, name in (("common", "winner_curse"), ("private", "overbidding")):
        over = [
            float(one.cursed)
            for one in judged
            if one.bid and public.classes[public.lots[one.state.lot].lot_class].basis == basis
        ]
        if over:
            found[name] = _mean(over)
    return found


def _step(public: AuctionPublic, one: _Judged) -> Step:
    win, worth = one.best_chance
    return Step(
        index=one.state.lot,
        action=one.given,
        best=action(public, one.best, win, 0.0 if math.isnan(worth) else worth),
        regret=money(public, one.regret),
        note=_note(one),
    )


def _note(one: _Judged) -> str:
    """What went wrong, in words."""
    if one.given is None:
        return "not played: passed"
    if one.refused:
        return "the bid is not allowed: passed"
    if one.regret == 0.0:
        return ""
    if one.cursed:
        return "above what the lot is worth if the bid wins"
    if one.best == 0:
        return "passing is better"
    return "too low" if one.bid < one.best else "too high"
