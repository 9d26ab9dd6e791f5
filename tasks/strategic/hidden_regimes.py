"""What hidden regime rules, when does another arrive, and which plan is best? All exact.

A regime z_t of age a_t moves on with a probability that depends on both; at stated steps an
intervention redraws it. Sensors report on it with losses that depend on the regime, with lags,
with delays that depend on the regime, through a dial that slips, and as binned counts over windows.
The answer states P(z_T | all), P(z_s | all) for an earlier s, the distribution of the first arrival
of a named regime, and the plan of the highest expected pay-off over the horizon with it. The
published form (`strategic/v0`) is the special case of one memoryless chain and one perfect sensor,
of which only the filtered posterior is asked.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model, field_validator

from tasks._core import BriefText, Budget, Family, Frozen
from tasks.strategic._regimes_model import SUM_SLACK, RegimesParams, RegimesPublic
from tasks.strategic._regimes_prose import Prose
from tasks.strategic._variants import EXAM_VARIANTS

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
VALUE_MAX = 1e12
"""Largest pay-off that may be stated."""


def answer(public: RegimesPublic) -> type[BaseModel]:
    """Model of an answer: three distributions, a plan and its expected pay-off."""
    regimes = ", ".join(f"{i}: {name}" for i, name in enumerate(public.regimes))
    ahead = range(public.steps + 1, public.steps + public.horizon + 1)
    bins = ", ".join([*(f"{i}: step {step}" for i, step in enumerate(ahead)), "last: none of them"])
    names = tuple(plan.name for plan in public.plans)
    one_of: Any = Literal
    target = public.regimes[public.target]

    def sums_to_one(value: tuple[float, ...]) -> tuple[float, ...]:
        total = sum(value)
        if abs(total - 1.0) > SUM_SLACK:
            raise ValueError(f"the numbers sum to {total:.6g}; they must sum to 1 ± {SUM_SLACK}")
        return value

    model: type[BaseModel] = create_model(
        "RegimesAnswer",
        __base__=Frozen,
        __validators__={"sums": field_validator("now", "earlier", "passage")(sums_to_one)},
        now=_distribution(len(public.regimes), f"Posterior at step {public.steps}; {regimes}."),
        earlier=_distribution(
            len(public.regimes), f"Posterior at step {public.earlier}, given all; {regimes}."
        ),
        passage=_distribution(
            public.horizon + 1, f"First step after {public.steps} in {target!r}; {bins}."
        ),
        action=(
            one_of[names],
            Field(description="The option of the highest expected pay-off."),
        ),
        value=(
            Annotated[float, Field(ge=-VALUE_MAX, le=VALUE_MAX)],
            Field(description=f"Its expected pay-off, in {public.currency}."),
        ),
    )
    return model


def _distribution(size: int, meaning: str) -> Any:
    return (
        Annotated[tuple[Probability, ...], Field(min_length=size, max_length=size)],
        Field(
            description=f"{meaning} Exactly {size} numbers in [0, 1] that sum to 1 "
            f"(± {SUM_SLACK}).",
            # For agents that draw by the schema; JSON schema has no word for it.
            json_schema_extra={"x-sums-to": 1.0},
        ),
    )


def brief(public: RegimesPublic) -> BriefText:
    """Write the situation, the data, the objective and the answer contract."""
    text = json.dumps(public.model_dump(mode="json", exclude={"style"}), indent=1)
    return BriefText(prompt=Prose(public).whole(), files={"instance.json": text.encode()})


family: Family[RegimesParams, RegimesPublic] = Family(
    version=1,
    title="Hidden regimes",
    summary="Filter, smooth, forecast and decide in an ageing hidden Markov world from lossy, "
    "lagged, delayed and counted reports.",
    tags=frozenset({"strategic"}),
    params=RegimesParams,
    public=RegimesPublic,
    presets={
        "easy": RegimesParams(
            regimes=3,
            steps=8,
            sensors=1,
            symbols=3,
            evidence=0.9,
            coverage=1.0,
            ages=1,
            loss=0.5,
            lag=0,
            delay=0,
            dial=0,
            windows=0,
            pushes=1,
            horizon=3,
            plans=4,
            digits=2,
        ),
        "medium": RegimesParams(
            regimes=3,
            steps=12,
            sensors=2,
            symbols=3,
            evidence=0.9,
            coverage=0.7,
            ages=3,
            loss=0.5,
            lag=1,
            delay=0,
            dial=0,
            windows=1,
            pushes=1,
            horizon=4,
            plans=4,
            digits=2,
        ),
        "hard": RegimesParams(
            regimes=4,
            steps=18,
            sensors=3,
            symbols=4,
            evidence=0.9,
            coverage=0.5,
            ages=4,
            loss=0.6,
            lag=2,
            delay=3,
            dial=0,
            windows=2,
            pushes=2,
            horizon=5,
            plans=5,
            digits=3,
        ),
        "expert": RegimesParams(
            regimes=5,
            steps=30,
            sensors=4,
            symbols=4,
            evidence=0.9,
            coverage=0.4,
            ages=5,
            loss=0.7,
            lag=3,
            delay=4,
            dial=4,
            windows=4,
            pushes=3,
            horizon=8,
            plans=6,
            digits=3,
        ),
    },
    answer=answer,
    brief=brief,
    measure="regimes",
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase"),
    budget=Budget(wall_s=1800.0, tool_calls=100),
)
