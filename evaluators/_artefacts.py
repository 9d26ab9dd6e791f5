"""Result files beside scores.json and summary.json, under their published names.

results.jsonl, report.md, tool_audit.jsonl/.md and failure_cases.jsonl/.md of every run; and of one
that played variants robustness_results.jsonl, robustness_summary.json and robustness_report.md.
The failure cases are those of the variants where there are any, else those of the attempts.
The same scores and records give the same bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evaluators import robustness
from evaluators._audit import audit_metrics, audit_page, audit_rows
from evaluators._core import Score
from evaluators._failures import LIMIT, attempt_cases, failure_page, variant_cases
from evaluators._process import ScoreProcess
from evaluators._published import figures, report, result_rows
from evaluators._responses import Response
from evaluators.robustness import Outcome
from tasks import JSON, EvaluatorError, InstanceId, RecordError
from tasks._record import MAX_RESULTS, dump, read_json

RESULTS = "results.jsonl"
REPORT = "report.md"
AUDIT, AUDIT_PAGE = "tool_audit.jsonl", "tool_audit.md"
FAILURES, FAILURE_PAGE = "failure_cases.jsonl", "failure_cases.md"
ROBUSTNESS = "robustness_summary.json"
ROBUSTNESS_ROWS, ROBUSTNESS_REPORT = "robustness_results.jsonl", "robustness_report.md"
NAMES = frozenset(
    {
        RESULTS,
        REPORT,
        AUDIT,
        AUDIT_PAGE,
        FAILURES,
        FAILURE_PAGE,
        ROBUSTNESS,
        ROBUSTNESS_ROWS,
        ROBUSTNESS_REPORT,
    }
)
"""Every file of this module: one that a run no longer gives is removed."""


def outcomes(
    run: Path, scores: Sequence[Score], home: Path, process: ScoreProcess
) -> list[Outcome]:
    """The scored attempts with what the agent did in them, read in the score process."""
    return [
        Outcome(score, _response(run, score, home, process))
        for score in scores
        if score.status == "scored"
    ]


def _response(run: Path, score: Score, home: Path, process: ScoreProcess) -> Response:
    place: dict[str, JSON] = {
        "run": str(run),
        "slug": InstanceId.parse(score.instance).slug,
        "n": score.n,
        "home": str(home),
    }
    try:
        return Response.model_validate(process.ask({"what": "response", **place}), strict=False)
    except EvaluatorError as error:
        # The score stands; what stands beside it says why it is empty.
        return Response(note=str(error))


def completed(
    summary: Mapping[str, JSON], scores: Sequence[Score], played: Sequence[Outcome]
) -> dict[str, JSON]:
    """The summary with the published figures under `published`."""
    plain = [score for score in scores if not score.variant]
    found = figures(plain, [one for one in played if not one.score.variant])
    return {**summary, "published": found}


def artefacts(
    run_id: str, summary: Mapping[str, JSON], played: Sequence[Outcome]
) -> dict[str, bytes]:
    """The files by name. `summary` is a `completed` one."""
    rows = audit_rows(played)
    cases = failures(run_id, played)
    files = {
        RESULTS: _lines(result_rows(run_id, played)),
        REPORT: report(run_id, dict(summary)).encode(),
        AUDIT: _lines(rows),
        AUDIT_PAGE: audit_page(rows, audit_metrics(played)).encode(),
        FAILURES: _lines(cases[:LIMIT]),
        FAILURE_PAGE: failure_page(cases[:LIMIT], len(cases)).encode(),
    }
    return {**files, **_robustness(run_id, ", ".join(summary["agents"]), played)}


def failures(run_id: str, played: Sequence[Outcome]) -> list[dict[str, JSON]]:
    """All failure cases of a run, worst first."""
    records = robustness.records(robustness.cases(played), run_id)
    return variant_cases(records, played) if records else attempt_cases(played)


def _robustness(run_id: str, agent: str, played: Sequence[Outcome]) -> dict[str, bytes]:
    if not any(one.score.variant for one in played):
        return {}
    cases = robustness.cases(played)
    records = robustness.records(cases, run_id)
    found = robustness.summary(run_id, agent, cases, records)
    return {
        ROBUSTNESS_ROWS: _lines([one.model_dump(mode="json") for one in records]),
        ROBUSTNESS: dump(found),
        ROBUSTNESS_REPORT: robustness.report(found).encode(),
    }


def read_robustness(run: Path) -> dict[str, JSON]:
    """The summary of a run's variants that scoring wrote.

    Raises:
        RecordError: the run was not scored, holds no variants, or its results are damaged.
    """
    path = run / "results" / ROBUSTNESS
    if not path.exists():
        raise RecordError(
            f"{path} is not there: the run was not scored (`proctor score {run}`), or no variants "
            "were played in it (`proctor robustness run SUITE`)."
        )
    return read_json(path, MAX_RESULTS)


def _lines(rows: Iterable[Mapping[str, JSON]]) -> bytes:
    texts = (
        json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    )
    return "".join(texts).encode()
