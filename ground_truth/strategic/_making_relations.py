"""Metamorphic relations of `strategic/market_making`: the same market, told otherwise."""

from collections.abc import Callable, Sequence
from typing import Any

from ground_truth._core import Drawn, Related, Rng
from ground_truth.strategic._making_draw import TICKS, style
from ground_truth.strategic._making_key import MakingKey
from ground_truth.strategic._stated import some
from tasks import JSON
from tasks.strategic._market_prose import SETTINGS
from tasks.strategic.market_making import MakingPublic

MakingDrawn = Drawn[MakingPublic, MakingKey]


def rescaled(drawn: MakingDrawn, rng: Rng) -> Related[MakingPublic, MakingKey]:
    """`units`: all money times a whole number."""
    factor = int(rng.choice(TICKS[1:]))

    def grown(amount: float) -> float:
        return round(100 * amount) * factor / 100

    public = drawn.public
    whole = ("tick", "mid", "move_up", "move_down", "noise", "width")
    change: dict[str, Any] = {name: getattr(public, name) * factor for name in whole}
    amounts = ("rebate", "stipend", "borrow", "liquidation", "scale")
    change |= {name: grown(getattr(public, name)) for name in amounts}
    change["offsets"] = tuple(offset * factor for offset in public.offsets)
    change["sessions"] = tuple(
        session.model_copy(update={"holding": grown(session.holding)})
        for session in public.sessions
    )

    def restore(action: JSON) -> JSON:
        offsets = {name: action[name] for name in ("bid_offset", "ask_offset")}
        back = {n: None if offset is None else offset // factor for n, offset in offsets.items()}
        return {**action, **back}

    return _related(drawn, change, restore)


def relabelled(drawn: MakingDrawn, rng: Rng) -> Related[MakingPublic, MakingKey]:
    """`relabel`: another setting, with other names for everything."""
    public = drawn.public
    others = sorted(set(SETTINGS) - {public.style.setting})
    name = others[int(rng.integers(len(others)))]
    setting = SETTINGS[name]
    regimes = some(setting.regimes, len(public.regimes), rng)
    sessions = some(setting.sessions, len(public.sessions), rng)
    change: dict[str, Any] = {
        "asset": some(setting.assets, 1, rng)[0],
        "regimes": tuple(
            regime.model_copy(update={"name": new})
            for regime, new in zip(public.regimes, regimes, strict=True)
        ),
        "sessions": tuple(
            session.model_copy(update={"name": new})
            for session, new in zip(public.sessions, sessions, strict=True)
        ),
        "style": public.style.model_copy(update={"setting": name}),
    }
    return _related(drawn, change, _same)


def permuted(drawn: MakingDrawn, rng: Rng) -> Related[MakingPublic, MakingKey]:
    """`permute`: the regimes in another order."""
    public, count = drawn.public, len(drawn.public.regimes)
    # A turn by at least one place leaves no regime where it was.
    shift = int(rng.integers(1, count))
    order = [(i + shift) % count for i in range(count)]

    def moved(row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(row[i] for i in order)

    change: dict[str, Any] = {
        "regimes": moved(public.regimes),
        "initial": moved(public.initial),
        "transition": tuple(moved(row) for row in moved(public.transition)),
    }

    def restore(action: JSON) -> JSON:
        given = dict(zip(order, action["regime_probabilities"], strict=True))
        return {**action, "regime_probabilities": [given[i] for i in range(count)]}

    path = tuple(order.index(z) for z in drawn.key.path)
    return _related(drawn, change, restore, path)


def paraphrased(drawn: MakingDrawn, rng: Rng) -> Related[MakingPublic, MakingKey]:
    """`paraphrase`: the body of the brief in the other voice, in another order."""
    old = drawn.public.style
    new = style(old.setting, rng)
    voice = "letter" if old.voice == "rulebook" else "rulebook"
    change = {"style": new.model_copy(update={"voice": voice})}
    return _related(drawn, change, _same)


def _same(action: JSON) -> JSON:
    return action


def _related(
    drawn: MakingDrawn,
    change: dict[str, Any],
    restore: Callable[[JSON], JSON],
    path: tuple[int, ...] | None = None,
) -> Related[MakingPublic, MakingKey]:
    public = drawn.public.model_copy(update=change)
    key = drawn.key.model_copy(update={"game": public, "path": path or drawn.key.path})
    return Related(Drawn(public, key), lambda actions: [restore(action) for action in actions])
