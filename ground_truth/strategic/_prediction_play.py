"""Playing and judging an episode of `strategic/prediction_markets`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ground_truth.keys import EpisodeKey, Step, Verdict
from ground_truth.strategic._lmsr import prices
from ground_truth.strategic._prediction_beliefs import Grid, after
from ground_truth.strategic._prediction_values import Solution, orders, quoted, solve
from tasks import JSON, AgentFault, Observation
from tasks.strategic._prediction_public import Book, PredictionPublic

PASS_MARK = 0.9
MISSING: JSON = {"trade": 0, "probability": 0.5}
"""What is played for an action that was not given."""
_ROUNDING = 1e-9
"""A regret below this share of the scale is the rounding of floats."""


@dataclass(frozen=True)
class State:
    """Where the agent stands when it acts in round `t`."""

    t: int
    position: int
    """Contracts."""
    left: int
    """Orders."""
    moves: int
    """Sum of the outside moves so far."""


class PredictionKey(EpisodeKey):
    """The game and its hidden course."""

    game: PredictionPublic
    outcome: int
    reports: tuple[tuple[int, ...], ...]
    """Per round, the outcome that each source due reports, in the order of the schedule."""
    moves: tuple[int, ...]
    """Shape (T - 1,): what each outside trader does, -1, 0 or +1 times `flow.size`."""

    def verdict(self, actions: Sequence[JSON]) -> Verdict:
        """Judge the actions; those that are missing are `MISSING`."""
        public, solution = self.game, solve(self.game)
        state = State(0, 0, public.orders, 0)
        node, steps, breaches = frozenset(), list[Step](), list[str]()
        errors: list[float] = []
        for t, due in enumerate(public.schedule):
            action = actions[t] if t < len(actions) else MISSING
            node = after(public, node, due, self.reports[t])
            values = worths(public, solution, state, solution.rounds[t].places[node])
            belief = _belief(solution, state, solution.rounds[t].places[node])
            refusal = refused(public, state, action["trade"])
            breaches += [refusal] if refusal else []
            steps.append(_judged(public, action, values, belief, refusal))
            errors.append(abs(action["probability"] - belief))
            traded = 0 if refusal else action["trade"]
            moved = self.moves[t] if t < len(self.moves) else 0
            state = moved_on(state, traded, moved)
        return _verdict(public, solution, steps, errors, breaches).model_copy(
            update={"done": len(actions) >= len(public.schedule)}
        )


def worths(public: PredictionPublic, solution: Solution, state: State, node: int) -> Grid:
    """Expected final wealth, from here on, of each order and optimal play after it.

    Shape (orders,); minus infinity for an order that would be refused.
    """
    after_order = solution.after[state.t][node, :, :, state.moves + state.t]
    place = (state.position + public.short_limit) // public.lot
    paid = solution.costs[state.t][place, :, state.moves + state.t]
    found = np.full(len(paid), -np.inf)
    found[0] = after_order[place, state.left]
    if state.left:
        for index, order in enumerate((orders(public) // public.lot).tolist()):
            if order and np.isfinite(paid[index]):
                found[index] = after_order[place + order, state.left - 1] - paid[index]
    return found


def refused(public: PredictionPublic, state: State, trade: int) -> str:
    """Why an order of `trade` contracts is refused, or ''."""
    if trade == 0:
        return ""
    if not -public.short_limit <= state.position + trade <= public.long_limit:
        return "position_limit"
    if state.left == 0:
        return "order_limit"
    return "" if np.isfinite(paid(public, state, trade)) else "depth"


def paid(public: PredictionPublic, state: State, trade: int) -> float:
    """Money that an order costs, its fee included; infinite beyond the limits or the book."""
    return float(quoted(public, state.t, state.position, trade, state.moves))


def moved_on(state: State, traded: int, moved: int) -> State:
    """The next round's state."""
    return State(
        state.t + 1,
        state.position + traded,
        state.left - (traded != 0),
        state.moves + moved,
    )


def _belief(solution: Solution, state: State, node: int) -> float:
    return float(solution.rounds[state.t].belief[node, state.moves + state.t])


def _judged(
    public: PredictionPublic, action: JSON, values: Grid, belief: float, refusal: str
) -> Step:
    grid = orders(public).tolist()
    best = int(np.argmax(values))
    given = 0 if refusal else grid.index(action["trade"])
    regret = float(values[best] - values[given])
    said = f"refused: {refusal}; " if refusal else ""
    return Step(
        index=0,
        action=action,
        best={"trade": grid[best], "probability": belief},
        regret=regret if regret > _ROUNDING * public.scale else 0.0,
        note=f"{said}exact probability {belief:.4f}, stated {action['probability']:.4f}",
    )


def _verdict(
    public: PredictionPublic,
    solution: Solution,
    steps: Sequence[Step],
    errors: Sequence[float],
    breaches: Sequence[str],
) -> Verdict:
    regret = sum(step.regret for step in steps)
    ability = min(1.0, max(0.0, 1.0 - regret / public.scale))
    brier = float(np.mean(np.square(errors)))
    return Verdict(
        ability=ability,
        passed=ability >= PASS_MARK,
        regret=regret,
        optimum=solution.optimum,
        scale=public.scale,
        done=True,
        steps=tuple(step.model_copy(update={"index": t}) for t, step in enumerate(steps)),
        axes={
            "belief": 1.0 - float(np.mean(errors)),
            "decision": ability,
            "calibration": 1.0 - brier,
        },
        safety=1.0 - len(breaches) / len(steps),
        metrics={"brier_regret": brier, "breaches": float(len(breaches))},
        violations=tuple(dict.fromkeys(breaches)),
    )


class PredictionWorld:
    """The market as the agent meets it."""

    def __init__(self, key: PredictionKey) -> None:
        self._key = key
        self._state = State(0, 0, key.game.orders, 0)
        self._cash = 0.0
        self._last = "none"
        self._reward = 0.0

    def observe(self) -> Observation:
        """What is known now: reports of the round, the last outside trade, the market, the book."""
        public, state = self._key.game, self._state
        done = state.t == len(public.schedule)
        view: dict[str, JSON] = {
            "round": min(state.t + 1, len(public.schedule)),
            "rounds": len(public.schedule),
            "reports": {} if done else self._reports(),
            "flow": public.flow.size * self._key.moves[state.t - 1] if state.t and not done else 0,
            "net_flow": public.flow.size * state.moves,
            "market": _shown(public, state),
            "position": state.position,
            "cash": self._cash,
            "orders_left": state.left,
            "last_order": self._last,
        }
        return Observation(view, self._reward, done)

    def act(self, action: JSON) -> Observation:
        """Execute the order, let the outside trader come, show the next round.

        Raises:
            AgentFault: the episode is over, or the action is none that the brief allows.
        """
        public, state = self._key.game, self._state
        if state.t == len(public.schedule):
            raise AgentFault(f"All {state.t} rounds are played; no further action is taken.")
        trade = _ordered(public, action)
        refusal = refused(public, state, trade)
        traded = 0 if refusal else trade
        money = paid(public, state, traded)
        self._last = "none" if trade == 0 else f"refused: {refusal}" if refusal else "executed"
        last = state.t + 1 == len(public.schedule)
        self._state = moved_on(state, traded, 0 if last else self._key.moves[state.t])
        self._cash -= money
        self._reward = -money + (self._settlement() if last else 0.0)
        return self.observe()

    def _reports(self) -> dict[str, str]:
        public, t = self._key.game, self._state.t
        heard = dict(zip(public.schedule[t], self._key.reports[t], strict=True))
        # In the order of the sources: the schedule's order tells nothing.
        return {
            source.name: public.outcomes[heard[index]]
            for index, source in enumerate(public.sources)
            if index in heard
        }

    def _settlement(self) -> float:
        held, public = self._state.position, self._key.game
        pays = public.payout if self._key.outcome == 0 else 0.0
        return held * pays - public.penalty * held**2


def _ordered(public: PredictionPublic, action: JSON) -> int:
    """The order of an action.

    Raises:
        AgentFault: the action is not of the shape that the brief states.
    """
    trade = action.get("trade") if isinstance(action, dict) else None
    if not isinstance(trade, int) or isinstance(trade, bool) or trade not in orders(public):
        raise AgentFault(
            f"`trade` is a whole number of contracts, a multiple of {public.lot} between "
            f"-{public.max_order} and {public.max_order} (0 passes); got {trade!r:.60}. "
            "Nothing was done; send another action."
        )
    p = action.get("probability")
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0.0 <= p <= 1.0:
        raise AgentFault(
            f"`probability` is P({public.outcomes[0]}), a number in [0, 1]; got {p!r:.60}. "
            "Nothing was done; send another action."
        )
    return trade


def _shown(public: PredictionPublic, state: State) -> dict[str, JSON]:
    """The market as it stands."""
    market = public.market
    if isinstance(market, Book):
        middle = len(market.reference) // 2
        reference = market.reference[middle + state.moves]
        return {
            "reference": reference,
            "asks": [[_bounded(market, reference + x.offset), x.size] for x in market.asks],
            "bids": [[_bounded(market, reference - x.offset), x.size] for x in market.bids],
        }
    net = market.net + state.position + public.flow.size * state.moves
    price = public.payout * float(prices((net, 0), market.liquidity)[0])
    return {"net": net, "price": price}


def _bounded(market: Book, price: float) -> float:
    return round(min(market.highest, max(market.lowest, price)), 10)
