"""The floor of the hall: who sits where, who may reach what, and how sessions end.

Two kinds of caller. One with a token has exactly one session, the attempt the token admits to,
fixed in every respect by the operator. One without has all practice sessions of this machine's
user, and nothing else.
"""

import json
import logging
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import anyio

from server.attempts import Attempt, Reason
from server.bench import Stage
from server.callers import Caller
from server.cells import Cell
from server.handin import hand_in
from server.late import LateCalls
from server.opening import Clock, Opener, Setup
from server.papers import Paper, find
from server.sessions import Session
from server.vault import Vault
from tasks import (
    AgentFault,
    AttemptRequest,
    InstanceId,
    ReachFault,
    RecordError,
    Split,
    UsageError,
    nearest,
)
from tasks._record import AttemptFolder, recover

log = logging.getLogger("proctor.hall")

MAX_LIVE = 200
"""Practice sessions at one time."""
SLIP = 0.75
"""Likeness (difflib) from which on a wrong session id is one's own, copied wrongly."""
_ID = re.compile(r"[0-9a-f]{12}")
MAX_GONE = 10_000
"""Ended sessions whose end is remembered."""


@dataclass(frozen=True)
class Choice:
    """What `start_task` was asked for; None: left open."""

    task: str | None = None
    preset: str | None = None
    seed: int | None = None
    split: Split | None = None


class Floor:
    """All sessions of one daemon."""

    def __init__(self, setup: Setup, vault: Vault, stage: Stage, clock: Clock, live: Path) -> None:
        self.vault = vault
        self.setup = setup
        self._opener = Opener(setup, vault, stage, clock)
        self._stage = stage
        self._clock = clock
        self._live = live
        self._sessions: dict[str, Session] = {}
        self._gone: dict[str, Attempt] = {}
        """By session id and by token."""
        self.late = LateCalls(clock.epoch)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    @property
    def all(self) -> list[Session]:
        """Sessions whose record is not closed yet."""
        return list(self._sessions.values())

    def admits(self, token: str) -> bool:
        """Whether the token is or was one of an attempt of this hall."""
        return token in self._gone or any(s.token == token for s in self.all)

    def seat(self, caller: Caller) -> Session | None:
        """The one session of a caller with a token; None in practice.

        Raises:
            AgentFault: the token is unknown, or its attempt is over.
        """
        if caller.token is None:
            return None
        for session in self.all:
            if session.token == caller.token:
                return session
        if caller.token in self._gone:
            self._gone[caller.token].require_open(self.now())
        raise AgentFault("This token admits to no attempt here; ask the operator for a new one.")

    def session(self, caller: Caller, session_id: str) -> Session:
        """The session of that id, if it is the caller's.

        Raises:
            AgentFault: it is not, has not begun, or is over.
        """
        seat = self.seat(caller)
        if seat is not None:
            # The words are the same: they must not tell whether there is such a session.
            fault = ReachFault if self._foreign(seat, session_id) else AgentFault
            if seat.attempt.started is None:
                raise fault("Your attempt has not begun: call `start_task` first.")
            if session_id != seat.id:
                raise fault(f"Your attempt has one session, {seat.id!r}; use that id.")
            return seat
        session = self._sessions.get(session_id)
        if session is not None and session.token is None:
            return session
        if session_id in self._gone and self._gone[session_id].reason is not None:
            self._gone[session_id].require_open(self.now())
        known = [s.id for s in self.all if s.token is None]
        raise AgentFault(
            f"There is no session {session_id!r}.{nearest(session_id, known)} `list_sessions` "
            "shows yours; `start_task` and `start_new_session` make one."
        )

    def owned(self, caller: Caller) -> list[Session]:
        """All sessions of a caller that have begun."""
        seat = self.seat(caller)
        if seat is not None:
            return [seat] if seat.attempt.started is not None else []
        return [s for s in self.all if s.token is None and not s.closing]

    def cell(self, caller: Caller, cell_id: str) -> tuple[Session, Cell]:
        """The cell of that id, if it is in a session of the caller.

        Raises:
            AgentFault: it is not.
        """
        for session in self.owned(caller):
            cell = session.sheet.find(cell_id)
            if cell is not None:
                return session, cell
        session = self.session(caller, cell_id.rpartition("-")[0])
        have = ", ".join(c.id for c in session.sheet.cells[-3:])
        raise AgentFault(f"There is no id {cell_id!r} in session {session.id!r} (last: {have}).")

    async def admit(self, request: AttemptRequest) -> Session:
        """Open a graded attempt.

        Raises:
            UsageError: no such instance, or the run folder's path is not absolute.
            RecordError: the record cannot be begun.
        """
        instance = InstanceId.parse(request.instance)
        safe = self.vault.safe()
        draw = partial(safe.brief, instance, graded=True, diagnostic=request.diagnostic)
        brief = await anyio.to_thread.run_sync(draw)
        session = self._seat_down(self._opener.exam(request, brief, safe))
        await session.journal.sync()
        return session

    async def start_task(self, caller: Caller, choice: Choice) -> Session:
        """Begin the attempt of a token, or a practice session on any task.

        Raises:
            AgentFault: the token fixes something else, the attempt runs already, no such task.
        """
        seat = self.seat(caller)
        if seat is None:
            seat = await self._practice(caller, choice)
        else:
            _same(seat, choice)
            if seat.attempt.started is not None:
                raise AgentFault(
                    f"The task is running already, in session {seat.id!r}; `task_info` shows the "
                    "brief again. An attempt is started once."
                )
        seat.attempt.start(self.now())
        assert seat.brief is not None
        if seat.brief.notebook:
            seat.bench.warm()
        return seat

    def start_notebook(self, caller: Caller, name: str) -> Session:
        """A new free notebook.

        Raises:
            AgentFault: an exam, or too many sessions.
        """
        self._require_practice(caller)
        session = self._seat_down(self._opener.free(caller.client, name))
        session.bench.warm()
        return session

    def resume_notebook(self, caller: Caller, path: str) -> tuple[Session, list[Cell]]:
        """A free notebook that goes on in the file of an earlier one; its cells are to be run.

        Raises:
            AgentFault: an exam, or there is no such notebook, or it is a record, or in use.
        """
        self._require_practice(caller)
        paper = self._paper(caller, path)
        if paper.of_task:
            raise AgentFault(
                "This notebook is the record of an attempt and stays as it is; work on a copy with "
                "`start_session_continue_notebook`."
            )
        holder = next((s for s in self.all if s.notebook == paper.path), None)
        if holder is not None:
            raise AgentFault(f"This notebook is open in session {holder.id!r}; use that session.")
        session = self._seat_down(self._opener.reopened(caller.client, paper))
        return session, _load(session, paper)

    def continue_notebook(self, caller: Caller, path: str, name: str) -> tuple[Session, list[Cell]]:
        """A new free notebook that begins as a copy; its cells are to be run.

        Raises:
            AgentFault: an exam, or there is no such notebook.
        """
        self._require_practice(caller)
        paper = self._paper(caller, path)
        copy = self._opener.free(caller.client, f"{name or paper.stem}_continued")
        session = self._seat_down(copy)
        return session, _load(session, paper)

    async def shut_down(self, session: Session) -> str:
        """Scribe's shutdown: ends a free notebook; a task goes on without its kernel."""
        if session.brief is None:
            await self.end(session, Reason.FINISHED)
            return f"Session {session.id} is shut down. The notebook is kept: {session.notebook}"
        await session.bench.shut()
        return (
            "The kernel is stopped and its state is lost; the notebook is kept. The attempt is "
            "still open: `submit_answer` or `finish` ends it."
        )

    async def end(self, session: Session, reason: Reason, note: str = "") -> None:
        """End a session: files out, kernel dead, record closed. Whoever comes second waits."""
        session.attempt.end(reason, self.now())
        if session.closing:
            await session.ended.wait()
            return
        session.closing = True
        self._remember(session)
        with anyio.CancelScope(shield=True):
            try:
                await self._close(session, note)
            except RecordError:
                # What was recorded is on disk; the next start of a daemon closes the record.
                log.exception("The record of attempt %s could not be closed", session.attempt_id)
            finally:
                session.saver.cancel()
                del self._sessions[session.id]
                session.ended.set()

    async def end_attempt(self, attempt: str, reason: Reason, note: str) -> None:
        """End the attempt of that id; one that has ended already is left as it is."""
        for session in self.all:
            if session.attempt_id == attempt:
                await self.end(session, reason, note)

    async def reap(self) -> None:
        """End every session whose lease or wall budget has run out."""
        for session in self.all:
            reason = session.attempt.overdue(self.now())
            if reason is not None:
                await self.end(session, reason)

    async def recover(self) -> None:
        """Close the records of attempts that a dead daemon left open."""
        for note in sorted(self._live.glob("*.json")):
            try:
                left = json.loads(note.read_text())
                folder = AttemptFolder(Path(left["run"]), left["slug"], left["n"])
                key = self.vault.safe(left["secret_id"]).record_key(note.stem)
                finish = partial(recover, folder, key, self._clock.epoch)
                done = await anyio.to_thread.run_sync(finish)
            except (OSError, ValueError, KeyError, RecordError):
                log.exception("The record of attempt %s could not be recovered", note.stem)
                note.replace(note.with_suffix(".failed"))
            else:
                log.info("Attempt %s of a lost daemon: %s", note.stem, done.outcome)
                note.unlink(missing_ok=True)

    async def _practice(self, caller: Caller, choice: Choice) -> Session:
        if choice.task is None:
            raise AgentFault("Name a task: start_task(task=…). `list_tasks` shows them.")
        try:
            instance = self.vault.instance(
                choice.task, choice.preset, choice.seed or 0, choice.split or Split.PUBLIC
            )
            safe = self.vault.safe()
            draw = partial(safe.brief, instance, graded=False)
            brief = await anyio.to_thread.run_sync(draw)
        except UsageError as error:
            raise AgentFault(str(error)) from error
        self._require_room()
        return self._seat_down(self._opener.practice(caller.client, brief, safe))

    def _foreign(self, seat: Session, asked: str) -> bool:
        """Whether an id is another's, or might be, rather than a slip of the pen."""
        if asked == seat.id:
            return False
        if asked in self._sessions or asked in self._gone:
            return True
        return bool(_ID.fullmatch(asked)) and not get_close_matches(asked, [seat.id], 1, SLIP)

    def _paper(self, caller: Caller, path: str) -> Paper:
        return find(self.setup.runs, path, self._opener.practice_run(caller.client).path)

    def _require_practice(self, caller: Caller) -> None:
        seat = self.seat(caller)
        if seat is not None:
            begin = f"use session {seat.id!r}" if seat.attempt.started else "call `start_task`"
            raise ReachFault(
                "An exam is written in its own notebook: no other can be started or opened. "
                f"Instead, {begin}."
            )
        self._require_room()

    def _require_room(self) -> None:
        mine = [s for s in self.all if s.token is None]
        if len(mine) >= MAX_LIVE:
            raise AgentFault(
                f"{len(mine)} practice sessions are open; shut one down with `shutdown_session`."
            )

    def _seat_down(self, session: Session) -> Session:
        self._sessions[session.id] = session
        folder = session.journal.folder
        self._live.mkdir(parents=True, exist_ok=True)
        note = {
            "run": str(folder.run),
            "slug": folder.slug,
            "n": folder.n,
            "secret_id": session.safe.secret_id,
        }
        (self._live / f"{session.attempt_id}.json").write_text(json.dumps(note))
        self._stage.group.start_soon(self._autosave, session)
        return session

    async def _autosave(self, session: Session) -> None:
        with session.saver:
            await session.journal.autosave()

    async def _close(self, session: Session, note: str) -> None:
        kernel = session.bench.kernel
        if kernel is not None:
            try:
                handed = await anyio.to_thread.run_sync(
                    hand_in, kernel.box, session.journal.folder.outputs
                )
                note = " ".join(filter(None, (note, handed.note)))
            except OSError:
                log.exception("The files of attempt %s could not be kept", session.attempt_id)
        await session.bench.close()
        session.saver.cancel()
        reason = session.attempt.reason
        assert reason is not None
        usage = session.attempt.usage(self.now())
        await session.journal.close(reason.value, usage, note)
        (self._live / f"{session.attempt_id}.json").unlink(missing_ok=True)

    def _remember(self, session: Session) -> None:
        self._gone[session.id] = session.attempt
        if session.token is not None:
            self._gone[session.token] = session.attempt
            self.late.expect(session.token, session.journal.folder.late)
        while len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]


def _same(seat: Session, choice: Choice) -> None:
    assert seat.brief is not None
    fixed = seat.brief.instance
    told = (
        ("task", choice.task, fixed.family),
        ("preset", choice.preset, fixed.preset),
        ("seed", choice.seed, fixed.seed),
        ("split", choice.split, fixed.split),
    )
    for name, asked, has in told:
        if asked is not None and asked != has:
            raise ReachFault(
                f"Your attempt fixes {name} {str(has)!r}; {str(asked)!r} cannot be chosen. "
                "Call `start_task` without arguments."
            )


def _load(session: Session, paper: Paper) -> list[Cell]:
    cells = [session.sheet.add(kind, source) for kind, source in paper.cells]
    return [cell for cell in cells if cell.own_code]
