"""The calculators as tools, in tasks whose family allows any.

All of them are listed there; one outside the family's allow-list is refused, and the refusal is
recorded and counts like any other use, as in the published form. Whatever a calculator objects to
is the agent's to read and a row of the record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import ConfigDict

from server.calculators import CALCULATORS, Calculator
from server.callers import Call
from server.floor import Floor
from server.replies import Reply, said
from server.sessions import Session
from server.tools._core import Arguments, SessionId, Tool, untitled
from tasks import JSON, AgentFault, Frozen, family, nearest
from tasks._record import Calculation, Kind, tidy

MAX_ARGUMENTS = 10_000
"""Characters of the arguments that are kept in the record."""
MAX_NAME = 100
"""Characters of the name of a tool that there is not."""


class Request(Arguments):
    """A session and whatever else was sent: the calculator checks it, so that a mistake counts."""

    model_config = ConfigDict(frozen=True, extra="allow")

    session_id: SessionId


@dataclass(frozen=True, kw_only=True)
class CalculatorTool(Tool[Request]):
    """A tool whose arguments are a calculator's and a session."""

    figures: type[Frozen]

    @property
    def input_schema(self) -> dict[str, JSON]:
        """The calculator's schema, with the session in front."""
        schema = untitled(self.figures.model_json_schema())
        session = untitled(Request.model_json_schema())["properties"]
        return {
            **schema,
            "properties": {**session, **schema["properties"]},
            "required": ["session_id", *schema.get("required", ())],
        }


async def _calculate(name: str, calculator: Calculator, floor: Floor, call: Call[Request]) -> Reply:
    session = floor.session(call.caller, call.arguments.session_id)
    allowed = calculators(session)
    if not allowed:
        raise AgentFault(
            f"The task of session {session.id!r} offers no calculators: compute in the notebook, "
            "with `execute_code`."
        )
    session.attempt.charge_calculation()
    sent = call.arguments.model_extra or {}
    if name not in allowed:
        why = f"{name} is not allowed in this task; it allows {', '.join(allowed)}."
        _record(session, Calculation(tool=name, arguments=sent, status="not_allowed", error=why))
        raise AgentFault(why)
    began = floor.now()
    try:
        output, error = calculator.run(sent), None
    except ValueError as problem:
        output, error = None, f"{name} cannot compute this: {problem}."
    row = Calculation(
        tool=name,
        arguments=sent,
        status="allowed",
        output=output,
        error=error,
        latency_ms=round((floor.now() - began) * 1000, 3),
    )
    _record(session, row)
    if output is None:
        raise AgentFault(str(error))
    return said(output)


def calculators(session: Session) -> tuple[str, ...]:
    """The allow-list of a session's task; empty for a free notebook."""
    return () if session.brief is None else family(session.brief.instance.family).calculators


def unknown(session: Session, tool: str, arguments: Mapping[str, JSON]) -> None:
    """Count and record a call of a tool that there is not, where a calculator may have been meant.

    Raises:
        AgentFault: no calculator call is left.
    """
    allowed = calculators(session)
    if not allowed or session.attempt.started is None:
        return
    session.attempt.charge_calculation()
    name = tool[:MAX_NAME]
    why = f"There is no tool {name!r}.{nearest(name, allowed)} Calculators: {', '.join(allowed)}."
    sent = {key: value for key, value in arguments.items() if key != "session_id"}
    _record(session, Calculation(tool=name, arguments=sent, status="unknown_tool", error=why))
    raise AgentFault(why)


def _record(session: Session, row: Calculation) -> None:
    kept = row.model_copy(update={"arguments": _kept(row.arguments)})
    session.journal.record(Kind.CALCULATION, kept)


def _kept(raw: Mapping[str, JSON]) -> dict[str, JSON]:
    # What is far too long, too deep or not JSON must not keep the call out of the record.
    plain = dict(tidy(dict(raw)))
    text = json.dumps(plain)
    return plain if len(text) <= MAX_ARGUMENTS else {"cut": text[:MAX_ARGUMENTS]}


def _tool(name: str) -> CalculatorTool:
    calculator = CALCULATORS.find(name)
    return CalculatorTool(
        name,
        calculator.description,
        Request,
        partial(_calculate, name, calculator),
        read_only=True,
        calculator=True,
        figures=calculator.arguments,
    )


TOOLS = tuple(_tool(name) for name in CALCULATORS.names())
