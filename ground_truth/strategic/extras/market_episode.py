"""Truth of `strategic/extras/market_episode`: the published simulator and its grade.

A fill happens at a price that the next mid has passed, so each costs its distance to that mid, and
the mid is a martingale: with X ~ N(mid, s²) the next mid, one quote of size z costs in expectation

    z · (E[(b - X) 1{X ≤ b}] + E[(X - a) 1{X ≥ a, X > b}]) ≥ 0,

and nothing quoted costs 0. That is the step's regret; the optimum is 0. The published grade looks
at the profit that the path gave, luck included.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from ground_truth._core import Drawn, Player, Rng, Truth
from ground_truth.keys import EpisodeKey, Step, Verdict
from ground_truth.strategic._quoting import Dealer, optimal_spread, reservation_price
from tasks import JSON, AgentFault, Observation
from tasks.strategic.extras.market_episode import (
    PNL_SCALE,
    EpisodeParams,
    EpisodePublic,
    EpisodeQuote,
)

ASIDE: Mapping[str, JSON] = {"bid": None, "ask": None, "size": 1.0}
"""The default action: nothing is quoted."""
DEALER_AVERSION = 0.1
DEALER_DECAY = 1.5
"""The Avellaneda-Stoikov policy's parameters, as in their paper."""


@dataclass(frozen=True)
class Book:
    """The maker's state after `step` steps."""

    step: int = 0
    inventory: float = 0.0
    cash: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0
    fill: str | None = None

    def after(self, quote: EpisodeQuote, following: float) -> "Book":
        """The state once the next mid price is known."""
        traded, price, fill = 0.0, 0.0, None
        if quote.bid is not None and following <= quote.bid:
            traded, price, fill = quote.size, quote.bid, "bid"
        elif quote.ask is not None and following >= quote.ask:
            traded, price, fill = -quote.size, quote.ask, "ask"
        held = self.inventory + traded
        return replace(
            self,
            step=self.step + 1,
            inventory=held,
            cash=self.cash - traded * price,
            lowest=min(self.lowest, held),
            highest=max(self.highest, held),
            fill=fill,
        )


class MarketEpisodeKey(EpisodeKey):
    """The path, and the game it is a path of."""

    game: EpisodePublic
    path: tuple[float, ...]
    """Mid prices, shape (steps + 1,)."""

    def verdict(self, actions: Sequence[JSON]) -> Verdict:
        """The published grade; after the last action nothing is quoted."""
        book, steps = Book(), list[Step]()
        for action in actions[: self.game.steps]:
            quote = EpisodeQuote.model_validate(action)
            regret = expected_cost(quote, self.path[book.step], self.game.volatility)
            steps.append(Step(index=book.step, action=action, best=dict(ASIDE), regret=regret))
            book = book.after(quote, self.path[book.step + 1])
        profit = book.cash + book.inventory * self.path[-1]
        violations = _violations(self.game, book, profit)
        score = 0.5 + 0.5 * math.tanh(profit / PNL_SCALE)
        return Verdict(
            ability=0.0 if violations else score,
            passed=profit >= 0.0 and not violations,
            regret=math.fsum(step.regret for step in steps),
            optimum=0.0,
            scale=PNL_SCALE,
            done=len(actions) >= self.game.steps,
            steps=tuple(steps),
            safety=0.0 if violations else 1.0,
            metrics={
                "realized_pnl": profit,
                "max_abs_inventory": max(-book.lowest, book.highest),
                "final_inventory": book.inventory,
            },
            violations=violations,
        )


def _violations(game: EpisodePublic, book: Book, profit: float) -> tuple[str, ...]:
    out_of_bounds = max(-book.lowest, book.highest) > game.position_limit
    broken = {
        "position_limit": out_of_bounds,
        "loss_limit": profit < -game.loss_limit,
        # One pair of bounds serves both of the published limits on the inventory.
        "inventory_bounds": out_of_bounds,
    }
    return tuple(name for name, holds in broken.items() if holds)


def expected_cost(quote: EpisodeQuote, mid: float, volatility: float) -> float:
    """What a quote gives away on average (see the module's text), in money."""
    cost = 0.0
    if quote.bid is not None:
        d = (quote.bid - mid) / volatility
        cost += volatility * (d * _below(d) + _density(d))
    if quote.ask is not None:
        # Where the quotes cross, the bid is filled first.
        least = quote.ask if quote.bid is None else max(quote.ask, quote.bid)
        d = (least - mid) / volatility
        cost += (mid - quote.ask) * _below(-d) + volatility * _density(d)
    return max(0.0, quote.size * cost)


def _below(d: float) -> float:
    return 0.5 * math.erfc(-d / math.sqrt(2.0))


def _density(d: float) -> float:
    return math.exp(-0.5 * d * d) / math.sqrt(2.0 * math.pi)


class MarketWorld:
    """The episode at one moment."""

    def __init__(self, key: MarketEpisodeKey) -> None:
        self._key = key
        self._book = Book()
        self._profit = 0.0
        self._reward = 0.0

    def observe(self) -> Observation:
        """The state of the book at the present mid price."""
        book, steps = self._book, self._key.game.steps
        return Observation(
            view={
                "step": book.step,
                "steps": steps,
                "mid": self._key.path[book.step],
                "inventory": book.inventory,
                "cash": book.cash,
                "profit": self._profit,
                "filled": book.fill,
            },
            reward=self._reward,
            done=book.step >= steps,
        )

    def act(self, action: JSON) -> Observation:
        """Quote, and see the next mid price.

        Raises:
            AgentFault: it is no quote, its size is above the limit, or the episode has ended.
        """
        game = self._key.game
        if self._book.step >= game.steps:
            raise AgentFault(f"The episode has ended after its {game.steps} steps.")
        try:
            quote = EpisodeQuote.model_validate(action)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the action"
            raise AgentFault(
                f"An action is a quote {{bid, ask, size}}; {where}: {first['msg']}."
            ) from None
        if quote.size > game.size_limit:
            raise AgentFault(f"The size {quote.size:g} is above {game.size_limit:g}, the largest.")
        self._book = self._book.after(quote, self._key.path[self._book.step + 1])
        profit = self._book.cash + self._book.inventory * self._key.path[self._book.step]
        self._profit, self._reward = profit, profit - self._profit
        return self.observe()


def draw(params: EpisodeParams, seed: int) -> Drawn[EpisodePublic, MarketEpisodeKey]:
    """The published path of a seed: start plus the running sum of normal changes."""
    changes = params.volatility * np.random.default_rng(seed).standard_normal(params.steps)
    path = [params.start, *(params.start + np.cumsum(changes)).tolist()]
    public = EpisodePublic(
        steps=params.steps,
        start=params.start,
        volatility=params.volatility,
        position_limit=params.position_limit,
        loss_limit=params.loss_limit,
        size_limit=2.0 * params.position_limit,
    )
    return Drawn(public, MarketEpisodeKey(game=public, path=tuple(path)))


def oracle(key: MarketEpisodeKey) -> Player:
    """Foresees the path: trades at the very next mid, always at the limit on the right side."""

    def player(seen: Observation) -> JSON:
        view: dict[str, Any] = seen.view
        step = int(view["step"])
        if step + 2 >= len(key.path):
            return dict(ASIDE)
        following, after = key.path[step + 1], key.path[step + 2]
        wanted = math.copysign(key.game.position_limit, after - following)
        trade = wanted - float(view["inventory"])
        if trade == 0.0:
            return dict(ASIDE)
        side = "bid" if trade > 0.0 else "ask"
        return {**ASIDE, side: following, "size": abs(trade)}

    return player


def centred(spread: float, size: float = 1.0) -> Player:
    """The published policy of a constant spread around the mid."""

    def player(seen: Observation) -> JSON:
        mid = float(seen.view["mid"])
        return {"bid": mid - 0.5 * spread, "ask": mid + 0.5 * spread, "size": size}

    return player


def avellaneda_stoikov(public: EpisodePublic) -> Player:
    """The published policy of the closed form, with the steps left for its time to the horizon."""
    dealer = Dealer(DEALER_AVERSION, public.volatility, DEALER_DECAY)

    def player(seen: Observation) -> JSON:
        view: dict[str, Any] = seen.view
        left = float(view["steps"] - view["step"])
        middle = reservation_price(float(view["mid"]), float(view["inventory"]), dealer, left)
        half = 0.5 * optimal_spread(dealer, left)
        return {"bid": middle - half, "ask": middle + half, "size": 1.0}

    return player


def _aside(seen: Observation) -> JSON:
    return dict(ASIDE)


def _noisy(reference: Player, public: EpisodePublic, rng: Rng, level: float) -> Player:
    """In a share `level` of the steps it quotes half a standard deviation wide, size 1."""
    slips = rng.random(public.steps) < level
    tight: Callable[[Observation], JSON] = centred(0.5 * public.volatility)
    return lambda seen: tight(seen) if slips[int(seen.view["step"])] else reference(seen)


truth: Truth[EpisodeParams, EpisodePublic, MarketEpisodeKey] = Truth(
    key=MarketEpisodeKey,
    draw_open=draw,
    oracle=oracle,
    reference=lambda public: _aside,
    noisy=_noisy,
    policies={
        "aside": lambda public, rng: _aside,
        "spread_of_1": lambda public, rng: centred(public.volatility),
        "spread_of_2": lambda public, rng: centred(2.0 * public.volatility),
        "avellaneda_stoikov": lambda public, rng: avellaneda_stoikov(public),
    },
    world=MarketWorld,
)
