"""Events: what is recorded of an attempt, one typed thing at a time.

A line of the log is `{"v":…,"seq":…,"t":…,"kind":…,"data":{…},"mac":…}`. `v` is the version of the
schema; `UPGRADERS[n]` turns a line of version n into one of version n + 1, so that every log ever
written stays readable. A line of a newer version is refused, never guessed at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from tasks._core import JSON, Budget, Frozen, Stamp
from tasks._errors import RecordError
from tasks._record._json import encode, plain
from tasks._record._outputs import clean_bundle, clean_metadata, clean_output

SCHEMA = 1
"""Version of events, notebooks' metadata and run.json that this code writes."""

Raw = Mapping[str, JSON]
Upgrader = Callable[[Raw], Raw]

CellId = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
CellType = Literal["code", "markdown", "raw"]
Role = Literal["brief", "agent", "note"]
CellStatus = Literal["ok", "error", "interrupted", "timeout", "died", "output_limit"]
Reason = Literal["submitted", "finished", "rejected", "expired", "budget", "killed", "daemon_lost"]
Count = Annotated[int, Field(ge=0)]
Output = Annotated[dict[str, JSON], BeforeValidator(clean_output)]
Bundle = Annotated[dict[str, JSON], BeforeValidator(clean_bundle)]
Metadata = Annotated[dict[str, JSON], BeforeValidator(clean_metadata)]


class Opened(Frozen):
    """attempt.opened: the first event; everything that must be known to read the rest."""

    attempt: str
    instance: str | None = None
    """`str(InstanceId)`; None for a free notebook."""
    family: str | None = None
    preset: str | None = None
    agent: str
    n: int = 1
    stamp: Stamp = Stamp.PRACTICE
    graded: bool = False
    diagnostic: bool = False
    sandbox: dict[str, JSON]
    """`tier` and what the live probe said."""
    versions: dict[str, str]
    brief_sha256: str | None = None
    secret_id: str
    """Fingerprint of the secret that made the instance and this log's key."""
    lease_s: float | None = None
    budget: Budget | None = None
    notebook: str
    """Path of the notebook, relative to the run folder."""
    title: str = ""


class ToolsListed(Frozen):
    """tools.listed: the agent was offered these tools."""

    sha256: str
    """Of the canonical JSON of the tool schemas as they were sent."""
    count: int


class KernelChange(Frozen):
    """kernel.started, kernel.failed, kernel.died, kernel.interrupted, kernel.restarted.

    `kernel.failed` is ours, never the agent's: no kernel could be started, or the server failed in
    a cell.
    """

    tier: str | None = None
    ms: float | None = None
    reason: str | None = None


class CallRefused(Frozen):
    """call.refused: in an exam, a tool call reached for what is not the agent's."""

    tool: str
    why: str
    """What the agent was told, cut at 500 characters."""


class CellAdded(Frozen):
    """cell.added: a cell was put at `index`, or at the end."""

    cell_id: CellId
    cell_type: CellType
    source: str
    role: Role = "agent"
    index: Count | None = None


class CellEdited(Frozen):
    """cell.edited: new source; outputs and count are cleared."""

    cell_id: CellId
    source: str


class CellStarted(Frozen):
    """cell.started: the cell was sent to the kernel; its outputs are cleared."""

    cell_id: CellId


class CellOutput(Frozen):
    """cell.output: one more output; `transient.display_id` makes it updatable."""

    cell_id: CellId
    output: Output


class CellCleared(Frozen):
    """cell.cleared: all outputs go, at once or when the next one comes (`wait`)."""

    cell_id: CellId
    wait: bool = False


class CellUpdated(Frozen):
    """cell.updated: every output shown under `display_id` gets new content."""

    display_id: str
    data: Bundle
    metadata: Metadata = Field(default_factory=dict[str, JSON])


class CellFinished(Frozen):
    """cell.finished: how the execution ended; `ms` is its wall time."""

    cell_id: CellId
    status: CellStatus
    execution_count: Count | None = None
    ms: float | None = None
    note: str = ""


class AnswerChecked(Frozen):
    """answer.checked: the agent asked whether an answer has the right shape."""

    ok: bool
    problems: tuple[str, ...] = ()


class AnswerRejected(Frozen):
    """answer.rejected: a submission did not have the right shape."""

    raw: str
    """What was sent, cut at 10 kB."""
    problems: tuple[str, ...] = ()
    repair_left: int = 0


class AnswerAccepted(Frozen):
    """answer.accepted: the submission; becomes the notebook's cell of role `answer`."""

    answer: JSON


class Act(Frozen):
    """act: one step of an episode; becomes a cell of role `act`."""

    action: JSON
    observation: JSON


class ActRefused(Frozen):
    """act.refused: an action that the brief does not allow; the world stayed as it was."""

    raw: str
    """What was sent, cut at 10 kB."""
    why: str
    """What the agent was told, cut at 2,000 characters."""


class Calculation(Frozen):
    """calculation: a calculator was called, or what the agent took for one."""

    tool: str
    arguments: dict[str, JSON]
    """As they were sent; `cut` alone, a string, where they were too long to keep."""
    status: Literal["allowed", "not_allowed", "unknown_tool"]
    """`not_allowed`: outside the family's allow-list; nothing was computed then."""
    output: dict[str, JSON] | None = None
    error: str | None = None
    """What the agent was told in the place of an output."""
    latency_ms: float = 0.0


class Finished(Frozen):
    """attempt.finished: why and at what cost."""

    reason: Reason
    usage: dict[str, JSON] = Field(default_factory=dict[str, JSON])
    note: str = ""


class Closed(Frozen):
    """attempt.closed: the last event; binds the notebook."""

    notebook_sha256: str
    invalid: str = ""
    """What nbformat's validator said of the notebook; empty if it is valid."""


class Kind(StrEnum):
    """Kinds of event."""

    OPENED = "attempt.opened"
    TOOLS_LISTED = "tools.listed"
    KERNEL_STARTED = "kernel.started"
    KERNEL_FAILED = "kernel.failed"
    KERNEL_DIED = "kernel.died"
    KERNEL_INTERRUPTED = "kernel.interrupted"
    KERNEL_RESTARTED = "kernel.restarted"
    CALL_REFUSED = "call.refused"
    CELL_ADDED = "cell.added"
    CELL_EDITED = "cell.edited"
    CELL_STARTED = "cell.started"
    CELL_OUTPUT = "cell.output"
    CELL_CLEARED = "cell.cleared"
    CELL_UPDATED = "cell.updated"
    CELL_FINISHED = "cell.finished"
    ANSWER_CHECKED = "answer.checked"
    ANSWER_REJECTED = "answer.rejected"
    ANSWER_ACCEPTED = "answer.accepted"
    ACT = "act"
    ACT_REFUSED = "act.refused"
    CALCULATION = "calculation"
    FINISHED = "attempt.finished"
    CLOSED = "attempt.closed"


DATA: Mapping[Kind, type[Frozen]] = {
    Kind.OPENED: Opened,
    Kind.TOOLS_LISTED: ToolsListed,
    Kind.KERNEL_STARTED: KernelChange,
    Kind.KERNEL_FAILED: KernelChange,
    Kind.KERNEL_DIED: KernelChange,
    Kind.KERNEL_INTERRUPTED: KernelChange,
    Kind.KERNEL_RESTARTED: KernelChange,
    Kind.CALL_REFUSED: CallRefused,
    Kind.CELL_ADDED: CellAdded,
    Kind.CELL_EDITED: CellEdited,
    Kind.CELL_STARTED: CellStarted,
    Kind.CELL_OUTPUT: CellOutput,
    Kind.CELL_CLEARED: CellCleared,
    Kind.CELL_UPDATED: CellUpdated,
    Kind.CELL_FINISHED: CellFinished,
    Kind.ANSWER_CHECKED: AnswerChecked,
    Kind.ANSWER_REJECTED: AnswerRejected,
    Kind.ANSWER_ACCEPTED: AnswerAccepted,
    Kind.ACT: Act,
    Kind.ACT_REFUSED: ActRefused,
    Kind.CALCULATION: Calculation,
    Kind.FINISHED: Finished,
    Kind.CLOSED: Closed,
}

UPGRADERS: Mapping[int, Upgrader] = {}
"""From version n to n + 1. Empty as long as version 1 is the first and only one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded thing."""

    seq: int
    """Position in the log, from 0."""
    t: str
    """UTC, ISO 8601 with milliseconds, ends in Z."""
    kind: Kind
    data: Frozen
    """An instance of `DATA[kind]`."""


def make(seq: int, t: str, kind: str, data: Raw | Frozen) -> Event:
    """Build an event, checking the data against its kind.

    Raises:
        RecordError: no such kind, or the data does not fit it.
    """
    try:
        known = Kind(kind)
    except ValueError as error:
        raise RecordError(
            f"{kind!r} is not a kind of event; it is one of {', '.join(Kind)}."
        ) from (error)
    model = DATA[known]
    if isinstance(data, model):
        return Event(seq, t, known, data)
    try:
        return Event(seq, t, known, model.model_validate(data))
    except ValidationError as error:
        raise RecordError(f"The data of {known} do not fit it: {error}") from error


def body(event: Event) -> bytes:
    """The line of an event without its MAC: the bytes that are authenticated."""
    head = f'{{"v":{SCHEMA},"seq":{event.seq},"t":"{event.t}","kind":"{event.kind.value}","data":'
    return b"".join((head.encode(), encode(_dump(event.data)), b"}"))


def tidy(data: Raw | Frozen) -> Raw:
    """The nearest data that can be recorded: what `make` and `body` refuse is made plain."""
    dumped = data.model_dump() if isinstance(data, Frozen) else data
    return plain(dumped)


def parse(raw: Raw, upgraders: Mapping[int, Upgrader] = UPGRADERS) -> Event:
    """Read one line's object, of this version or an older one.

    Raises:
        RecordError: it is not an event, or was written by a newer Proctor.
    """
    raw = upgrade(raw, upgraders)
    if set(raw) != {"v", "seq", "t", "kind", "data"} or not isinstance(raw["seq"], int):
        raise RecordError(f"A line of the log has the fields {sorted(raw)}; it is not an event.")
    return make(raw["seq"], str(raw["t"]), str(raw["kind"]), raw["data"])


def upgrade(raw: Raw, upgraders: Mapping[int, Upgrader]) -> Raw:
    """Bring an object with a version `v` up to `SCHEMA`, one step at a time.

    Raises:
        RecordError: it is newer than this code, or no way leads from its version.
    """
    version = raw.get("v")
    if not isinstance(version, int) or version > SCHEMA:
        raise RecordError(
            f"The record has schema version {version!r}; this Proctor reads up to {SCHEMA}. "
            "Read it with the Proctor that wrote it, or update this one."
        )
    for step in range(version, SCHEMA):
        if step not in upgraders:
            raise RecordError(f"No upgrade leads from schema version {step} to {step + 1}.")
        raw = {**upgraders[step](raw), "v": step + 1}
    return raw


def _dump(data: Frozen) -> dict[str, JSON]:
    return {
        name: value.model_dump(mode="json") if isinstance(value, Frozen) else value
        for name, value in data.__dict__.items()
        if value is not None or name in _NULLABLE
    }


_NULLABLE = frozenset({"answer", "action", "observation"})
"""Fields in which null is a value, not an absence."""
