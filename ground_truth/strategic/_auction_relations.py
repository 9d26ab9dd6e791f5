"""Sales that are the same game in other units, under other names, in other order or words."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ground_truth._core import Drawn, Related, Relation, Rng
from ground_truth.strategic._auction_key import AuctionKey
from ground_truth.strategic._auction_world import Fate
from ground_truth.strategic._stated import some
from tasks import JSON
from tasks.strategic._auction_sale import (
    AuctionPublic,
    Band,
    Habit,
    House,
    Lot,
    LotClass,
    Rival,
    Section,
)
from tasks.strategic._auction_settings import CURRENCIES, SETTINGS

Sale = Drawn[AuctionPublic, AuctionKey]
_FACTORS = (0.25, 0.5, 2.0, 4.0)
_SECTIONS: tuple[Section, ...] = ("classes", "lots", "rivals")
_T = TypeVar("_T")
_N = TypeVar("_N", Lot, LotClass, Rival)


def _related(
    base: Sale,
    public: AuctionPublic,
    fates: Sequence[Fate] | None = None,
    restore: Callable[[JSON], JSON] = lambda actions: actions,
    house_type: int | None = None,
) -> Related[AuctionPublic, AuctionKey]:
    key = AuctionKey(
        sale=public,
        house_type=base.key.house_type if house_type is None else house_type,
        fates=base.key.fates if fates is None else tuple(fates),
    )
    return Related(Drawn(public, key), restore)


def units(base: Sale, rng: Rng) -> Related[AuctionPublic, AuctionKey]:
    """Every amount in another currency, at a fixed rate of exchange."""
    public = base.public
    factor = float(rng.choice(_FACTORS))
    others = [c for c in CURRENCIES if c != public.currency]

    def restore(actions: JSON) -> JSON:
        return [
            {
                **one,
                "bid": one["bid"] / factor,
                "expected_value": min(public.top, one["expected_value"] / factor),
            }
            for one in actions
        ]

    return _related(base, _exchanged(public, factor, str(rng.choice(others))), restore=restore)


def _exchanged(public: AuctionPublic, factor: float, currency: str) -> AuctionPublic:
    def all_of(amounts: Sequence[float]) -> tuple[float, ...]:
        return tuple(factor * amount for amount in amounts)

    def habit(old: Habit) -> Habit:
        bands = [Band(chance=b.chance, low=factor * b.low, high=factor * b.high) for b in old.bands]
        return old.model_copy(
            update={"bands": tuple(bands), "by_appraisal": all_of(old.by_appraisal)}
        )

    def lot_class(old: LotClass) -> LotClass:
        amounts = {"values": all_of(old.values), "appraisals": all_of(old.appraisals)}
        return old.model_copy(update=amounts)

    def rival(old: Rival) -> Rival:
        habits = tuple(tuple(habit(h) for h in levels) for levels in old.habits)
        return old.model_copy(update={"habits": habits})

    money = ("tick", "top", "budget", "fee", "scale")
    return public.model_copy(
        update={
            **{name: factor * getattr(public, name) for name in money},
            "currency": currency,
            "classes": tuple(lot_class(one) for one in public.classes),
            "lots": tuple(
                lot.model_copy(update={"reserve": factor * lot.reserve}) for lot in public.lots
            ),
            "rivals": tuple(rival(one) for one in public.rivals),
        }
    )


def relabel(base: Sale, rng: Rng) -> Related[AuctionPublic, AuctionKey]:
    """Other names for lots, classes, rivals, moods, types and buyers, from another setting."""
    public = base.public
    others = sorted(name for name in SETTINGS if name != public.style.setting)
    words = SETTINGS[str(rng.choice(others))]
    mood, house = public.mood, public.house
    lots = zip(public.lots, some(words.lots, len(public.lots), rng), strict=True)
    classes = zip(public.classes, some(words.classes, len(public.classes), rng), strict=True)
    rivals = zip(public.rivals, some(words.rivals, len(public.rivals), rng), strict=True)
    fresh = {
        "lots": tuple(_named(lot, name) for lot, name in lots),
        "classes": tuple(_named(one, name) for one, name in classes),
        "rivals": tuple(_named(rival, name) for rival, name in rivals),
        "mood": mood and mood.model_copy(update={"names": words.moods[: len(mood.names)]}),
        "house": house
        and house.model_copy(
            update={
                "types": some(words.types, len(house.types), rng),
                "buyers": some(words.buyers, len(house.buyers), rng),
            }
        ),
    }
    return _related(base, public.model_copy(update=fresh))


def _named(unit: _N, name: str) -> _N:
    return unit.model_copy(update={"name": name})


def permute(base: Sale, rng: Rng) -> Related[AuctionPublic, AuctionKey]:
    """Rivals, classes, types, buyers and sections in another order; lots keep theirs."""
    public, house = base.public, base.public.house
    rivals = _order(len(public.rivals), rng)
    classes = _order(len(public.classes), rng)
    buyers = _order(len(house.buyers) if house else 1, rng)
    types = _order(len(house.types) if house else 1, rng)
    fresh = {
        "classes": _picked(public.classes, classes),
        "lots": tuple(
            lot.model_copy(update={"lot_class": classes.index(lot.lot_class)})
            for lot in public.lots
        ),
        "rivals": tuple(_turned(public.rivals[i], classes, buyers) for i in rivals),
        "house": house and _house(house, types, buyers),
        "style": public.style.model_copy(
            update={"order": _picked(_SECTIONS, _order(len(_SECTIONS), rng))}
        ),
    }
    fates = [
        fate.model_copy(
            update={
                "uniforms": _picked(fate.uniforms, rivals),
                "buyer": buyers.index(fate.buyer),
            }
        )
        for fate in base.key.fates
    ]
    return _related(
        base,
        public.model_copy(update=fresh),
        fates,
        house_type=types.index(base.key.house_type),
    )


def _order(size: int, rng: Rng) -> list[int]:
    return [int(i) for i in rng.permutation(size)]


def _picked(items: Sequence[_T], order: Sequence[int]) -> tuple[_T, ...]:
    return tuple(items[i] for i in order)


def _turned(rival: Rival, classes: Sequence[int], buyers: Sequence[int]) -> Rival:
    habits = _picked(rival.habits, classes)
    if rival.role == "house":
        habits = tuple(_picked(levels, buyers) for levels in habits)
    return rival.model_copy(update={"habits": habits})


def _house(house: House, types: Sequence[int], buyers: Sequence[int]) -> House:
    return House(
        types=_picked(house.types, types),
        prior=_picked(house.prior, types),
        buyers=_picked(house.buyers, buyers),
        sends=tuple(_picked(house.sends[i], buyers) for i in types),
    )


def paraphrase(base: Sale, rng: Rng) -> Related[AuctionPublic, AuctionKey]:
    """The same sale told in another story and voice."""
    style = base.public.style
    others = sorted(name for name in SETTINGS if name != style.setting)
    fresh = style.model_copy(
        update={
            "setting": str(rng.choice(others)),
            "voice": "formal" if style.voice == "plain" else "plain",
            "percent": not style.percent,
        }
    )
    return _related(base, base.public.model_copy(update={"style": fresh}))


RELATIONS: Mapping[str, Relation] = {
    "units": units,
    "relabel": relabel,
    "permute": permute,
    "paraphrase": paraphrase,
}
"""Every relation, by the name of its variant."""
