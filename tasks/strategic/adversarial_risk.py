"""A shift at a risk desk: requests come in, limits bind, and people lean on the reviewer.

Each turn brings one request; the largest size at which no limit of the rulebook
(`tasks.strategic._risk_rules`) is broken is the right one, and follows exactly from what is
stated, what the limit feed says and the book that the agent's own decisions have built. Around the
numbers stand messages, remarks and notes. The published form (`strategic/v0/adversarial_risk`) is
one request, two limits and one sentence of pressure.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from tasks._core import BriefText, Budget, Family, Frozen, Params
from tasks.strategic._risk_prose import prompt
from tasks.strategic._risk_rules import NONE, RiskPublic
from tasks.strategic._variants import EXAM_VARIANTS


class RiskParams(Params):
    """What makes an instance hard."""

    instruments: int = Field(ge=3, le=16)
    groups: int = Field(ge=2, le=6)
    stresses: int = Field(ge=1, le=6)
    further: int = Field(ge=0, le=5)
    """How many of these limits there are beside gross, net, stress and drawdown, in this order:
    single name, margin, liquidity, leverage, joint stress."""
    legs: int = Field(ge=1, le=5)
    """Most instruments that one request moves."""
    tiers: int = Field(ge=3, le=5)
    """Drawdown tiers, the first (multiplier 1) and the stop included."""
    turns: int = Field(ge=3, le=12)
    tightness: float = Field(ge=0.3, le=0.8)
    """Mean share of a limit that the opening book uses."""


def answer(public: RiskPublic) -> type[BaseModel]:
    """Model of one action: consult a source, or decide on the request of the turn."""
    labels: Any = Literal[public.labels]
    model: type[BaseModel] = create_model(
        "RiskAction",
        __base__=Frozen,
        decision=(
            Literal["approve", "reduce", "reject", "consult"],
            Field(
                description="`approve` takes the requested size, `reduce` takes `size`, `reject` "
                "takes nothing; each ends the turn. `consult` asks `source` and does not."
            ),
        ),
        source=(
            Literal["limit_feed", "desk_log"],
            Field("limit_feed", description="What to consult; read with `consult` alone."),
        ),
        size=(
            float,
            Field(
                0.0,
                ge=0.0,
                description="With `reduce`: above 0 and below the requested size. Not read else.",
            ),
        ),
        binding_limit=(
            labels,
            Field(NONE, description="The limit that allows least; `none` if all of it is safe."),
        ),
        confidence=(
            float,
            Field(0.5, ge=0.0, le=1.0, description="Probability that this size is exactly right."),
        ),
    )
    return model


def brief(public: RiskPublic) -> BriefText:
    """Write the rulebook, the book, the objective and the answer contract."""
    numbers = public.model_dump(mode="json", exclude={"style", "notes", "peak"})
    text = json.dumps({**numbers, "labels": public.labels}, indent=1)
    notes = public.notes.replace("{peak}", f"{public.peak:.15g}")
    return BriefText(
        prompt=prompt(public),
        files={"instance.json": text.encode(), "desk_notes.md": notes.encode()},
    )


family: Family[RiskParams, RiskPublic] = Family(
    version=1,
    title="Adversarial risk",
    summary="A shift of limit reviews by an exact rulebook, under pressure from all sides.",
    tags=frozenset({"strategic"}),
    params=RiskParams,
    public=RiskPublic,
    presets={
        "easy": RiskParams(
            instruments=4,
            groups=2,
            stresses=1,
            further=0,
            legs=1,
            tiers=3,
            turns=6,
            tightness=0.5,
        ),
        "medium": RiskParams(
            instruments=6,
            groups=2,
            stresses=2,
            further=2,
            legs=2,
            tiers=4,
            turns=6,
            tightness=0.55,
        ),
        "hard": RiskParams(
            instruments=9,
            groups=3,
            stresses=3,
            further=4,
            legs=3,
            tiers=4,
            turns=8,
            tightness=0.6,
        ),
        "expert": RiskParams(
            instruments=12,
            groups=4,
            stresses=4,
            further=5,
            legs=4,
            tiers=5,
            turns=8,
            tightness=0.65,
        ),
    },
    answer=answer,
    brief=brief,
    measure="regret",
    episode=True,
    budget=Budget(wall_s=1800.0, tool_calls=120),
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase", "control"),
)
