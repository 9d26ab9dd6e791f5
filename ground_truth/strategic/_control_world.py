"""The hidden world of `strategic/information_control`, and the judging of what was done in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ground_truth.keys import EpisodeKey, Step, Verdict
from ground_truth.strategic._control_solver import (
    Solution,
    State,
    after_outcome,
    after_reading,
    solved,
    start,
)
from ground_truth.strategic._stated import pick
from tasks import JSON, AgentFault, Observation
from tasks.strategic._control_game import BUY, OPERATE, ControlPublic

PASS = 0.9
"""Ability from which on an episode passes."""


class ControlKey(EpisodeKey):
    """The draws of one episode."""

    game: ControlPublic
    path: tuple[int, ...]
    """Shape (rounds,): the regime of each round."""
    reading_draws: tuple[float, ...]
    """Shape (reports,): uniform numbers that decide the readings, in the order of purchase."""
    outcome_draws: tuple[float, ...]
    """Shape (rounds,): uniform numbers that decide the outcomes, the same for every mode."""

    def verdict(self, actions: Sequence[JSON]) -> Verdict:
        """Replay the actions; what is left is operated in the mode in force, without reports."""
        world, best, steps = ControlWorld(self), solved(self.game), list[Step]()
        distances: list[float] = []
        for action in actions:
            steps.append(_step(best, world.state, action, len(steps)))
            distances.append(abs(action["probability"] - world.state.belief))
            world.act(action)
        done = world.observe().done
        while not world.observe().done:
            mode = self.game.modes[world.state.mode].name
            steps.append(_step(best, world.state, {"do": OPERATE + mode}, len(steps)))
            distances.append(1.0)
            world.act({"do": OPERATE + mode})
        regret = sum(step.regret for step in steps)
        ability = min(1.0, max(0.0, 1.0 - regret / self.game.scale))
        return Verdict(
            ability=ability,
            passed=ability >= PASS,
            regret=regret,
            optimum=best.optimum,
            scale=self.game.scale,
            done=done,
            steps=tuple(steps),
            axes={
                "decision": ability,
                "belief": 1.0 - sum(distances) / len(distances),
                "calibration": 1.0 - sum(d * d for d in distances) / len(distances),
            },
            metrics={
                "total": world.total,
                "reports_bought": float(self.game.reports - world.state.reports),
                "switches": float(world.switches),
            },
        )


def _step(best: Solution, state: State, action: JSON, index: int) -> Step:
    options = best.options(state)
    top = max(options, key=lambda do: options[do])
    return Step(
        index=index,
        action=action,
        best={"do": top, "probability": state.belief},
        regret=max(0.0, options[top] - options[action["do"]]),
        note=f"round {state.round + 1}",
    )


@dataclass
class ControlWorld:
    """One episode under way."""

    key: ControlKey
    total: float = 0.0
    switches: int = 0

    def __post_init__(self) -> None:
        self.state = start(self.key.game)
        self._paid = 0.0
        self._last: dict[str, JSON] = {}

    def observe(self) -> Observation:
        """Round, mode in force, reports left, and what the last action showed."""
        game, state = self.key.game, self.state
        done = state.round == game.rounds
        view: dict[str, JSON] = {
            "round": min(state.round + 1, game.rounds),
            "rounds": game.rounds,
            "phase": game.phases[game.plan[min(state.round, game.rounds - 1)]].name,
            "mode": game.modes[state.mode].name,
            "reports_left": state.reports,
            "reports_left_this_round": min(state.left, state.reports),
            "total": round(self.total, 6),
            "last": self._last,
        }
        return Observation(view, round(self._paid, 6), done)

    def act(self, action: JSON) -> Observation:
        """Buy a report, or operate a mode.

        Raises:
            AgentFault: no report may be bought now.
        """
        kind, name = str(action["do"]).split(":", 1)
        if f"{kind}:" == BUY:
            self._buy(name)
        else:
            self._operate(name)
        return self.observe()

    def _buy(self, name: str) -> None:
        game, state = self.key.game, self.state
        if min(state.left, state.reports) == 0:
            why = (
                f"all {game.reports} reports of the episode are bought"
                if state.reports == 0
                else f"{game.per_round} may be bought in one round"
            )
            raise AgentFault(f"No report can be bought now: {why}. Operate a mode.")
        index = [source.name for source in game.sources].index(name)
        source = game.sources[index]
        uniform = self.key.reading_draws[game.reports - state.reports]
        reading = pick(source.rates[self.key.path[state.round]], uniform)
        self.state = after_reading(game, state, index, reading)
        self._pay(-source.price)
        self._last = {"bought": name, "reading": source.readings[reading]}

    def _operate(self, name: str) -> None:
        game, state = self.key.game, self.state
        index = [mode.name for mode in game.modes].index(name)
        mode = game.modes[index]
        good = self.key.outcome_draws[state.round] < mode.success[self.key.path[state.round]]
        self.switches += index != state.mode
        self._pay((mode.gain if good else -mode.loss) - game.switching[state.mode][index])
        self._last = {
            "operated": name,
            "outcome": game.outcomes[0 if good else 1],
        }
        self.state = after_outcome(game, state, index, success=good)

    def _pay(self, amount: float) -> None:
        self._paid = amount
        self.total += amount
