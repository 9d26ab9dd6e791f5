"""Making sessions: where their records lie, what stands in the first event, who sits in them."""

import itertools
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from server.attempts import Attempt
from server.bench import Bench, Stage
from server.cells import Sheet
from server.journal import Journal
from server.papers import Paper
from server.sessions import Episode, Session
from server.vault import Safe, Vault
from tasks import JSON, AttemptRequest, Brief, Budget, Stamp, UsageError, brief_sha256
from tasks._record import AttemptFolder, Opened, Run, RunFolder

PRACTICE_LEASE_S = 3600.0
"""A person may leave an agent waiting for an hour."""
FREE_BUDGET = Budget(wall_s=0, tool_calls=0, cell_s=600, answer_checks=0)
"""Of a free notebook; Scribe's cells end unheard after 300 s, ours are interrupted after 600."""

_PACKAGES = ("proctor", "mcp", "ipykernel", "jupyter-client", "torch", "transformer-lens")
_UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Clock:
    """The two clocks of the hall, arguments as every source of change is."""

    monotonic: Callable[[], float] = time.monotonic
    """For leases and budgets."""
    epoch: Callable[[], float] = time.time
    """For the record."""


@dataclass(frozen=True)
class Setup:
    """What stands in every record of this daemon."""

    runs: Path
    """Where practice runs are written."""
    sandbox: Mapping[str, JSON]
    """Tier and what its live probe said."""


class Opener:
    """Makes sessions for one daemon."""

    def __init__(self, setup: Setup, vault: Vault, stage: Stage, clock: Clock) -> None:
        self._setup = setup
        self._vault = vault
        self._stage = stage
        self._clock = clock
        self._practice: dict[str, RunFolder] = {}
        self._claimed: set[Path] = set()

    def exam(self, request: AttemptRequest, brief: Brief, safe: Safe) -> Session:
        """Admit one agent to one instance; the agent then calls `start_task`.

        Raises:
            UsageError: the run folder's path is not absolute.
            RecordError: the record cannot be begun.
        """
        if not request.run.is_absolute():
            raise UsageError(f"The run folder must be an absolute path, not {request.run}.")
        if request.budget is not None:
            brief = replace(brief, budget=request.budget)
        folder = RunFolder(request.run).attempt(brief.instance.slug, request.n)
        attempt = Attempt(brief.budget, request.lease_s, self._clock.monotonic())
        seat = _Seat(request.agent, safe, request.diagnostic, secrets.token_urlsafe(32))
        session = self._briefed(brief, folder, attempt, seat)
        # No path of this machine goes to an agent that sits an exam.
        session.notebook_path = folder.notebook
        return session

    def practice(self, client: str, brief: Brief, safe: Safe) -> Session:
        """A session on a task for whoever asks; stamped practice.

        Raises:
            RecordError: the record cannot be begun.
        """
        run, slug = self.practice_run(client), brief.instance.slug
        n = next(k for k in itertools.count(1) if not run.attempt(slug, k).path.exists())
        attempt = Attempt(brief.budget, PRACTICE_LEASE_S, self._clock.monotonic())
        return self._briefed(brief, run.attempt(slug, n), attempt, _Seat(client, safe))

    def free(self, client: str, name: str) -> Session:
        """A free notebook, new.

        Raises:
            RecordError: the record cannot be begun.
        """
        run = self.practice_run(client)
        return self._free(client, run, f"notebooks/{self._fresh_name(run, name)}")

    def reopened(self, client: str, paper: Paper) -> Session:
        """A free notebook that goes on in the file of an earlier one."""
        return self._free(client, RunFolder(paper.run), paper.relative)

    def practice_run(self, client: str) -> RunFolder:
        """The practice run folder of a client, made on first use.

        Raises:
            RecordError: it cannot be made.
        """
        now = self._now()
        name = _safe(client, "client")
        if name not in self._practice or not self._practice[name].path.is_dir():
            run = Run(
                suite="practice",
                agent=name,
                created=now.isoformat(timespec="seconds"),
                versions=versions(),
                sandbox=dict(self._setup.sandbox),
            )
            self._practice[name] = RunFolder.create(self._setup.runs, run, now)
        return self._practice[name]

    def _briefed(
        self, brief: Brief, folder: AttemptFolder, attempt: Attempt, seat: "_Seat"
    ) -> Session:
        opened = {
            "instance": str(brief.instance),
            "family": brief.instance.family,
            "preset": brief.instance.preset,
            "n": folder.n,
            "stamp": brief.stamp,
            "graded": seat.token is not None,
            "diagnostic": seat.diagnostic,
            "brief_sha256": brief_sha256(brief.prompt, brief.answer_schema, brief.files),
            "notebook": folder.notebook,
            "title": brief.title,
        }
        files = {f"task/{name}": data for name, data in brief.files.items()}
        session = self._open(folder, attempt, seat, opened, files)
        session.brief = brief
        session.diagnostic = seat.diagnostic
        if brief.episode:
            session.episode = Episode(lambda: seat.safe.world(brief.instance))
        session.sheet.add("markdown", brief.prompt, "brief")
        return session

    def _free(self, client: str, run: RunFolder, notebook: str) -> Session:
        attempt = Attempt(FREE_BUDGET, PRACTICE_LEASE_S, self._clock.monotonic())
        attempt.start(self._clock.monotonic())
        session_id = _new_id()
        opened = {"n": 1, "stamp": Stamp.PRACTICE, "notebook": notebook}
        seat = _Seat(client, self._vault.safe(), session_id=session_id)
        return self._open(run.attempt(f"session-{session_id}"), attempt, seat, opened, {})

    def _open(
        self,
        folder: AttemptFolder,
        attempt: Attempt,
        seat: "_Seat",
        opened: Mapping[str, JSON],
        files: Mapping[str, bytes],
    ) -> Session:
        attempt_id = secrets.token_hex(8)
        first = Opened.model_validate(
            {
                **opened,
                "attempt": attempt_id,
                "agent": seat.agent,
                "sandbox": dict(self._setup.sandbox),
                "versions": versions(),
                "secret_id": seat.safe.secret_id,
                "lease_s": attempt.lease_s,
                "budget": attempt.budget,
            }
        )
        journal = Journal.open(folder, seat.safe.record_key(attempt_id), first, self._clock.epoch)
        session_id = seat.session_id or _new_id()
        sheet = Sheet(session_id, journal)
        return Session(
            id=session_id,
            attempt_id=attempt_id,
            agent=seat.agent,
            safe=seat.safe,
            attempt=attempt,
            journal=journal,
            sheet=sheet,
            bench=Bench(self._stage, attempt, sheet, journal, files),
            notebook_path=str(folder.run / first.notebook),
            token=seat.token,
        )

    def _fresh_name(self, run: RunFolder, name: str) -> str:
        minute = self._now().astimezone().strftime("%Y-%m-%d-%H-%M")
        stem = f"{minute}_{_safe(name, 'Notebook')}"
        names = itertools.chain([stem], (f"{stem}_{k}" for k in itertools.count(1)))
        paths = (run.path / "notebooks" / f"{name}.ipynb" for name in names)
        # A notebook of a moment ago may not be on disk yet.
        path = next(p for p in paths if p not in self._claimed and not p.exists())
        self._claimed.add(path)
        return path.name

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.epoch(), UTC)


@dataclass(frozen=True)
class _Seat:
    agent: str
    safe: Safe
    diagnostic: bool = False
    token: str | None = None
    session_id: str = ""


@cache
def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found: dict[str, str] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _new_id() -> str:
    return secrets.token_hex(6)


def _safe(name: str, default: str) -> str:
    return _UNSAFE.sub("-", name).strip("-._")[:60] or default
