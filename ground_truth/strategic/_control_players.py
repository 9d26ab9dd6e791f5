"""Players of `strategic/information_control`: the optimal one, spoiled ones, and simple rules.

A player sees what an agent sees; those that filter keep the exact belief.
"""

from collections.abc import Callable

from ground_truth._core import Player, Rng
from ground_truth.strategic._control_solver import (
    State,
    after_outcome,
    after_reading,
    solved,
    start,
)
from tasks import JSON, Observation
from tasks.strategic._control_game import BUY, OPERATE, ControlPublic

Rule = Callable[[State, Observation], str]
"""State of knowledge and view → what to do."""


def filtering(game: ControlPublic, rule: Rule, belief: Callable[[float], float]) -> Player:
    """A player that keeps the exact belief, states `belief` of it, and does what `rule` says."""
    state = start(game)

    def player(seen: Observation) -> JSON:
        nonlocal state
        state = _followed(game, state, seen.view["last"])
        return {"do": rule(state, seen), "probability": belief(state.belief)}

    return player


def _followed(game: ControlPublic, state: State, last: dict[str, str]) -> State:
    if "bought" in last:
        index = [source.name for source in game.sources].index(last["bought"])
        return after_reading(
            game, state, index, game.sources[index].readings.index(last["reading"])
        )
    if "operated" in last:
        index = [mode.name for mode in game.modes].index(last["operated"])
        good = last["outcome"] == game.outcomes[0]
        return after_outcome(game, state, index, success=good)
    return state


def optimal(game: ControlPublic) -> Player:
    """Zero regret, exact beliefs."""
    best = solved(game)

    def rule(state: State, _: Observation) -> str:
        options = best.options(state)
        return max(options, key=lambda do: options[do])

    return filtering(game, rule, lambda belief: belief)


def spoiled(game: ControlPublic, rng: Rng, level: float) -> Player:
    """Optimal, but with probability `level` a random allowed action; beliefs are blurred alike."""
    best = solved(game)

    def rule(state: State, _: Observation) -> str:
        options = best.options(state)
        if rng.random() < level:
            return str(rng.choice(sorted(options)))
        return max(options, key=lambda do: options[do])

    return filtering(game, rule, lambda belief: (1.0 - level) * belief + level * rng.random())


def always(game: ControlPublic, index: int) -> Player:
    """One mode, no reports, the prior as belief."""
    do = OPERATE + game.modes[index % len(game.modes)].name
    return lambda seen: {"do": do, "probability": game.prior}


def at_random(game: ControlPublic, rng: Rng) -> Player:
    """A random mode every round, no reports."""
    names = [OPERATE + mode.name for mode in game.modes]
    return lambda seen: {"do": str(rng.choice(names)), "probability": 0.5}


def myopic(game: ControlPublic) -> Player:
    """The mode with the best payoff now, by the exact belief; no reports."""
    return filtering(game, lambda state, _: _greedy(game, state), lambda belief: belief)


def steady(game: ControlPublic) -> Player:
    """As `myopic`, but blind to the cost of switching."""
    return filtering(game, lambda state, _: _greedy(game, state, cost=0.0), lambda belief: belief)


def informed(game: ControlPublic, index: int) -> Player:
    """Buys one source whenever it may, then the mode that is best now."""
    source = BUY + game.sources[index % len(game.sources)].name

    def rule(state: State, _: Observation) -> str:
        return source if min(state.left, state.reports) else _greedy(game, state)

    return filtering(game, rule, lambda belief: belief)


def in_doubt(game: ControlPublic, index: int) -> Player:
    """Buys one source while the belief lies between .3 and .7, then the mode that is best now."""
    source = BUY + game.sources[index % len(game.sources)].name

    def rule(state: State, _: Observation) -> str:
        doubt = 0.3 < state.belief < 0.7 and min(state.left, state.reports) > 0
        return source if doubt else _greedy(game, state)

    return filtering(game, rule, lambda belief: belief)


def win_stay(game: ControlPublic) -> Player:
    """Keeps a mode after a success, takes the next one after a failure."""
    good = game.outcomes[0]
    names = [mode.name for mode in game.modes]

    def player(seen: Observation) -> JSON:
        at = names.index(seen.view["mode"])
        lost = seen.view["last"].get("outcome", good) != good
        return {"do": OPERATE + names[(at + lost) % len(names)], "probability": 0.5}

    return player


def _greedy(game: ControlPublic, state: State, cost: float = 1.0) -> str:
    def worth(index: int) -> float:
        mode = game.modes[index]
        good = (1.0 - state.belief) * mode.success[0] + state.belief * mode.success[1]
        paid = cost * game.switching[state.mode][index]
        return good * mode.gain - (1.0 - good) * mode.loss - paid

    return OPERATE + game.modes[max(range(len(game.modes)), key=worth)].name
