"""Diagnostic: one calculator call through MCP, then the answer; over the six published families.

In `bayesian_games` and `auctions` the answer is what the calculator gave; in the other four the
call only exercises the tools, and the answer is the reference solver's. No model.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runners._core import Agent, Seat
from runners._desk import sit
from runners._published_draws import FAMILIES, Public
from tasks import JSON, UsageError


@dataclass(frozen=True)
class Consult:
    """The one call, and which of its results is the answer."""

    tool: str
    arguments: Callable[[Public], dict[str, JSON]]
    answer: str | None = None
    """Name of the tool's result and of the answer's field; None: the reference answers."""


CONSULTS: Mapping[str, Consult] = {
    "bayesian_games": Consult(
        "bayes_calculator",
        lambda public: {
            "priors": public["priors"],
            "likelihood": public["likelihood"],
            "observations": public["observations"],
        },
        answer="posterior",
    ),
    "auctions": Consult(
        "auction_solver",
        lambda public: {name: public[name] for name in ("your_value", "n_bidders", "v_max")},
        answer="expected_surplus",
    ),
    "hidden_regimes": Consult(
        "bayes_calculator",
        lambda public: {
            "priors": public["initial"],
            "likelihood": public["emission"],
            "observations": public["observations"],
        },
    ),
    "market_making": Consult(
        "risk_checker",
        lambda public: {
            "position": public["inventory"],
            "realized_pnl": public["current_daily_pnl"],
            "max_abs_position": public["position_limit"],
            "max_loss": public["max_daily_loss"],
        },
    ),
    "prediction_markets": Consult(
        "risk_checker",
        lambda public: {
            "position": public["current_position"],
            "max_abs_position": public["position_limit"],
            "max_loss": public["budget_limit"],
        },
    ),
    "adversarial_risk": Consult(
        "risk_checker",
        lambda public: {
            "position": public["current_exposure"],
            "proposed_trade": public["proposed_trade"],
            "realized_pnl": -public["current_loss"],
            "max_abs_position": public["maximum_allowed_exposure"],
            "max_loss": public["maximum_allowed_daily_loss"],
        },
    ),
}


async def play(seat: Seat) -> None:
    """Start, consult, answer."""
    if seat.diagnose is None:
        raise UsageError("the agent tool_reference is diagnostic: it plays by the operator's word")
    consult = CONSULTS[seat.family.removeprefix(FAMILIES)]
    public = await seat.diagnose("public", 0.0)
    async with sit(seat.ticket, seat.family) as desk:
        session = str((await desk.start())["session_id"])
        arguments = consult.arguments(public)
        result = json.loads(await desk.call(consult.tool, session_id=session, **arguments))
        if consult.answer is None:
            answer = await seat.diagnose("reference", 0.0)
        else:
            answer = {"response": json.dumps({consult.answer: result[consult.answer]})}
        await desk.submit(session, answer)


def ready(families: Sequence[str]) -> None:
    """Refuse a suite with a family outside the published form."""
    others = sorted(set(families) - {FAMILIES + name for name in CONSULTS})
    if others:
        raise UsageError(
            f"The agent `tool_reference` plays the families of strategic/v0 alone, not "
            f"{', '.join(others)}. Leave them or the agent out."
        )


agent = Agent(
    summary="diagnostic: one calculator call, then the answer",
    play=play,
    diagnostic=True,
    ready=ready,
)
