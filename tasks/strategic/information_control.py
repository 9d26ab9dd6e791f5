"""Pay for reports on a hidden regime, and control under it: an episode.

A regime z in {0, 1} changes by chance between rounds. In a round the agent may buy reports (at a
price, a few in all), and then operates one mode, whose outcome pays and, being more likely in one
regime than in the other, tells something too (a bandit). Changing the mode costs. Everything but
the draws is known, so that the whole is a partially observed Markov decision process with one
belief number, solved exactly (`ground_truth.strategic.information_control`).
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from tasks._core import BriefText, Budget, Family, Frozen
from tasks.strategic._control_game import (
    BUY,
    OPERATE,
    ControlParams,
    ControlPublic,
    Probability,
)
from tasks.strategic._control_prose import brief_parts
from tasks.strategic._variants import EXAM_VARIANTS


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
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase"),
)
