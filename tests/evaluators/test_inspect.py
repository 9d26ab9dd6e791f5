"""`proctor inspect` and the artefacts of a scored run, from logs as the daemon writes them."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluators import score_run
from evaluators._artefacts import NAMES
from evaluators._inspect_cli import app
from tasks import JSON, RecordError
from tasks._record import Calculation, Kind

AUCTIONS = "strategic/v0/auctions"
SURPLUS = 1.10170684
"""The published answer to seed 123."""


def said(answer: JSON) -> JSON:
    return {"response": json.dumps(answer)}


def call(status: Any = "allowed", output: Any = None, error: str | None = None) -> Any:
    facts = {"your_value": 14.8439, "n_bidders": 2, "v_max": 100.0}
    row = Calculation(
        tool="auction_solver", arguments=facts, status=status, output=output, error=error,
        latency_ms=0.25,
    )  # fmt: skip
    return (Kind.CALCULATION, row)


@pytest.fixture
def run(rig: Any) -> Any:
    """Four attempts: right by the calculator, its result ignored, no JSON, no answer."""
    common = {"kind": AUCTIONS, "preset": "published"}
    used = call(output={"expected_surplus": SURPLUS})
    refused = call("not_allowed", error="risk_checker is not allowed in this task.")
    rig.play(
        rig.script(seed=123, answer=said({"expected_surplus": SURPLUS}), extra=[used], **common)
    )
    rig.play(
        rig.script(
            seed=124, answer=said({"expected_surplus": 9.0}), extra=[refused, used], **common
        )
    )
    rig.play(rig.script(seed=125, answer={"response": "I cannot help with that."}, **common))
    rig.play(rig.script(seed=126, **common))
    score_run(rig.run.path, rig.home)
    return rig


def lines(run: Any, name: str) -> list[dict[str, Any]]:
    text = (run.run.path / "results" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_results_have_the_published_columns(run: Any):
    rows = lines(run, "results.jsonl")
    assert set(rows[0]) == {
        "run_id", "timestamp", "environment", "task_id", "seed", "agent_type", "agent_name",
        "raw_prompt", "model_response", "parsed_response", "grader_result", "latency_ms", "error",
        "metadata",
    }  # fmt: skip
    assert [row["task_id"] for row in rows] == [f"auctions-{seed}" for seed in range(123, 127)]
    assert rows[0]["parsed_response"] == {"expected_surplus": SURPLUS}
    assert rows[0]["grader_result"]["score"] == pytest.approx(1.0)
    assert "14.8439" in rows[0]["raw_prompt"]
    assert rows[2]["model_response"] == "I cannot help with that."
    assert rows[2]["parsed_response"] is None
    assert rows[2]["metadata"]["problems"] == ["refusal_no_answer"]


def test_the_summary_has_the_published_rates_by_hand(run: Any):
    path = run.run.path / "results" / "summary.json"
    found = json.loads(path.read_text())["published"]
    overall = found["metrics"]["overall"]
    assert overall["n"] == 4
    assert overall["pass_rate"] == pytest.approx(1 / 4)
    assert overall["invalid_response_rate"] == pytest.approx(2 / 4)
    assert overall["parse_failure_rate"] == pytest.approx(2 / 4)
    assert overall["runtime_error_rate"] == 0.0
    assert found["metrics"]["environments"][AUCTIONS] == overall
    assert found["cost_latency"]["estimated_total_cost_usd"] is None
    assert found["cost_latency"]["cost_note"] == "not estimated"
    assert found["tool_audit"]["tool_call_rate"] == pytest.approx(2 / 4)
    page = (run.run.path / "results" / "report.md").read_text()
    assert f"| {AUCTIONS} | 4 |" in page


def test_no_reference_answer_stands_in_the_results(run: Any):
    # The surplus of seed 126, which nobody answered.
    for name in NAMES | {"scores.json", "summary.json"}:
        path = run.run.path / "results" / name
        assert not path.exists() or "reference" not in path.read_text()


def test_failures_are_ranked_with_labels(run: Any):
    shown = CliRunner().invoke(app, ["inspect", "failures", str(run.run.path), "--json"])
    assert shown.exit_code == 0
    found = json.loads(shown.stdout)
    labels = {case["instance"].rpartition(":")[2]: case["taxonomy"] for case in found["cases"]}
    assert labels == {
        "124": ["tool_call_invalid", "tool_result_ignored", "winner_curse_error"],
        "125": ["invalid_json"],
        "126": ["invalid_json"],
    }
    severities = [case["severity"] for case in found["cases"]]
    assert severities == sorted(severities, reverse=True)
    assert lines(run, "failure_cases.jsonl") == found["cases"]
    short = CliRunner().invoke(app, ["inspect", "failures", str(run.run.path), "--limit", "1"])
    assert short.stdout.count(AUCTIONS) == 1


def test_tools_are_audited(run: Any):
    shown = CliRunner().invoke(app, ["inspect", "tools", str(run.run.path), "--json"])
    found = json.loads(shown.stdout)
    assert [row["validation_status"] for row in found["rows"]] == [
        "allowed", "not_allowed", "allowed", "no_tool_requested", "no_tool_requested",
    ]  # fmt: skip
    assert [row["final_answer_used_tool_result"] for row in found["rows"][:3]] == [
        True, None, False,
    ]  # fmt: skip
    assert found["metrics"]["invalid_tool_call_rate"] == pytest.approx(1 / 3)
    assert lines(run, "tool_audit.jsonl") == found["rows"]
    page = CliRunner().invoke(app, ["inspect", "tools", str(run.run.path)])
    assert "auction_solver" in page.stdout


def test_scoring_again_gives_the_same_bytes_and_clears_what_is_stale(run: Any):
    results = run.run.path / "results"
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    assert "robustness_summary.json" not in before
    (results / "robustness_summary.json").write_text("{}")
    score_run(run.run.path, run.home)
    assert {path.name: path.read_bytes() for path in results.iterdir()} == before


def test_a_run_that_was_not_scored_is_told(rig: Any):
    rig.play(rig.script(seed=123, kind=AUCTIONS, preset="published"))
    shown = CliRunner().invoke(app, ["inspect", "failures", str(rig.run.path)])
    assert isinstance(shown.exception, RecordError)
    assert "proctor score" in str(shown.exception)


def test_a_wrong_scale_is_seen_through_and_the_right_one_is_no_flip(rig: Any):
    """unit_scale_change: the mapped answer is compared, not the one that was written."""
    common = {"kind": AUCTIONS, "preset": "published"}
    base = rig.script(seed=123, answer=said({"expected_surplus": SURPLUS}), **common)
    rig.play(base)
    variant = rig.script(seed=123, variant="unit_scale_change", **common)
    variant.answer = rig.oracle(variant)
    rig.play(variant)
    score_run(rig.run.path, rig.home)
    (row,) = lines(rig, "robustness_results.jsonl")
    assert (row["variant_type"], row["answer_preserving"]) == ("unit_scale_change", False)
    assert row["variant_score"] == pytest.approx(1.0)
    assert row["action_changed"]
    assert row["gap"] == 0.0
