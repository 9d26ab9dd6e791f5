"""One agent's run folder as its runner sees it: what is done, what was cut short, who plays now.

The record belongs to the daemon; the runner adds `played.json` to an attempt it saw to its end,
and `cut/{instance}/{n}-{k}/`, where attempts lie that were cut short: kept whole, never counted.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from runners._core import AgentReport
from runners._plan import EvalConfig, Sitting
from tasks import JSON, Frozen, RecordError, UsageError, family
from tasks._record import (
    PLAYED_FILE,
    RUN_FILE,
    AgentSetup,
    AgentUsage,
    AttemptFolder,
    LocalDisk,
    Played,
    Run,
    RunFolder,
    dump,
    house_failure_in,
    peek,
    read_json,
    run_folders,
    save,
)

OWN_ENDS = frozenset({"submitted", "finished", "rejected"})
"""Reasons that only an agent's own deed gives; whoever died afterwards, the attempt stands."""

TOLD_FILE = "told.json"
"""What the agent of an attempt told so far; `played.json` takes its place at the end."""

ADAPTIVE_FILE = "adaptive.json"
"""What an adaptive run asked, what it knew after each answer, and why it asked no more."""

_LISTED = re.compile(rb'\{"v":\d+,"seq":\d+,"t":"[^"]*","kind":"tools\.listed","data":(\{[^{}]*\})')


class _Told(Frozen):
    """Fields as in `Played`."""

    setup: AgentSetup | None = None
    usage: AgentUsage | None = None
    transcript: str | None = None
    usd_cap: float | None = None


class _Costed(Protocol):
    @property
    def usage(self) -> AgentUsage | None: ...
    @property
    def usd_cap(self) -> float | None: ...


def cost(played: _Costed) -> float:
    """Dollars to be counted against a budget: where nobody can say, all that it might spend."""
    said = None if played.usage is None else played.usage.cost_usd
    return (played.usd_cap or 0.0) if said is None else said


@dataclass(frozen=True)
class Ledger:
    """One agent's run folder."""

    folder: RunFolder

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def examined(self) -> bool:
        """Whether an adaptive run ended here, for good."""
        note = self.path / ADAPTIVE_FILE
        return note.exists() and bool(read_json(note).get("final"))

    def place(self, sitting: Sitting) -> AttemptFolder:
        """Where the record of a sitting lies."""
        return self.folder.attempt(sitting.instance.slug, sitting.n)

    def done(self, sitting: Sitting) -> bool:
        """Whether this sitting was seen to its end, and did not fail by the house."""
        note = self.place(sitting).path / PLAYED_FILE
        if note.exists():
            return not _failure(note)
        return self.own_end(sitting) and not self.failure(sitting)

    def own_end(self, sitting: Sitting) -> bool:
        """Whether the agent itself ended the attempt in the sitting's place."""
        return self._reason(sitting) in OWN_ENDS

    def failure(self, sitting: Sitting) -> str:
        """Why the attempt in the sitting's place failed by the house, '' if it did not."""
        return house_failure_in(self.place(sitting).events)

    def closed(self, sitting: Sitting) -> bool:
        """Whether the daemon that held the attempt closed its record."""
        return self._reason(sitting) not in (None, "daemon_lost")

    def _reason(self, sitting: Sitting) -> str | None:
        place = self.place(sitting)
        if not place.usage.exists():
            return None
        usage = read_json(place.usage)
        return str(usage.get("reason")) if isinstance(usage, dict) else None

    def played(self, sitting: Sitting) -> Played | None:
        """What was noted of the sitting at its end; None if nothing was."""
        note = self.place(sitting).path / PLAYED_FILE
        return Played.model_validate(read_json(note)) if note.exists() else None

    def adopt(self, sitting: Sitting) -> None:
        """Note the end of an attempt that its agent ended, and whose runner died before it could.

        What the agent had told by then stands; nobody saw how long it took on its side.
        """
        place = self.place(sitting)
        told = place.path / TOLD_FILE
        if not told.exists() or (place.path / PLAYED_FILE).exists():
            return
        wall_s = float(read_json(place.usage)["wall_s"])
        heard = _Told.model_validate(read_json(told)).model_dump()
        self.settle(sitting, Played(tools_listed=True, wall_s=wall_s, **heard))

    def spent(self) -> float:
        """Dollars that all attempts took that were ever opened here, set aside or not."""
        folders = [*self.path.glob("attempts/*/*"), *self.path.glob("cut/*/*/attempt")]
        return sum(cost(note) for folder in folders if (note := _told(folder)) is not None)

    def leftover(self, sitting: Sitting) -> str | None:
        """Id of the attempt that was cut short in the sitting's place; None if there is none."""
        place = self.place(sitting)
        if not place.path.exists():
            return None
        try:
            return peek(place.events).attempt
        except RecordError:
            return ""  # cut before its first event was whole

    def set_aside(self, sitting: Sitting) -> None:
        """Move what lies in the sitting's place, notebook and outputs too, under `cut/`."""
        place = self.place(sitting)
        aside = self._free(place)
        aside.mkdir(parents=True)
        # The attempt goes last: dying in between leaves it to be set aside again.
        for source, name in (
            (self.path / place.notebook, "notebook.ipynb"),
            (place.outputs, "outputs"),
            (place.path, "attempt"),
        ):
            if source.exists():
                source.rename(aside / name)

    def begin(self, sitting: Sitting, usd: float | None) -> None:
        """An attempt is open that may cost so much; None: nothing, or without a limit."""
        self._save(sitting, TOLD_FILE, _Told(usd_cap=usd))

    def hear(self, sitting: Sitting, report: AgentReport) -> None:
        """Keep what an agent told so far: a killed runner's attempt has its cost all the same."""
        told = _Told.model_validate(read_json(self.place(sitting).path / TOLD_FILE))
        heard = {"setup": report.setup, "usage": report.usage, "transcript": report.transcript}
        self._save(sitting, TOLD_FILE, told.model_copy(update=heard))

    def settle(self, sitting: Sitting, played: Played) -> None:
        """Write that the sitting was seen to its end."""
        self._save(sitting, PLAYED_FILE, played)
        (self.place(sitting).path / TOLD_FILE).unlink(missing_ok=True)

    def _save(self, sitting: Sitting, name: str, what: Frozen) -> None:
        path = self.place(sitting).path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save(LocalDisk(), path, dump(what.model_dump(mode="json")))

    def tools_sha256(self, sitting: Sitting) -> str | None:
        """Hash of the tools that the server offered there; None if nobody listed them."""
        events = self.place(sitting).events
        if not events.exists():
            return None
        with events.open("rb") as lines:
            match = next(filter(None, map(_LISTED.match, lines)), None)
        return None if match is None else str(json.loads(match[1])["sha256"])

    def describe(self, sitting: Sitting) -> None:
        """Complete run.json from the first record: sandbox and tool-schema hash."""
        run = self.folder.read()
        if run.sandbox and run.tools_sha256:
            return
        tools = self.tools_sha256(sitting)
        if tools is not None:
            sandbox = peek(self.place(sitting).events).sandbox
            self.folder.write(run.model_copy(update={"sandbox": sandbox, "tools_sha256": tools}))

    def _free(self, place: AttemptFolder) -> Path:
        taken = [p.name for p in (self.path / "cut" / place.slug).glob(f"{place.n}-*")]
        return self.path / "cut" / place.slug / f"{place.n}-{len(taken) + 1}"


def asked(config: EvalConfig, sandbox: str) -> dict[str, JSON]:
    """What run.json keeps of a command; equal for the same command on the same families."""
    # What was not asked for is left out where it is new: older run folders can be gone on with.
    unasked = {name for name in ("parts", "labels", "adaptive") if not getattr(config, name)}
    values = config.model_dump(mode="json", exclude={"name", "agents", *unasked})
    return {**values, "sandbox": sandbox}


def mirrored(url: str, home: Path) -> Path:
    """Where the copies of the run folders at a URL lie, below the state folder `home`."""
    return home / "mirrors" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def claimed(runs: Path, wanted: Run, plan: Iterable[Sitting], now: datetime) -> Generator[Ledger]:
    """Hold the run folder to play in: the same command's unfinished one, else a new one.

    Raises:
        UsageError: another runner plays it now.
        RecordError: the folder cannot be made or written.
    """
    plan = list(plan)
    versions = families(plan)
    wanted = wanted.model_copy(
        update={
            "asked": {**wanted.asked, "families": versions},
            # How many an adaptive run will ask, nobody knows yet.
            "planned": None if "adaptive" in wanted.asked else len(plan),
        }
    )
    folder = next(
        (f for f in reversed(run_folders(runs)) if _same(f, wanted) and _open(Ledger(f), plan)),
        None,
    ) or RunFolder.create(runs, wanted, now)
    with _held(folder.path):
        yield Ledger(folder)


def families(plan: Iterable[Sitting]) -> Mapping[str, int]:
    """Version of every family in a plan: another version is another exam, never resumed into."""
    names = {sitting.instance.family for sitting in plan}
    return {name: family(name).version for name in sorted(names)}


def _told(attempt: Path) -> _Told | None:
    """What is known of an attempt's cost: the last word if there is one, else what was told."""
    for note in (attempt / PLAYED_FILE, attempt / TOLD_FILE):
        if note.exists():
            said = read_json(note).items()
            return _Told.model_validate({k: v for k, v in said if k in _Told.model_fields})
    return None


def _failure(note: Path) -> str:
    played = read_json(note)
    return str(played.get("failure", "")) if isinstance(played, dict) else ""


def _same(folder: RunFolder, wanted: Run) -> bool:
    try:
        run = folder.read()
    except RecordError as error:
        if _as_asked(folder, wanted):
            raise RecordError(
                f"The same command was played in {folder.path}, which this Proctor cannot go on "
                f"with: {error} Finish it with the Proctor that began it, move it away, or name "
                "another folder with --runs."
            ) from error
        return False
    return (run.suite, run.agent, run.asked) == (wanted.suite, wanted.agent, wanted.asked)


def _as_asked(folder: RunFolder, wanted: Run) -> bool:
    """Whether a run.json that cannot be read as such says all the same that it is this command."""
    try:
        raw = read_json(folder.path / RUN_FILE)
    except RecordError:
        return False
    said = wanted.model_dump(mode="json", include={"suite", "agent", "asked"})
    return isinstance(raw, dict) and all(raw.get(name) == value for name, value in said.items())


def _open(ledger: Ledger, plan: list[Sitting]) -> bool:
    return not ledger.examined and not all(ledger.done(sitting) for sitting in plan)


@contextmanager
def _held(path: Path) -> Generator[None]:
    handle = os.open(path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(handle, path)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"Another runner plays {path} now. Wait for it, or name another folder with --runs."
        ) from None
