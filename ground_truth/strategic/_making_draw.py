"""Draws instances of `strategic/market_making`: the market, and what will happen in it.

A market is drawn anew until optimal play is worth clearly more than every simple rule. That looks
at the public half alone, so the hidden draws keep their stated law.
"""

from typing import cast

import numpy as np

from ground_truth._core import Rng
from ground_truth.strategic._making_game import Ints, game, hidden
from ground_truth.strategic._making_optimum import at_start, backward
from ground_truth.strategic._making_rules import written
from ground_truth.strategic._making_world import Event
from ground_truth.strategic._stated import pick, some, stated
from tasks.strategic._market_prose import SETTINGS, Setting, Voice
from tasks.strategic._tables import Numbers
from tasks.strategic.market_making import (
    DIGITS,
    Acceptance,
    MakingParams,
    MakingPublic,
    Regime,
    Section,
    Session,
    Style,
)

DRAWS_MAX = 200
MARGIN = 0.06
"""Least share of the worth of trading at all that the best simple rule leaves to be had."""
TICKS = (1, 2, 5, 10, 25)
_NUMBERS: tuple[Numbers, ...] = ("decimal", "percent", "parts")
_VOICES: tuple[Voice, ...] = ("letter", "rulebook")
_SECTIONS: tuple[Section, ...] = ("calendar", "customers", "quotes")


def worthwhile(params: MakingParams, rng: Rng) -> MakingPublic:
    """Draw markets until one is worth playing; give it with its scale.

    Raises:
        ValueError: none in `DRAWS_MAX` draws.
    """
    for _ in range(DRAWS_MAX):
        public = market(params, rng)
        scale = _scale(public)
        if scale is not None:
            return public.model_copy(update={"scale": scale})
    raise ValueError(f"no market worth playing in {DRAWS_MAX} draws of {params!r}")


def _scale(public: MakingPublic) -> float | None:
    """Twice the best rule's expected regret in the displayed unit; None if it is too small."""
    numbers = game(public)
    graph = hidden(numbers)
    optimum = float(at_start(numbers, graph, backward(numbers, graph)))
    rules = written(numbers).values(numbers, graph)
    regret = optimum - max(rules.values())
    if regret < MARGIN * (optimum - rules["no_quotes"]):
        return None
    return round(200 * regret) * public.tick / 100


def market(params: MakingParams, rng: Rng) -> MakingPublic:
    """Draw a market; its scale is not known yet."""
    name = str(rng.choice(sorted(SETTINGS)))
    setting = SETTINGS[name]
    tick = int(rng.choice(TICKS))
    offsets = np.cumsum(rng.integers(1, 3, params.offsets))
    moves = rng.integers(offsets[len(offsets) // 2], offsets[-1] + 3, 2)
    half = len(offsets) // 2

    def amount(low: float, high: float) -> float:
        return round(100 * rng.uniform(low, high)) * tick / 100

    return MakingPublic(
        asset=some(setting.assets, 1, rng)[0],
        tick=tick,
        mid=int(rng.integers(200, 2000)) * tick,
        inventory=int(rng.integers(-params.limit // 2, params.limit // 2 + 1)),
        regimes=_regimes(params, setting, rng),
        initial=tuple(stated(rng.dirichlet(4 * np.ones(params.regimes)), DIGITS)),
        transition=_transition(params, rng),
        sessions=_sessions(params, setting, tick, rng),
        steps=params.steps,
        offsets=tuple(int(offset) * tick for offset in offsets),
        bid=_acceptance(offsets, rng),
        ask=_acceptance(offsets, rng),
        size_uninformed=tuple(stated(rng.dirichlet(3 * np.ones(params.sizes)), DIGITS)),
        size_informed=tuple(stated(rng.dirichlet(1.0 + np.arange(params.sizes)), DIGITS)),
        limit=params.limit,
        strikes=params.strikes,
        move_up=int(moves[0]) * tick,
        move_down=int(moves[1]) * tick,
        noise=params.noise * tick,
        rebate=amount(-0.3, 0.4),
        stipend=amount(0.2, 1.0),
        width=int(offsets[rng.integers(half + 1)] + offsets[rng.integers(half + 1)]) * tick,
        borrow=amount(0.0, 0.3 * params.asymmetry),
        liquidation=amount(0.5, 2.5),
        scale=0.0,
        style=style(name, rng),
    )


def _regimes(params: MakingParams, setting: Setting, rng: Rng) -> tuple[Regime, ...]:
    """Quiet, informed sellers, informed buyers: as many of the three as there are regimes."""
    low = rng.uniform(0.02, 0.15, (3, 2))
    high = params.toxicity * rng.uniform(0.75, 1.0, 2)
    low[1, 0], low[2, 1] = high
    rows = low[rng.permutation(3)[: params.regimes]]
    names = some(setting.regimes, params.regimes, rng)
    return tuple(
        Regime(name=name, informed_sellers=round(s, DIGITS), informed_buyers=round(b, DIGITS))
        for name, (s, b) in zip(names, rows.tolist(), strict=True)
    )


def _transition(params: MakingParams, rng: Rng) -> tuple[tuple[float, ...], ...]:
    stay = params.persistence * np.eye(params.regimes)
    rows = rng.dirichlet(3 * np.ones(params.regimes), params.regimes)
    return tuple(tuple(stated(row, DIGITS)) for row in stay + (1.0 - params.persistence) * rows)


def _sessions(params: MakingParams, setting: Setting, tick: int, rng: Rng) -> tuple[Session, ...]:
    spread = 0.05 + 0.2 * params.asymmetry
    out: list[Session] = []
    for name in setting.sessions[: params.sessions]:
        sellers, buyers = np.minimum(0.35 + spread * rng.uniform(-1.0, 1.0, 2), 0.48)
        out.append(
            Session(
                name=name,
                sellers=round(float(sellers), DIGITS),
                buyers=round(float(buyers), DIGITS),
                holding=int(rng.integers(1, 13)) * tick / 100,
            )
        )
    return tuple(out)


def _acceptance(offsets: Ints, rng: Rng) -> Acceptance:
    """Falls in the offset, in uneven steps; faster for the uninformed."""
    gaps = np.diff(offsets, prepend=0)

    def falling(start: float, low: float, high: float) -> tuple[float, ...]:
        factors = rng.uniform(low, high, len(gaps)) ** gaps
        factors[0] = 1.0
        return tuple(max(0.01, round(float(p), DIGITS)) for p in start * np.cumprod(factors))

    return Acceptance(
        uninformed=falling(rng.uniform(0.75, 0.97), 0.62, 0.88),
        informed=falling(rng.uniform(0.9, 0.99), 0.88, 0.99),
    )


def style(setting: str, rng: Rng) -> Style:
    """Draw how a brief is written."""
    return Style(
        setting=setting,
        voice=_VOICES[int(rng.integers(len(_VOICES)))],
        order=cast("tuple[Section, ...]", tuple(_SECTIONS[i] for i in rng.permutation(3))),
        numbers=_NUMBERS[int(rng.integers(len(_NUMBERS)))],
        transposed=bool(rng.integers(2)),
    )


def happenings(public: MakingPublic, rng: Rng) -> tuple[tuple[int, ...], tuple[Event, ...]]:
    """The hidden half: the regime of each session, and what each step brings."""
    path: list[int] = []
    events: list[Event] = []
    for session in public.sessions:
        row = public.transition[path[-1]] if path else public.initial
        path.append(pick(row, rng.random()))
        regime = public.regimes[path[-1]]
        chances = [1.0 - session.sellers - session.buyers]
        for come, informed in (
            (session.sellers, regime.informed_sellers),
            (session.buyers, regime.informed_buyers),
        ):
            chances += [come * (1.0 - informed), come * informed]
        for _ in range(public.steps):
            customer = pick(chances, rng.random())
            sizes = public.size_informed if customer in (2, 4) else public.size_uninformed
            events.append(
                Event(
                    customer=customer,
                    wanted=1 + pick(sizes, rng.random()),
                    patience=rng.random(),
                    noise=pick((0.25, 0.5, 0.25), rng.random()) - 1,
                )
            )
    return tuple(path), tuple(events)
