"""Players of `strategic/prediction_markets`: the optimal one, and what sets the floor.

A policy joins an opinion (what it takes for P(first outcome)) with a habit (what it then orders).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from ground_truth._core import Player, Rng
from ground_truth.strategic._prediction_beliefs import (
    Counts,
    after,
    move_weight,
    part_chance,
    probability,
    report_weight,
)
from ground_truth.strategic._prediction_play import State, refused, worths
from ground_truth.strategic._prediction_rules import RULES, Rule
from ground_truth.strategic._prediction_values import orders, quoted, solve
from tasks import JSON, Observation
from tasks.strategic._prediction_public import Maker, PredictionPublic


@dataclass(frozen=True)
class Heard:
    """Log-likelihood ratios (first outcome to second) of what was seen, read in several ways."""

    reports: float = 0.0
    counted: float = 0.0
    """Every report taken as independent, copies too."""
    latest: float = 0.0
    """Of this round's reports alone."""
    flow: float = 0.0

    def with_round(self, public: PredictionPublic, state: State, view: JSON) -> "Heard":
        """Add what one observation shows."""
        due = public.schedule[state.t]
        said = said_in(public, due, view)
        alone = [
            np.log(part_chance(public, (s,), (y,), 0) / part_chance(public, (s,), (y,), 1))
            for s, y in zip(due, said, strict=True)
        ]
        exact = report_weight(public, due, said)
        return Heard(
            self.reports + exact,
            self.counted + float(sum(alone)),
            exact,
            move_weight(public.flow) * state.moves,
        )


Opinion = Callable[[PredictionPublic, Heard, JSON], float]
Habit = Callable[[PredictionPublic, State, float, Rng], int]
"""What to order, in contracts, for an opinion."""


def said_in(public: PredictionPublic, due: tuple[int, ...], view: JSON) -> tuple[int, ...]:
    """The reports that an observation shows, in the order of the schedule."""
    return tuple(public.outcomes.index(view["reports"][public.sources[s].name]) for s in due)


def state_in(public: PredictionPublic, view: JSON) -> State:
    """The state that an observation shows."""
    moves = view["net_flow"] // public.flow.size
    return State(view["round"] - 1, view["position"], view["orders_left"], moves)


def optimal(public: PredictionPublic) -> Player:
    """The player that has no regret."""
    solution = solve(public)
    nodes: dict[int, Counts] = {-1: frozenset()}

    def play(seen: Observation) -> JSON:
        state = state_in(public, seen.view)
        due = public.schedule[state.t]
        node = after(public, nodes[state.t - 1], due, said_in(public, due, seen.view))
        nodes[state.t] = node
        place = solution.rounds[state.t].places[node]
        best = int(np.argmax(worths(public, solution, state, place)))
        belief = solution.rounds[state.t].belief[place, state.moves + state.t]
        return {"trade": int(orders(public)[best]), "probability": float(belief)}

    return play


def noisy(player: Player, public: PredictionPublic, rng: Rng, level: float) -> Player:
    """Now and then, always at level 1, a random order and probability instead of the player's."""

    def play(seen: Observation) -> JSON:
        action = player(seen)
        # One random order in an episode costs much of its score: hence the cube.
        if rng.random() >= level**3:
            return action
        return {"trade": _random(public, rng), "probability": float(rng.random())}

    return play


def _random(public: PredictionPublic, rng: Rng) -> int:
    return int(rng.choice(orders(public)))


def _player(opinion: Opinion, habit: Habit) -> Callable[[PredictionPublic, Rng], Player]:
    def begin(public: PredictionPublic, rng: Rng) -> Player:
        heard: dict[int, Heard] = {-1: Heard()}

        def play(seen: Observation) -> JSON:
            state = state_in(public, seen.view)
            heard[state.t] = heard[state.t - 1].with_round(public, state, seen.view)
            belief = opinion(public, heard[state.t], seen.view)
            trade = habit(public, state, belief, rng)
            # A policy keeps the limits: what would be refused it does not send.
            kept = not refused(public, state, trade)
            return {"trade": trade if kept else 0, "probability": belief}

        return play

    return begin


def _exact(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    return probability(public, heard.reports + heard.flow)


def _reports(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    return probability(public, heard.reports)


def _double(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    return probability(public, heard.counted + heard.flow)


def _latest(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    return probability(public, heard.latest)


def _flow(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    return probability(public, heard.flow)


def _prior(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    return public.prior


def _price(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    maker = isinstance(public.market, Maker)
    return float(view["market"]["price" if maker else "reference"]) / public.payout


def _market_and_reports(public: PredictionPublic, heard: Heard, view: JSON) -> float:
    price = min(0.99, max(0.01, _price(public, heard, view)))
    return probability(public, float(logit(price) - logit(public.prior)) + heard.latest)


def _by_rule(rule: Rule, share: float = 1.0) -> Habit:
    """The rule's order, or a share of it (rounded up to a lot)."""

    def order(public: PredictionPublic, state: State, belief: float, rng: Rng) -> int:
        size = orders(public)
        costs = quoted(public, state.t, state.position, size, state.moves)
        grown = (state.position + size) ** 2 - state.position**2
        offered = public.payout * size * belief - costs - public.penalty * grown
        lots = int(size[int(rule.choose(public, state.t, offered))]) // public.lot
        return int(np.sign(lots) * np.ceil(abs(lots) * share)) * public.lot

    return order


def _nothing(public: PredictionPublic, state: State, belief: float, rng: Rng) -> int:
    return 0


def _all_in(public: PredictionPublic, state: State, belief: float, rng: Rng) -> int:
    """As much as one may, towards the opinion."""
    if belief > 0.5:
        return min(public.max_order, public.long_limit - state.position)
    return -min(public.max_order, public.short_limit + state.position)


def _toward(share: float) -> Habit:
    """Bring the position to a stated share of the long limit."""

    def order(public: PredictionPublic, state: State, belief: float, rng: Rng) -> int:
        target = round(share * public.long_limit / public.lot) * public.lot
        gap = target - state.position
        return max(-public.max_order, min(public.max_order, gap))

    return order


def _kelly(public: PredictionPublic, state: State, belief: float, rng: Rng) -> int:
    """A position in proportion to the edge over even odds, 2 p - 1, of the limit."""
    limit = public.long_limit if belief > 0.5 else public.short_limit
    target = round((2.0 * belief - 1.0) * limit / public.lot) * public.lot
    return max(-public.max_order, min(public.max_order, target - state.position))


def _any(public: PredictionPublic, state: State, belief: float, rng: Rng) -> int:
    return _random(public, rng)


AT_ONCE = Rule()
POLICIES: Mapping[str, Callable[[PredictionPublic, Rng], Player]] = {
    "never": _player(_prior, _nothing),
    "random": _player(_prior, _any),
    "buy_and_hold": _player(_prior, _toward(1.0)),
    "sell_and_hold": _player(_prior, _toward(-1.0)),
    "prior_value": _player(_prior, _by_rule(AT_ONCE)),
    "market_price": _player(_price, _nothing),
    "market_and_reports": _player(_market_and_reports, _by_rule(AT_ONCE)),
    "last_report": _player(_latest, _by_rule(AT_ONCE)),
    "last_report_all_in": _player(_latest, _all_in),
    "flow_all_in": _player(_flow, _all_in),
    "flow_value": _player(_flow, _by_rule(RULES["falling_20"])),
    "reports_value": _player(_reports, _by_rule(RULES["falling_20"])),
    "double_counter": _player(_double, _by_rule(RULES["falling_20"])),
    "kelly": _player(_exact, _kelly),
    "all_in": _player(_exact, _all_in),
    "at_once": _player(_exact, _by_rule(AT_ONCE)),
    "half_at_once": _player(_exact, _by_rule(AT_ONCE, 0.5)),
    "last_round": _player(_exact, _by_rule(Rule(last=1))),
    **{name: _player(_exact, _by_rule(rule)) for name, rule in RULES.items()},
}
"""Those below `kelly` know the exact probabilities and only lack foresight."""
