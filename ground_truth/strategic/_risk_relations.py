"""Metamorphic relations of `strategic/adversarial_risk`: the same shift, told otherwise."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from ground_truth._core import Drawn, Related, Rng
from ground_truth.strategic._risk_script import Writer
from ground_truth.strategic._risk_world import Message, RiskKey, Turn, Words
from ground_truth.strategic._stated import some
from tasks import JSON
from tasks.strategic._risk_rules import RiskPublic, Section
from tasks.strategic._risk_settings import INSTRUMENTS, SETTINGS, STRESSES

T = TypeVar("T")
Shift = Drawn[RiskPublic, RiskKey]


def _drawn(game: RiskPublic, key: RiskKey) -> Shift:
    return Drawn(game, key.model_copy(update={"game": game}))


def _each(actions: JSON, change: Callable[[Mapping[str, JSON]], Mapping[str, JSON]]) -> JSON:
    return [{**action, **change(action)} for action in actions]


def units(drawn: Shift, rng: Rng) -> Related[RiskPublic, RiskKey]:
    """Money in another denomination, and sizes in another unit: decisions stay, sizes scale."""
    lot = int(rng.choice([2, 5, 10, 100]))
    # A price per smaller unit stays a whole number of cents.
    money = lot * int(rng.choice([1, 10, 100]))
    game, key = drawn.public, drawn.key
    scaled = game.model_copy(
        update={
            "instruments": tuple(
                i.model_copy(update={"volume": i.volume * lot}) for i in game.instruments
            ),
            "groups": tuple(
                g.model_copy(update={"gross": g.gross * money, "net": g.net * money})
                for g in game.groups
            ),
            "stresses": tuple(s.model_copy(update={"loss": s.loss * money}) for s in game.stresses),
            "single": None if game.single is None else game.single * money,
            "joint": game.joint and game.joint.model_copy(update={"loss": game.joint.loss * money}),
            "tiers": tuple(
                t.model_copy(update={"drawdown": t.drawdown * money}) for t in game.tiers
            ),
            "positions": {name: q * lot for name, q in game.positions.items()},
            "peak": game.peak * money,
            "quantum": game.quantum * lot,
        }
    )
    script = tuple(
        turn.model_copy(
            update={
                "equity": turn.equity * money,
                "prices": {n: round(p * (money // lot), 2) for n, p in turn.prices.items()},
            }
        )
        for turn in key.script
    )
    there = _drawn(scaled, key.model_copy(update={"script": script}))
    return Related(there, lambda a: _each(a, lambda one: {"size": one["size"] / lot}))


def relabel(drawn: Shift, rng: Rng) -> Related[RiskPublic, RiskKey]:
    """Other names for instruments, groups and stresses, wherever they are spoken of."""
    game = drawn.public
    groups = [g.name for g in game.groups]
    pool = SETTINGS[game.style.setting].groups
    names = _others([i.name for i in game.instruments], INSTRUMENTS, rng)
    names |= dict(zip(groups, some(pool, len(groups), rng), strict=True))
    names |= _others([s.name for s in game.stresses], STRESSES, rng)
    back = {new: old for old, new in names.items()}
    key = RiskKey.model_validate_json(_renamed(drawn.key.model_dump_json(), names))

    def restore(actions: JSON) -> JSON:
        return _each(
            actions, lambda one: {"binding_limit": _renamed(str(one["binding_limit"]), back)}
        )

    return Related(Drawn(key.game, key), restore)


def _others(names: list[str], pool: tuple[str, ...], rng: Rng) -> dict[str, str]:
    free = tuple(name for name in pool if name not in names)
    return dict(zip(names, some(free, len(names), rng), strict=True))


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return re.sub(rf"\b({'|'.join(names)})\b", lambda found: names[found[1]], text)


def permute(drawn: Shift, rng: Rng) -> Related[RiskPublic, RiskKey]:
    """Instruments, groups, stresses and the legs of a request in another order."""
    game, key = drawn.public, drawn.key
    script = tuple(
        turn.model_copy(update={"legs": tuple(_shuffled(legs, rng) for legs in turn.legs)})
        for turn in key.script
    )
    moved = game.model_copy(
        update={
            "instruments": _shuffled(game.instruments, rng),
            "groups": _shuffled(game.groups, rng),
            "stresses": _shuffled(game.stresses, rng),
        }
    )
    return Related(_drawn(moved, key.model_copy(update={"script": script})), _same)


def paraphrase(drawn: Shift, rng: Rng) -> Related[RiskPublic, RiskKey]:
    """The body of the brief written anew: the other voice, another order and lay-out."""
    style = drawn.public.style
    order: tuple[Section, ...] = _shuffled(style.order, rng)
    changed = style.model_copy(
        update={
            "voice": 1 - style.voice,
            "order": order,
            "separators": not style.separators,
            "listed": not style.listed,
        }
    )
    return Related(_drawn(drawn.public.model_copy(update={"style": changed}), drawn.key), _same)


def control(drawn: Shift, rng: Rng) -> Related[RiskPublic, RiskKey]:
    """The paired control: the same numbers, and where somebody pressed a neutral text as long."""
    game, key = drawn.public, drawn.key
    writer = Writer(rng, tuple(i.name for i in game.instruments), ("none",))
    calm = game.model_copy(update={"notes": _calm_notes(game.notes, writer)})
    script = tuple(_calm_turn(turn, writer) for turn in key.script)
    cell = key.cell.model_copy(update={"control": True})
    there = _drawn(calm, key.model_copy(update={"script": script, "cell": cell}))
    return Related(there, _same)


def _calm_notes(notes: str, writer: Writer) -> str:
    lines = notes.splitlines(keepends=True)
    return "".join(
        f"- {writer.like(line[2:-1])}\n" if line.startswith("- ") and "{peak}" not in line else line
        for line in lines
    )


def _calm_turn(turn: Turn, writer: Writer) -> Turn:
    if not turn.pressed:
        return turn
    words = tuple((_calm(calm, writer), _calm(hot, writer)) for calm, hot in turn.words)
    return turn.model_copy(update={"words": words})


def _calm(words: Words, writer: Writer) -> Words:
    inbox = tuple(Message(sender=m.sender, text=writer.like(m.text)) for m in words.inbox)
    return Words(inbox=inbox, remarks=writer.like(words.remarks), log=writer.like(words.log))


def _same(actions: JSON) -> JSON:
    return actions


def _shuffled(items: tuple[T, ...], rng: Rng) -> tuple[T, ...]:
    return tuple(items[i] for i in rng.permutation(len(items)))


RELATIONS = {
    "units": units,
    "relabel": relabel,
    "permute": permute,
    "paraphrase": paraphrase,
    "control": control,
}
"""The paired control among them: susceptibility is the difference to it."""
