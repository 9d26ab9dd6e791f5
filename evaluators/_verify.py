"""Is the record what the daemon wrote? One attempt, or a whole run.

Covers: any change of an event or of their order, a notebook that is not the one that was closed,
an attempt that was moved to another place or another run, a log cut after its close. Does not
cover: an attempt that was deleted with all its files (only a gap in its repeats shows), changes by
someone who holds the secret, and files under `results/` and `outputs/`, which can be made again or
are the agent's own.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ground_truth import SecretStore, record_key
from tasks import InstanceId, RecordError
from tasks._record import (
    MAX_NOTEBOOK,
    AttemptFolder,
    Clock,
    Log,
    NotBegunError,
    Opened,
    Run,
    RunFolder,
    about,
    fold,
    is_live,
    load_notebook,
    peek,
    read_bytes,
    read_json,
    recover,
    scan_log,
)

KeyOf = Callable[[Opened], bytes]
"""Gives the key of a log's chain, or raises RecordError if its secret is not here."""


class State(StrEnum):
    """What became of a record."""

    WHOLE = "whole"
    """Closed, and every byte as it was closed."""
    OPEN = "open"
    """Authentic as far as it goes, but never closed: running, or left by a dead daemon."""
    CHANGED = "changed"
    """Something is not as the daemon wrote it."""
    UNREADABLE = "unreadable"
    """It cannot be checked here: files are missing, or the secret is on another machine."""


@dataclass(frozen=True)
class AttemptVerdict:
    """What was found of one attempt."""

    attempt: str
    """Its id, as the log claims; empty if that cannot be read."""
    slug: str
    n: int
    state: State
    events: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunVerdict:
    """What was found of a run."""

    run: str
    attempts: tuple[AttemptVerdict, ...]
    problems: tuple[str, ...]
    """What is wrong with the run as a whole."""

    @property
    def holds(self) -> bool:
        """Whether everything closed is as it was closed, and nothing is unreadable."""
        bad = (State.CHANGED, State.UNREADABLE)
        return not self.problems and not any(item.state in bad for item in self.attempts)


Claims = Mapping[str, frozenset[str]]
"""Notebook's path to the ids of the attempts that say it is theirs."""


@dataclass(frozen=True)
class Context:
    """What the rest of the run says of an attempt."""

    run: Run | None = None
    claims: Claims = field(default_factory=dict[str, frozenset[str]])


def keys(store: SecretStore) -> KeyOf:
    """Keys from this machine's secrets, old ones included."""
    return lambda opened: record_key(store.get(opened.secret_id), opened.attempt)


def verify_run(run: RunFolder, key_of: KeyOf) -> RunVerdict:
    """Check every attempt of a run and the run's own files."""
    problems: list[str] = []
    about_run: Run | None = None
    try:
        about_run = run.read()
    except RecordError as error:
        problems.append(str(error))
    folders = run.attempts()
    claims = _claims(folders)
    context = Context(about_run, claims)
    verdicts = tuple(verify_attempt(folder, key_of, context) for folder in folders)
    problems += _strays(run, folders, claims)
    return RunVerdict(run.path.name, verdicts, tuple(problems))


def finish_orphan(folder: AttemptFolder, key_of: KeyOf, clock: Clock) -> bool:
    """End an attempt that a dead daemon left open; return whether a daemon still runs it.

    Raises:
        RecordError: it never began, is damaged, or its secret is not here.
    """
    if is_live(folder.events):
        return True
    recover(folder, key_of(peek(folder.events)), clock)
    return False


def finish_orphans(run: RunFolder, key_of: KeyOf, clock: Clock) -> list[str]:
    """End every attempt that a dead daemon left open; running ones stay as they are.

    Returns:
        What could not be ended, a sentence each.
    """
    problems: list[str] = []
    for folder in run.attempts():
        try:
            finish_orphan(folder, key_of, clock)
        except NotBegunError:
            continue
        except RecordError as error:
            problems.append(str(error))
    return problems


def verify_attempt(
    folder: AttemptFolder, key_of: KeyOf, context: Context | None = None
) -> AttemptVerdict:
    """Check one attempt: chain, place, notebook, usage."""
    try:
        opened = peek(folder.events)
    except NotBegunError as error:
        return AttemptVerdict("", folder.slug, folder.n, State.OPEN, 0, (str(error),))
    except RecordError as error:
        return AttemptVerdict("", folder.slug, folder.n, State.UNREADABLE, 0, (str(error),))
    try:
        log = scan_log(folder.events, key_of(opened))
    except RecordError as error:
        return AttemptVerdict(
            opened.attempt, folder.slug, folder.n, State.UNREADABLE, 0, (str(error),)
        )
    problems = tuple(_problems(folder, log, context or Context()))
    state = State.CHANGED if problems else State.OPEN if log.closed is None else State.WHOLE
    notes = problems or tuple(_remarks(folder, log))
    return AttemptVerdict(opened.attempt, folder.slug, folder.n, state, len(log.events), notes)


def _problems(folder: AttemptFolder, log: Log, context: Context) -> Iterator[str]:
    if log.tail and not (log.torn and log.closed is None):
        yield (
            f"events.jsonl: line {len(log.events) + 1} does not follow from the ones before it "
            "under this attempt's key."
        )
    if not log.events:
        return
    yield from _misplaced(folder, log.opened, context.run)
    try:
        yield from _bound(folder, log, context) if log.closed is not None else _ahead(folder, log)
    except RecordError as error:
        yield str(error)


def _misplaced(folder: AttemptFolder, opened: Opened, run: Run | None) -> Iterator[str]:
    slug = folder.slug if opened.instance is None else InstanceId.parse(opened.instance).slug
    if (slug, opened.n) != (folder.slug, folder.n):
        yield f"The record is of {slug}, repeat {opened.n}: it does not belong in this folder."
    # A practice run is named after the client, as far as a folder can be.
    if run is not None and opened.graded and run.agent != opened.agent:
        yield f"The record is of the agent {opened.agent!r}, the run is of {run.agent!r}."


def _bound(folder: AttemptFolder, log: Log, context: Context) -> Iterator[str]:
    assert log.closed is not None
    assert log.finished is not None
    wanted = log.closed.notebook_sha256
    saved = read_bytes(folder.within(log.opened.notebook), MAX_NOTEBOOK)
    same = hashlib.sha256(saved).hexdigest() == wanted
    if not same and not _taken_over(folder, log.opened, context):
        yield f"{log.opened.notebook} is not the notebook that was closed with this attempt."
    made = hashlib.sha256(b"".join(fold(log.events).chunks())).hexdigest()
    if made != wanted:
        yield "The events do not fold into the notebook that was closed (another version of it?)."
    if log.closed.invalid:
        yield f"The notebook was not valid when it was closed: {log.closed.invalid}"
    usage = {"reason": log.finished.reason, **log.finished.usage}
    if read_json(folder.usage) != usage:
        yield "usage.json does not say what attempt.finished says."


def _taken_over(folder: AttemptFolder, opened: Opened, context: Context) -> bool:
    """Whether a later free session of this run goes on in the same notebook file."""
    others = context.claims.get(opened.notebook, frozenset()) - {opened.attempt}
    if opened.graded or not others:
        return False
    return about(load_notebook(folder.within(opened.notebook))).get("attempt") in others


def _ahead(folder: AttemptFolder, log: Log) -> Iterator[str]:
    if folder.usage.exists():
        yield "usage.json is there, but the log's end (attempt.closed) is missing: it was cut off."
    path = folder.within(log.opened.notebook)
    head = about(load_notebook(path)) if path.exists() else {}
    known = head.get("events", 0) if head.get("attempt") == log.opened.attempt else 0
    if isinstance(known, int) and known > len(log.events):
        yield f"The notebook was made of {known} events, the log has {len(log.events)}: it was cut."


def _remarks(folder: AttemptFolder, log: Log) -> Iterator[str]:
    if log.closed is not None:
        return
    if is_live(folder.events):
        yield "A daemon is writing it."
    else:
        yield "It was never closed; `proctor score` or the next daemon ends it as daemon_lost."
    if log.torn:
        yield f"Its last line is torn ({log.tail} bytes), as a crash leaves it."


def _claims(folders: list[AttemptFolder]) -> Claims:
    claims: dict[str, frozenset[str]] = {}
    for folder in folders:
        try:
            opened = peek(folder.events)
        except RecordError:
            continue  # Its own verdict tells.
        claims[opened.notebook] = claims.get(opened.notebook, frozenset()) | {opened.attempt}
    return claims


def _strays(run: RunFolder, folders: list[AttemptFolder], claims: Claims) -> Iterator[str]:
    for path in sorted((run.path / "notebooks").glob("*.ipynb")):
        relative = path.relative_to(run.path).as_posix()
        if relative not in claims:
            yield f"{relative} belongs to no attempt of this run."
    for usage in sorted((run.path / "attempts").glob("*/*/usage.json")):
        if not usage.with_name("events.jsonl").exists():
            yield f"{usage.relative_to(run.path).as_posix()} has no events.jsonl beside it."
    repeats: dict[str, set[int]] = {}
    for folder in folders:
        repeats.setdefault(folder.slug, set()).add(folder.n)
    for slug, present in repeats.items():
        missing = sorted(set(range(1, max(present) + 1)) - present)
        if missing:
            yield f"{slug} lacks the repeats {', '.join(map(str, missing))}."
