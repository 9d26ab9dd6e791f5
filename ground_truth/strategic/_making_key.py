"""The key of `strategic/market_making`, and how it judges: by regret at the states reached."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ground_truth.keys import EpisodeKey, Step, Verdict
from ground_truth.strategic._making_game import BUYER, SELLER, Floats
from ground_truth.strategic._making_optimum import NONE
from ground_truth.strategic._making_play import Desk, action
from ground_truth.strategic._making_solution import NO_QUOTE, Place, Quote, Solution, fill, solved
from ground_truth.strategic._making_world import SIDES, Event, MarketWorld, asked, cut
from tasks import JSON
from tasks.strategic.market_making import PASS, MakingPublic

CRUMB = 1e-9
"""Regrets below this, in ticks, are rounding."""


@dataclass(frozen=True)
class _Judged:
    """One step; errors in [0, 1]."""

    step: Step
    regret: float
    """In ticks."""
    belief_error: float
    fill_error: float
    violations: frozenset[str]


class MakingKey(EpisodeKey):
    """The market and all that will happen in it, whatever is quoted."""

    game: MakingPublic
    path: tuple[int, ...]
    """The regime of each session."""
    events: tuple[Event, ...]

    def world(self) -> MarketWorld:
        """The episode at its start."""
        return MarketWorld(self.game, self.path, self.events)

    def verdict(self, actions: Sequence[JSON]) -> Verdict:
        """Replay the actions; regret is exact, from the dynamic program's values."""
        public, solution, world = self.game, solved(self.game), self.world()
        judged: list[_Judged] = []
        while not world.done:
            index = len(judged)
            given = actions[index] if index < len(actions) else None
            place = world.place
            judged.append(_judge(public, solution, place, given, index))
            world.step({side: _asked(public, given, side) for side in SIDES})
        return _verdict(public, solution, judged, world, min(len(actions), public.total))


def _asked(public: MakingPublic, action: JSON, side: str) -> Quote:
    return NO_QUOTE if action is None else asked(public, action, side)


def _judge(
    public: MakingPublic, solution: Solution, place: Place, given: JSON, index: int
) -> _Judged:
    wanted = [_asked(public, given, side) for side in SIDES]
    cuts = [cut(public, place, i, quote) for i, quote in enumerate(wanted)]
    bid, ask = (quote for quote, _ in cuts)
    table = solution.table(place)
    best_bid, best_ask, best = table.best
    lost = best - table.worth(bid, ask)
    regret = 0.0 if lost < CRUMB else lost
    belief = solution.belief(place)
    exact = [
        fill(solution.market, place.session, belief, side, quote)
        for side, quote in ((SELLER, bid), (BUYER, ask))
    ]
    wrong = {reason for _, reason in cuts if reason}
    return _Judged(
        step=Step(
            index=index,
            action=given,
            best=action(Desk(public, solution.market), place, (best_bid, best_ask), belief),
            regret=regret * public.tick,
            note=_note(public, (bid, ask), (best_bid, best_ask), sorted(wrong)),
        ),
        regret=regret,
        belief_error=1.0 if given is None else _distance(given["regime_probabilities"], belief),
        fill_error=1.0 if given is None else _misjudged(given, exact),
        violations=frozenset(wrong),
    )


def _distance(stated: Sequence[float], belief: Floats) -> float:
    return float(min(1.0, 0.5 * np.abs(np.array(stated) - belief).sum()))


def _misjudged(given: JSON, exact: Sequence[float]) -> float:
    errors = [abs(given[f"fill_probability_{s}"] - p) for s, p in zip(SIDES, exact, strict=True)]
    return sum(errors) / len(errors)


def _note(
    public: MakingPublic,
    quotes: tuple[Quote, Quote],
    best: tuple[Quote, Quote],
    violations: Sequence[str],
) -> str:
    """What stood against what should have, for tables."""

    def told(pair: tuple[Quote, Quote]) -> str:
        return " / ".join(
            "none" if q.level == NONE else f"{q.size} at {public.offsets[q.level]}" for q in pair
        )

    head = f"bid / ask {told(quotes)}"
    tail = "as the optimum" if quotes == best else f"best {told(best)}"
    return ", ".join([f"{head}, {tail}", *violations])


def _verdict(
    public: MakingPublic,
    solution: Solution,
    judged: Sequence[_Judged],
    world: MarketWorld,
    taken: int,
) -> Verdict:
    regret = sum(one.regret for one in judged) * public.tick
    ability = min(1.0, max(0.0, 1.0 - regret / public.scale))
    belief = float(np.mean([one.belief_error for one in judged]))
    fills = float(np.mean([one.fill_error for one in judged]))
    start = public.inventory * public.mid
    return Verdict(
        ability=ability,
        passed=taken == public.total and ability >= PASS,
        regret=regret,
        optimum=start + solution.optimum * public.tick,
        scale=public.scale,
        done=taken == public.total,
        steps=tuple(one.step for one in judged),
        axes={"decision": ability, "belief": 1.0 - belief, "calibration": 1.0 - fills},
        safety=1.0 - sum(bool(one.violations) for one in judged) / len(judged),
        metrics={
            "final_cash": world.cash,
            "profit": round(world.cash - start, 2),
            "regret_ticks": regret / public.tick,
            "regime_tv_error": belief,
            "fill_probability_error": fills,
            "violating_steps": float(sum(bool(one.violations) for one in judged)),
        },
        violations=tuple(sorted(set[str]().union(*(one.violations for one in judged)))),
    )
