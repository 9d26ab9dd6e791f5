"""A kernel as the hall sees it: runs one cell at a time, stops what will not stop, comes back.

Rules (each has a test):
- a cell ends with the shell reply and the idle message, or one second after the reply without it;
- what runs too long is interrupted, after 2 s interrupted again, after 2 s killed and replaced;
- a kernel that died is replaced, with the files of /work and without its state, and says so;
- cancelling `execute` interrupts the cell and returns when the kernel is idle or replaced.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import anyio
from anyio.abc import TaskGroup

from server.kernels.deaths import Death
from server.kernels.link import Link, Run
from server.kernels.lodging import RoomManager
from server.kernels.outputs import KernelOutput, count_of
from server.sandboxes import Box, SandboxError, Tier
from tasks import JSON

Status = Literal["ok", "error", "interrupted", "timeout", "died", "output_limit"]

GRACE_S = 1.0
"""How long the idle message may lag behind the reply."""
PATIENCE_S = 2.0
"""How long an interrupt may take to work."""
GONE = "all variables are gone (files are kept)"


@dataclass(frozen=True)
class CellResult:
    """How a cell ended."""

    status: Status
    execution_count: int | None
    ms: float
    note: str = ""
    """What the agent should know besides the outputs: one or two sentences, or ''."""


class Kernel:
    """One kernel. Made by `KernelHouse.start`; usable until `shutdown`."""

    def __init__(
        self,
        manager: RoomManager,
        group: TaskGroup,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.restarts = 0
        """How often it was replaced, asked for or not."""
        self._manager = manager
        self._group = group
        self._clock = clock
        self._files: Mapping[str, bytes] = {}
        self._link: Link | None = None
        self._run: Run | None = None
        # A semaphore, not a lock: `restart` and `shutdown` may come from within other tasks.
        self._turn = anyio.Semaphore(1)
        self._closed = False

    @property
    def tier(self) -> Tier:
        """How strongly it is sealed."""
        return self._manager.sandbox.tier

    @property
    def box(self) -> Box:
        """The room it lives in; another one after each restart."""
        return self._linked().box

    @property
    def death(self) -> Death:
        """The end of the process that runs now; another one after each restart."""
        return self._linked().death

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._link is not None and not self._link.death.is_set() and self._link.box.alive()

    @property
    def running(self) -> bool:
        """Whether a cell runs."""
        return self._run is not None

    @property
    def closed(self) -> bool:
        """Whether it was shut down."""
        return self._closed

    async def open(self, warm_up: str = "") -> None:
        """Start the process and wait until it answers.

        Args:
            warm_up: code to run silently, so that a first cell finds everything loaded.

        Raises:
            SandboxError: it could not be started.
        """
        client, box = await self._manager.launch()
        link = self._link = Link(client, box, self._clock)
        await self._group.start(link.run)
        await link.ready(warm_up)

    def furnish(self, files: Mapping[str, bytes]) -> None:
        """Put files into the room, now and after each restart.

        Raises:
            SandboxError: they do not fit.
        """
        self._files = dict(files)
        for name, data in self._files.items():
            self.box.write_file(name, data)

    async def execute(
        self, code: str, *, timeout_s: float, on_output: Callable[[KernelOutput], None]
    ) -> CellResult:
        """Run a cell; one at a time, in the order of the calls.

        Args:
            code: the source; it is recorded by the caller, never as the kernel repeats it.
            timeout_s: seconds after which the cell is stopped.
            on_output: gets each output as it comes, also late output of background threads up
                to a second after this returned. What it raises stops the cell and is raised here.

        Raises:
            SandboxError: there is no kernel, and none can be started.
        """
        async with self._turn:
            began = self._clock()
            notes = [await self._revive()]
            run, link = Run(on_output), self._linked()
            late, link.late = link.late, 0
            if late:
                notes.append(f"{late} late messages of background threads were dropped.")
            self._run = run
            try:
                await self._drive(link, run, code, timeout_s)
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    run.interrupted = True
                    await self._stop(link, run)
                    await self._settle(link, run)
                raise
            finally:
                self._run = None
            if run.failure is not None:
                raise run.failure
            status, why = _judged(link, run)
            notes += [why, run.outputs.remark()]
            if link.death.is_set():
                notes.append(await self._replace())
            ms = round((self._clock() - began) * 1000, 1)
            return CellResult(status, count_of(run.reply or {}), ms, " ".join(filter(None, notes)))

    async def interrupt(self) -> bool:
        """Stop the running cell, if need be by killing the kernel; False if none runs."""
        run, link = self._run, self._link
        if run is None or link is None:
            return False
        run.interrupted = True
        await self._stop(link, run)
        return True

    async def restart(self) -> None:
        """Replace the kernel by a fresh one with the same files.

        Raises:
            SandboxError: none can be started.
        """
        before = self._link
        if self._run is not None:
            self._run.interrupted = True
        if before is not None:
            before.condemn("a restart was asked for")
        async with self._turn:
            if self._link is before and not self._closed:
                await self._launch_anew()

    async def shutdown(self) -> None:
        """Kill the kernel for good and release its room; idempotent."""
        self._closed = True
        if self._link is not None:
            self._link.condemn("it was shut down")
        with anyio.CancelScope(shield=True):
            async with self._turn:
                if self._link is not None:
                    await self._link.close()
                await self._manager.close()

    def _linked(self) -> Link:
        assert self._link is not None, "open() comes first"
        return self._link

    async def _drive(self, link: Link, run: Run, code: str, timeout_s: float) -> None:
        link.begin(run, code)
        with anyio.move_on_after(timeout_s) as scope:
            await run.news.wait()
        if scope.cancelled_caught:
            run.timed_out = True
        if run.timed_out or run.failure is not None:
            await self._stop(link, run)
        await self._settle(link, run)

    async def _settle(self, link: Link, run: Run) -> None:
        if not link.death.is_set():
            with anyio.move_on_after(GRACE_S):
                await run.idle.wait()
        for page in _pages(run):
            run.outputs.take("display_data", {"data": page, "metadata": {}})
        link.end(run)

    async def _stop(self, link: Link, run: Run) -> None:
        with anyio.move_on_after(GRACE_S):
            await run.busy.wait()  # before that, a kernel ignores interrupts
        for _ in range(2):
            link.interrupt(run)
            with anyio.move_on_after(PATIENCE_S):
                await run.over.wait()
                return
        link.condemn("it did not stop when it was interrupted")
        await link.death.wait()

    async def _revive(self) -> str:
        if self._closed:
            raise SandboxError("This kernel was shut down.")
        if self.alive:
            return ""
        reason = self.death.reason
        await self._launch_anew()
        return f"The kernel had died before this cell ({reason}) and was restarted: {GONE}."

    async def _replace(self) -> str:
        if self._closed:
            return ""
        try:
            await self._launch_anew()
        except SandboxError:
            return "The kernel could not be restarted; the next cell tries again."
        return f"The kernel was restarted: {GONE}."

    async def _launch_anew(self) -> None:
        if self._link is not None:
            await self._link.close()
        await self.open()
        self.restarts += 1
        self.furnish(self._files)


def _judged(link: Link, run: Run) -> tuple[Status, str]:
    """Status of a run that is over, and a sentence for the agent."""
    dead = link.death.is_set()
    if dead and link.over_limit:
        return "output_limit", "The cell sent more output than allowed, so its kernel was killed."
    died = f"The kernel was killed: {link.death.reason}." if dead else ""
    if run.timed_out:
        return "timeout", died or "The cell ran into its time limit and was interrupted."
    if run.interrupted:
        return "interrupted", died
    if dead and run.reply is None:
        return "died", f"The kernel died: {link.death.reason}."
    ok = run.reply is not None and run.reply.get("status") == "ok"
    return ("ok" if ok else "error"), died


def _pages(run: Run) -> list[JSON]:
    """What `name?` shows: it comes with the reply."""
    payload = run.reply.get("payload") if run.reply is not None else None
    parts = payload if isinstance(payload, list) else []
    pages = [part for part in parts if isinstance(part, dict) and part.get("source") == "page"]
    return [page.get("data") for page in pages]
