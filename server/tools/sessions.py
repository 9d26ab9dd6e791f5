"""Tools for what a notebook session needs beside its cells: look, wait, stop, start afresh."""

import re

import anyio
from pydantic import Field

from server.callers import Call
from server.floor import Floor
from server.rendering import pictured, render, text_of
from server.replies import LIMIT, Picture, Reply, Text, dump, fit, page, said, squeeze
from server.sessions import Session
from server.tools._core import Arguments, SessionId, Tool
from server.tools._waiting import attend, told
from tasks import JSON, AgentFault

MAX_PICTURES = 8
"""In one reply of `read_notebook`."""
MAX_PART = LIMIT // 2 - 500
"""Characters of one cell's source, and of its outputs."""
BRIEF = "brief"
"""Last part of the id under which a long brief is read on."""
_RANGE = re.compile(r"(-?\d{1,6})?(?:(:)(-?\d{1,6})?)?")


class OfSession(Arguments):
    """Arguments of tools that only name a session."""

    session_id: SessionId


class NoArguments(Arguments):
    """Arguments of `list_sessions`."""


class Restart(Arguments):
    """Arguments of `restart_session`."""

    session_id: SessionId
    replay: bool = Field(default=False, description="run the cells that had succeeded again")


class ReadNotebook(Arguments):
    """Arguments of `read_notebook`."""

    session_id: SessionId
    cells: str = Field(default=":", max_length=20, description="e.g. 3, 2:6, -4:")
    outputs: bool = True


class ReadOutput(Arguments):
    """Arguments of `read_output`."""

    id: str = Field(max_length=100)
    offset: int = Field(default=0, ge=0)


class Wait(Arguments):
    """Arguments of `wait`."""

    handle: str = Field(max_length=100)
    max_s: float = Field(default=30, gt=0, le=60)


async def _interrupt(floor: Floor, call: Call[OfSession]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    run = session.bench.current
    if not await session.bench.interrupt("asked for by the agent"):
        return (Text("No cell is running; nothing was interrupted."),)
    note = f" {run.cell.note}" if run is not None and run.cell.note else ""
    return (Text(f"The running cell was interrupted.{note}"),)


async def _restart(floor: Floor, call: Call[Restart]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    replayed = await session.restart(replay=call.arguments.replay)
    text = "The kernel was restarted: all variables and imports are lost; files are kept."
    if replayed is None:
        return (Text(text + " The notebook keeps its cells; nothing was run again."),)
    text += f" {replayed.cells} recorded cells were run again."
    for index, error in replayed.errors[:5]:
        text += f" Code cell {index}: {error}."
    if replayed.stopped:
        text += f" The replay stopped: {replayed.stopped}."
    return (Text(text),)


async def _list(floor: Floor, call: Call[NoArguments]) -> Reply:
    listed: list[JSON] = [_card(session) for session in floor.owned(call.caller)]
    text, _ = fit({"sessions": listed}, "sessions")
    return (Text(text),)


def _card(session: Session) -> dict[str, JSON]:
    running = session.bench.current
    return {
        "session_id": session.id,
        "task": session.brief.instance.family if session.brief else None,
        "notebook_path": session.notebook_path,
        "cells": len(session.sheet.cells),
        "running": running.cell.id if running else None,
    }


async def _read_notebook(floor: Floor, call: Call[ReadNotebook]) -> Reply:
    asked = call.arguments
    session = floor.session(call.caller, asked.session_id)
    cells = session.sheet.cells
    first, last = _span(asked.cells, len(cells))
    if asked.outputs and any(pictured(cell.outputs) for cell in cells[first:last]):
        return await anyio.to_thread.run_sync(_cells, session, asked, first, last)
    return _cells(session, asked, first, last)


def _cells(session: Session, asked: ReadNotebook, first: int, last: int) -> Reply:
    total = len(session.sheet.cells)
    shown: list[JSON] = []
    room = LIMIT - 300
    pictures: list[Picture] = []
    for position in range(first, last):
        left = MAX_PICTURES - len(pictures) if asked.outputs else None
        entry, more = _entry(session, position, left)
        room -= len(dump(entry)) + 2
        if shown and room < 0:
            break
        shown.append(entry)
        pictures.extend(more)
    body: dict[str, JSON] = {"session_id": session.id, "total_cells": total, "cells": shown}
    following = first + len(shown)
    if following < last:
        body["next"] = f"read_notebook(cells='{following}:{last}') reads on"
    text, _ = fit(body, "cells")
    return (Text(text), *pictures[:MAX_PICTURES])


def _entry(
    session: Session, position: int, pictures: int | None
) -> tuple[dict[str, JSON], list[Picture]]:
    """One cell, with room for so many pictures; None: without its outputs."""
    cell = session.sheet.cells[position]
    entry: dict[str, JSON] = {
        "index": position,
        "id": cell.id,
        "type": cell.type,
        "role": cell.role,
        "source": squeeze(cell.source, MAX_PART),
    }
    if cell.own_code:
        entry["cell_index"] = session.sheet.code_index(cell)
        entry["status"] = cell.status
    if pictures is None or not cell.outputs:
        return entry, []
    # What will not be shown is not decoded.
    rendered = render(cell.outputs, pictures=pictures > 0)
    entry["outputs"] = squeeze(rendered.items, MAX_PART)
    if entry["outputs"] is not rendered.items:
        entry["cut"] = f"read_output(id={cell.id!r}) gives the outputs whole"
    return entry, rendered.pictures


def _span(asked: str, total: int) -> tuple[int, int]:
    """Python's slices over cells; a lone number is one cell.

    Raises:
        AgentFault: not of that form, or past the end.
    """
    match = _RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or match[0] == "":
        raise AgentFault(
            f"cells={asked!r} cannot be read; ask for one cell (3), or a range (2:6, -4:, :)."
        )
    first = int(match[1]) if match[1] else 0
    if match[2] is None:
        if not -total <= first < total:
            raise AgentFault(f"There is no cell {first}: the notebook has {total} cells, from 0.")
        return first % total, first % total + 1
    start, stop, _ = slice(first, int(match[3]) if match[3] else None).indices(total)
    return start, max(start, stop)


async def _read_output(floor: Floor, call: Call[ReadOutput]) -> Reply:
    asked = call.arguments
    whole = _text_behind(floor, call)
    if asked.offset > len(whole):
        raise AgentFault(f"{asked.id!r} has {len(whole):,} characters; offset {asked.offset:,}?")
    text, following = page(whole, asked.offset)
    body: dict[str, JSON] = {
        "id": asked.id,
        "offset": asked.offset,
        "total_chars": len(whole),
        "next_offset": following,
        "text": text,
    }
    return said(body)


def _text_behind(floor: Floor, call: Call[ReadOutput]) -> str:
    asked = call.arguments.id
    session_id, _, part = asked.rpartition("-")
    if part == BRIEF:
        session = floor.session(call.caller, session_id)
        if session.brief is not None:
            return session.brief.prompt
    _, cell = floor.cell(call.caller, asked)
    return text_of(cell.outputs) if cell.type == "code" else cell.source


async def _wait(floor: Floor, call: Call[Wait]) -> Reply:
    asked = call.arguments
    session, cell = floor.cell(call.caller, asked.handle)
    run = session.bench.runs.get(cell.id)
    if run is None:
        raise AgentFault(f"{asked.handle!r} is no cell that was run; nothing to wait for.")
    await attend(run, call.progress, asked.max_s)
    return await told(session, run)


INTERRUPT = Tool("interrupt_session", "Interrupt the running cell.", OfSession, _interrupt)
RESTART = Tool("restart_session", "Restart the kernel; its state is lost.", Restart, _restart)
LIST = Tool("list_sessions", "List your open sessions.", NoArguments, _list, read_only=True)
READ_NOTEBOOK = Tool(
    "read_notebook",
    "Read cells of the notebook with their outputs.",
    ReadNotebook,
    _read_notebook,
    read_only=True,
)
READ_OUTPUT = Tool(
    "read_output",
    "Read a text that was cut, in pages.",
    ReadOutput,
    _read_output,
    read_only=True,
)
WAIT = Tool("wait", "Wait for a cell that runs in the background.", Wait, _wait, read_only=True)
