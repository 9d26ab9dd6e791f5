"""One session's kernel and what runs on it: one cell at a time, each in a task of its own.

A cell belongs to the session, not to the call that asked for it: a call may go away (a client's
timeout, a dead shim) while its cell runs on; what ran is recorded all the same. A kernel starts
when it is first needed, or ahead of that by `warm`.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.abc import TaskGroup

from server.attempts import Attempt
from server.cells import Cell, Recorder, Sheet
from server.kernels import CellResult, Kernel, KernelHouse, KernelOutput
from server.sandboxes import Limits
from tasks import AgentFault, RecordError, SandboxError

log = logging.getLogger("proctor.hall")

MAX_CODE = 1_000_000
"""Bytes of one cell's source."""
MAX_CRASHES = 2
"""Kernel deaths in one cell after which a replay stops before it."""
MAX_REASON = 2_000
"""Characters of what is recorded of a failure."""
CLOSE_S = 15.0
"""How long a dying kernel may take before its session is closed without it."""


@dataclass(frozen=True)
class Stage:
    """What every bench of the daemon shares."""

    house: KernelHouse
    group: TaskGroup
    """Cells run in it: it lives as long as the daemon."""
    clock: Callable[[], float]
    """Monotonic seconds."""


@dataclass
class Run:
    """One execution of one cell."""

    cell: Cell
    began: float
    """By the event loop's clock."""
    detached: bool = False
    """No call waits for it any more: it has a handle."""
    failed: bool = False
    """The server failed, not the cell."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Cancelled, the cell ends: also one whose kernel is still starting."""
    done: anyio.Event = field(default_factory=anyio.Event)


@dataclass(frozen=True)
class Replayed:
    """What came of executing recorded cells again."""

    cells: int
    """Cells that were executed."""
    errors: tuple[tuple[int, str], ...]
    """Code cell index (from 0) and error of those that failed."""
    stopped: str = ""
    """Why the rest was not executed; empty if all were."""


class Bench:
    """The kernel of one session."""

    def __init__(
        self,
        stage: Stage,
        attempt: Attempt,
        sheet: Sheet,
        journal: Recorder,
        files: Mapping[str, bytes],
    ) -> None:
        self._stage = stage
        self._attempt = attempt
        self._sheet = sheet
        self._journal = journal
        self._files = files
        self._limits = _limits(attempt)
        self._kernel: Kernel | None = None
        self._starting = anyio.Lock()
        # A semaphore, since the task that takes the turn is not the one that gives it back.
        self._turn = anyio.Semaphore(1)
        self._crashes: Counter[str] = Counter()
        self._closed = False
        self.current: Run | None = None
        self.runs: dict[str, Run] = {}
        """The last execution of every cell, by cell id."""

    @property
    def kernel(self) -> Kernel | None:
        """The kernel, if one was started and is not shut down."""
        return self._kernel

    def warm(self) -> None:
        """Start the kernel in the background."""
        self._stage.group.start_soon(self._warm)

    async def execute(self, code: str, timeout_s: float) -> Run:
        """Append a code cell and begin to run it; waits while another cell runs.

        Raises:
            AgentFault: the code cannot be a cell, or a background cell is running.
        """
        check_source(code, "code")
        await self._take_turn()
        return self._begin(self._sheet.add("code", code), timeout_s)

    async def edit(self, index: int, code: str, timeout_s: float) -> Run:
        """Replace the source of the agent's code cell `index` and begin to run it.

        Raises:
            AgentFault: as `execute`; or there is no such cell.
        """
        check_source(code, "code")
        await self._take_turn()
        try:
            cell = self._sheet.code_cell(index)
        except AgentFault:
            self._turn.release()
            raise
        self._sheet.edit(cell, code)
        return self._begin(cell, timeout_s)

    async def interrupt(self, reason: str) -> bool:
        """Interrupt the running cell and wait until it has stopped; False if none runs."""
        run = self.current
        if run is None:
            return False
        self._journal.record("kernel.interrupted", {"reason": reason})
        if self._kernel is None or not await self._kernel.interrupt():
            run.scope.cancel()
        await run.done.wait()
        return True

    async def restart(self) -> None:
        """Give the session a fresh kernel; all state is lost.

        Raises:
            AgentFault: no kernel can be started.
        """
        if self.current is not None:
            await self.interrupt("a restart was asked for")
        if self._kernel is None:
            await self._ready()
            return
        try:
            await self._kernel.restart()
        except SandboxError as error:
            raise self._unstartable(error) from error
        self._journal.record("kernel.restarted", {"reason": "asked for by the agent"})

    async def replay(self, cells: list[Cell], timeout_s: float, *, keep_on: bool) -> Replayed:
        """Execute cells again, in order, in place.

        Stops when the kernel dies, and before a cell in which it died `MAX_CRASHES` times.

        Args:
            cells: code cells of this sheet.
            timeout_s: bound of each.
            keep_on: whether to go on after a cell that raises.
        """
        errors: list[tuple[int, str]] = []
        for done, cell in enumerate(cells):
            index = self._sheet.code_index(cell)
            if self._crashes[cell.id] >= MAX_CRASHES:
                why = f"the kernel died {MAX_CRASHES} times in code cell {index}, which is left out"
                return Replayed(done, tuple(errors), why)
            await self._take_turn()
            run = self._begin(cell, timeout_s)
            await run.done.wait()
            if cell.status == "ok":
                continue
            errors.append((index, _error_of(cell)))
            if cell.status == "died" or run.failed:
                return Replayed(done + 1, tuple(errors), f"the kernel died in code cell {index}")
            if not keep_on:
                return Replayed(done + 1, tuple(errors), f"code cell {index} did not end well")
        return Replayed(len(cells), tuple(errors))

    async def shut(self) -> None:
        """Kill the kernel; the next cell gets a fresh one. Idempotent."""
        async with self._starting:
            kernel, self._kernel = self._kernel, None
        if kernel is not None:
            await kernel.shutdown()
        if self.current is not None:
            self.current.scope.cancel()
            await self.current.done.wait()

    async def close(self) -> None:
        """Kill the kernel for good and wait until the record of its cell is complete."""
        self._closed = True
        with anyio.move_on_after(CLOSE_S, shield=True) as scope:
            await self.shut()
        if scope.cancelled_caught:
            log.error("A kernel did not die within %s s; its session is closed without it", CLOSE_S)

    async def _take_turn(self) -> None:
        if self.current is not None and self.current.detached:
            raise AgentFault(
                f"The cell with handle {self.current.cell.id!r} is still running. Wait for it with "
                "`wait`, or stop it with `interrupt_session`."
            )
        await self._turn.acquire()
        if self._closed:
            self._turn.release()
            raise AgentFault("This session is over.")

    def _begin(self, cell: Cell, timeout_s: float) -> Run:
        run = Run(cell, anyio.current_time())
        cell.status = "running"
        self.current = self.runs[cell.id] = run
        self._attempt.enter()
        self._stage.group.start_soon(self._work, run, timeout_s)
        return run

    async def _work(self, run: Run, timeout_s: float) -> None:
        try:
            await self._execute(run, timeout_s)
        except Exception as error:
            # One session's trouble must never take the daemon down with it.
            log.exception("A cell could not be run or recorded")
            self._ours(f"The server failed in a cell: {_named(error)}")
            run.failed = True
            run.cell.status = "died"
        finally:
            self.current = None
            self._attempt.leave(self._stage.clock())
            run.done.set()
            self._turn.release()

    async def _execute(self, run: Run, timeout_s: float) -> None:
        cell = run.cell
        result = CellResult("interrupted", None, 0.0, "The cell was stopped before it began.")
        try:
            with run.scope:
                kernel = await self._ready()
                before = kernel.restarts
                self._sheet.started(cell)
                result = await kernel.execute(
                    cell.source,
                    timeout_s=timeout_s,
                    on_output=partial(self._heard, run),
                )
                if kernel.restarts > before:
                    self._journal.record("kernel.died", {"reason": result.note or result.status})
                    self._journal.record("kernel.restarted", {"reason": "the kernel had died"})
        except AgentFault as fault:
            result = CellResult("died", None, 0.0, str(fault))
        except SandboxError as error:
            result = CellResult("died", None, 0.0, str(self._unstartable(error)))
        finally:
            if result.status == "died":
                self._crashes[cell.id] += 1
            self._sheet.finished(cell, result)

    def _heard(self, run: Run, output: KernelOutput) -> None:
        # Background threads may still write when their cell is over, or runs anew already.
        if self.runs.get(run.cell.id) is run and not self._closed:
            self._sheet.heard(run.cell, output)

    async def _warm(self) -> None:
        try:
            await self._ready()
        except AgentFault:
            pass  # logged where it arose; the first cell tries again and tells the agent
        except Exception as error:
            log.exception("A kernel could not be started ahead of its first cell")
            self._ours(f"The server failed to start a kernel: {_named(error)}")

    async def _ready(self) -> Kernel:
        async with self._starting:
            if self._closed:
                raise AgentFault("This session is over.")
            if self._kernel is not None:
                return self._kernel
            began = self._stage.clock()
            try:
                self._kernel = await self._stage.house.start(self._limits, self._files)
            except SandboxError as error:
                raise self._unstartable(error) from error
            ms = round((self._stage.clock() - began) * 1000, 1)
            self._journal.record("kernel.started", {"tier": str(self._kernel.tier), "ms": ms})
            return self._kernel

    def _unstartable(self, error: SandboxError) -> AgentFault:
        log.error("A kernel could not be started: %s", error)
        self._ours(f"A kernel could not be started: {error}")
        return AgentFault(
            "The kernel could not be started; the operator finds the reason in the server's log. "
            "You may try again."
        )

    def _ours(self, reason: str) -> None:
        """Record a failure of the house: an attempt that ends without an answer is then no zero."""
        try:
            self._journal.record("kernel.failed", {"reason": reason[:MAX_REASON]})
        except RecordError:
            log.exception("A failure could not be recorded: %s", reason)


def check_source(source: str, what: str) -> None:
    """Refuse what cannot be the source of a cell.

    Raises:
        AgentFault: too long, or not text.
    """
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        raise AgentFault(f"The {what} is not valid Unicode: it has lone surrogates.") from None
    if size > MAX_CODE:
        raise AgentFault(
            f"The {what} has {size:,} bytes; a cell may have {MAX_CODE:,}. Write large data to a "
            "file from a short program, in several cells."
        )
    if "\x00" in source:
        raise AgentFault(f"The {what} holds NUL characters: it is binary data, not text.")


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _limits(attempt: Attempt) -> Limits:
    budget, usual = attempt.budget, Limits()
    return Limits(
        memory_mb=budget.memory_mb or usual.memory_mb,
        disk_mb=budget.disk_mb or usual.disk_mb,
    )


def bounded(asked_s: float, cell_s: float, wall_left: float | None) -> float:
    """Timeout of a cell: what was asked for (0: the budget's), never beyond budget and wall."""
    limits = [cell_s or math.inf, math.inf if wall_left is None else wall_left]
    return max(0.1, min([asked_s or math.inf, *limits]))


def _error_of(cell: Cell) -> str:
    for output in cell.outputs:
        if output["output_type"] == "error":
            return f"{output['ename']}: {output['evalue']}"[:500]
    return cell.note or str(cell.status)
