"""The published shapes: eval, robustness, comparison and leaderboard files, in one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from runners._config.agents import AgentEntry
from runners._config.strict import Strict
from runners._evaluation import EngineName
from tasks import FAMILIES, Split, UsageError, in_suite, nearest
from tasks.strategic._variants import ABOUT

Manner = Literal["direct", "reflective", "tool"]

PUBLISHED = "strategic/v0/"
"""Where the published environments lie."""

NUM_TASKS = 20
"""Instances of an environment unless told otherwise (the published default)."""


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _typed(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


class RunEntry(Strict):
    """`run`: how it is called, and how it is carried out."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "cache_bypass": "cache: false says it",
        "cache_path": "responses are cached below PROCTOR_HOME, for all runs",
        "allow_real_models": "what costs money is allowed on the command line alone",
    }

    name: Annotated[str, Field(min_length=1)]
    seed: Annotated[int, Field(ge=0)] = 1
    """First instance seed of environments without their own."""
    output_dir: Path = Path("runs")
    cache: bool | None = None
    """Whether API agents keep responses; None: each agent's default."""
    max_workers: Annotated[int, Field(ge=0)] = 0
    """Attempts at a time; 0: one a processor."""
    repeat: Annotated[int, Field(ge=1)] = 1
    split: Split = Split.PRIVATE
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    engine: EngineName = "local"
    address: str | None = None


class EnvironmentEntry(Strict):
    """One of `environments`."""

    name: str
    """A published environment (`auctions`), or a suite of ours (`strategic/auctions`, a tag)."""
    num_tasks: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    preset: str | None = None
    variants_per_task: Annotated[int, Field(ge=1)] | None = None
    variant_types: tuple[str, ...] | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return suite_of(name)

    @field_validator("variant_types")
    @classmethod
    def _varied(cls, types: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if types is None else _types(types)


class RobustnessEntry(Strict):
    """`robustness`: variants beside every instance."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "include_base_records": "the base is always played: without it there is no comparison",
        "extract_failure_cases": "`proctor inspect failures RUN` shows them",
        "max_failure_cases": "`proctor inspect failures RUN --limit N` shows as many as asked",
        "agents": "every agent of the run plays the variants",
    }

    enabled: bool = True
    answer_preserving_only: bool = False
    variants_per_task: Annotated[int, Field(ge=1)] | None = None
    max_variants_per_task: Annotated[int, Field(ge=1)] | None = None
    variant_types: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """By environment."""

    @field_validator("variant_types")
    @classmethod
    def _known(cls, types: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {suite_of(name): _types(named) for name, named in types.items()}


class ReportingEntry(Strict):
    """`reporting`: all of it is always written."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "metrics": "every metric of a family is always written",
    }

    write_jsonl: Literal[True] = True
    write_summary: Literal[True] = True
    write_markdown: Literal[True] = True
    write_failure_cases: Literal[True] = True


class ProtocolEntry(Strict):
    """`protocol` of a leaderboard."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "execution_status": "the table says itself what was played",
    }

    track: str | None = None
    scale: str | None = None
    tasks_per_environment: Annotated[int, Field(ge=1)] | None = None
    task_seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = (
        None
    )


class ModelEntry(Strict):
    """One of a leaderboard's `models`: an agent without its manner."""

    REFUSED: ClassVar[Mapping[str, str]] = AgentEntry.REFUSED

    name: str | None = None
    provider: str | None = None
    model: str
    temperature: float | None = None
    max_tokens: int | None = None
    thinking: str | int | None = None
    max_retries: int | None = None
    timeout_seconds: float | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    usd: float | None = None
    rpm: int | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict[str, Any])


class File(Strict):
    """A whole file."""

    run: RunEntry
    agent: AgentEntry | None = None
    agents: Annotated[
        tuple[Annotated[AgentEntry, BeforeValidator(_typed)], ...] | None, Field(min_length=1)
    ] = None
    """A text is a type, or an agent's whole name (`claude:scripted+turns=4`)."""
    models: Annotated[tuple[ModelEntry, ...] | None, Field(min_length=1)] = None
    """Of a leaderboard; each plays in all of its `agents`."""
    manners: Annotated[tuple[Manner, ...] | None, Field(min_length=1)] = None
    """A leaderboard's `agents`; nobody writes this key."""
    baseline_agent: str | None = None
    environments: Annotated[
        tuple[Annotated[EnvironmentEntry, BeforeValidator(_named)], ...], Field(min_length=1)
    ]
    robustness: RobustnessEntry | None = None
    protocol: ProtocolEntry | None = None
    reporting: ReportingEntry = ReportingEntry()

    @model_validator(mode="before")
    @classmethod
    def _leaderboard(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        data: dict[Any, Any] = dict(raw)  # pyright: ignore[reportUnknownArgumentType] - any keys
        if "manners" in data:
            raise ValueError("there is no `manners`; a leaderboard's manners stand in `agents`")
        if "models" in data:
            data["manners"] = data.pop("agents", [])
        return data

    @model_validator(mode="after")
    def _whole(self) -> "File":
        forms = [name for name in ("agent", "agents", "models") if getattr(self, name) is not None]
        if len(forms) != 1:
            raise ValueError(f"needs one of `agent`, `agents`, `models`; got {_and(forms)}")
        if self.protocol and not self.models:
            raise ValueError("`protocol` belongs to a leaderboard: a file with `models`")
        return self


def _types(types: tuple[str, ...]) -> tuple[str, ...]:
    for name in types:
        if name not in ABOUT:
            raise ValueError(f"there is no variant type {name!r}.{nearest(name, ABOUT)}")
    return types


def _and(names: list[str]) -> str:
    return " and ".join(names) or "none"


def suite_of(environment: str) -> str:
    """The suite that an environment's name means: the published form, where it is one's name.

    Raises:
        ValueError: there is none.
    """
    published = [n.removeprefix(PUBLISHED) for n in FAMILIES.names() if n.startswith(PUBLISHED)]
    if environment in published:
        return PUBLISHED + environment
    try:
        in_suite(environment)
    except UsageError:
        known = [*published, *FAMILIES.names()]
        raise ValueError(
            f"there is no environment {environment!r}.{nearest(environment, known)} "
            f"Published ones are {', '.join(published)}; ours are listed by `proctor tasks list`."
        ) from None
    return environment
