"""The audit of calculator calls: rows, metrics and the page that shows them.

Row names and metrics are the published ones. `final_answer_used_tool_result` is a numeric overlap
(rel. 1e-6, abs. 1e-9) between what a call put out and the final answer; None where either has no
number, so that nothing can be said.
"""

import json
import math
from collections.abc import Iterator, Sequence

from evaluators._intervals import mean
from evaluators.robustness import Outcome
from tasks import JSON
from tasks._record import Calculation

NONE = "no_tool_requested"
ALLOWED = "allowed"
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
_SHOWN = 80


def audit_rows(outcomes: Sequence[Outcome]) -> list[dict[str, JSON]]:
    """The rows of tool_audit.jsonl: one a request, or one for an attempt without any."""
    return [row for outcome in outcomes for row in _rows(outcome)]


def _rows(outcome: Outcome) -> Iterator[dict[str, JSON]]:
    calls = outcome.response.calculations
    if not calls:
        yield {**_head(outcome), **_blank()}
    for step, call in enumerate(calls, start=1):
        yield {
            **_head(outcome),
            "step_number": step,
            "requested_tool": call.tool,
            "tool_arguments": call.arguments,
            "validation_status": call.status,
            "tool_output": call.output,
            "tool_error": call.error,
            "final_answer_used_tool_result": _used(call, outcome.response.answer),
            "latency_ms": call.latency_ms,
        }


def _head(outcome: Outcome) -> dict[str, JSON]:
    return {
        "task_id": outcome.task,
        "environment": outcome.score.family,
        "agent": outcome.score.agent,
        "instance": outcome.score.instance,
        "n": outcome.score.n,
    }


def _blank() -> dict[str, JSON]:
    return {
        "step_number": 0,
        "requested_tool": None,
        "tool_arguments": None,
        "validation_status": NONE,
        "tool_output": None,
        "tool_error": None,
        "final_answer_used_tool_result": None,
        "latency_ms": None,
    }


def used_results(outcome: Outcome) -> bool | None:
    """Whether the answer shows a number of any call; None where that cannot be said."""
    told = [_used(call, outcome.response.answer) for call in outcome.response.calculations]
    known = [one for one in told if one is not None]
    return any(known) if known else None


def _used(call: Calculation, answer: JSON) -> bool | None:
    if call.status != ALLOWED or call.error is not None:
        return None
    shown, stated = list(_numbers(call.output)), list(_numbers(answer))
    if not shown or not stated:
        return None
    return any(
        math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE) for a in shown for b in stated
    )


def _numbers(value: JSON) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def audit_metrics(outcomes: Sequence[Outcome]) -> dict[str, JSON]:
    """The published audit metrics; a rate without a case is None.

    `tool_call_rate`: tasks with a request. `invalid_tool_call_rate`: requests that were not allowed
    or unknown. `tool_error_rate`: executed ones that failed. `mean_tool_steps`: requests a task.
    `final_answer_after_tool_rate`: tasks with a request that ended with a valid answer.
    `tool_result_ignored_rate`: tasks whose answer shows no number of any result, of those where
    that can be said.
    """
    calls = [call for outcome in outcomes for call in outcome.response.calculations]
    executed = [call for call in calls if call.status == ALLOWED]
    asked = [outcome for outcome in outcomes if outcome.response.calculations]
    told = [one for outcome in asked if (one := used_results(outcome)) is not None]
    return {
        "n_tasks": len(outcomes),
        "n_requests": len(calls),
        "tool_call_rate": _rate(bool(o.response.calculations) for o in outcomes),
        "invalid_tool_call_rate": _rate(call.status != ALLOWED for call in calls),
        "tool_error_rate": _rate(call.error is not None for call in executed),
        "mean_tool_steps": _rate(len(o.response.calculations) for o in outcomes),
        "final_answer_after_tool_rate": _rate(o.response.answer is not None for o in asked),
        "tool_result_ignored_rate": _rate(not used for used in told),
    }


def _rate(values: "Iterator[float] | Sequence[float]") -> float | None:
    found = [float(value) for value in values]
    return mean(found) if found else None


def audit_page(rows: Sequence[dict[str, JSON]], found: dict[str, JSON]) -> str:
    """The content of tool_audit.md."""
    facts = [
        f"| {name} | {'-' if value is None else f'{value:g}'} |" for name, value in found.items()
    ]
    lines = [
        "# Calculator calls",
        "",
        "| metric | value |",
        "|---|---:|",
        *facts,
        "",
        "| task | n | step | tool | status | used | arguments | output |",
        "|---|---:|---:|---|---|---|---|---|",
    ]
    for row in rows:
        if row["validation_status"] == NONE:
            continue
        cells = [
            row["task_id"],
            str(row["n"]),
            str(row["step_number"]),
            _cell(row["requested_tool"]),
            row["validation_status"],
            {True: "yes", False: "no", None: "-"}[row["final_answer_used_tool_result"]],
            _cell(row["tool_arguments"]),
            _cell(row["tool_error"] or row["tool_output"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(value: JSON) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return short.replace("|", "\\|").replace("\n", " ")
