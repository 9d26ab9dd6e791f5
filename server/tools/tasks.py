"""Tools that show tasks and start one."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from server.callers import Call
from server.floor import Choice, Floor
from server.replies import LIMIT, Reply, Text, dump, fit
from server.sessions import Session
from server.tools._core import Arguments, Tool
from server.tools.calculators import calculators
from server.tools.sessions import BRIEF
from tasks import FAMILIES, JSON, AgentFault, Split, UnknownUnitError, family, in_suite

_Text = Annotated[str | None, WithJsonSchema({"type": "string"})]
_Seed = Annotated[
    int | None, Field(ge=0, lt=10**18), WithJsonSchema({"type": "integer", "minimum": 0})
]
_Split = Annotated[Split | None, WithJsonSchema({"type": "string", "enum": ["public", "private"]})]


class ListTasks(Arguments):
    """Arguments of `list_tasks`."""

    suite: _Text = Field(default=None, description="prefix or tag")


class StartTask(Arguments):
    """Arguments of `start_task`."""

    task: _Text = Field(default=None, description="from list_tasks; an exam fixes all arguments")
    preset: _Text = None
    seed: _Seed = None
    split: _Split = None


class TaskInfo(Arguments):
    """Arguments of `task_info`."""

    session_id: _Text = None


async def _list(floor: Floor, call: Call[ListTasks]) -> Reply:
    seat = floor.seat(call.caller)
    if seat is not None:
        assert seat.brief is not None
        instance = seat.brief.instance
        only = {**_card(instance.family), "presets": [instance.preset]}
        return (Text(dump({"tasks": [only], "note": "Your exam; `start_task` starts it."})),)
    asked = call.arguments.suite
    try:
        names = FAMILIES.names() if asked is None else in_suite(asked)
    except UnknownUnitError as error:
        raise AgentFault(str(error)) from error
    text, cut = fit({"tasks": [_card(name) for name in names]}, "tasks", LIMIT - 100)
    if cut:
        text, _ = fit({"tasks": names, "note": "list_tasks(suite=…) tells more"}, "tasks")
    return (Text(text),)


def _card(name: str) -> dict[str, JSON]:
    unit = family(name)
    return {
        "task": name,
        "title": unit.title,
        "summary": unit.summary,
        "presets": list(unit.presets),
    }


async def _start(floor: Floor, call: Call[StartTask]) -> Reply:
    asked = call.arguments
    choice = Choice(asked.task, asked.preset, asked.seed, asked.split)
    return (Text(brief_text(floor, await floor.start_task(call.caller, choice))),)


async def _info(floor: Floor, call: Call[TaskInfo]) -> Reply:
    asked = call.arguments.session_id
    seat = floor.seat(call.caller)
    if asked is None and seat is None:
        raise AgentFault("Name the session: task_info(session_id=…). `list_sessions` shows yours.")
    session = floor.session(call.caller, asked or (seat.id if seat else ""))
    if session.brief is None:
        raise AgentFault(f"Session {session.id!r} is a free notebook: it has no task.")
    return (Text(brief_text(floor, session)),)


def brief_text(floor: Floor, session: Session) -> str:
    """The brief as one JSON block; a long prompt is cut and read on with `read_output`."""
    brief = session.brief
    assert brief is not None
    allowed = calculators(session)
    # What a task has no use for is not spoken of.
    unused = set[str]() if allowed else {"calculations"}
    left = session.attempt.left(floor.now())
    body: dict[str, JSON] = {
        "session_id": session.id,
        "task": brief.instance.family,
        "instance": str(brief.instance),
        "preset": brief.instance.preset,
        "seed": brief.instance.seed,
        "split": brief.instance.split.value,
        "title": brief.title,
        "stamp": brief.stamp.value,
        "notebook": brief.notebook,
        "episode": brief.episode,
        "notebook_path": session.notebook_path,
        "files": {f"task/{name}": len(data) for name, data in brief.files.items()},
        **({"calculators": list(allowed)} if allowed else {}),
        "budget": brief.budget.model_dump(mode="json", exclude=unused),
        "left": {name: value for name, value in left.items() if name not in unused},
        "prompt": brief.prompt,
        "answer_schema": dict(brief.answer_schema),
    }
    if session.episode is not None:
        body["observation"] = session.episode.observe()
    text, cut = fit(body, "prompt", LIMIT - 200)
    if cut:
        reading = f"read_output(id='{session.id}-{BRIEF}') gives the prompt whole"
        text, _ = fit({**body, "cut": reading}, "prompt")
    return text


LIST_TASKS = Tool(
    "list_tasks", "List the tasks and their presets.", ListTasks, _list, read_only=True
)
START_TASK = Tool(
    "start_task",
    "Start a task: gives its brief and the session_id that the other tools take.",
    StartTask,
    _start,
)
TASK_INFO = Tool(
    "task_info", "Show the brief and the budget left again.", TaskInfo, _info, read_only=True
)
