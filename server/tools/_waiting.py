"""Waiting for a cell on behalf of a call, with signs of life, and telling how it stands."""

import anyio

from server.bench import Run
from server.callers import Progress
from server.rendering import cell_reply, pictured
from server.replies import Reply
from server.sessions import Session
from tasks import JSON, AgentFault

PULSE_S = 20.0
"""Between two progress messages."""
FOREGROUND_S = 120.0
"""A call that lasts longer returns a handle: some clients give up after 300 s, come what may."""
STOP_S = 10.0
"""How long an interrupted cell may take to stop before a cancelled call goes away."""


async def attend(run: Run, progress: Progress, max_s: float) -> bool:
    """Wait for the cell, at most `max_s`; return whether it is done."""
    began = anyio.current_time()
    while not run.done.is_set() and (spent := anyio.current_time() - began) < max_s:
        with anyio.move_on_after(min(PULSE_S, max_s - spent)):
            await run.done.wait()
        if not run.done.is_set():
            seconds = round(anyio.current_time() - run.began, 1)
            await progress(seconds, None, f"the cell has been running for {seconds:.0f} s")
    return run.done.is_set()


async def foreground(session: Session, run: Run, progress: Progress) -> None:
    """Wait for the cell as long as a client has patience; cancelled, interrupt it."""
    try:
        if not await attend(run, progress, FOREGROUND_S):
            run.detached = True
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(STOP_S, shield=True):
            await session.bench.interrupt("the call was cancelled")
        raise


async def told(session: Session, run: Run, *, edited: bool = False) -> Reply:
    """Scribe's result of a cell, with the handle if it is still running.

    Raises:
        AgentFault: the server failed to run or to record it.
    """
    if run.failed:
        raise AgentFault(
            "The server could not run or record this cell; the operator finds the reason in its "
            "log. What was recorded before is safe. You may try again."
        )
    cell = run.cell
    head: dict[str, JSON] = {"session_id": session.id}
    if edited:
        head["cell_index"] = session.sheet.code_index(cell)
        head["actual_notebook_index"] = session.sheet.position(cell)
    if not run.done.is_set():
        head["handle"] = cell.id
        head["next"] = "the cell is still running: wait(handle), or interrupt_session(session_id)"
    if not pictured(cell.outputs):
        return cell_reply(head, cell)
    return await anyio.to_thread.run_sync(cell_reply, head, cell)
