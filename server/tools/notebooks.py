"""Scribe's seven notebook tools under its names, parameters and result keys."""

from pydantic import Field

from server.callers import Call
from server.floor import Floor
from server.replies import Reply, Text, said
from server.sessions import Session
from server.tools._core import Arguments, SessionId, Tool
from server.tools._waiting import foreground, told
from tasks import JSON


class StartNew(Arguments):
    """Arguments of `start_new_session`."""

    experiment_name: str = Field(default="", max_length=200)


class Resume(Arguments):
    """Arguments of `start_session_resume_notebook`."""

    notebook_path: str = Field(max_length=1000)


class Continue(Arguments):
    """Arguments of `start_session_continue_notebook`."""

    notebook_path: str = Field(max_length=1000)
    experiment_name: str = Field(default="", max_length=200)


class Execute(Arguments):
    """Arguments of `execute_code`."""

    session_id: SessionId
    code: str
    timeout_s: float = Field(default=0, ge=0, description="0: the session's limit")
    background: bool = Field(default=False, description="return a handle for wait at once")


class Markdown(Arguments):
    """Arguments of `add_markdown`."""

    session_id: SessionId
    content: str


class Edit(Arguments):
    """Arguments of `edit_cell`."""

    session_id: SessionId
    code: str
    cell_index: int = Field(default=-1, description="counts code cells from 0; -1: the last")


class Shutdown(Arguments):
    """Arguments of `shutdown_session`."""

    session_id: SessionId


async def _start_new(floor: Floor, call: Call[StartNew]) -> Reply:
    return said(_started(floor.start_notebook(call.caller, call.arguments.experiment_name)))


async def _resume(floor: Floor, call: Call[Resume]) -> Reply:
    session, cells = floor.resume_notebook(call.caller, call.arguments.notebook_path)
    return said({**_started(session), **await session.restore(cells)})


async def _continue(floor: Floor, call: Call[Continue]) -> Reply:
    asked = call.arguments
    session, cells = floor.continue_notebook(
        call.caller, asked.notebook_path, asked.experiment_name
    )
    return said({**_started(session), **await session.restore(cells)})


def _started(session: Session) -> dict[str, JSON]:
    return {
        "session_id": session.id,
        "kernel_id": session.attempt_id,
        "status": "started",
        "notebook_path": session.notebook_path,
        "vscode_url": None,
        "kernel_name": "python3",
    }


async def _execute(floor: Floor, call: Call[Execute]) -> Reply:
    asked = call.arguments
    session = floor.session(call.caller, asked.session_id)
    limit = session.cell_limit(asked.timeout_s, floor.now())
    run = await session.bench.execute(asked.code, limit)
    if asked.background:
        run.detached = True
    else:
        await foreground(session, run, call.progress)
    return await told(session, run)


async def _markdown(floor: Floor, call: Call[Markdown]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    return said({"cell_number": session.add_markdown(call.arguments.content)})


async def _edit(floor: Floor, call: Call[Edit]) -> Reply:
    asked = call.arguments
    session = floor.session(call.caller, asked.session_id)
    limit = session.cell_limit(0, floor.now())
    run = await session.bench.edit(asked.cell_index, asked.code, limit)
    await foreground(session, run, call.progress)
    return await told(session, run, edited=True)


async def _shutdown(floor: Floor, call: Call[Shutdown]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    return (Text(await floor.shut_down(session)),)


START_NEW = Tool(
    "start_new_session",
    "Start a free notebook (no task) with its own Python kernel.",
    StartNew,
    _start_new,
)
RESUME = Tool(
    "start_session_resume_notebook",
    "Reopen an earlier notebook in place; its code cells run again.",
    Resume,
    _resume,
)
CONTINUE = Tool(
    "start_session_continue_notebook",
    "Continue an earlier notebook in a copy; its code cells run again.",
    Continue,
    _continue,
)
EXECUTE = Tool(
    "execute_code",
    "Run Python code as a new notebook cell; state persists between cells.",
    Execute,
    _execute,
)
MARKDOWN = Tool("add_markdown", "Add a markdown cell.", Markdown, _markdown)
EDIT = Tool("edit_cell", "Replace the code of a cell and run it.", Edit, _edit)
SHUTDOWN = Tool(
    "shutdown_session", "Stop the session's kernel; the notebook is kept.", Shutdown, _shutdown
)
