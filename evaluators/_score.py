"""Scores one finished attempt from its artefacts alone: event log, saved notebook, key.

The log is believed as far as its keyed chain holds, the notebook as far as its hash is the one that
the log was closed with. The answer is read from the notebook and checked anew against the family's
answer model; the key is drawn anew from the instance id and the secret that the run names.
"""

import hashlib
import math
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluators._core import MEASURES, Marks, Measure, Notebook, Score
from evaluators._evidence import evidence
from evaluators._foreign import foreign_answer
from ground_truth import SecretStore, draw, record_key
from tasks import (
    JSON,
    EvaluatorError,
    Family,
    InstanceId,
    ProctorError,
    RecordError,
    Split,
    Stamp,
    brief_sha256,
    briefed,
    family,
)
from tasks._answers import Malformed, validate
from tasks._record import (
    MAX_NOTEBOOK,
    PLAYED_FILE,
    AttemptFolder,
    CellAdded,
    Kind,
    Log,
    accepted_answer,
    acts,
    house_failure,
    load_notebook,
    peek,
    read_bytes,
    read_json,
    read_log,
)

_ACTED = frozenset(
    {
        Kind.ANSWER_ACCEPTED,
        Kind.ANSWER_REJECTED,
        Kind.ANSWER_CHECKED,
        Kind.ACT,
        Kind.ACT_REFUSED,
        Kind.CALCULATION,
        Kind.CALL_REFUSED,
    }
)


def score_attempt(folder: AttemptFolder, home: Path) -> Score:
    """Measure one attempt; what goes wrong is a status of the score, never an exception.

    `invalid`: the record was changed or cannot be read, the server never saw this agent, or its
    runner noted that the provider failed, or that the run's budget was reached, before an answer.
    `error`: ours (no secret, another version of the family, a measure that failed, or, where no
    valid answer came, a kernel that could not be started, a server that failed or was lost).
    """
    blank = unscored(folder)
    try:
        claims = peek(folder.events)
        blank = blank.model_copy(update={"agent": claims.agent, "attempt": claims.attempt})
        secret = SecretStore(home).get(claims.secret_id)
    except ProctorError as error:
        return blank.model_copy(update={"status": "error", "note": str(error)})
    try:
        log = read_log(folder.events, record_key(secret, claims.attempt))
        notebook = bound_notebook(folder, log)
    except RecordError as error:
        return blank.model_copy(update={"status": "invalid", "note": str(error)})
    headed = _headed(blank, log)
    if not _seen(log):
        note = "The server never saw this agent: it listed no tools and did nothing."
        return headed.model_copy(update={"status": "invalid", "note": note})
    score = _measured(headed, notebook, secret, log.opened.brief_sha256)
    failure = house_failure(log.events)
    if failure and score.status == "scored" and not score.validity:
        note = f"It failed by the house: {failure}"
        return score.model_copy(update={"status": "error", "ability": None, "note": note})
    cut = _cut_short(folder)
    if cut and score.status == "scored" and not score.validity:
        note = f"It was cut short, and tells nothing of the agent: {cut}"
        return score.model_copy(update={"status": "invalid", "ability": None, "note": note})
    return score


def score_notebook(path: Path, instance: InstanceId, home: Path) -> Score:
    """Measure a notebook that was made elsewhere (Scribe, JupyterLab) against an instance.

    Its answer is looked for as `evaluators._foreign` says. Nothing vouches for such a notebook, so
    the score is stamped *practice*, or *open* where the family is.

    Raises:
        ProctorError: the notebook cannot be read, or the instance's secret is not here.
    """
    unit = family(instance.family)
    head = Score(
        attempt="-",
        instance=str(instance),
        family=instance.family,
        preset=instance.preset,
        agent="-",
        n=1,
        stamp=Stamp.OPEN if unit.open_keys else Stamp.PRACTICE,
        sandbox="-",
        status="scored",
        validity=0.0,
        ability=0.0,
        passed=False,
        notebook=str(path),
    )
    secret = SecretStore(home).get() if instance.split is Split.PRIVATE else b""
    return _measured(head, load_notebook(path), secret, foreign=True)


def bound_notebook(folder: AttemptFolder, log: Log) -> Notebook:
    """The attempt's notebook, if it is the one that the log was closed with.

    Raises:
        RecordError: the attempt is open, or its notebook is missing, changed, or none at all.
    """
    if log.closed is None:
        raise RecordError(
            f"{folder.path} is not closed: its attempt still runs, or its end is cut."
        )
    path = folder.within(log.opened.notebook)
    digest = hashlib.sha256(read_bytes(path, MAX_NOTEBOOK)).hexdigest()
    if digest != log.closed.notebook_sha256:
        raise RecordError(f"{path} was changed after the attempt was closed.")
    return load_notebook(path)


def mark(measure: Measure, answer: JSON, key: Any) -> Marks:
    """Apply a measure and check what it gives.

    Raises:
        EvaluatorError: it raised, or its ability is not a number in [0, 1].
    """
    try:
        marks = measure.score(answer, key)
    except Exception as error:
        raise EvaluatorError(f"The measure failed: {type(error).__name__}: {error}") from error
    if not (math.isfinite(marks.ability) and 0.0 <= marks.ability <= 1.0):
        raise EvaluatorError(f"The measure gave the ability {marks.ability}, outside [0, 1].")
    return marks


def _measured(
    head: Score,
    notebook: Notebook,
    secret: bytes,
    brief: str | None = None,
    *,
    foreign: bool = False,
) -> Score:
    try:
        instance = InstanceId.parse(head.instance)
        unit = family(instance.family)
        drawn = draw(instance, secret)
        _same_brief(unit, drawn.public, instance, brief)
        measure = MEASURES.find(unit.measure)
        answer = _answer(unit, unit.answer(drawn.public), notebook, foreign=foreign)
        scored = head.model_copy(
            update={"status": "scored", **_work(unit, measure, notebook, answer)}
        )
        if answer is None:
            return scored
        marks = mark(measure, answer[0], drawn.key)
    except Exception as error:  # noqa: BLE001 - a failure of ours must not become a zero
        note = str(error) if isinstance(error, ProctorError) else f"{type(error).__name__}: {error}"
        return head.model_copy(update={"status": "error", "ability": None, "note": note})
    return scored.model_copy(
        update={
            "validity": 1.0 if marks.complete else 0.0,
            "ability": marks.ability,
            "passed": marks.passed,
            "safety": marks.safety,
            "axes": dict(marks.axes),
            "metrics": dict(marks.metrics),
            "violations": marks.violations,
            "steps": tuple(dict(step) for step in marks.steps),
        }
    )


def _same_brief(
    unit: Family[Any, Any], public: Any, instance: InstanceId, brief: str | None
) -> None:
    """Refuse a key that belongs to another brief than the one that was played."""
    text = briefed(unit, public, instance)
    schema = unit.answer(public).model_json_schema()
    if brief is not None and brief != brief_sha256(text.prompt, schema, text.files):
        raise EvaluatorError(
            f"{unit.title}: the installed code draws another instance than the one that was "
            "played, under the same version. Score it with the Proctor that played it."
        )


def _answer(
    unit: Family[Any, Any], model: type[Any], notebook: Notebook, *, foreign: bool
) -> tuple[JSON] | None:
    """The valid answer in a tuple of one; None if there is none."""
    if unit.episode:
        steps = [step.get("action") for step in acts(notebook)]
        return (steps,) if steps else None
    found = accepted_answer(notebook)
    if found is None and foreign:
        return foreign_answer(notebook, model)
    value = None if found is None else validate(model, found[0])
    return None if found is None or isinstance(value, Malformed) else (value,)


def _work(
    unit: Family[Any, Any], measure: Measure, notebook: Notebook, answer: tuple[JSON] | None
) -> dict[str, JSON]:
    """Share of the evidence checks that hold, and which of them do."""
    if not unit.notebook:
        return {}
    checks = {
        **evidence(notebook, None if answer is None else answer[0]),
        **{name: check(notebook) for name, check in measure.evidence.items()},
    }
    return {"evidence": sum(checks.values()) / len(checks), "checks": checks}


def _seen(log: Log) -> bool:
    """Whether the server saw this agent: it listed the tools, or did anything at all."""
    return any(
        event.kind is Kind.TOOLS_LISTED
        or event.kind in _ACTED
        or (isinstance(event.data, CellAdded) and event.data.role == "agent")
        for event in log.events
    )


def _cut_short(folder: AttemptFolder) -> str:
    """What the runner noted as the failure of another than the agent, '' if nothing."""
    path = folder.path / PLAYED_FILE
    if not path.exists():
        return ""
    try:
        note = read_json(path)
    except RecordError as error:
        return str(error)
    return str(note.get("failure", "")) if isinstance(note, dict) else f"{path} is no object."


def unscored(folder: AttemptFolder, note: str = "") -> Score:
    """The score of an attempt of which nothing but its place is known: an `error`."""
    instance = urllib.parse.unquote(folder.slug)
    parts = instance.replace("@", ":").split(":")
    return Score(
        attempt="-",
        instance=instance,
        family=parts[0],
        preset=parts[2] if len(parts) > 2 else "-",
        agent="-",
        n=folder.n,
        stamp=Stamp.PRACTICE,
        sandbox="-",
        status="error",
        validity=0.0,
        ability=None,
        passed=False,
        notebook=folder.notebook,
        note=note,
    )


def _headed(blank: Score, log: Log) -> Score:
    opened = log.opened
    started = any(event.kind is Kind.KERNEL_STARTED for event in log.events)
    finished = log.finished
    facts: Mapping[str, JSON] = {
        "attempt": opened.attempt,
        "instance": opened.instance or blank.instance,
        "family": opened.family or blank.family,
        "preset": opened.preset or blank.preset,
        "agent": opened.agent,
        "stamp": opened.stamp,
        "sandbox": str(opened.sandbox.get("tier", "-")) if started else "-",
        "notebook": opened.notebook,
        "reason": "" if finished is None else finished.reason,
        "usage": {} if finished is None else finished.usage,
        "ability": 0.0,
    }
    return blank.model_copy(update=facts)
