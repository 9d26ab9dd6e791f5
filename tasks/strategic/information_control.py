"""Pay for reports on a hidden regime, and control under it: an episode.

A regime z in {0, 1} changes by chance between rounds. In a round the agent may buy reports (at a
price, a few in all), and then operates one mode, whose outcome pays and, being more likely in one
regime than in the other, tells something too (a bandit). Changing the mode costs. Everything but
the draws is known, so that the whole is a partially observed Markov decision process with one
belief number, solved exactly (`ground_truth.strategic.information_control`).
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from tasks._core import BriefText, Budget, Family, Frozen, Params, Public
from tasks.strategic._control_prose import brief_parts
from tasks.strategic._tables import Numbers

Section = Literal["regimes", "modes", "sources"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
BUY, OPERATE = "buy:", "operate:"


class ControlParams(Params):
    """What makes an instance hard."""

    rounds: int = Field(ge=2, le=20)
    modes: int = Field(ge=2, le=5)
    sources: int = Field(ge=1, le=5)
    readings: int = Field(ge=2, le=4)
    """Most readings that a source tells apart."""
    reports: int = Field(ge=1, le=6)
    """Reports that may be bought in all."""
    per_round: int = Field(ge=1, le=2)
    phases: int = Field(ge=1, le=3)
    """Kinds of round that differ in how the regime changes."""
    change: float = Field(gt=0.0, le=0.5)
    """Mean probability that the regime changes between two rounds."""
    evidence: float = Field(gt=0.0, le=3.0)
    """Spread of the log likelihoods of readings: strength of one report."""
    outcome: float = Field(ge=0.0, le=1.0)
    """How much more likely a success is in a mode's own regime."""
    price: float = Field(gt=0.0)
    """Mean price of a report, in units of a typical gain."""
    switching: float = Field(ge=0.0)
    """Mean cost of a change of mode, in units of a typical gain."""
    digits: int = Field(ge=2, le=4)
    """Decimals of every stated probability; the stated numbers are exact."""


class Mode(Frozen):
    """What can be operated."""

    name: str
    success: tuple[float, float]
    """P(success | regime)."""
    gain: float
    loss: float


class Source(Frozen):
    """Where reports are bought."""

    name: str
    price: float
    readings: tuple[str, ...]
    rates: tuple[tuple[float, ...], tuple[float, ...]]
    """Shape (2, readings): P(reading | regime)."""


class Phase(Frozen):
    """A kind of round."""

    name: str
    change: tuple[float, float]
    """P(first → second regime), P(second → first) at the end of such a round."""


class ControlStyle(Frozen):
    """How the brief is written; carries no information on the regime."""

    setting: str
    order: tuple[Section, ...]
    numbers: Numbers


class ControlPublic(Public):
    """The whole game but its draws."""

    rounds: int
    regimes: tuple[str, str]
    prior: float
    """P(second regime) in round 1."""
    phases: tuple[Phase, ...]
    plan: tuple[int, ...]
    """Shape (rounds,): index of each round's phase."""
    outcomes: tuple[str, str]
    """What a success and a failure are called."""
    modes: tuple[Mode, ...]
    switching: tuple[tuple[float, ...], ...]
    """Shape (modes, modes): cost of operating the column after the row."""
    start: int
    sources: tuple[Source, ...]
    reports: int
    per_round: int
    scale: float
    """The regret that brings the ability to 0, in the units of the game."""
    digits: int
    style: ControlStyle


def answer(public: ControlPublic) -> type[BaseModel]:
    """Model of one action."""
    words = [
        *(f"{BUY}{source.name}" for source in public.sources),
        *(f"{OPERATE}{mode.name}" for mode in public.modes),
    ]
    fields: dict[str, Any] = {
        "do": (
            Literal[tuple(words)],
            Field(description="Buy a report, or operate a mode and so end the round."),
        ),
        "probability": (
            Probability,
            Field(
                description=f"P(regime is {public.regimes[1]!r} in this round), given what was "
                "shown before this action."
            ),
        ),
    }
    return create_model("ControlAction", __base__=Frozen, **fields)


def brief(public: ControlPublic) -> BriefText:
    """Write the situation, the rules, the numbers and the objective."""
    text = json.dumps(public.model_dump(mode="json", exclude={"style"}), indent=1)
    return BriefText(
        prompt="\n\n".join(brief_parts(public)), files={"instance.json": text.encode()}
    )


def _preset(**given: float) -> ControlParams:
    return ControlParams.model_validate(given)


family: Family[ControlParams, ControlPublic] = Family(
    version=1,
    title="Information and control",
    summary="Buy reports on a hidden regime and operate under it, at the least regret.",
    tags=frozenset({"strategic"}),
    params=ControlParams,
    public=ControlPublic,
    presets={
        "easy": _preset(
            rounds=5,
            modes=2,
            sources=2,
            readings=2,
            reports=2,
            per_round=1,
            phases=1,
            change=0.1,
            evidence=1.6,
            outcome=0.3,
            price=0.2,
            switching=0.25,
            digits=2,
        ),
        "medium": _preset(
            rounds=6,
            modes=3,
            sources=2,
            readings=2,
            reports=3,
            per_round=1,
            phases=1,
            change=0.15,
            evidence=1.4,
            outcome=0.3,
            price=0.12,
            switching=0.25,
            digits=2,
        ),
        "hard": _preset(
            rounds=6,
            modes=3,
            sources=2,
            readings=3,
            reports=3,
            per_round=2,
            phases=2,
            change=0.2,
            evidence=1.2,
            outcome=0.25,
            price=0.1,
            switching=0.3,
            digits=3,
        ),
        "expert": _preset(
            rounds=7,
            modes=3,
            sources=2,
            readings=3,
            reports=3,
            per_round=2,
            phases=3,
            change=0.2,
            evidence=1.1,
            outcome=0.25,
            price=0.08,
            switching=0.35,
            digits=3,
        ),
    },
    answer=answer,
    brief=brief,
    measure="regret",
    episode=True,
    budget=Budget(wall_s=1800.0, tool_calls=160),
    relations=("units", "relabel", "permute", "paraphrase"),
)
