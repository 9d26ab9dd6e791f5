"""Draws sales: classes, lots, rivals, and the hidden fates of a sale.

Only the public half decides whether a sale is worth asking (see `_worth_asking`), so what is
stated of the hidden draws holds exactly.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from ground_truth._core import Drawn, Rng
from ground_truth.strategic._auction_courses import abilities
from ground_truth.strategic._auction_key import AuctionKey
from ground_truth.strategic._auction_policies import RULES, SIMPLE
from ground_truth.strategic._auction_solver import solved
from ground_truth.strategic._auction_world import Fate
from ground_truth.strategic._stated import pick, some, stated
from tasks.strategic._auction_sale import (
    AuctionPublic,
    Band,
    Basis,
    Format,
    Habit,
    House,
    Lot,
    LotClass,
    Mood,
    Rival,
    Role,
    Section,
    Style,
)
from tasks.strategic._auction_settings import CURRENCIES, SETTINGS, Setting
from tasks.strategic.auctions import AuctionParams

TICKS = (0.25, 0.5, 1.0, 2.0, 2.5, 4.0, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 250.0, 500.0)
TIES = (0.0, 0.5, 1.0)
SHARE_MIN = 0.02
"""Least share of the optimum that the best simple rule gives away."""
ABILITY_MAX = 0.9
"""Highest mean ability of a fixed rule on a sale."""
COURSES = 32
"""Courses from which it is estimated; the standard error is then below 0.09."""
DRAWS_MAX = 200
LOWEST = (0.15, 0.35)
HIGHEST = (0.6, 1.0)
"""Share of the grid at which the values of a class begin and end."""
RESERVE = (0.08, 0.3)
KEENNESS = (0.5, 1.25)
"""Of the mildest and of the keenest mood or buyer; a steady rival's is 0.85."""
FAVOURITES = 2
"""Amounts that a rival likes to bid, a level and class of private value."""
UNEVEN = 0.2
"""Largest relative departure of a bid from a fixed share of the appraisal."""
_SECTIONS: tuple[Section, ...] = ("classes", "lots", "rivals")


def draw(params: AuctionParams, rng: Rng) -> Drawn[AuctionPublic, AuctionKey]:
    """Draw until the sale is worth asking.

    Raises:
        ValueError: no such sale in `DRAWS_MAX` draws.
    """
    for _ in range(DRAWS_MAX):
        public = _worth_asking(_public(params, rng), rng)
        if public is not None:
            return Drawn(public, _key(public, rng))
    raise ValueError(f"no sale worth asking in {DRAWS_MAX} draws of {params!r}")


def _worth_asking(public: AuctionPublic, rng: Rng) -> AuctionPublic | None:
    """The sale with its scale: what the best simple rule is expected to give away.

    None if that is too little to tell planning from its absence, or if a fixed rule that does not
    plan comes near the optimum all the same, in courses drawn for this purpose alone.
    """
    solution = solved(public)
    tables = {name: cache(rule(solution.board)) for name, rule in RULES.items()}
    lost = solution.optimum - max(solution.value_of(tables[name]) for name in SIMPLE)
    scale = round(lost, 2)
    if lost < SHARE_MIN * solution.optimum or lost < SHARE_MIN:
        return None
    if max(abilities(solution, tables, scale, rng, COURSES).values()) > ABILITY_MAX:
        return None
    return public.model_copy(update={"scale": round(scale * public.tick, 6)})


def _public(params: AuctionParams, rng: Rng) -> AuctionPublic:
    name = str(rng.choice(sorted(SETTINGS)))
    setting = SETTINGS[name]
    tick = float(rng.choice(TICKS))
    classes = _classes(params, setting, tick, rng)
    means = [float(np.dot(c.values, c.chances)) for c in classes]
    order = _sequence(params, rng)
    reserves = np.maximum(1, np.rint(params.grid * rng.uniform(*RESERVE, params.lots)))
    mood = _mood(params, setting, rng)
    house = _house(params, setting, rng)
    budget = params.tightness * sum(means[k] for k in order) / tick
    return AuctionPublic(
        currency=str(rng.choice(CURRENCIES)),
        tick=tick,
        top=params.grid * tick,
        budget=max(round(budget), params.grid // 2) * tick,
        fee=params.fee * tick,
        tie=float(rng.choice(TIES)),
        classes=classes,
        lots=tuple(
            Lot(name=n, lot_class=k, reserve=float(r) * tick)
            for n, k, r in zip(some(setting.lots, params.lots, rng), order, reserves, strict=True)
        ),
        rivals=_rivals(params, setting, classes, tick, rng),
        mood=mood,
        house=house,
        scale=0.0,
        style=_style(name, rng),
    )


def _sequence(params: AuctionParams, rng: Rng) -> list[int]:
    """Class of each lot: every class occurs if there are lots enough."""
    kinds = len(params.classes)
    rest = rng.integers(kinds, size=max(0, params.lots - kinds)).tolist()
    order = [*range(kinds), *rest][: params.lots]
    return [order[i] for i in rng.permutation(params.lots)]


def _classes(
    params: AuctionParams, setting: Setting, tick: float, rng: Rng
) -> tuple[LotClass, ...]:
    names = some(setting.classes, len(params.classes), rng)
    return tuple(
        _lot_class(params, name, kind, tick, rng)
        for name, kind in zip(names, params.classes, strict=True)
    )


def _lot_class(
    params: AuctionParams, name: str, kind: tuple[Format, Basis], tick: float, rng: Rng
) -> LotClass:
    low = params.grid * rng.uniform(*LOWEST)
    high = params.grid * rng.uniform(*HIGHEST)
    steps = np.linspace(low, high, params.values)
    jitter = rng.uniform(-0.35, 0.35, params.values) * (steps[1] - steps[0])
    values = np.unique(np.clip(np.rint(steps + jitter), 1, params.grid))
    chances = stated(rng.dirichlet(np.full(len(values), 4.0)), 2)
    appraisals: tuple[float, ...] = ()
    readings: tuple[tuple[float, ...], ...] = ()
    if kind[1] == "common":
        appraisals = tuple(float(v) * tick for v in values)
        far = np.abs(np.subtract.outer(np.arange(len(values)), np.arange(len(values))))
        spoiled = np.exp(-far / params.noise) * rng.uniform(0.8, 1.25, far.shape)
        readings = tuple(tuple(stated(row, 2)) for row in spoiled)
    return LotClass(
        name=name,
        format=kind[0],
        basis=kind[1],
        values=tuple(float(v) * tick for v in values),
        chances=tuple(chances),
        appraisals=appraisals,
        readings=readings,
    )


def _mood(params: AuctionParams, setting: Setting, rng: Rng) -> Mood | None:
    if params.reactive == 0 or params.moods == 1:
        return None
    return Mood(
        names=setting.moods[: params.moods],
        start=int(rng.integers(params.moods - 1)),
        rise=int(rng.integers(1, 3)),
        fall=1,
    )


def _house(params: AuctionParams, setting: Setting, rng: Rng) -> House | None:
    if params.types == 0:
        return None
    rows: list[tuple[float, ...]] = []
    for kind in range(params.types):
        lean = np.full(params.buyers, 0.6)
        lean[kind * params.buyers // params.types] += 3.0
        rows.append(tuple(stated(lean * rng.uniform(0.7, 1.3, params.buyers), 2)))
    return House(
        types=some(setting.types, params.types, rng),
        prior=tuple(stated(rng.dirichlet(np.full(params.types, 4.0)), 2)),
        buyers=some(setting.buyers, params.buyers, rng),
        sends=tuple(rows),
    )


def _rivals(
    params: AuctionParams, setting: Setting, classes: Sequence[LotClass], tick: float, rng: Rng
) -> tuple[Rival, ...]:
    steady: list[tuple[Role, int]] = [("steady", 1) for _ in range(params.steady)]
    reactive: list[tuple[Role, int]] = [("reactive", params.moods) for _ in range(params.reactive)]
    house: list[tuple[Role, int]] = [("house", params.buyers) for _ in range(params.types > 0)]
    roles = steady + reactive + house
    rivals: list[Rival] = []
    for name, (role, levels) in zip(some(setting.rivals, len(roles), rng), roles, strict=True):
        keenness = [0.85] if levels == 1 else np.linspace(*KEENNESS, levels).tolist()
        habits = [_habits(c, keenness, params.grid, tick, rng) for c in classes]
        rivals.append(Rival(name=name, role=role, habits=tuple(habits)))
    return tuple(rivals[i] for i in rng.permutation(len(rivals)))


def _habits(
    lot_class: LotClass, keenness: Sequence[float], grid: int, tick: float, rng: Rng
) -> tuple[Habit, ...]:
    """How one rival bids on one class; each level is keener than the one before."""
    shade = rng.uniform(0.9, 1.1) * (0.85 if lot_class.format == "first-price" else 1.0)
    if lot_class.basis == "common":
        shade *= rng.uniform(0.75, 0.9)
        return tuple(_by_appraisal(lot_class, shade * keen, tick, rng) for keen in keenness)
    low, high = shade * rng.uniform(0.1, 0.25), shade * rng.uniform(0.6, 0.8)
    return tuple(_banded((low * keen, high * keen), grid, tick, rng) for keen in keenness)


def _by_appraisal(lot_class: LotClass, share: float, tick: float, rng: Rng) -> Habit:
    jitter = rng.uniform(1.0 - UNEVEN, 1.0 + UNEVEN, len(lot_class.appraisals))
    shares = share * jitter * np.array(lot_class.appraisals) / tick
    most = round(lot_class.values[-1] / tick)
    return Habit(by_appraisal=tuple(min(round(s), most) * tick for s in sorted(shares.tolist())))


def _banded(span: tuple[float, float], grid: int, tick: float, rng: Rng) -> Habit:
    """No bid, favourite amounts, and with a small chance anything in the range.

    The favourites make the best bid hang on the stated table, tick by tick, and not on its trend.
    """
    low = max(1, round(span[0] * grid))
    high = max(low + FAVOURITES, min(grid, round(span[1] * grid)))
    favourites = sorted(rng.choice(np.arange(low, high + 1), FAVOURITES, replace=False).tolist())
    no_bid, *chances = stated(rng.dirichlet([1.5, *[4.0] * FAVOURITES, 1.0]), 2)
    ranges = [*((amount, amount) for amount in favourites), (low, high)]
    bands = zip(chances, ranges, strict=True)
    return Habit(
        no_bid=no_bid,
        bands=tuple(Band(chance=p, low=a * tick, high=b * tick) for p, (a, b) in bands),
    )


def _style(setting: str, rng: Rng) -> Style:
    return Style(
        setting=setting,
        voice="plain" if rng.integers(2) else "formal",
        order=tuple(_SECTIONS[i] for i in rng.permutation(len(_SECTIONS))),
        percent=bool(rng.integers(2)),
    )


def _key(public: AuctionPublic, rng: Rng) -> AuctionKey:
    house = public.house
    kind = 0 if house is None else pick(house.prior, rng.random())
    fates = tuple(_fate(public, lot.lot_class, kind, rng) for lot in public.lots)
    return AuctionKey(sale=public, house_type=kind, fates=fates)


def _fate(public: AuctionPublic, index: int, kind: int, rng: Rng) -> Fate:
    lot_class, house = public.classes[index], public.house
    value_at, reading_at, buyer_at, coin, *uniforms = rng.random(4 + len(public.rivals)).tolist()
    value = pick(lot_class.chances, value_at)
    own = value if lot_class.basis == "private" else pick(lot_class.readings[value], reading_at)
    return Fate(
        value=value,
        own_draw=own,
        uniforms=tuple(uniforms),
        buyer=0 if house is None else pick(house.sends[kind], buyer_at),
        coin=coin,
    )
