"""Tools that play an episode, check, hand in, and end. No reply tells anything of the key."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from server.attempts import Reason
from server.callers import Call
from server.floor import Floor
from server.replies import LIMIT, Reply, Text, fit, said
from server.sessions import Session
from server.tools._core import Arguments, SessionId, Tool

Answer = Annotated[
    Any,
    WithJsonSchema({"type": "object", "description": "as the brief's answer_schema says"}),
]
Action = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [{"type": "object"}, {"type": "string"}, {"type": "number"}],
            "description": "as the brief says",
        }
    ),
]


class Act(Arguments):
    """Arguments of `act`."""

    session_id: SessionId
    action: Action


class Answered(Arguments):
    """Arguments of `check_answer_format` and `submit_answer`."""

    session_id: SessionId
    answer: Answer


class Finish(Arguments):
    """Arguments of `finish`."""

    session_id: SessionId


async def _act(floor: Floor, call: Call[Act]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    observation = await session.act(call.arguments.action)
    if observation["done"]:
        await floor.end(session, Reason.FINISHED)
        observation["note"] = "The episode is over and the attempt is closed."
    text, _ = fit(observation, "view", LIMIT)
    return (Text(text),)


async def _check(floor: Floor, call: Call[Answered]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    problems = await session.check_answer(call.arguments.answer)
    text, _ = fit(
        {
            "ok": not problems,
            "problems": list(problems),
            "left": session.attempt.left(floor.now()).get("answer_checks"),
            "note": "the shape alone was checked",
        },
        "problems",
    )
    return (Text(text),)


async def _submit(floor: Floor, call: Call[Answered]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    try:
        await session.submit(call.arguments.answer, floor.now())
    finally:
        await _end_if_over(floor, session)
    return said({"status": "accepted", "note": "The attempt is closed."})


async def _end_if_over(floor: Floor, session: Session) -> None:
    if session.attempt.reason is not None:
        await floor.end(session, session.attempt.reason)


async def _finish(floor: Floor, call: Call[Finish]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    await floor.end(session, Reason.FINISHED)
    what = "The attempt is closed without an answer" if session.brief else "The session is closed"
    return (Text(f"{what}; the notebook is kept."),)


ACT = Tool("act", "Take one step in a task that is an episode.", Act, _act)
CHECK = Tool(
    "check_answer_format",
    "Check the shape of an answer, not its content; few checks are allowed.",
    Answered,
    _check,
)
SUBMIT = Tool(
    "submit_answer", "Hand in the answer; once. Closes the attempt.", Answered, _submit, free=True
)
FINISH = Tool("finish", "End the attempt without an answer.", Finish, _finish, free=True)
