"""The nouns of the hall that an agent may see: instance, brief, budget, family, world.

Nothing here has a field that could hold an answer. What grades an agent is `ground_truth.Key`,
which shares no base and no container with anything in this file.
"""

import hashlib
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from tasks._errors import UsageError, nearest

JSON = Any
"""Any value that `json` can write without `default=`; finite numbers only."""


class Frozen(BaseModel):
    """Base of every value that is parsed from or written to JSON: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Params(Frozen):
    """Named difficulty parameters of a family; each family subclasses it, each preset is one."""


class Public(Frozen):
    """What of an instance the agent may know, in numbers; each family subclasses it."""


class Split(StrEnum):
    """Where an instance's hidden part is drawn from."""

    PUBLIC = "public"
    """From a published constant: anybody can reproduce it; stamped *practice*, never ranked."""
    PRIVATE = "private"
    """From this user's secret: the exam."""
    CALIBRATION = "calibration"
    """Floors and ceilings are estimated here; never offered to an agent."""


class Stamp(StrEnum):
    """What a result may be used for. Only `EXAM` is ranked."""

    EXAM = "exam"
    PRACTICE = "practice"
    OPEN = "open"
    """The family follows a published form from public seeds: its keys are public."""
    DIAGNOSTIC = "diagnostic"
    """The agent was given the key by the operator."""


P = TypeVar("P", bound=Params)
Q = TypeVar("Q", bound=Public)

_ID = re.compile(
    r"(?P<family>[a-z0-9_]+(?:/[a-z0-9_]+)+)@(?P<version>\d+):(?P<preset>[a-z0-9_]+)"
    r":(?P<split>[a-z]+):(?P<seed>\d{1,18})"
)


@dataclass(frozen=True, order=True)
class InstanceId:
    """Names one instance: `family@version:preset:split:seed`."""

    family: str
    version: int
    preset: str
    split: Split
    seed: int

    def __str__(self) -> str:
        return f"{self.family}@{self.version}:{self.preset}:{self.split.value}:{self.seed}"

    @property
    def slug(self) -> str:
        """The id percent-encoded, safe as one path component."""
        return urllib.parse.quote(str(self), safe="")

    @classmethod
    def parse(cls, text: str) -> "InstanceId":
        """Read an id, plain or percent-encoded.

        Raises:
            UsageError: `text` is not of the form `group/name@version:preset:split:seed`.
        """
        match = _ID.fullmatch(urllib.parse.unquote(text))
        if match is None or match["split"] not in set(Split):
            raise UsageError(
                f"{text!r} is not an instance id. One reads `group/name@version:preset:split:seed`,"
                " for example `strategic/bayesian_games@1:easy:public:7`."
            )
        return cls(
            match["family"],
            int(match["version"]),
            match["preset"],
            Split(match["split"]),
            int(match["seed"]),
        )


class Budget(Frozen):
    """What an attempt may spend; 0 means without limit. The daemon enforces every field."""

    wall_s: float = 1800.0
    """Seconds from `start_task` to the end of the attempt."""
    tool_calls: int = 200
    cell_s: float = 60.0
    """Default and upper bound of one cell's `timeout_s` (background cells included)."""
    answer_checks: int = 3
    """How often `check_answer_format` may be called."""
    memory_mb: int = 2048
    disk_mb: int = 300


@dataclass(frozen=True)
class BriefText:
    """What a family writes of a brief; the hall adds instance, budget, tools and schema."""

    prompt: str
    """Markdown: the situation, the data, the objective in full, the answer contract."""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Workspace files by relative name (JSON, safetensors, text), read-only data for the agent."""


@dataclass(frozen=True)
class Brief:
    """All that an agent gets of an instance."""

    instance: InstanceId
    title: str
    prompt: str
    answer_schema: Mapping[str, JSON]
    """JSON schema (2020-12) of the answer: every key, bound and vocabulary that is graded."""
    files: Mapping[str, bytes]
    budget: Budget
    stamp: Stamp
    notebook: bool
    """Whether a kernel starts with the attempt."""
    episode: bool
    """Whether the task is played with `act`."""


def brief_sha256(prompt: str, schema: Mapping[str, JSON], files: Mapping[str, bytes]) -> str:
    """Hash of all that an agent is given: prompt, answer schema, files.

    It stands in the record, so that an instance which a changed family draws otherwise under the
    same version is not scored against the wrong key.
    """
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    whole = {"prompt": prompt, "schema": schema, "files": digests}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Family(Generic[P, Q]):
    """One task family: a module `tasks/<group>/<name>.py` that defines `family`.

    Its namesake `ground_truth/<group>/<name>.py` defines `truth`, which draws instances.
    """

    version: int
    """Raised whenever the same seed gives another instance, brief or score."""
    title: str
    summary: str
    """One sentence for `proctor tasks list`."""
    tags: frozenset[str]
    """Group tags a suite may name: `strategic`, `circuits`, `neurons`, `probes`."""
    params: type[P]
    public: type[Q]
    presets: Mapping[str, P]
    """From easy to expert; the first is the default."""
    answer: Callable[[Q], type[BaseModel]]
    """The answer's model for one instance (its JSON schema is shown to the agent)."""
    brief: Callable[[Q], BriefText]
    measure: str
    """Name of the file in `evaluators/measures/` that scores it."""
    notebook: bool = True
    episode: bool = False
    budget: Budget = Budget()
    open_keys: bool = False
    """True if keys follow from public seeds (published forms): every result is stamped *open*."""

    def preset(self, name: str | None) -> P:
        """Return the parameters of preset `name` (the default if None).

        Raises:
            UsageError: no such preset.
        """
        if name is None:
            return next(iter(self.presets.values()))
        if name not in self.presets:
            raise UsageError(
                f"{self.title} has no preset {name!r}.{nearest(name, self.presets)} "
                f"It has {', '.join(self.presets)}."
            )
        return self.presets[name]

    @property
    def default_preset(self) -> str:
        """The preset that is played when none is named."""
        return next(iter(self.presets))


@dataclass(frozen=True)
class Observation:
    """What an agent sees after a step of an episode."""

    view: JSON
    reward: float
    done: bool


class World(Protocol):
    """The hidden state of one episode; `ground_truth` builds it, the daemon steps it.

    Deterministic: the same key and the same actions give the same observations, so that the
    notebook's recorded actions and the key alone reproduce the score.
    """

    def observe(self) -> Observation:
        """Return what the agent sees now, without a step."""
        ...

    def act(self, action: JSON) -> Observation:
        """Take one step.

        Raises:
            AgentFault: the action is not one that the brief allows; the state is unchanged.
        """
        ...
