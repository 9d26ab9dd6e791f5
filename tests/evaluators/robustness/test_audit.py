"""The audit of calculator calls on cases small enough to do by hand."""

from typing import Any

import pytest

from evaluators._audit import audit_metrics, audit_page, audit_rows
from tasks._record import Calculation


def call(status: Any = "allowed", output: Any = None, error: str | None = None) -> Calculation:
    arguments = {"payoffs": [1.0, 2.0]}
    return Calculation(
        tool="ev_calculator", arguments=arguments, status=status, output=output, error=error,
        latency_ms=1.5,
    )  # fmt: skip


@pytest.fixture
def played(outcome: Any) -> list[Any]:
    used = (call(output={"expected_value": 1.25}),)
    ignored = (call("not_allowed", error="no"), call(output={"expected_value": 9.0}))
    broken = (call(error="cannot compute"),)
    return [
        outcome(1, answer={"trade_size": 1.2500001}, response={"calculations": used}),
        outcome(2, answer={"trade_size": 3.0}, response={"calculations": ignored}),
        outcome(3, answer=None, response={"calculations": broken}),
        outcome(4, answer={"trade_size": 3.0}),
    ]


def test_rows_say_what_was_asked_and_what_came_of_it(played: list[Any]):
    rows = audit_rows(played)
    assert [(r["task_id"][-1], r["step_number"], r["validation_status"]) for r in rows] == [
        ("1", 1, "allowed"),
        ("2", 1, "not_allowed"),
        ("2", 2, "allowed"),
        ("3", 1, "allowed"),
        ("4", 0, "no_tool_requested"),
    ]
    assert [r["final_answer_used_tool_result"] for r in rows] == [True, None, False, None, None]
    assert set(rows[0]) == {
        "task_id", "environment", "agent", "instance", "n", "step_number", "requested_tool",
        "tool_arguments", "validation_status", "tool_output", "tool_error",
        "final_answer_used_tool_result", "latency_ms",
    }  # fmt: skip


def test_audit_metrics_by_hand(played: list[Any]):
    assert audit_metrics(played) == {
        "n_tasks": 4,
        "n_requests": 4,
        "tool_call_rate": 3 / 4,
        "invalid_tool_call_rate": 1 / 4,
        "tool_error_rate": 1 / 3,
        "mean_tool_steps": 1.0,
        "final_answer_after_tool_rate": 2 / 3,
        "tool_result_ignored_rate": 1 / 2,
    }
    assert audit_metrics([])["tool_call_rate"] is None


def test_the_page_keeps_a_table_whatever_was_sent(outcome: Any):
    sent = Calculation(tool="a|b\nc", arguments={"x": "|" * 500}, status="unknown_tool")
    rows = audit_rows([outcome(1, response={"calculations": (sent,)})])
    page = audit_page(rows, audit_metrics([]))
    (line,) = [line for line in page.splitlines() if "unknown_tool" in line]
    assert line.replace("\\|", "").count("|") == 9
