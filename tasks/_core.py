"""The nouns of the hall that an agent may see: instance, brief, budget, family, world.

Nothing here has a field that could hold an answer. What grades an agent is `ground_truth.Key`,
which shares no base and no container with anything in this file.
"""

import hashlib
import json
import random
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
    r":(?P<split>[a-z]+):(?P<seed>\d{1,18})(?:::(?P<variant>[a-z0-9_]+))?"
)
CANARY = "PROCTOR CANARY 8d1f6c0e-52a7-4b3e-9f64-c1b0a7e3d295"
"""Stands in every prompt, so that a training corpus which holds an exam can be told."""


@dataclass(frozen=True, order=True)
class InstanceId:
    """Names one instance: `family@version:preset:split:seed`, and `::variant` if it is one."""

    family: str
    version: int
    preset: str
    split: Split
    seed: int
    variant: str = ""
    """A perturbation of the instance without it: a text variant or a metamorphic relation."""

    def __str__(self) -> str:
        base = f"{self.family}@{self.version}:{self.preset}:{self.split.value}:{self.seed}"
        return f"{base}::{self.variant}" if self.variant else base

    @property
    def base(self) -> "InstanceId":
        """The instance that this one is a variant of; itself if it is none."""
        return replace(self, variant="")

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
                f"{text!r} is not an instance id. One reads `group/name@version:preset:split:seed`"
                " (and `::variant`), for example `strategic/bayesian_games@2:easy:public:7`."
            )
        return cls(
            match["family"],
            int(match["version"]),
            match["preset"],
            Split(match["split"]),
            int(match["seed"]),
            match["variant"] or "",
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
    calculations: int = 3
    """How often a calculator may be called, in families that offer any."""
    memory_mb: int = 2048
    disk_mb: int = 300


@dataclass(frozen=True)
class BriefText:
    """What a family writes of a brief; the hall adds instance, budget, tools and schema."""

    prompt: str
    """Markdown: the situation, the data, the objective in full, the answer contract."""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Workspace files by relative name (JSON, safetensors, text), read-only data for the agent."""


TextVariant = Callable[[BriefText, random.Random], BriefText]
"""Rewrites the prompt of a brief; the key stays what it is."""


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
    """The answer's model for one instance (its JSON schema is shown to the agent); for an episode,
    the model of one action."""
    brief: Callable[[Q], BriefText]
    measure: str
    """Name of the file in `evaluators/measures/` that scores it."""
    notebook: bool = True
    episode: bool = False
    budget: Budget = Budget()
    open_keys: bool = False
    """True if keys follow from public seeds (published forms): every result is stamped *open*, and
    a suite has the family only if it is named more closely than by its group."""
    suite_offset: int = 0
    """Added to the seeds in a suite of several families."""
    calculators: tuple[str, ...] = ()
    """Calculators that the agent may call."""
    variants: Mapping[str, TextVariant] = field(default_factory=dict[str, TextVariant])
    """Perturbations of the wording, by name; the answer stays."""
    relations: tuple[str, ...] = ()
    """Names of the metamorphic relations of its truth: variants in other numbers, names, order."""

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


def briefed(unit: Family[Any, Any], public: Public, instance: InstanceId) -> BriefText:
    """What the agent is told: the family's brief, perturbed if asked for, and the canary."""
    text = unit.brief(public)
    if instance.variant in unit.variants:
        rng = random.Random(variant_seed(instance))  # noqa: S311 - wording, no secret
        text = unit.variants[instance.variant](text, rng)
    return replace(text, prompt=f"{text.prompt}\n\n<!-- {CANARY} -->")


def variant_seed(instance: InstanceId) -> int:
    """The published seed of a variant: 4 bytes of SHA-256 of `task-seed:variant:seed`."""
    task = f"{instance.family.rpartition('/')[2]}-{instance.seed}"
    word = f"{task}:{instance.variant}:{instance.seed}".encode()
    return int.from_bytes(hashlib.sha256(word).digest()[:4], "big")


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
