"""What the six published families share: no parameters, free text for an answer, open keys.

Source: the benchmark MimirBench (github.com/anannyenaik/MimirBench, MIT, commit 31e04802). Its
numbers, draws and grades are reproduced bit for bit; all wording is ours. It grades more than it
tells an agent: that is the published form. `strategic/<family>` is the exam that discloses all.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field

from tasks._core import BriefText, Budget, Family, Frozen, Params, Public
from tasks.strategic._variants import v0_variants

Environment = Literal[
    "bayesian_games",
    "auctions",
    "hidden_regimes",
    "market_making",
    "prediction_markets",
    "adversarial_risk",
]
"""The published names, in the published order."""

TEXT_MAX = 100_000
"""Characters of a response."""
LARGEST = 1e100
"""Numbers beyond it are refused: their squares and sums would not be finite."""

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Size = Annotated[float, Field(ge=0.0, le=LARGEST)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Q = TypeVar("Q", bound=Public)


class PublishedParams(Params):
    """Nothing: the published form has no difficulty but what the draw gives."""


class TextAnswer(Frozen):
    """Free text; the grader looks for one JSON object in it and repairs small slips."""

    response: str = Field(
        max_length=TEXT_MAX,
        description="Your reply as plain text: the JSON object that the task asks for.",
    )


def text_answer(public: Public) -> type[BaseModel]:
    """The same for every instance."""
    return TextAnswer


RULES = """\
Reply with exactly one JSON object, and submit it as text: `{"response": "<the JSON object>"}`.
Where the object has a `reasoning_summary`, two short sentences are enough; leave your working out.
Keep to every stated limit; abstain where that is a choice and the task does not say enough. All
data are made up, and nothing here is advice."""


class About(Frozen):
    """The rest of a family's description."""

    title: str
    summary: str
    calculators: tuple[str, ...]
    relations: tuple[str, ...] = ()


def published(
    environment: Environment,
    offset: int,
    public: type[Q],
    text: Callable[[Q], str],
    measure: str,
    about: About,
) -> Family[PublishedParams, Q]:
    """The family of one published environment; `text` writes the prompt without the rules."""

    def brief(shown: Q) -> BriefText:
        return BriefText(prompt=f"{text(shown)}\n\n{RULES}")

    return Family(
        version=1,
        title=about.title,
        summary=about.summary,
        tags=frozenset({"strategic_v0"}),
        params=PublishedParams,
        public=public,
        presets={"published": PublishedParams()},
        answer=text_answer,
        brief=brief,
        measure=measure,
        notebook=False,
        budget=Budget(wall_s=600.0, tool_calls=60),
        open_keys=True,
        suite_offset=offset,
        calculators=about.calculators,
        variants=v0_variants(environment),
        relations=about.relations,
    )


def three(names: Sequence[str], chances: Sequence[float]) -> str:
    """`name=0.123, …`: the published three decimals."""
    return ", ".join(f"{name}={p:.3f}" for name, p in zip(names, chances, strict=True))


def rows(names: Sequence[str], table: Sequence[str]) -> str:
    """One list item per name."""
    return "\n".join(f"- {name}: {row}" for name, row in zip(names, table, strict=True))
