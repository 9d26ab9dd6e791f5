"""Drawing an instance of `strategic/prediction_markets`: the stated game, then the hidden course.

The game is drawn first and kept only if exact play is worth clearly more than the simple rules;
the outcome, the reports and the outside traders follow from the stated chances afterwards. What is
selected on is public, so the stated chances stay exact.
"""

import numpy as np
from scipy.special import expit, logit

from ground_truth._core import Rng
from ground_truth.strategic._prediction_beliefs import Reports, move_chances, part_chance, parts
from ground_truth.strategic._prediction_rules import regrets
from ground_truth.strategic._prediction_values import solve
from tasks.strategic._prediction_public import (
    Book,
    Flow,
    Level,
    Maker,
    PredictionPublic,
    Section,
    Source,
    Style,
)
from tasks.strategic._prediction_settings import SETTINGS, Setting
from tasks.strategic.prediction_markets import PredictionParams

GAP = 0.05
"""The best simple rule forgoes at least this share of what optimal play expects."""
WORTH = 0.1
"""Optimal play expects at least this much per contract of the largest order, in payouts."""
DRAWS_MAX = 200
_PAYOUTS, _LOTS = (1, 10, 100), (1, 5, 10, 20, 50)
_SECTIONS: tuple[Section, ...] = ("reports", "traders", "market", "limits")


def game(params: PredictionParams, rng: Rng) -> PredictionPublic:
    """Draw a stated game until it is worth playing well.

    Raises:
        ValueError: none is in `DRAWS_MAX` draws.
    """
    for _ in range(DRAWS_MAX):
        public = _public(params, rng)
        solution = solve(public)
        if solution.optimum < WORTH * public.payout * public.lot:
            continue
        least = min(regrets(public, solution).values())
        if least >= GAP * solution.optimum:
            # The stated scale is exact: grading uses the rounded number.
            return public.model_copy(update={"scale": float(f"{2.0 * least:.4g}")})
    raise ValueError(f"no game worth playing in {DRAWS_MAX} draws of {params!r}")


def course(public: PredictionPublic, rng: Rng) -> tuple[int, tuple[Reports, ...], tuple[int, ...]]:
    """Draw outcome, reports of every round (as the schedule orders them) and outside moves."""
    outcome = int(rng.random() >= public.prior)
    reports = tuple(_reports(public, due, outcome, rng) for due in public.schedule)
    chances = move_chances(public.flow)[outcome]
    moves = rng.choice([-1, 0, 1], size=len(public.schedule) - 1, p=chances)
    return outcome, reports, tuple(int(m) for m in moves)


def _reports(public: PredictionPublic, due: tuple[int, ...], outcome: int, rng: Rng) -> Reports:
    said: dict[int, int] = {}
    for part in parts(public, due):
        seen: Reports = ()
        for place in range(len(part)):
            chance = [part_chance(public, part[: place + 1], (*seen, y), outcome) for y in (0, 1)]
            seen = (*seen, int(rng.random() >= chance[0] / sum(chance)))
        said.update(zip(part, seen, strict=True))
    return tuple(said[source] for source in due)


def style(setting: str, rng: Rng) -> Style:
    """Draw how a brief is written."""
    return Style(
        setting=setting,
        order=tuple(_SECTIONS[i] for i in rng.permutation(len(_SECTIONS))),
        percent=bool(rng.integers(2)),
        listed=bool(rng.integers(2)),
        voice=int(rng.integers(2)),
    )


def _public(params: PredictionParams, rng: Rng) -> PredictionPublic:
    name = str(rng.choice(sorted(SETTINGS)))
    setting = SETTINGS[name]
    payout, lot = int(rng.choice(_PAYOUTS)), int(rng.choice(_LOTS))
    prior = round(float(rng.uniform(0.3, 0.7)), 2)
    turned = bool(rng.integers(2))
    sources, flow = _sources(params, setting, rng), _flow(params, lot, rng)
    fees = params.fee * np.exp(0.9 * rng.standard_normal(params.rounds))
    short, long = (params.position + int(rng.integers(-1, 2)) for _ in range(2))
    return PredictionPublic(
        event=setting.event,
        outcomes=(setting.outcomes[turned], setting.outcomes[not turned]),
        prior=prior,
        payout=payout,
        currency=setting.currency,
        sources=sources,
        schedule=_schedule(params, sources, rng),
        flow=flow,
        market=_market(params, (payout, lot, prior), flow, rng),
        fees=tuple(round(payout * min(0.15, max(0.001, float(f))), 3) for f in fees),
        penalty=round(params.penalty * payout / lot, 8),
        lot=lot,
        max_order=params.order * lot,
        short_limit=short * lot,
        long_limit=long * lot,
        orders=params.orders,
        scale=1.0,
        style=style(name, rng),
    )


def _sources(params: PredictionParams, setting: Setting, rng: Rng) -> tuple[Source, ...]:
    names = rng.permutation(len(setting.sources))
    place = rng.permutation(params.sources + params.copiers)
    copiers, copied = {int(i) for i in place[params.sources :]}, int(place[0])
    found: list[Source] = []
    for index in range(len(place)):
        hit, miss = np.clip(params.clarity + rng.uniform(-0.12, 0.12, 2), 0.52, 0.97)
        copying = round(float(rng.uniform(0.6, 0.9)), 2)
        found.append(
            Source(
                name=setting.sources[names[index]],
                hit=round(float(hit), 2),
                false_alarm=round(1.0 - float(miss), 2),
                copies=copied if index in copiers else None,
                copying=copying if index in copiers else 0.0,
            )
        )
    return tuple(found)


def _schedule(
    params: PredictionParams, sources: tuple[Source, ...], rng: Rng
) -> tuple[tuple[int, ...], ...]:
    """One source that reports by itself in each round, and mostly those that copy it.

    Sources come in turns (in a random order), so that each is heard.
    """
    own = [i for i, source in enumerate(sources) if source.copies is None]
    heard = rng.permutation(np.resize(rng.permutation(own), params.rounds))
    rows: list[tuple[int, ...]] = []
    alone = 0
    for head in (int(i) for i in heard):
        copiers = [i for i, source in enumerate(sources) if source.copies == head]
        # Once or twice the copied source speaks alone: then its word is worth a look by itself.
        if copiers and alone < 1 and rng.random() < 0.3:
            alone, copiers = alone + 1, []
        rows.append(tuple(int(i) for i in rng.permutation([head, *copiers])))
    return tuple(rows)


def _flow(params: PredictionParams, lot: int, rng: Rng) -> Flow:
    return Flow(
        size=lot * max(1, params.flow + int(rng.integers(-1, 2))),
        informed=round(params.informed * float(rng.uniform(0.8, 1.2)), 2),
        idle=round(float(rng.uniform(0.1, 0.4)), 2),
    )


def _market(
    params: PredictionParams, claim: tuple[int, int, float], flow: Flow, rng: Rng
) -> Maker | Book:
    payout, lot, prior = claim
    liquidity = round(params.liquidity * float(rng.uniform(0.8, 1.3)))
    net = round(liquidity * (float(logit(prior)) + 0.35 * float(rng.standard_normal())))
    if str(rng.choice(list(params.venues))) == "maker":
        return Maker(liquidity=liquidity * lot, net=net * lot)
    moves = np.arange(1 - params.rounds, params.rounds)
    fair = expit((net + flow.size // lot * moves) / liquidity)
    return Book(
        reference=tuple(round(payout * min(0.97, max(0.03, round(float(p), 2))), 2) for p in fair),
        asks=_levels(payout, lot, rng),
        bids=_levels(payout, lot, rng),
        lowest=round(0.01 * payout, 2),
        highest=round(0.99 * payout, 2),
    )


def _levels(payout: int, lot: int, rng: Rng) -> tuple[Level, ...]:
    steps = np.cumsum(rng.integers(1, 5, size=3))
    sizes = rng.integers(1, 4, size=3)
    return tuple(
        Level(offset=round(0.01 * payout * int(o), 2), size=lot * int(n))
        for o, n in zip(steps, sizes, strict=True)
    )
