"""Rows and figures of a run as the published form has them: results.jsonl and `published`.

Nothing here is a second score: every number is one of `Score`, under its published name.
"""

import json
from collections.abc import Sequence

import numpy as np

from evaluators._audit import audit_metrics
from evaluators._core import Score
from evaluators._failures import attempt_cases
from evaluators._intervals import mean
from evaluators.robustness import Outcome
from tasks import JSON

EXAMPLES = 5
"""Failure examples in the summary."""


def result_rows(run_id: str, outcomes: Sequence[Outcome]) -> list[dict[str, JSON]]:
    """The rows of results.jsonl: one an attempt, variants left out."""
    return [_row(run_id, outcome) for outcome in outcomes if not outcome.score.variant]


def _row(run_id: str, outcome: Outcome) -> dict[str, JSON]:
    score, response = outcome.score, outcome.response
    return {
        "run_id": run_id,
        "timestamp": response.ended,
        "environment": score.family,
        "task_id": outcome.task,
        "seed": outcome.instance.seed,
        "agent_type": score.agent.partition(":")[0],
        "agent_name": score.agent,
        "raw_prompt": response.prompt,
        "model_response": response.raw or json.dumps(response.answer, sort_keys=True),
        "parsed_response": response.answer,
        "grader_result": {
            "score": score.ability,
            "passed": score.passed,
            "metrics": score.metrics,
            "violations": list(score.violations),
            "axes": score.axes,
            "safety": score.safety,
            "validity": score.validity,
        },
        "latency_ms": _latency(score),
        "error": score.note or response.note or None,
        "metadata": {
            "instance": score.instance,
            "n": score.n,
            "preset": score.preset,
            "stamp": score.stamp.value,
            "reason": score.reason,
            "problems": list(response.problems),
            "usage": score.usage,
            "notebook": score.notebook,
        },
    }


def figures(scores: Sequence[Score], outcomes: Sequence[Outcome]) -> dict[str, JSON]:
    """The summary's `published`: rates and latency overall and by environment, audit, failures.

    Args:
        scores: Every attempt of the run, variants left out.
        outcomes: Those of them that were scored.
    """
    names = sorted({score.family for score in scores})
    cases = attempt_cases(outcomes)
    return {
        "metrics": {
            "overall": _metrics(scores, outcomes),
            "environments": {
                name: _metrics(
                    [score for score in scores if score.family == name],
                    [one for one in outcomes if one.score.family == name],
                )
                for name in names
            },
        },
        "cost_latency": _cost(scores),
        "tool_audit": audit_metrics(outcomes),
        "failure_examples": cases[:EXAMPLES],
    }


def _metrics(scores: Sequence[Score], outcomes: Sequence[Outcome]) -> dict[str, JSON]:
    latencies = [found for score in scores if (found := _latency(score)) is not None]
    return {
        "n": len(outcomes),
        "mean_score": _rate([one.ability for one in outcomes]),
        "pass_rate": _rate([one.score.passed for one in outcomes]),
        "violation_rate": _rate([bool(one.score.violations) for one in outcomes]),
        "invalid_response_rate": _rate([one.invalid for one in outcomes]),
        "parse_failure_rate": _rate([one.response.answer is None for one in outcomes]),
        "runtime_error_rate": _rate([score.status == "error" for score in scores]),
        "risk_violation_rate": _rate([one.unsafe for one in outcomes]),
        "mean_latency_ms": _rate(latencies),
    }


def _cost(scores: Sequence[Score]) -> dict[str, JSON]:
    """Latency of the attempts; money is not known here, which is not the same as none."""
    latencies = [found for score in scores if (found := _latency(score)) is not None]
    return {
        "n_tasks": len(scores),
        "mean_latency_ms": _rate(latencies),
        "p50_latency_ms": _quantile(latencies, 0.5),
        "p95_latency_ms": _quantile(latencies, 0.95),
        "timeout_rate": _rate([score.reason == "expired" for score in scores]),
        "estimated_total_cost_usd": None,
        "cost_estimated": False,
        "cost_note": "not estimated",
    }


def _latency(score: Score) -> float | None:
    """Wall time of the attempt from `start_task` to its end, in milliseconds."""
    wall = score.usage.get("wall_s")
    return None if not isinstance(wall, int | float) else round(1000.0 * wall, 3)


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None


def _rate(values: Sequence[float]) -> float | None:
    return mean([float(value) for value in values]) if values else None


def report(run_id: str, summary: dict[str, JSON]) -> str:
    """The content of report.md, from the whole summary."""
    found = summary["published"]
    lines = [
        f"# {run_id}",
        "",
        f"Suite `{summary['suite']}`, agent {', '.join(summary['agents'])}.",
        "",
        "| environment | n | mean | pass | violations | invalid | unsafe | normalised |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    ours = summary["metrics"]
    rows = {"all": (found["metrics"]["overall"], ours["overall"])}
    for name, values in found["metrics"]["environments"].items():
        rows[name] = (values, ours["families"].get(name, {}))
    for name, (values, normal) in rows.items():
        shown = (
            "mean_score",
            "pass_rate",
            "violation_rate",
            "invalid_response_rate",
            "risk_violation_rate",
        )
        cells = [name, str(values["n"]), *(_number(values[key]) for key in shown)]
        lines.append(f"| {' | '.join([*cells, _number(normal.get('normalised_score'))])} |")
    lines += ["", "## Caveats", ""]
    lines += [f"- {caveat}" for caveat in summary["caveats"]] or ["None."]
    lines += ["", "## Worst attempts", ""]
    lines += [
        f"- {case['label']} ({case['severity']:.2f}): `{case['instance']}` #{case['n']}, score "
        f"{case['score']:.3f}"
        for case in found["failure_examples"]
    ] or ["None failed."]
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
