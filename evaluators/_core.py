"""Scores and measures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from ground_truth import Key
from tasks import JSON, Frozen, Shelf, Stamp

Notebook = Mapping[str, JSON]
"""A saved notebook as `tasks._record.load_notebook` gives it."""


@dataclass(frozen=True)
class Marks:
    """What a measure gives one valid answer."""

    ability: float
    """In [0, 1]; 1 is the ceiling."""
    passed: bool
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    safety: float | None = None
    """In [0, 1] where the family grades conduct, else None."""
    violations: tuple[str, ...] = ()
    axes: Mapping[str, float] = field(default_factory=dict[str, float])
    """Any of `belief`, `decision`, `calibration`, each in [0, 1]; 1 is perfect."""
    steps: tuple[Mapping[str, JSON], ...] = ()
    """Episodes: what each action was worth (fields of `ground_truth.keys.Step`)."""
    complete: bool = True
    """False for an episode that was not played to its end."""


AXES = ("belief", "decision", "calibration")
"""What is measured of an answer beside its ability, its validity and its safety."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure: a module `evaluators/measures/<name>.py` that defines `measure`."""

    key: type[Key]
    """The kind of key it takes."""
    score: Callable[[JSON, Any], Marks]
    """`score(answer, key)`: pure; never raises on an answer that its family's model accepts.
    For an episode the answer is the list of its actions."""
    metrics: Mapping[str, str]
    """Name and meaning (with unit) of each metric, for tables."""
    evidence: Mapping[str, Callable[[Notebook], bool]] = field(
        default_factory=dict[str, Callable[["Notebook"], bool]]
    )
    """What the work must show beyond the checks that `evaluators._evidence` makes of every one."""


MEASURES: Shelf[Measure] = Shelf(
    package="evaluators.measures", attribute="measure", kind=Measure, group="proctor.measures"
)


class Score(Frozen):
    """One finished attempt, measured. Axes stand apart and are never folded into one number."""

    attempt: str
    instance: str
    family: str
    preset: str
    agent: str
    n: int
    stamp: Stamp
    sandbox: str
    """Tier of the kernel (`zygote`, `bwrap`, `landlock`, `none`), or `-` where none started."""
    status: str
    """`scored`; `invalid` (the server never saw this agent); `error` (ours: never a zero)."""
    validity: float
    """1 if an answer of the right shape was accepted (an episode: played to its end), else 0."""
    ability: float | None
    """Measure's mark; 0 for an attempt that ended without a valid answer; None on `error`, and
    where another than the agent cut it short."""
    passed: bool
    safety: float | None = None
    evidence: float | None = None
    """Share of the evidence checks that hold in the notebook; None where the family has none."""
    checks: dict[str, bool] = Field(default_factory=dict[str, bool])
    """The evidence checks by name."""
    axes: dict[str, float] = Field(default_factory=dict[str, float])
    """Belief, decision, calibration as far as the family grades them; never folded into one."""
    metrics: dict[str, float] = Field(default_factory=dict[str, float])
    violations: tuple[str, ...] = ()
    steps: tuple[dict[str, JSON], ...] = ()
    """Episodes: action, best action and regret, step by step."""
    flags: tuple[str, ...] = ()
    """Signs of cheating, each a sentence; empty for an honest attempt."""
    notebook: str = ""
    """Path of the notebook, relative to the run folder."""
    reason: str = ""
    """How the attempt ended (`submitted`, `finished`, `rejected`, `expired`, `budget`, …)."""
    usage: dict[str, JSON] = Field(default_factory=dict[str, JSON])
    """What the attempt cost, as the daemon counted it."""
    note: str = ""
    """Why it is invalid or in error, for the operator."""

    @property
    def variant(self) -> str:
        """The perturbation that was played; '' for the instance itself."""
        return self.instance.partition("::")[2]
