"""Metamorphic relations of `strategic/prediction_markets`: the same game, written otherwise."""

from collections.abc import Mapping, Sequence

from ground_truth._core import Drawn, Related, Relation, Rng
from ground_truth.strategic._prediction_draws import style
from ground_truth.strategic._prediction_play import PredictionKey
from tasks import JSON
from tasks.strategic._prediction_public import Book, Level, Maker, PredictionPublic, Source
from tasks.strategic._prediction_settings import SETTINGS

Game = Drawn[PredictionPublic, PredictionKey]

_DIGITS = 12
"""Decimals kept when stated numbers are rescaled: far below what any of them has."""


def units(drawn: Game, rng: Rng) -> Related[PredictionPublic, PredictionKey]:
    """Money in smaller coins, and contracts split into smaller ones."""
    coin, split = 10 ** int(rng.integers(1, 3)), int(rng.choice([2, 5, 10]))
    public = drawn.public
    flow = public.flow.model_copy(update={"size": public.flow.size * split})
    changes = {
        "payout": _scaled(public.payout, coin),
        "flow": flow,
        "market": _resized(public.market, coin, split),
        "fees": tuple(_scaled(fee, coin) for fee in public.fees),
        "penalty": _scaled(public.penalty, coin / split),
        "lot": public.lot * split,
        "max_order": public.max_order * split,
        "short_limit": public.short_limit * split,
        "long_limit": public.long_limit * split,
        "scale": _scaled(public.scale, coin * split),
    }
    other = public.model_copy(update=changes)
    key = drawn.key.model_copy(update={"game": other})

    def restore(actions: JSON) -> JSON:
        return [{**action, "trade": action["trade"] // split} for action in actions]

    return Related(Drawn(other, key), restore)


def relabel(drawn: Game, rng: Rng) -> Related[PredictionPublic, PredictionKey]:
    """Contracts pay on the other outcome instead, and the sources bear other names."""
    public, key = drawn.public, drawn.key
    pool = SETTINGS[public.style.setting].sources
    names = [pool[i] for i in rng.permutation(len(pool))]
    changes = {
        "outcomes": (public.outcomes[1], public.outcomes[0]),
        "prior": round(1.0 - public.prior, _DIGITS),
        "sources": tuple(
            _mirrored(source, name) for source, name in zip(public.sources, names, strict=False)
        ),
        "market": _opposite(public.market, public.payout),
        "short_limit": public.long_limit,
        "long_limit": public.short_limit,
    }
    other = public.model_copy(update=changes)
    hidden = {
        "game": other,
        "outcome": 1 - key.outcome,
        "reports": tuple(tuple(1 - said for said in row) for row in key.reports),
        "moves": tuple(-move for move in key.moves),
    }

    def restore(actions: JSON) -> JSON:
        return [
            {"trade": -action["trade"], "probability": 1.0 - action["probability"]}
            for action in actions
        ]

    return Related(Drawn(other, key.model_copy(update=hidden)), restore)


def permute(drawn: Game, rng: Rng) -> Related[PredictionPublic, PredictionKey]:
    """Sources and the rows of the schedule in another order."""
    public, key = drawn.public, drawn.key
    order = [int(i) for i in rng.permutation(len(public.sources))]
    place = {old: new for new, old in enumerate(order)}
    sources = tuple(
        public.sources[old].model_copy(update={"copies": _moved(public.sources[old], place)})
        for old in order
    )
    rows = [[int(i) for i in rng.permutation(len(row))] for row in public.schedule]
    schedule = tuple(
        tuple(place[row[i]] for i in turn) for row, turn in zip(public.schedule, rows, strict=True)
    )
    reports = tuple(
        tuple(row[i] for i in turn) for row, turn in zip(key.reports, rows, strict=True)
    )
    other = public.model_copy(update={"sources": sources, "schedule": schedule})
    hidden = key.model_copy(update={"game": other, "reports": reports})
    return Related(Drawn(other, hidden), _same)


def paraphrase(drawn: Game, rng: Rng) -> Related[PredictionPublic, PredictionKey]:
    """The brief in the other voice, with its sections, tables and numbers put differently."""
    old = drawn.public.style
    other = style(old.setting, rng).model_copy(
        update={"voice": 1 - old.voice, "listed": not old.listed}
    )
    public = drawn.public.model_copy(update={"style": other})
    return Related(Drawn(public, drawn.key.model_copy(update={"game": public})), _same)


def _same(actions: JSON) -> JSON:
    return actions


def _scaled(amount: float, factor: float) -> float:
    return round(amount * factor, _DIGITS)


def _resized(market: Maker | Book, coin: int, split: int) -> Maker | Book:
    if isinstance(market, Maker):
        sizes = {"liquidity": market.liquidity * split, "net": market.net * split}
        return market.model_copy(update=sizes)
    changes = {
        "reference": tuple(_scaled(price, coin) for price in market.reference),
        "asks": _rescaled(market.asks, coin, split),
        "bids": _rescaled(market.bids, coin, split),
        "lowest": _scaled(market.lowest, coin),
        "highest": _scaled(market.highest, coin),
    }
    return market.model_copy(update=changes)


def _rescaled(levels: Sequence[Level], coin: int, split: int) -> tuple[Level, ...]:
    return tuple(
        Level(offset=_scaled(level.offset, coin), size=level.size * split) for level in levels
    )


def _opposite(market: Maker | Book, payout: float) -> Maker | Book:
    """The market in contracts on the other outcome: a sale of one is a purchase of the other."""
    if isinstance(market, Maker):
        return market.model_copy(update={"net": -market.net})
    changes = {
        "reference": tuple(round(payout - p, _DIGITS) for p in reversed(market.reference)),
        "asks": market.bids,
        "bids": market.asks,
        "lowest": round(payout - market.highest, _DIGITS),
        "highest": round(payout - market.lowest, _DIGITS),
    }
    return market.model_copy(update=changes)


def _mirrored(source: Source, name: str) -> Source:
    """The source in terms of the other outcome."""
    return source.model_copy(
        update={
            "name": name,
            "hit": round(1.0 - source.false_alarm, _DIGITS),
            "false_alarm": round(1.0 - source.hit, _DIGITS),
        }
    )


def _moved(source: Source, place: Mapping[int, int]) -> int | None:
    return None if source.copies is None else place[source.copies]


RELATIONS: Mapping[str, Relation] = {
    "units": units,
    "relabel": relabel,
    "permute": permute,
    "paraphrase": paraphrase,
}
