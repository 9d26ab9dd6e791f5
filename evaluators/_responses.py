"""What an agent did in one attempt, for reports: prompt, submissions, answer, calculator calls.

Read in the score process from the authenticated log and the bound notebook, like the score itself.
An answer to a metamorphic variant is also mapped back to the base instance, which needs the secret.
"""

import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from evaluators._score import bound_notebook
from evaluators._v0 import parsed
from ground_truth import TRUTHS, SecretStore, Truth, draw, record_key, related
from tasks import JSON, Frozen, InstanceId, briefed, family
from tasks._answers import Malformed, validate
from tasks._record import (
    AnswerRejected,
    AttemptFolder,
    Calculation,
    accepted_answer,
    acts,
    peek,
    read_log,
)

PUBLISHED_FORM = "strategic/v0/"
"""Families that take free text."""
CUT = 10_000
"""Characters of a text that reports keep."""


class Response(Frozen):
    """What an attempt came to, beside its score."""

    ended: str = ""
    """When the log's last event was written: UTC, ISO 8601."""
    prompt: str = ""
    answer: JSON = None
    """The valid answer in canonical form (an episode: its actions; the published form: the object
    that its parser found); None if there is none."""
    restored: JSON = None
    """The answer mapped back to the base instance; `answer` where no relation was applied."""
    reference: JSON = None
    """The oracle's answer, for comparison; only where the keys are open."""
    raw: str = ""
    """The text that was read (published form), or the last submission that was refused; cut."""
    problems: tuple[str, ...] = ()
    """What was wrong with it: codes of the parser, or why it was refused."""
    refused: int = 0
    """Submissions that did not have the right shape."""
    note: str = ""
    """Why nothing of this could be read, '' if it could."""
    calculations: tuple[Calculation, ...] = Field(default_factory=tuple[Calculation, ...])

    @property
    def confidence(self) -> float | None:
        """What the answer states under `confidence`."""
        stated: JSON = self.answer.get("confidence") if isinstance(self.answer, dict) else None
        if isinstance(stated, bool) or not isinstance(stated, int | float):
            return None
        return float(stated)


def response(folder: AttemptFolder, home: Path) -> Response:
    """Read one finished attempt that could be scored.

    Raises:
        ProctorError: its secret is not here, or its record cannot be believed.
    """
    claims = peek(folder.events)
    secret = SecretStore(home).get(claims.secret_id)
    log = read_log(folder.events, record_key(secret, claims.attempt))
    notebook = bound_notebook(folder, log)
    instance = InstanceId.parse(urllib.parse.unquote(folder.slug))
    unit, truth = family(instance.family), TRUTHS.find(instance.family)
    drawn = draw(instance, secret)
    answer = _answer(unit.episode, unit.answer(drawn.public), notebook)
    refusals = [e.data for e in log.events if isinstance(e.data, AnswerRejected)]
    found = Response(
        ended=log.events[-1].t,
        prompt=briefed(unit, drawn.public, instance).prompt,
        answer=answer,
        restored=None if answer is None else _restored(truth, instance, secret, answer),
        reference=truth.oracle(drawn.key) if unit.open_keys and not unit.episode else None,
        raw=refusals[-1].raw[:CUT] if refusals else "",
        problems=refusals[-1].problems if refusals else (),
        refused=len(refusals),
        calculations=tuple(e.data for e in log.events if isinstance(e.data, Calculation)),
    )
    return _heard(found, instance.family) if _takes_text(instance) else found


def _takes_text(instance: InstanceId) -> bool:
    return instance.family.startswith(PUBLISHED_FORM)


def _heard(found: Response, name: str) -> Response:
    """The same with the objects that the published parser finds in the place of texts."""
    texts = [_text(answer) for answer in (found.answer, found.restored, found.reference)]
    objects = [None if text is None else parsed(text, name) for text in texts]
    answer, restored, reference = (None if one is None else one.parsed for one in objects)
    said: dict[str, JSON] = {"answer": answer, "restored": restored, "reference": reference}
    if texts[0] is not None and objects[0] is not None:
        said |= {"raw": texts[0][:CUT], "problems": objects[0].errors}
    return found.model_copy(update=said)


def _text(answer: JSON) -> str | None:
    text: JSON = answer.get("response") if isinstance(answer, dict) else None
    return text if isinstance(text, str) else None


def _answer(episode: bool, model: type[Any], notebook: Mapping[str, JSON]) -> JSON:
    if episode:
        return [step.get("action") for step in acts(notebook)] or None
    found = accepted_answer(notebook)
    value = None if found is None else validate(model, found[0])
    return None if isinstance(value, Malformed) else value


def _restored(
    truth: Truth[Any, Any, Any], instance: InstanceId, secret: bytes, answer: JSON
) -> JSON:
    if instance.variant not in truth.relations:
        return answer
    return related(instance, secret).restore(answer)
