"""Truth of `strategic/information_control`: drawing, the optimum, policies that set the floor.

A game is drawn anew unless reports and switching both matter: every fixed policy stays `MARGIN`
below the ceiling in the mean over `COURSES` courses of it, optimal play is worth more than optimal
play without reports, and what the best single mode gives away (the scale of the score) is not small
against a typical gain. All of this looks at the public half and at courses drawn for it alone: to
choose by the hidden course would falsify the stated odds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ground_truth._core import Drawn, Player, Related, Relation, Rng, Truth, played
from ground_truth.strategic import _control_players as players
from ground_truth.strategic._control_solver import constant_value, solved, start
from ground_truth.strategic._control_world import ControlKey, ControlWorld
from ground_truth.strategic._stated import pick, some, stated
from tasks import JSON
from tasks.strategic._control_game import (
    BUY,
    OPERATE,
    ControlParams,
    ControlPublic,
    ControlStyle,
    Mode,
    Phase,
    Section,
    Source,
)
from tasks.strategic._control_prose import SETTINGS, Setting
from tasks.strategic._tables import Numbers

MARGIN = 0.1
"""Least distance of every fixed policy from the ceiling, on every instance, in expectation."""
COURSES = 5
"""Courses of a game by which its fixed policies are judged."""
WORTH = 0.02
"""Least worth of reports, as a share of the optimum's distance to the best single mode."""
DRAWS_MAX = 2_000
FACTORS = (0.1, 0.5, 2.0, 5.0, 10.0, 100.0)
"""By which the relation `units` multiplies every amount."""
_NUMBERS: tuple[Numbers, ...] = ("decimal", "percent", "parts")
_SECTIONS: tuple[Section, ...] = ("regimes", "modes", "sources")
PHASES = ("plain", "busy", "odd", "late", "calm", "rough")

POLICIES: Mapping[str, Callable[[ControlPublic, Rng], Player]] = {
    **{f"always_{i}": lambda game, rng, i=i: players.always(game, i) for i in range(4)},
    "random": players.at_random,
    "myopic": lambda game, rng: players.myopic(game),
    "steady": lambda game, rng: players.steady(game),
    "win_stay": lambda game, rng: players.win_stay(game),
    **{f"informed_{i}": lambda game, rng, i=i: players.informed(game, i) for i in range(3)},
    **{f"in_doubt_{i}": lambda game, rng, i=i: players.in_doubt(game, i) for i in range(3)},
}


def draw(params: ControlParams, rng: Rng) -> Drawn[ControlPublic, ControlKey]:
    """Draw until the instance is worth asking (see the module's text)."""
    for _ in range(DRAWS_MAX):
        game = _game(params, rng)
        scale = _scale(game)
        if scale is None:
            continue
        game = game.model_copy(update={"scale": scale})
        if _worth_asking(game, rng):
            return Drawn(game, course(game, rng))
    raise ValueError(f"no instance worth asking in {DRAWS_MAX} draws of {params!r}")


def _scale(game: ControlPublic) -> float | None:
    """What the best single mode gives away, to 4 digits; None if that, or a report, is little."""
    single = max(constant_value(game, mode) for mode in range(len(game.modes)))
    typical = float(np.mean([mode.gain for mode in game.modes]))
    solution = solved(game)
    best = solution.optimum
    blind = solution.value(replace(start(game), reports=0))
    if best - single < 0.15 * typical or best - blind < WORTH * (best - single):
        return None
    return float(f"{best - single:.4g}")


def _worth_asking(game: ControlPublic, rng: Rng) -> bool:
    courses = [course(game, rng) for _ in range(COURSES)]
    return all(
        np.mean([_ability(key, policy(game, rng)) for key in courses]) <= 1.0 - MARGIN
        for policy in POLICIES.values()
    )


def _ability(key: ControlKey, player: Player) -> float:
    return key.verdict(played(ControlWorld(key), player)).ability


def course(game: ControlPublic, rng: Rng) -> ControlKey:
    """What happens in a game, by its stated odds."""
    path = [pick([1.0 - game.prior, game.prior], rng.random())]
    for phase in game.plan[:-1]:
        changes = rng.random() < game.phases[phase].change[path[-1]]
        path.append(1 - path[-1] if changes else path[-1])
    return ControlKey(
        game=game,
        path=tuple(path),
        reading_draws=tuple(rng.random(game.reports).tolist()),
        outcome_draws=tuple(rng.random(game.rounds).tolist()),
    )


def _game(params: ControlParams, rng: Rng) -> ControlPublic:
    name = str(rng.choice(sorted(SETTINGS)))
    setting = SETTINGS[name]
    unit = float(rng.integers(10, 60))
    modes = _modes(params, setting, unit, rng)
    phases = tuple(
        Phase(name=word, change=(_change(params, rng), _change(params, rng)))
        for word in some(PHASES, params.phases, rng)
    )
    return ControlPublic(
        rounds=params.rounds,
        regimes=cast("tuple[str, str]", some(setting.regimes, 2, rng)),
        prior=round(float(rng.uniform(0.3, 0.7)), params.digits),
        phases=phases,
        outcomes=setting.outcomes,
        plan=tuple(rng.integers(params.phases, size=params.rounds).tolist()),
        modes=modes,
        switching=_switching(params, unit, rng),
        start=int(rng.integers(params.modes)),
        sources=_sources(params, setting, unit, rng),
        reports=params.reports,
        per_round=params.per_round,
        scale=0.0,
        digits=params.digits,
        style=ControlStyle(
            setting=name,
            order=tuple(_SECTIONS[i] for i in rng.permutation(len(_SECTIONS))),
            numbers=_NUMBERS[int(rng.integers(len(_NUMBERS)))],
        ),
    )


def _change(params: ControlParams, rng: Rng) -> float:
    least = 10.0**-params.digits
    return round(max(least, params.change * float(rng.uniform(0.3, 1.7))), params.digits)


def _modes(params: ControlParams, setting: Setting, unit: float, rng: Rng) -> tuple[Mode, ...]:
    """Modes at home in the one or the other regime; a third one is little moved by either."""
    found: list[Mode] = []
    first = int(rng.integers(2))
    for index, name in enumerate(some(setting.modes, params.modes, rng)):
        tilt = params.outcome * float(rng.uniform(0.7, 1.3)) * (0.2 if index == 2 else 1.0)
        middle = float(rng.uniform(0.45, 0.6))
        chances = [middle + tilt, middle - tilt]
        success = [round(min(0.97, max(0.03, p)), params.digits) for p in chances]
        found.append(
            Mode(
                name=name,
                success=(success[0], success[1])
                if (index + first) % 2 == 0
                else (success[1], success[0]),
                gain=_amount(unit * rng.uniform(0.8, 1.3)),
                loss=_amount(unit * rng.uniform(0.5, 1.1)),
            )
        )
    return tuple(found[i] for i in rng.permutation(len(found)))


def _switching(params: ControlParams, unit: float, rng: Rng) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(
            0.0 if i == j else _amount(unit * params.switching * rng.uniform(0.4, 1.6))
            for j in range(params.modes)
        )
        for i in range(params.modes)
    )


def _sources(params: ControlParams, setting: Setting, unit: float, rng: Rng) -> tuple[Source, ...]:
    found: list[Source] = []
    for name in some(setting.sources, params.sources, rng):
        count = int(rng.integers(2, params.readings + 1))
        rates = [
            stated(np.exp(params.evidence * rng.standard_normal(count)), params.digits)
            for _ in range(2)
        ]
        apart = 0.5 * float(np.abs(np.array(rates[0]) - np.array(rates[1])).sum())
        # A better source costs more, but not in proportion: none is the best for every use.
        found.append(
            Source(
                name=name,
                price=_amount(unit * params.price * rng.uniform(0.5, 1.0) * (0.5 + apart)),
                readings=some(setting.readings, count, rng),
                rates=(tuple(rates[0]), tuple(rates[1])),
            )
        )
    return tuple(found)


def _amount(value: float) -> float:
    return max(0.1, round(float(value), 1))


def _in_units(drawn: Drawn[ControlPublic, ControlKey], rng: Rng) -> Related[Any, Any]:
    """Every amount in another currency, and probabilities printed otherwise."""
    game, factor = drawn.public, float(rng.choice(FACTORS))

    def times(value: float) -> float:
        return float(f"{value * factor:.12g}")

    other = [numbers for numbers in _NUMBERS if numbers != game.style.numbers]
    return _related(
        drawn,
        game.model_copy(
            update={
                "modes": tuple(
                    m.model_copy(update={"gain": times(m.gain), "loss": times(m.loss)})
                    for m in game.modes
                ),
                "switching": tuple(tuple(times(c) for c in row) for row in game.switching),
                "sources": tuple(
                    s.model_copy(update={"price": times(s.price)}) for s in game.sources
                ),
                "scale": times(game.scale),
                "style": game.style.model_copy(
                    update={"numbers": other[int(rng.integers(len(other)))]}
                ),
            }
        ),
        {},
    )


def _renamed(drawn: Drawn[ControlPublic, ControlKey], rng: Rng) -> Related[Any, Any]:
    """Modes and sources under other names of the same setting."""
    return _told(drawn, drawn.public.style.setting, rng)


def _retold(drawn: Drawn[ControlPublic, ControlKey], rng: Rng) -> Related[Any, Any]:
    """The same game in another setting: other words from the first line to the last."""
    others = [name for name in sorted(SETTINGS) if name != drawn.public.style.setting]
    return _told(drawn, str(rng.choice(others)), rng)


def _told(drawn: Drawn[ControlPublic, ControlKey], name: str, rng: Rng) -> Related[Any, Any]:
    game, setting = drawn.public, SETTINGS[name]
    modes = some(setting.modes, len(game.modes), rng)
    sources = some(setting.sources, len(game.sources), rng)
    order = tuple(_SECTIONS[i] for i in rng.permutation(len(_SECTIONS)))
    told = game.model_copy(
        update={
            "regimes": some(setting.regimes, 2, rng),
            "outcomes": setting.outcomes,
            "modes": tuple(
                m.model_copy(update={"name": word})
                for m, word in zip(game.modes, modes, strict=True)
            ),
            "sources": tuple(
                s.model_copy(
                    update={"name": word, "readings": some(setting.readings, len(s.readings), rng)}
                )
                for s, word in zip(game.sources, sources, strict=True)
            ),
            "style": game.style.model_copy(update={"setting": name, "order": order}),
        }
    )
    back = {
        **{OPERATE + new: OPERATE + old.name for new, old in zip(modes, game.modes, strict=True)},
        **{BUY + new: BUY + old.name for new, old in zip(sources, game.sources, strict=True)},
    }
    return _related(drawn, told, back)


def _reordered(drawn: Drawn[ControlPublic, ControlKey], rng: Rng) -> Related[Any, Any]:
    """Modes and sources listed in another order."""
    game = drawn.public
    modes = rng.permutation(len(game.modes)).tolist()
    sources = rng.permutation(len(game.sources)).tolist()
    return _related(
        drawn,
        game.model_copy(
            update={
                "modes": tuple(game.modes[i] for i in modes),
                "switching": tuple(tuple(game.switching[i][j] for j in modes) for i in modes),
                "start": modes.index(game.start),
                "sources": tuple(game.sources[i] for i in sources),
            }
        ),
        {},
    )


def _related(
    drawn: Drawn[ControlPublic, ControlKey], game: ControlPublic, back: Mapping[str, str]
) -> Related[Any, Any]:
    def restore(actions: JSON) -> JSON:
        return [{**action, "do": back.get(action["do"], action["do"])} for action in actions]

    return Related(Drawn(game, drawn.key.model_copy(update={"game": game})), restore)


RELATIONS: Mapping[str, Relation] = {
    "units": _in_units,
    "relabel": _renamed,
    "permute": _reordered,
    "paraphrase": _retold,
}

truth: Truth[ControlParams, ControlPublic, ControlKey] = Truth(
    key=ControlKey,
    draw=draw,
    oracle=lambda key: players.optimal(key.game),
    reference=players.optimal,
    noisy=lambda reference, public, rng, level: players.spoiled(public, rng, level),
    policies=POLICIES,
    world=ControlWorld,
    relations=RELATIONS,
)
